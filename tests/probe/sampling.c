/* SPDX-License-Identifier: MIT
 *
 * sampling.c: logits and uniform numbers to tokens, by the engine's sampler (AudioCraft's rule); and the probabilities that
 * transformers' three warpers leave (hf_*_probs), which are computed here: the engine draws by AudioCraft's rule alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "sampling/sampler.h"

static bool
put_tokens (probe *p, const cw_tensor *logits, const cw_tensor *uniforms)
{
  const size_t  n = logits->dims[0], v = logits->dims[1];
  void         *scratch = cw_arena_take (&p->arena, 1, cw_sampler_scratch_bytes (v));
  int32_t      *tokens = cw_arena_new (&p->arena, int32_t, n);
  json_t       *run;
  const char   *key;
  char          name[256];

  if (!scratch || !tokens)
    return cw_arena_ok (&p->arena, "the tokens", &p->error);
  json_object_foreach (json_object_get (p->json, "runs"), key, run) {
    cw_sampling         sampling = { 1.0f, 0, 0.0f };
    const cw_json_scope scope = { run, p->path, key };
    double              temperature = 1.0, top_p = 0.0;
    long                top_k = 0;

    if (!cw_json_number_or (&scope, "temperature", 0.0, 1e6, &temperature, &p->error) ||
        !cw_json_int_or (&scope, "top_k", 0, 1 << 30, &top_k, &p->error) ||
        !cw_json_number_or (&scope, "top_p", 0.0, 1.0, &top_p, &p->error))
      return false;
    sampling = (cw_sampling){ (float) temperature, (int) top_k, (float) top_p };
    for (size_t i = 0; i < n; i++)
      tokens[i] = cw_sample ((const float *) logits->data + i * v, v, &sampling,
                             (double) ((const float *) uniforms->data)[i], scratch);
    snprintf (name, sizeof name, "%s_tokens", key);
    if (!probe_put_i64 (p, name, tokens, PROBE_DIMS (n)))
      return false;
  }
  return true;
}

/* ---- transformers' warpers ----------------------------------------------------------------------------------------- */

static int
descending (const void *a, const void *b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return x > y ? -1 : x < y;
}

typedef struct {
  float  logit;
  size_t token;
} ranked;

/* Ascending. PyTorch leaves the order of equals open; in the reference the last of them goes first. */
static int
by_logit (const void *a, const void *b)
{
  const ranked *x = a, *y = b;

  if (x->logit != y->logit)
    return x->logit < y->logit ? -1 : 1;
  return x->token > y->token ? -1 : x->token < y->token;
}

static void
softmax (double *probs, const float *logits, size_t n)
{
  double highest = -INFINITY, total = 0.0;

  for (size_t i = 0; i < n; i++)
    highest = fmax (highest, (double) logits[i]);
  for (size_t i = 0; i < n; i++)
    total += probs[i] = exp ((double) logits[i] - highest);
  for (size_t i = 0; i < n; i++)
    probs[i] /= total;
}

/* Drops the ascending tail whose sum is <= 1 - p, but never the likeliest. */
static void
warp_top_p (float *logits, size_t n, double top_p, double *probs, ranked *list)
{
  double sum = 0.0;

  softmax (probs, logits, n);
  for (size_t i = 0; i < n; i++)
    list[i] = (ranked){ logits[i], i };
  qsort (list, n, sizeof *list, by_logit);
  for (size_t i = 0; i + 1 < n; i++) {
    sum += probs[list[i].token];
    if (sum <= 1.0 - top_p)
      logits[list[i].token] = -INFINITY;
  }
}

static bool
put_warped (probe *p, const char *name, const cw_tensor *logits, double temperature, size_t top_k, double top_p)
{
  const size_t n = logits->dims[0], v = logits->dims[1];
  float       *warped = cw_arena_new (&p->arena, float, v), *sorted = cw_arena_new (&p->arena, float, v);
  float       *out = cw_arena_new (&p->arena, float, n * v);
  double      *probs = cw_arena_new (&p->arena, double, v);
  ranked      *list = cw_arena_new (&p->arena, ranked, v);

  if (!warped || !sorted || !out || !probs || !list)
    return cw_arena_ok (&p->arena, "the probabilities", &p->error);
  for (size_t row = 0; row < n; row++) {
    for (size_t i = 0; i < v; i++)
      sorted[i] = warped[i] = (float) (((const float *) logits->data)[row * v + i] / temperature);
    qsort (sorted, v, sizeof *sorted, descending);
    for (size_t i = 0; top_k > 0 && top_k < v && i < v; i++)
      if (warped[i] < sorted[top_k - 1])
        warped[i] = -INFINITY;
    if (top_p > 0.0 && top_p < 1.0)
      warp_top_p (warped, v, top_p, probs, list);
    softmax (probs, warped, v);
    for (size_t i = 0; i < v; i++)
      out[row * v + i] = (float) probs[i];
  }
  return probe_put_f32 (p, name, out, PROBE_DIMS (n, v));
}

/* "0p7" is 0.7; the end of the number in *end. */
static double
number_in_name (const char *text, char **end)
{
  double value = strtoul (text, end, 10), digit = 0.1;

  if (*end > text && **end == 'p')
    for (++*end; **end >= '0' && **end <= '9'; ++*end, digit /= 10.0)
      value += (**end - '0') * digit;
  return value;
}

/* hf_t0p7_k25_p1_probs: the parameters are in the name. */
static bool
put_warped_named (probe *p, const char *name, const cw_tensor *logits)
{
  char  *at;
  double temperature, top_k, top_p;

  if (strncmp (name, "hf_t", 4) != 0)
    return true;
  temperature = number_in_name (name + 4, &at);
  if (strncmp (at, "_k", 2) != 0)
    return true;
  top_k = number_in_name (at + 2, &at);
  if (strncmp (at, "_p", 2) != 0)
    return true;
  top_p = number_in_name (at + 2, &at);
  if (strcmp (at, "_probs") != 0 || !(temperature > 0.0))
    return true;
  return put_warped (p, name, logits, temperature, (size_t) top_k, top_p);
}

bool
probe_sampling (probe *p)
{
  const cw_tensor *logits = probe_input (p, "logits", CW_F32, 2);
  const cw_tensor *uniforms = logits ? probe_input (p, "uniforms", CW_F32, 1) : NULL;
  json_t          *tensor;
  const char      *name;

  if (!uniforms)
    return false;
  if (uniforms->dims[0] != logits->dims[0])
    return probe_fail (p, "“%s”: there are %llu rows of logits, but %llu uniforms.", p->path,
                       (unsigned long long) logits->dims[0], (unsigned long long) uniforms->dims[0]);
  json_object_foreach (json_object_get (p->json, "tensors"), name, tensor)
    if (!put_warped_named (p, name, logits))
      return false;
  return put_tokens (p, logits, uniforms);
}
