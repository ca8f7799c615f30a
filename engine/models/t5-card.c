/* SPDX-License-Identifier: MIT
 *
 * t5-card.c: see t5-card.h, and t5.c for the network. A layer is five launches, with a gate six:
 *
 *     q, k, v = rms (x)      attention      x += o (…)      [gate = wi_1 (rms (x))]      f = activation (wi (rms (x))) * gate      x += wo (f)
 *
 * All tokens are the queries of one row, which sees one text: their own keys and values.
 */
#include "models/t5-card.h"

#include <stdlib.h>

#include "base/error.h"

#define TOKENS_MAX 4096

typedef struct {
  const float  *attention_gamma, *ffn_gamma;
  cw_gpu_matrix qkv[3], o, wi, gate, wo;
} layer;

struct cw_t5_card {
  cw_card      *card;
  const cw_t5  *t5;
  cw_card_arena arena;
  cw_arena      host;
  layer        *layers;
};

/* Of one call. */
typedef struct {
  cw_t5_card        *weights;
  cw_card_arena      arena;
  uint32_t           n;
  float             *x, *q, *k, *v, *inner, *gate;
  const float       *bias;
  cw_gpu_pieces      pieces;
  const cw_gpu_text *text; /* on the card */
} call;

static bool
fits (const cw_t5 *t5, cw_error *error)
{
  const cw_t5_config *config = &t5->config;
  bool                ok = config->width <= CW_CARD_WIDTH_MAX && config->heads * config->d <= CW_CARD_WIDTH_MAX && config->ffn <= CW_CARD_FFN_MAX && config->d <= CW_CARD_HEAD_MAX;

  for (size_t i = 0; i < config->n_layers; i++)
    ok = ok && t5->layers[i].q.w.dtype == t5->layers[i].k.w.dtype && t5->layers[i].q.w.dtype == t5->layers[i].v.w.dtype;
  if (!ok)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "A text encoder of width %zu, with %zu inside and %zu heads of %zu, is not one that the card's kernels run.",
             config->width, config->ffn, config->heads, config->d);
  return ok;
}

cw_t5_card *
cw_t5_card_new (cw_card *card, const cw_t5 *t5, cw_error *error)
{
  cw_t5_card    *weights;
  cw_card_arena *arena;

  if (!fits (t5, error))
    return NULL;
  if (!(weights = calloc (1, sizeof *weights))) {
    cw_fail_memory (error, "the text encoder", sizeof *weights);
    return NULL;
  }
  *weights = (cw_t5_card){ .card = card, .t5 = t5, .arena = { .card = card } };
  arena = &weights->arena;
  weights->layers = cw_arena_new (&weights->host, layer, t5->config.n_layers);
  for (size_t i = 0; weights->layers && i < t5->config.n_layers && !arena->failed; i++) {
    const cw_t5_layer *from = &t5->layers[i];
    const size_t       c = t5->config.width;

    weights->layers[i] = (layer){ .attention_gamma = cw_card_put (arena, from->attention_norm.gamma, c, sizeof (float)),
                                  .ffn_gamma = cw_card_put (arena, from->ffn_norm.gamma, c, sizeof (float)),
                                  .qkv = { cw_card_put_linear (arena, &from->q), cw_card_put_linear (arena, &from->k), cw_card_put_linear (arena, &from->v) },
                                  .o = cw_card_put_linear (arena, &from->o),
                                  .wi = cw_card_put_linear (arena, t5->config.gated ? &from->gate : &from->wi),
                                  .wo = cw_card_put_linear (arena, &from->wo) };
    if (t5->config.gated)
      weights->layers[i].gate = cw_card_put_linear (arena, &from->wi);
  }
  card->module->wait (card->gpu, CW_GPU_STEPS);
  if (cw_arena_ok (&weights->host, "the text encoder", error) && cw_card_arena_ok (arena, "the text encoder", error))
    return weights;
  cw_t5_card_free (weights);
  return NULL;
}

void
cw_t5_card_free (cw_t5_card *weights)
{
  if (!weights)
    return;
  cw_card_arena_free (&weights->arena);
  cw_arena_free (&weights->host);
  free (weights);
}

size_t
cw_t5_card_n_bytes (const cw_t5_card *weights)
{
  return weights->arena.n_bytes;
}

size_t
cw_t5_card_weight_bytes (const cw_t5_config *config, cw_dtype dtype)
{
  const size_t c = config->width, inner = config->heads * config->d;
  const size_t attention = cw_sum (cw_product (3, cw_card_matrix_bytes (inner, c, dtype)), cw_card_matrix_bytes (c, inner, dtype));
  const size_t in = cw_product (config->gated ? 2 : 1, cw_card_matrix_bytes (config->ffn, c, dtype));
  const size_t ffn = cw_sum (in, cw_card_matrix_bytes (c, config->ffn, dtype));

  return cw_product (config->n_layers, cw_sum (cw_sum (attention, ffn), 2 * c * sizeof (float)));
}

