/* SPDX-License-Identifier: MIT
 *
 * magnet.c: see magnet.h.
 *
 *     x [T] = sum over k of embedding_k [ids_k] + position          all frames of the clip at once, masked ones too
 *     for each layer:  x = x + o (self attention of norm (x): over all frames for the first codebook,
 *                                 over those at most context away for the others)
 *                      x = x + o (cross attention of norm (x), over the text)
 *                      x = x + fc2 (gelu (fc1 (norm (x))))
 *     logits [T] = head_stage (norm (x))
 *
 * Nothing is causal and nothing is cached between steps: every step sees other masks everywhere. The null rows skip cross attention, see
 * musicgen.c.
 */
#include "models/magnet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/magnet-card.h"
#include "models/musicgen-weights.h"

#define FFN_PIECE 256 /* frames whose inner layer is held at a time */

struct cw_magnet_run {
  cw_musicgen     *model;
  cw_magnet_config config;
  cw_arena         arena;
  size_t           n_rows, n_frames, n_texts;
  cw_text_cache   *texts;   /* [n_texts] */
  size_t          *text_of; /* [n_rows]; SIZE_MAX: the null branch */
  float           *x, *normed, *q, *k, *v, *mixed; /* [n_rows, n_frames, width] */
  float           *inner;    /* [FFN_PIECE, ffn] */
  cw_context      *contexts; /* [n_rows, n_frames] */
  cw_magnet_card_run *card;  /* NULL: the processor does it */
  cw_error         trouble;
};

cw_magnet_run *
cw_magnet_run_new (cw_musicgen *model, const cw_magnet_config *config, size_t n_rows, size_t n_frames, size_t n_texts, cw_error *error)
{
  const size_t   c = model->config.width;
  cw_magnet_run *run = calloc (1, sizeof *run);
  size_t         n_items, n;

  if (!run || n_frames > model->config.n_positions || !cw_mul (n_rows, n_frames, &n_items) || !cw_mul (n_items, c, &n)) {
    free (run);
    cw_fail_memory (error, "a clip", n_frames);
    return NULL;
  }
  run->model = model;
  run->config = *config;
  run->n_rows = n_rows;
  run->n_frames = n_frames;
  run->n_texts = n_texts;
  run->x = cw_arena_new (&run->arena, float, n);
  run->normed = cw_arena_new (&run->arena, float, n);
  run->q = cw_arena_new (&run->arena, float, n);
  run->k = cw_arena_new (&run->arena, float, n);
  run->v = cw_arena_new (&run->arena, float, n);
  run->mixed = cw_arena_new (&run->arena, float, n);
  run->inner = cw_arena_new (&run->arena, float, FFN_PIECE * model->config.ffn);
  run->contexts = cw_arena_new (&run->arena, cw_context, n_items);
  run->texts = cw_arena_new (&run->arena, cw_text_cache, n_texts);
  run->text_of = cw_arena_new (&run->arena, size_t, n_rows);
  if (!cw_arena_ok (&run->arena, "the clip's frames", error) || !cw_backend_reserve (model->be, n_frames, error)) {
    cw_magnet_run_free (run);
    return NULL;
  }
  for (size_t row = 0; row < n_rows; row++)
    run->text_of[row] = CW_NO_TEXT;
  if (model->card)
    run->card = cw_magnet_card_run_new (model->card, config, n_frames, n_texts, &run->trouble);
  return run;
}

void
cw_magnet_run_free (cw_magnet_run *run)
{
  if (!run)
    return;
  cw_magnet_card_run_free (run->card);
  cw_arena_free (&run->arena);
  free (run);
}

const cw_error *
cw_magnet_run_trouble (const cw_magnet_run *run)
{
  return &run->trouble;
}

/* The card failed, or has no room. */
static void
leave_card (cw_magnet_run *run)
{
  cw_magnet_card_run_why (run->card, &run->trouble);
  cw_magnet_card_run_free (run->card);
  run->card = NULL;
}

