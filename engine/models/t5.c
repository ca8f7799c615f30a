/* SPDX-License-Identifier: MIT
 *
 * t5.c: see t5.h.
 *
 *     x = embedding [ids]
 *     for each block:  x = x + o (attention (q, k, v of rms (x)) with a bias by relative position)
 *                      x = x + wo (activation (wi rms (x)))
 *     hidden = rms (x)
 *
 * Traps: scores are not divided by sqrt (d); the table of position biases exists in block 0 and serves all blocks; no linear layer
 * has a bias.
 */
#include "models/t5.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/layers.h"
#include "models/t5-card.h"

bool
cw_t5_config_read (cw_t5_config *config, const cw_json_scope *scope, cw_error *error)
{
  long        vocab, width, d, heads, ffn, n_layers, n_buckets = 32, max_distance = 128;
  double      eps = 1e-6;
  const char *ff = "relu";

  if (!cw_json_int (scope, "vocab_size", 1, 1 << 24, &vocab, error) ||
      !cw_json_int (scope, "d_model", 1, 1 << 16, &width, error) ||
      !cw_json_int (scope, "d_kv", 1, 1 << 12, &d, error) || !cw_json_int (scope, "num_heads", 1, 1 << 10, &heads, error) ||
      !cw_json_int (scope, "d_ff", 1, 1 << 18, &ffn, error) ||
      !cw_json_int (scope, "num_layers", 1, 256, &n_layers, error) ||
      !cw_json_int_or (scope, "relative_attention_num_buckets", 4, 4096, &n_buckets, error) ||
      !cw_json_int_or (scope, "relative_attention_max_distance", 2, 1 << 20, &max_distance, error) ||
      !cw_json_number_or (scope, "layer_norm_epsilon", 0.0, 1.0, &eps, error) ||
      !cw_json_string_or (scope, "feed_forward_proj", &ff, error))
    return false;
  if (n_buckets % 4 != 0 || max_distance <= n_buckets / 4) {
    cw_fail (error, CW_ERROR_FORMAT,
             "“%s”: %srelative_attention_num_buckets is %ld and relative_attention_max_distance %ld; expected a multiple "
             "of 4 and more than a quarter of it.",
             scope->path, scope->prefix, n_buckets, max_distance);
    return false;
  }

  *config = (cw_t5_config){ (size_t) vocab, (size_t) width,     (size_t) heads,        (size_t) d, (size_t) ffn,
                            (size_t) n_layers, (size_t) n_buckets, (size_t) max_distance, (float) eps, false,
                            CW_ACTIVATION_RELU };
  if (strncmp (ff, "gated-", 6) == 0) {
    config->gated = true;
    ff += 6;
  }
  /* T5's "gated-gelu" means the tanh approximation (transformers T5Config) */
  if (strcmp (ff, "gelu_new") == 0 || (config->gated && strcmp (ff, "gelu") == 0))
    config->activation = CW_ACTIVATION_GELU_TANH;
  else if (strcmp (ff, "gelu") == 0)
    config->activation = CW_ACTIVATION_GELU;
  else if (strcmp (ff, "relu") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %sfeed_forward_proj is “%s”; relu, gelu, gelu_new and gated- of them are known.",
             scope->path, scope->prefix, ff);
    return false;
  }
  return true;
}

