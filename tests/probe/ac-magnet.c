/* SPDX-License-Identifier: MIT
 *
 * ac-magnet.c: MAGNeT: the logits of each stage for a given grid (tf_*), and runs with given draws.
 */
#include <stdio.h>
#include <string.h>

#include "ac.h"
#include "generate/magnet-stages.h"

/* A run whose first rows read @texts, with as many null rows behind. */
static cw_magnet_run *
open_run (ac *a, const ac_texts *texts, size_t n_frames)
{
  cw_magnet_run *run = cw_magnet_run_new (a->model->musicgen, &a->model->magnet, 2 * texts->n, n_frames, texts->n, &a->p->error);
  bool           ok = run != NULL;

  for (size_t i = 0; i < texts->n && ok; i++) {
    ok = texts->real[i] || probe_fail (a->p, "“%s”: a run of MAGNeT without a text.", a->p->path);
    ok = ok && cw_magnet_run_set_states (run, i, texts->states + i * texts->longest * a->config->width, texts->longest, &a->p->error) == CW_OK;
    if (ok)
      cw_magnet_run_use_text (run, i, i);
  }
  if (ok)
    return run;
  cw_magnet_run_free (run);
  return NULL;
}

bool
ac_put_stages (ac *a)
{
  const cw_tensor *given = probe_input (a->p, "tf_input", CW_I64, 3);
  const size_t     k = a->config->n_codebooks, v = a->config->codebook_size, t = given ? given->dims[2] : 0;
  json_t          *first = json_pack ("[O]", json_array_get (json_object_get (a->p->json, "prompts"), 0));
  ac_texts         texts;
  cw_magnet_run   *run = NULL;
  int32_t         *ids = cw_arena_new (&a->p->arena, int32_t, 2 * k * t);
  float           *logits = cw_arena_new (&a->p->arena, float, 2 * t * v);
  bool             ok = given && ids && logits && ac_read_texts (a, first, &texts) && (run = open_run (a, &texts, t));

  json_decref (first);
  if (ok && (given->dims[0] != 1 || given->dims[1] != k))
    ok = probe_fail (a->p, "“%s”: tf_input is not of this model's shape.", a->p->path);
  for (size_t i = 0; ok && i < k * t; i++) {
    const int64_t id = ((const int64_t *) given->data)[i];
    ok = (id >= 0 && id <= (int64_t) v) || probe_fail (a->p, "“%s”: tf_input holds %lld.", a->p->path, (long long) id);
    ids[i] = ids[k * t + i] = (int32_t) id;
  }
  ok = ok && probe_put_i64 (a->p, "tf_input", ids, PROBE_DIMS (1, k, t));
  for (size_t stage = 0; stage < k && ok; stage++) {
    char name[64];

    snprintf (name, sizeof name, "tf_stage%zu_logits", stage);
    cw_magnet_run_forward (run, ids, stage, logits);
    ok = probe_put_f32 (a->p, name, logits, PROBE_DIMS (2, t, v));
  }
  cw_magnet_run_free (run);
  return ok;
}

/* ---- a run ------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const float *uniforms; /* [steps, rows, 1, frames] */
  size_t       n_uniforms, n_rows, n_frames;
} draws;

static double
given_uniform (const void *user, size_t row, size_t step, size_t frame)
{
  const draws *d = user;
  const size_t at = (step * d->n_rows + row) * d->n_frames + frame;

  return at < d->n_uniforms ? (double) d->uniforms[at] : 0.0;
}

static bool
read_steps (ac *a, const json_t *json, unsigned steps[64])
{
  const json_t *list = json_object_get (json, "decoding_steps");

  for (size_t i = 0; i < a->config->n_codebooks; i++) {
    const json_int_t n = json_integer_value (json_array_get (list, i));
    if (n < 1 || n > 10000)
      return probe_fail (a->p, "“%s”: decoding_steps are not one number for each codebook.", a->p->path);
    steps[i] = (unsigned) n;
  }
  return true;
}

bool
ac_put_magnet_run (ac *a, const char *name, const json_t *json)
{
  const cw_json_scope scope = { json, a->p->path, "" };
  cw_error           *error = &a->p->error;
  long                n_frames, top_k = 0;
  double              temperature = 3.0, top_p = 0.0, first = 10.0, last = 1.0;
  bool                sample = true, anneal = true, ok;
  const char         *spans = "nonoverlap";
  unsigned            steps[64];
  draws               d = { 0 };
  cw_magnet_plan      plan = { .guided = true, .n_steps = steps, .uniform = given_uniform, .user = &d };
  cw_magnet_run      *run;
  ac_texts            texts;
  int32_t            *codes;
  size_t              n_stages;
  char                full[256];

  snprintf (full, sizeof full, "%s_prompt", name);
  if (!cw_json_int (&scope, "max_gen_len", 1, 1 << 20, &n_frames, error) || !cw_json_int_or (&scope, "top_k", 0, 1 << 20, &top_k, error) ||
      !cw_json_number_or (&scope, "temp", 0.0, 100.0, &temperature, error) || !cw_json_number_or (&scope, "top_p", 0.0, 1.0, &top_p, error) ||
      !cw_json_number_or (&scope, "max_cfg_coef", 0.0, 100.0, &first, error) ||
      !cw_json_number_or (&scope, "min_cfg_coef", 0.0, 100.0, &last, error) || !cw_json_bool_or (&scope, "use_sampling", &sample, error) ||
      !cw_json_bool_or (&scope, "anneal_temp", &anneal, error) || !cw_json_string_or (&scope, "span_arrangement", &spans, error) ||
      !read_steps (a, json, steps) || !ac_read_prompt (a, json, full, &plan.prompt, &plan.n_prompt) ||
      !ac_read_uniforms (a, json, name, &d.uniforms, &d.n_uniforms) || !ac_read_texts (a, json_object_get (json, "prompts"), &texts))
    return false;
  if (!anneal || (strcmp (spans, "nonoverlap") != 0 && strcmp (spans, "stride1") != 0))
    return probe_fail (a->p, "“%s”: the run %s has spans “%s” or no falling temperature.", a->p->path, name, spans);
  plan.overlap = strcmp (spans, "stride1") == 0;
  plan.greedy = !sample;
  plan.temperature = (float) temperature;
  plan.guidance_first = (float) first;
  plan.guidance_last = (float) last;
  plan.top_k = (int) top_k;
  plan.top_p = (float) top_p;
  plan.n_rows = d.n_rows = texts.n;
  plan.n_frames = d.n_frames = cw_magnet_frames (&a->model->magnet, (size_t) n_frames, plan.overlap);
  codes = cw_arena_new (&a->p->arena, int32_t, texts.n * a->config->n_codebooks * plan.n_frames);
  if (!codes || !(run = open_run (a, &texts, plan.n_frames)))
    return codes ? false : cw_arena_ok (&a->p->arena, "a run", error);
  ok = cw_magnet_fill (a->model, run, &plan, codes, &n_stages, error) == CW_OK && ac_put_codes (a, name, codes, texts.n, plan.n_frames);
  cw_magnet_run_free (run);
  return ok;
}