cw_status
cw_magnet_run_set_states (cw_magnet_run *run, size_t text, const float *states, size_t n, cw_error *error)
{
  const cw_status status = cw_musicgen_cache_text (run->model, &run->texts[text], &run->arena, states, n, error);

  if (status == CW_OK && run->card && !cw_magnet_card_run_set_text (run->card, text, &run->texts[text]))
    leave_card (run);
  return status;
}

void
cw_magnet_run_use_text (cw_magnet_run *run, size_t row, size_t text)
{
  run->text_of[row] = text;
}

/* ---- the forward pass ---------------------------------------------------------------------------------------------------- */

static void
embed (cw_magnet_run *run, const int32_t *ids)
{
  const cw_musicgen *model = run->model;
  const size_t       c = model->config.width, n_books = model->config.n_codebooks, t = run->n_frames;
  cw_backend        *be = model->be;

  memset (run->x, 0, run->n_rows * t * c * sizeof *run->x);
  for (size_t row = 0; row < run->n_rows; row++)
    for (size_t frame = 0; frame < t; frame++) {
      float *x = run->x + (row * t + frame) * c;

      for (size_t k = 0; k < n_books; k++)
        be->add_row (be, x, &model->embeddings[k], (size_t) ids[(row * n_books + k) * t + frame]);
      be->add_row (be, x, &model->positions, frame);
    }
}

/* Attention of the first @n_items of q over run->contexts to mixed. */
static void
attend (cw_magnet_run *run, size_t n_items)
{
  const cw_musicgen_config *config = &run->model->config;
  const size_t              d = config->width / config->heads;
  cw_backend               *be = run->model->be;

  be->attention (be, &(cw_attention){ .q = run->q,
                                      .y = run->mixed,
                                      .n_queries = n_items,
                                      .ld = config->width,
                                      .n_heads = config->heads,
                                      .d = d,
                                      .contexts = run->contexts,
                                      .cache = CW_F32,
                                      .head_stride = d,
                                      .key_stride = config->width,
                                      .scale = 1.0f / sqrtf ((float) d) });
}

/* Frame @frame sees frames first … last: a window of the row's keys, so that no mask is needed. */
static cw_context
window (const cw_magnet_run *run, size_t row, size_t frame, size_t stage)
{
  const size_t c = run->model->config.width, t = run->n_frames;
  const size_t reach = stage == 0 || run->config.context < 0 ? t : (size_t) run->config.context;
  const size_t first = frame > reach ? frame - reach : 0, last = reach < t - 1 - frame ? frame + reach : t - 1;
  const size_t at = (row * t + first) * c;

  return (cw_context){ run->k + at, run->v + at, NULL, last - first + 1 };
}

static void
self_attention (cw_magnet_run *run, const cw_musicgen_layer *l, size_t stage)
{
  const size_t c = run->model->config.width, t = run->n_frames, n = run->n_rows * t;
  cw_backend  *be = run->model->be;

  be->layer_norm (be, run->normed, run->x, n, c, &l->self_norm);
  be->linears (be, (float *const[]){ run->q, run->k, run->v }, c, run->normed, c, n, (const cw_linear *const[]){ &l->q, &l->k, &l->v }, 3);
  for (size_t item = 0; item < n; item++)
    run->contexts[item] = window (run, item / t, item % t, stage);
  attend (run, n);
  be->linear (be, run->x, c, run->mixed, c, n, &l->o, CW_ACTIVATION_NONE, run->x, NULL);
}

static void
cross_attention (cw_magnet_run *run, const cw_musicgen_layer *l, size_t index)
{
  const size_t c = run->model->config.width, t = run->n_frames;
  cw_backend  *be = run->model->be;
  size_t       n_rows = 0, n;

  /* rows with a text come first: the null rows behind them are left alone */
  while (n_rows < run->n_rows && run->text_of[n_rows] != CW_NO_TEXT)
    n_rows++;
  if ((n = n_rows * t) == 0)
    return;
  be->layer_norm (be, run->normed, run->x, n, c, &l->cross_norm);
  be->linear (be, run->q, c, run->normed, c, n, &l->cross_q, CW_ACTIVATION_NONE, NULL, NULL);
  for (size_t item = 0; item < n; item++) {
    const cw_text_cache *text = &run->texts[run->text_of[item / t]];
    run->contexts[item] = (cw_context){ text->k + index * text->n * c, text->v + index * text->n * c, NULL, text->n };
  }
  attend (run, n);
  be->linear (be, run->x, c, run->mixed, c, n, &l->cross_o, CW_ACTIVATION_NONE, run->x, NULL);
}