cw_t5 *
cw_t5_load (cw_backend *be, const cw_t5_config *config, const cw_source *source, const char *prefix, cw_error *error)
{
  cw_t5 *t5 = calloc (1, sizeof *t5);

  if (!t5) {
    cw_fail_memory (error, "the text encoder", sizeof *t5);
    return NULL;
  }
  t5->be = be;
  t5->config = *config;
  t5->layers = cw_arena_new (&t5->arena, cw_t5_layer, config->n_layers);

  const size_t c = config->width, inner = config->heads * config->d;
  cw_fetch     fetch = { be, *source, &t5->arena, prefix, error, !cw_arena_ok (&t5->arena, "the text encoder", error) };

  cw_fetch_matrix (&fetch, &t5->embedding, config->vocab, c, "shared.weight");
  {
    const uint64_t dims[] = { config->n_buckets, config->heads };
    float         *bias = NULL;
    cw_fetch_widened (&fetch, &bias, dims, 2, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
    t5->position_bias = bias;
  }
  for (unsigned i = 0; i < config->n_layers && !fetch.failed; i++) {
    cw_t5_layer *l = &t5->layers[i];
    cw_fetch_vector (&fetch, &l->attention_norm.gamma, c, "encoder.block.%u.layer.0.layer_norm.weight", i);
    cw_fetch_linear (&fetch, &l->q, inner, c, "encoder.block.%u.layer.0.SelfAttention.q.weight", i);
    cw_fetch_linear (&fetch, &l->k, inner, c, "encoder.block.%u.layer.0.SelfAttention.k.weight", i);
    cw_fetch_linear (&fetch, &l->v, inner, c, "encoder.block.%u.layer.0.SelfAttention.v.weight", i);
    cw_fetch_linear (&fetch, &l->o, c, inner, "encoder.block.%u.layer.0.SelfAttention.o.weight", i);
    cw_fetch_vector (&fetch, &l->ffn_norm.gamma, c, "encoder.block.%u.layer.1.layer_norm.weight", i);
    if (config->gated) {
      cw_fetch_linear (&fetch, &l->gate, config->ffn, c, "encoder.block.%u.layer.1.DenseReluDense.wi_0.weight", i);
      cw_fetch_linear (&fetch, &l->wi, config->ffn, c, "encoder.block.%u.layer.1.DenseReluDense.wi_1.weight", i);
    } else {
      cw_fetch_linear (&fetch, &l->wi, config->ffn, c, "encoder.block.%u.layer.1.DenseReluDense.wi.weight", i);
    }
    cw_fetch_linear (&fetch, &l->wo, c, config->ffn, "encoder.block.%u.layer.1.DenseReluDense.wo.weight", i);
    l->attention_norm.eps = l->ffn_norm.eps = config->eps;
  }
  cw_fetch_vector (&fetch, &t5->final_norm.gamma, c, "encoder.final_layer_norm.weight");
  t5->final_norm.eps = config->eps;
  if (fetch.failed) {
    cw_t5_free (t5);
    return NULL;
  }
  return t5;
}

void
cw_t5_free (cw_t5 *t5)
{
  if (!t5)
    return;
  cw_t5_card_free (t5->card);
  cw_arena_free (&t5->arena);
  free (t5);
}

const cw_t5_config *
cw_t5_get_config (const cw_t5 *t5)
{
  return &t5->config;
}

/* Which bias a key @offset positions to the right of its query gets: half of the buckets for keys to the right; within a half
 * the first half exact, the rest logarithmic, truncated; in float32 as the reference does. */
static size_t
bucket (const cw_t5_config *config, long offset)
{
  const long half = (long) config->n_buckets / 2, exact = half / 2;
  long       distance = offset < 0 ? -offset : offset, index;

  if (distance < exact) {
    index = distance;
  } else {
    float ratio = logf ((float) distance / (float) exact) / (float) log ((double) config->max_distance / (double) exact);
    index = exact + (long) (ratio * (float) (half - exact));
    if (index > half - 1)
      index = half - 1;
  }
  return (size_t) (index + (offset > 0 ? half : 0));
}

/* bias [heads, 2 n - 1]: that of offset o stands at n - 1 + o, so that the row of query i begins at n - 1 - i. */
static void
fill_bias (const cw_t5 *t5, float *bias, size_t n)
{
  for (size_t i = 0; i < 2 * n - 1; i++) {
    const size_t b = bucket (&t5->config, (long) i - (long) (n - 1));
    for (size_t head = 0; head < t5->config.heads; head++)
      bias[head * (2 * n - 1) + i] = t5->position_bias[b * t5->config.heads + head];
  }
}

typedef struct {
  float      *x, *normed, *q, *k, *v, *mixed, *inner, *gate, *bias;
  cw_context *contexts;
} workspace;

static bool
workspace_take (workspace *w, cw_arena *arena, const cw_t5_config *config, size_t n, cw_error *error)
{
  const size_t inner = config->heads * config->d;

  w->normed = cw_arena_new (arena, float, n * config->width);
  w->q = cw_arena_new (arena, float, n * inner);
  w->k = cw_arena_new (arena, float, n * inner);
  w->v = cw_arena_new (arena, float, n * inner);
  w->mixed = cw_arena_new (arena, float, n * inner);
  w->inner = cw_arena_new (arena, float, n * config->ffn);
  w->gate = cw_arena_new (arena, float, config->gated ? n * config->ffn : 0);
  w->bias = cw_arena_new (arena, float, config->heads * (2 * n - 1));
  w->contexts = cw_arena_new (arena, cw_context, n);
  return cw_arena_ok (arena, "encoding the prompt", error);
}

static void
block (cw_t5 *t5, const cw_t5_layer *l, workspace *w, size_t n)
{
  const cw_t5_config *config = &t5->config;
  const size_t        c = config->width, inner = config->heads * config->d, ffn = config->ffn;
  cw_backend         *be = t5->be;

  be->rms_norm (be, w->normed, w->x, n, c, &l->attention_norm);
  be->linears (be, (float *const[]){ w->q, w->k, w->v }, inner, w->normed, c, n,
               (const cw_linear *const[]){ &l->q, &l->k, &l->v }, 3);
  be->attention (be, &(cw_attention){ .q = w->q,
                                      .y = w->mixed,
                                      .n_queries = n,
                                      .ld = inner,
                                      .n_heads = config->heads,
                                      .d = config->d,
                                      .contexts = w->contexts,
                                      .cache = CW_F32,
                                      .head_stride = config->d,
                                      .key_stride = inner,
                                      .bias_head_stride = 2 * n - 1,
                                      .scale = 1.0f });
  be->linear (be, w->x, c, w->mixed, inner, n, &l->o, CW_ACTIVATION_NONE, w->x, NULL);

  be->rms_norm (be, w->normed, w->x, n, c, &l->ffn_norm);
  if (config->gated) {
    be->linear (be, w->gate, ffn, w->normed, c, n, &l->wi, CW_ACTIVATION_NONE, NULL, NULL);
    be->linear (be, w->inner, ffn, w->normed, c, n, &l->gate, config->activation, NULL, w->gate);
  } else {
    be->linear (be, w->inner, ffn, w->normed, c, n, &l->wi, config->activation, NULL, NULL);
  }
  be->linear (be, w->x, c, w->inner, ffn, n, &l->wo, CW_ACTIVATION_NONE, w->x, NULL);
}

static void
embed (cw_t5 *t5, const int32_t *ids, size_t n, float *x)
{
  const size_t c = t5->config.width;

  memset (x, 0, n * c * sizeof *x);
  for (size_t i = 0; i < n; i++)
    t5->be->add_row (t5->be, x + i * c, &t5->embedding, (size_t) ids[i]);
}

cw_status
cw_t5_encode (cw_t5 *t5, const int32_t *ids, size_t n, size_t n_real, float *hidden, cw_error *error)
{
  const size_t c = t5->config.width;
  cw_arena     arena = { 0 };
  workspace    w = { .x = hidden };

  if (!workspace_take (&w, &arena, &t5->config, n, error) || !cw_backend_reserve (t5->be, n_real, error)) {
    cw_arena_free (&arena);
    return CW_ERROR_MEMORY;
  }

  fill_bias (t5, w.bias, n);
  embed (t5, ids, n, hidden);
  if (!t5->card || !cw_t5_card_run (t5->card, hidden, n, n_real, w.bias)) {
    if (t5->card)
      embed (t5, ids, n, hidden);
    for (size_t i = 0; i < n; i++)
      w.contexts[i] = (cw_context){ w.k, w.v, w.bias + n - 1 - i, n_real };
    for (size_t i = 0; i < t5->config.n_layers; i++)
      block (t5, &t5->layers[i], &w, n);
  }
  t5->be->rms_norm (t5->be, hidden, hidden, n, c, &t5->final_norm);

  cw_arena_free (&arena);
  return CW_OK;
}

bool
cw_t5_to_card (cw_t5 *t5, cw_card *card, cw_error *error)
{
  cw_t5_card_free (t5->card);
  t5->card = cw_t5_card_new (card, t5, error);
  return t5->card != NULL;
}

void
cw_t5_off_card (cw_t5 *t5)
{
  cw_t5_card_free (t5->card);
  t5->card = NULL;
}

size_t
cw_t5_bytes_on_card (const cw_t5 *t5)
{
  return t5->card ? cw_t5_card_n_bytes (t5->card) : 0;
}