/* ---- one call ------------------------------------------------------------------------------------------------------------- */

static bool
begin (call *c, cw_t5_card *weights, const float *x, size_t n, size_t n_real, const float *bias)
{
  const cw_t5_config *config = &weights->t5->config;
  const size_t        inner = config->heads * config->d, n_pieces = n * config->heads * CW_GPU_SPLITS;
  cw_card_arena      *arena = &c->arena;
  cw_gpu_text         text;

  *c = (call){ .weights = weights, .arena = { .card = weights->card }, .n = (uint32_t) n };
  c->x = cw_card_put (arena, x, n * config->width, sizeof *x);
  c->bias = cw_card_put (arena, bias, config->heads * (2 * n - 1), sizeof *bias);
  c->q = cw_card_new (arena, float, n *inner);
  c->k = cw_card_new (arena, float, n *inner);
  c->v = cw_card_new (arena, float, n *inner);
  c->inner = cw_card_new (arena, float, n *config->ffn);
  if (config->gated)
    c->gate = cw_card_new (arena, float, n *config->ffn);
  c->pieces = (cw_gpu_pieces){ cw_card_new (arena, float, n_pieces *config->d), cw_card_new (arena, float, n_pieces),
                               cw_card_new (arena, float, n_pieces), (uint32_t) config->heads, (uint32_t) config->d };
  text = (cw_gpu_text){ c->k, c->v, (uint32_t) n_real };
  c->text = cw_card_put (arena, &text, 1, sizeof text);
  /* what was put lies on this function's stack or is the caller's: it has to be there before they are gone */
  return weights->card->module->wait (weights->card->gpu, CW_GPU_STEPS) == CW_GPU_OK && !arena->failed;
}

/* y = activation (w rms (x)) * gate of @n_layers matrices. */
static void
project (const call *c, float *const *y, const cw_gpu_matrix *w, size_t n_layers, const float *gamma, cw_activation activation, const float *gate)
{
  cw_card      *card = c->weights->card;
  cw_gpu_linear linear = { .n_layers = (uint32_t) n_layers, .n = c->n, .ld_x = w->n_in, .ld_y = w->n_out, .x = c->x, .prologue = CW_GPU_RMS,
                           .gamma = gamma, .eps = c->weights->t5->config.eps, .activation = (cw_gpu_activation) activation, .gate = gate, .may_round = true };

  for (size_t i = 0; i < n_layers; i++) {
    linear.layers[i] = w[i];
    linear.y[i] = y[i];
  }
  card->module->linear (card->gpu, CW_GPU_STEPS, &linear);
}

/* x += w input; @input NULL: what attention left. */
static void
add (const call *c, const cw_gpu_matrix *w, const float *input)
{
  cw_card *card = c->weights->card;

  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { *w }, .y = { c->x }, .n_layers = 1, .n = c->n, .ld_x = w->n_in, .ld_y = w->n_out, .x = input,
                                          .prologue = input ? CW_GPU_AS_IS : CW_GPU_MERGE, .pieces = c->pieces, .addend = c->x,
                                          .may_round = true });
}

static void
run_layer (const call *c, const layer *l)
{
  const cw_t5_config *config = &c->weights->t5->config;
  cw_card            *card = c->weights->card;

  project (c, (float *const[]){ c->q, c->k, c->v }, l->qkv, 3, l->attention_gamma, CW_ACTIVATION_NONE, NULL);
  card->module->attend (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_attention){ .q = c->q, .n = c->n, .heads = c->pieces.heads, .d = c->pieces.d, .each = c->n, .scale = 1.0f,
                                             .pieces = c->pieces, .texts = c->text, .bias = c->bias });
  add (c, &l->o, NULL);
  if (config->gated)
    project (c, (float *const[]){ c->gate }, &l->gate, 1, l->ffn_gamma, CW_ACTIVATION_NONE, NULL);
  project (c, (float *const[]){ c->inner }, &l->wi, 1, l->ffn_gamma, config->activation, c->gate);
  add (c, &l->wo, c->inner);
}

bool
cw_t5_card_run (cw_t5_card *weights, float *x, size_t n, size_t n_real, const float *bias)
{
  cw_card *card = weights->card;
  call     c;
  bool     ok;

  if (n > TOKENS_MAX)
    return false;
  ok = begin (&c, weights, x, n, n_real, bias);
  for (size_t i = 0; ok && i < weights->t5->config.n_layers; i++)
    run_layer (&c, &weights->layers[i]);
  if (ok)
    card->module->download (card->gpu, CW_GPU_STEPS, x, c.x, n * weights->t5->config.width * sizeof *x);
  ok = ok && card->module->wait (card->gpu, CW_GPU_STEPS) == CW_GPU_OK;
  cw_card_arena_free (&c.arena);
  return ok;
}