static void
feed_forward (cw_magnet_run *run, const cw_musicgen_layer *l)
{
  const size_t c = run->model->config.width, ffn = run->model->config.ffn, n = run->n_rows * run->n_frames;
  cw_backend  *be = run->model->be;

  be->layer_norm (be, run->normed, run->x, n, c, &l->ffn_norm);
  for (size_t at = 0; at < n; at += FFN_PIECE) {
    const size_t now = n - at < FFN_PIECE ? n - at : FFN_PIECE;
    float       *x = run->x + at * c;

    be->linear (be, run->inner, ffn, run->normed + at * c, c, now, &l->fc1, run->model->config.activation, NULL, NULL);
    be->linear (be, x, c, run->inner, ffn, now, &l->fc2, CW_ACTIVATION_NONE, x, NULL);
  }
}

static bool
look_on_card (cw_magnet_run *run, const int32_t *ids, size_t stage, float *logits)
{
  const size_t n_ids = run->model->config.n_codebooks * run->n_frames, n_logits = run->n_frames * run->model->config.codebook_size;

  for (size_t row = 0; row < run->n_rows; row++)
    if (!cw_magnet_card_run_look (run->card, ids + row * n_ids, run->text_of[row], stage, logits + row * n_logits)) {
      leave_card (run);
      return false;
    }
  return true;
}

bool
cw_magnet_run_draw (cw_magnet_run *run, const int32_t *ids, size_t stage, const cw_magnet_draw *draw, int32_t *tokens, float *sure)
{
  const size_t t = run->n_frames, n_ids = run->model->config.n_codebooks * t, n_rows = draw->guided ? run->n_rows / 2 : run->n_rows;

  for (size_t row = 0; row < n_rows && run->card; row++) {
    const size_t texts[] = { run->text_of[row], draw->guided ? run->text_of[n_rows + row] : CW_NO_TEXT };

    if (!cw_magnet_card_run_draw (run->card, ids + row * n_ids, texts, stage, draw, draw->uniforms + row * t, tokens + row * t, sure + row * t))
      leave_card (run);
  }
  return run->card != NULL;
}

void
cw_magnet_run_forward (cw_magnet_run *run, const int32_t *ids, size_t stage, float *logits)
{
  const cw_musicgen *model = run->model;
  const size_t       c = model->config.width, v = model->config.codebook_size, n = run->n_rows * run->n_frames;
  cw_backend        *be = model->be;

  if (run->card && look_on_card (run, ids, stage, logits))
    return;
  embed (run, ids);
  for (size_t i = 0; i < model->config.n_layers; i++) {
    self_attention (run, &model->layers[i], stage);
    cross_attention (run, &model->layers[i], i);
    feed_forward (run, &model->layers[i]);
  }
  be->layer_norm (be, run->normed, run->x, n, c, &model->norm);
  be->linear (be, logits, v, run->normed, c, n, &model->heads[stage], CW_ACTIVATION_NONE, NULL, NULL);
}

double
cw_magnet_operations (const cw_musicgen *model, size_t n_rows, size_t n_frames)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model);
  const double              c = (double) config->width, layer = c * (6.0 * c + 2.0 * (double) config->ffn); /* q k v o, cross q o; fc1 fc2 */

  return 2.0 * (double) (n_rows * n_frames) * ((double) config->n_layers * layer + c * (double) config->codebook_size);
}

double
cw_magnet_product_rate (const cw_musicgen *model, size_t n_frames)
{
  return model->card ? cw_magnet_card_product_rate (model->card, n_frames) : 0.0;
}
