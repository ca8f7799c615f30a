/* SPDX-License-Identifier: MIT
 *
 * musicgen-card.c: see musicgen-card.h, and musicgen.c for the network.
 *
 * A layer is eight launches: norms, the putting together of an attention and its cache belong to the linear layers around them.
 *
 *     q, k, v = norm (x)      attention      x += o (…)      q = norm (x)      attention      x += o (…)      f = gelu (fc1 (norm (x)))      x += fc2 (f)
 *
 * A step that draws its own tokens is captured once and replayed: where it stands, which columns are known and how tokens are chosen
 * lies on the card. One copy brings the tokens back.
 */
#include "models/musicgen-card.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/musicgen-card-weights.h"

#define PREFILL 64 /* columns of all rows that are fed together */

_Static_assert (CW_GPU_RELU == (int) CW_ACTIVATION_RELU && CW_GPU_GELU == (int) CW_ACTIVATION_GELU &&
                CW_GPU_GELU_TANH == (int) CW_ACTIVATION_GELU_TANH, "the module numbers activations as the engine does");

struct cw_musicgen_card_run {
  cw_musicgen_card *weights;
  cw_card_arena     arena;
  cw_arena          host;
  size_t            n_rows, max_steps, step, n_text_rows, batch; /* batch: columns of a row that go through the layers together, at most */
  size_t            prefix;       /* vectors that were fed in front of the columns */
  char             *keys, *values; /* [n_layers, n_rows, heads, max_steps, d] */
  size_t            layer_bytes;   /* of either, of a layer */
  float            *x, *normed, *q, *inner, *logits;
  float            *later;        /* positions behind the model's table */
  cw_gpu_pieces     pieces;
  int32_t          *where;        /* the step, on the card */
  cw_gpu_text      *texts;        /* [n_texts] */
  cw_gpu_text      *seen;         /* [n_rows]: what each row sees */
  cw_gpu_text      *seen_there;   /* the same on the card */
  cw_gpu_columns    fed, drawn;   /* tables of columns: what is fed from outside, [n_rows]; what is drawn, [n_takes] */
  cw_gpu_choice    *choice;
  int32_t          *tokens, *tokens_here; /* the second pinned */
  cw_gpu_graph     *graph;
  size_t            n_nodes;
  bool              eager;        /* a capture failed: launch each step */
};

/* What the caches of keys and values hold there: the kernels have no keys of 8 bits, so that int4's are wider than the processor's. */
static cw_dtype
cache_type (const cw_musicgen *model)
{
  return model->cache == CW_F32 ? CW_F32 : CW_F16;
}

/* ---- weights -------------------------------------------------------------------------------------------------------------- */

static cw_card_norm
put_norm (cw_card_arena *arena, const cw_norm *from, size_t c)
{
  if (!from->gamma) /* a decoder that hears its text as a prefix has no cross attention */
    return (cw_card_norm){ 0 };
  return (cw_card_norm){ cw_card_put (arena, from->gamma, c, sizeof (float)), from->beta ? cw_card_put (arena, from->beta, c, sizeof (float)) : NULL,
                 from->eps };
}

static void
put_layer (cw_card_arena *arena, cw_card_layer *to, const cw_musicgen_layer *from, size_t c)
{
  to->self_norm = put_norm (arena, &from->self_norm, c);
  to->cross_norm = put_norm (arena, &from->cross_norm, c);
  to->ffn_norm = put_norm (arena, &from->ffn_norm, c);
  to->qkv[0] = cw_card_put_linear (arena, &from->q);
  to->qkv[1] = cw_card_put_linear (arena, &from->k);
  to->qkv[2] = cw_card_put_linear (arena, &from->v);
  to->o = cw_card_put_linear (arena, &from->o);
  if (from->cross_q.w.data) {
    to->cross_q = cw_card_put_linear (arena, &from->cross_q);
    to->cross_o = cw_card_put_linear (arena, &from->cross_o);
  }
  to->fc1 = cw_card_put_linear (arena, &from->fc1);
  to->fc2 = cw_card_put_linear (arena, &from->fc2);
}

/* Layers that share a launch are of one type; sizes fit the kernels. */
static bool
fits (const cw_musicgen *model, cw_error *error)
{
  const cw_musicgen_config *config = &model->config;
  bool                      ok = config->width <= CW_CARD_WIDTH_MAX && config->ffn <= CW_CARD_FFN_MAX && config->width / config->heads <= CW_CARD_HEAD_MAX;

  for (size_t i = 0; i < config->n_layers; i++) {
    const cw_musicgen_layer *l = &model->layers[i];
    ok = ok && l->q.w.dtype == l->k.w.dtype && l->q.w.dtype == l->v.w.dtype;
  }
  for (size_t k = 0; k < config->n_codebooks; k++)
    ok = ok && model->heads[k].w.dtype == model->heads[0].w.dtype && model->embeddings[k].dtype == model->embeddings[0].dtype;
  if (!ok)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "A decoder of width %zu, with %zu inside and %zu heads, is not one that the card's kernels run.",
             config->width, config->ffn, config->heads);
  return ok;
}

static void
put_ends (cw_musicgen_card *weights)
{
  const cw_musicgen        *model = weights->model;
  const cw_musicgen_config *config = &model->config;
  const size_t              c = config->width, k = config->n_codebooks;
  const void              **tables = cw_arena_new (&weights->host, const void *, k);

  for (size_t i = 0; tables && i < k; i++) {
    tables[i] = cw_card_put (&weights->arena, model->embeddings[i].data, (config->codebook_size + 1) * c, cw_dtype_size (model->embeddings[i].dtype));
    weights->heads[i] = cw_card_put_linear (&weights->arena, &model->heads[i]);
  }
  weights->tables = tables ? cw_card_put (&weights->arena, tables, k, sizeof *tables) : NULL;
  weights->positions = cw_card_put (&weights->arena, model->positions.data, config->n_positions * c, cw_dtype_size (model->positions.dtype));
  weights->norm = put_norm (&weights->arena, &model->norm, c);
}

cw_musicgen_card *
cw_musicgen_card_new (cw_card *card, const cw_musicgen *model, cw_error *error)
{
  const cw_musicgen_config *config = &model->config;
  cw_musicgen_card         *weights;

  if (!fits (model, error))
    return NULL;
  if (!(weights = calloc (1, sizeof *weights))) {
    cw_fail_memory (error, "the decoder", sizeof *weights);
    return NULL;
  }
  weights->card = weights->arena.card = weights->text_arena.card = card;
  weights->model = model;
  weights->layers = cw_arena_new (&weights->host, cw_card_layer, config->n_layers);
  weights->heads = cw_arena_new (&weights->host, cw_gpu_matrix, config->n_codebooks);
  if (cw_arena_ok (&weights->host, "the decoder", error)) {
    for (size_t i = 0; i < config->n_layers && !weights->arena.failed; i++)
      put_layer (&weights->arena, &weights->layers[i], &model->layers[i], config->width);
    put_ends (weights);
    card->module->wait (card->gpu, CW_GPU_STEPS);
    if (cw_arena_ok (&weights->host, "the decoder", error) && cw_card_arena_ok (&weights->arena, "the decoder's weights", error))
      return weights;
  }
  cw_musicgen_card_free (weights);
  return NULL;
}

void
cw_musicgen_card_free (cw_musicgen_card *weights)
{
  if (!weights)
    return;
  cw_card_arena_free (&weights->text_arena);
  cw_card_arena_free (&weights->arena);
  cw_arena_free (&weights->host);
  free (weights);
}

bool
cw_musicgen_card_add_texts (cw_musicgen_card *weights, cw_error *error)
{
  const cw_musicgen *model = weights->model;
  cw_card_arena     *arena = &weights->text_arena;
  cw_card           *card = weights->card;

  for (size_t i = 0; i < model->config.n_layers; i++)
    if (model->config.prefixed || model->layers[i].cross_k.w.dtype != model->layers[0].cross_k.w.dtype ||
        model->layers[i].cross_v.w.dtype != model->layers[0].cross_k.w.dtype) {
      cw_fail (error, CW_ERROR_UNSUPPORTED, "This decoder has no keys and values of texts that a card could make.");
      return false;
    }
  for (size_t i = 0; i < model->config.n_layers && !arena->failed; i++) {
    weights->layers[i].cross_kv[0] = cw_card_put_linear (arena, &model->layers[i].cross_k);
    weights->layers[i].cross_kv[1] = cw_card_put_linear (arena, &model->layers[i].cross_v);
  }
  card->module->wait (card->gpu, CW_GPU_STEPS);
  weights->makes_texts = cw_card_arena_ok (arena, "the keys and values of texts", error);
  if (!weights->makes_texts)
    cw_card_arena_free (arena);
  return weights->makes_texts;
}

bool
cw_musicgen_card_makes_texts (const cw_musicgen_card *weights)
{
  return weights->makes_texts;
}

size_t
cw_musicgen_card_n_bytes (const cw_musicgen_card *weights)
{
  return weights->arena.n_bytes;
}

size_t
cw_musicgen_card_text_n_bytes (const cw_musicgen_card *weights)
{
  return weights->text_arena.n_bytes;
}

/* ---- a run ------------------------------------------------------------------------------------------------------------------ */

size_t
cw_musicgen_card_batch (size_t n_rows)
{
  return n_rows < PREFILL ? PREFILL / n_rows : 1;
}

size_t
cw_musicgen_card_run_n_bytes (const cw_musicgen_card_run *run)
{
  return run->arena.n_bytes;
}

static cw_gpu_columns
new_columns (cw_musicgen_card_run *run)
{
  const cw_musicgen_config *config = &run->weights->model->config;

  return (cw_gpu_columns){ .ids = cw_card_take (&run->arena, run->n_rows * (run->max_steps + 1) * config->n_codebooks, sizeof (int32_t)),
                           .n_takes = (uint32_t) run->n_rows, .n_columns = (uint32_t) run->max_steps + 1,
                           .k = (uint32_t) config->n_codebooks, .v = (uint32_t) config->codebook_size };
}

cw_musicgen_card_run *
cw_musicgen_card_run_new (cw_musicgen_card *weights, size_t n_rows, size_t max_steps, size_t n_texts, const float *later, cw_error *error)
{
  const cw_musicgen_config *config = &weights->model->config;
  const cw_cuda_module     *m = weights->card->module;
  const size_t              c = config->width, k = config->n_codebooks, n_items = n_rows * cw_musicgen_card_batch (n_rows);
  const size_t              n_pieces = n_items * config->heads * CW_GPU_SPLITS;
  cw_musicgen_card_run     *run = calloc (1, sizeof *run);

  if (!run) {
    cw_fail_memory (error, "a clip", sizeof *run);
    return NULL;
  }
  *run = (cw_musicgen_card_run){ .weights = weights, .arena = { .card = weights->card }, .n_rows = n_rows, .max_steps = max_steps,
                                  .batch = cw_musicgen_card_batch (n_rows) };
  run->layer_bytes = n_rows * max_steps * c * cw_dtype_size (cache_type (weights->model));
  run->keys = cw_card_take (&run->arena, config->n_layers, run->layer_bytes);
  run->values = cw_card_take (&run->arena, config->n_layers, run->layer_bytes);
  run->x = cw_card_new (&run->arena, float, n_items *c);
  run->normed = cw_card_new (&run->arena, float, n_items *c);
  run->q = cw_card_new (&run->arena, float, n_items *c);
  run->inner = cw_card_new (&run->arena, float, n_items *config->ffn);
  run->logits = cw_card_new (&run->arena, float, n_rows *k *config->codebook_size);
  run->pieces = (cw_gpu_pieces){ cw_card_new (&run->arena, float, n_pieces *c / config->heads), cw_card_new (&run->arena, float, n_pieces),
                                 cw_card_new (&run->arena, float, n_pieces), (uint32_t) config->heads, (uint32_t) (c / config->heads) };
  run->where = cw_card_new (&run->arena, int32_t, 1);
  run->seen_there = cw_card_new (&run->arena, cw_gpu_text, n_rows);
  run->fed = new_columns (run);
  run->drawn = new_columns (run);
  run->choice = cw_card_new (&run->arena, cw_gpu_choice, 1);
  run->tokens = cw_card_new (&run->arena, int32_t, n_rows *k);
  run->tokens_here = cw_card_take_host (&run->arena, n_rows * k, sizeof (int32_t));
  if (later)
    run->later = cw_card_put (&run->arena, later, (max_steps - config->n_positions) * c, sizeof *later);
  run->texts = cw_arena_new (&run->host, cw_gpu_text, n_texts);
  run->seen = cw_arena_new (&run->host, cw_gpu_text, n_rows);
  if (!run->arena.failed)
    m->zero (weights->card->gpu, CW_GPU_STEPS, run->where, sizeof *run->where);
  if (!cw_arena_ok (&run->host, "a clip", error) || !cw_card_arena_ok (&run->arena, "the clip's caches", error)) {
    cw_musicgen_card_run_free (run);
    return NULL;
  }
  return run;
}

void
cw_musicgen_card_run_why (const cw_musicgen_card_run *run, cw_error *error)
{
  if (cw_card_arena_ok (&run->arena, "the clip", error))
    cw_fail (error, CW_ERROR_MEMORY, "There is no memory to leave the card “%s” safely.", run->weights->card->info.name);
}

static void
forget_graph (cw_musicgen_card_run *run)
{
  run->weights->card->module->release_graph (run->weights->card->gpu, run->graph);
  run->graph = NULL;
}

void
cw_musicgen_card_run_free (cw_musicgen_card_run *run)
{
  if (!run)
    return;
  run->weights->card->module->wait (run->weights->card->gpu, CW_GPU_STEPS);
  forget_graph (run);
  cw_card_arena_free (&run->arena);
  cw_arena_free (&run->host);
  free (run);
}

static bool
finished (cw_musicgen_card_run *run)
{
  return run->weights->card->module->wait (run->weights->card->gpu, CW_GPU_STEPS) == CW_GPU_OK;
}

cw_gpu_text
cw_card_put_text (cw_card_arena *arena, const cw_musicgen_config *config, const cw_text_cache *cache)
{
  const size_t n = config->n_layers * cache->n * config->width;
  const float *keys = cw_card_put (arena, cache->k, n, sizeof *cache->k), *values = cw_card_put (arena, cache->v, n, sizeof *cache->v);

  return (cw_gpu_text){ values ? keys : NULL, values, (uint32_t) cache->n };
}

bool
cw_musicgen_card_run_set_text (cw_musicgen_card_run *run, size_t text, const cw_text_cache *cache)
{
  run->texts[text] = cw_card_put_text (&run->arena, &run->weights->model->config, cache);
  return finished (run) && run->texts[text].keys;
}

bool
cw_musicgen_card_run_set_states (cw_musicgen_card_run *run, size_t text, const float *states, size_t n)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  const size_t              c = config->width;
  cw_card                  *card = run->weights->card;
  cw_card_arena             scratch = { .card = card };
  const float              *x = cw_card_put (&scratch, states, n * c, sizeof *states);
  float                    *keys = cw_card_new (&run->arena, float, config->n_layers *n *c), *values = cw_card_new (&run->arena, float, config->n_layers *n *c);
  bool                      ok = x && keys && values;

  /* keys and values of several layers in a launch */
  for (size_t first = 0; ok && first < config->n_layers; first += CW_GPU_FUSED / 2) {
    const size_t  n_layers = config->n_layers - first < CW_GPU_FUSED / 2 ? config->n_layers - first : CW_GPU_FUSED / 2;
    cw_gpu_linear linear = { .n_layers = (uint32_t) (2 * n_layers), .n = (uint32_t) n, .ld_x = (uint32_t) c, .ld_y = (uint32_t) c, .x = x,
                             .may_round = true };

    for (size_t i = 0; i < n_layers; i++)
      for (size_t j = 0; j < 2; j++) {
        linear.layers[2 * i + j] = run->weights->layers[first + i].cross_kv[j];
        linear.y[2 * i + j] = (j == 0 ? keys : values) + (first + i) * n * c;
      }
    card->module->linear (card->gpu, CW_GPU_STEPS, &linear);
  }
  run->texts[text] = (cw_gpu_text){ keys, values, (uint32_t) n };
  ok = finished (run) && ok;
  run->arena.failed = run->arena.failed || scratch.failed; /* for cw_musicgen_card_run_why */
  cw_card_arena_free (&scratch);
  return ok;
}

void
cw_musicgen_card_run_use_text (cw_musicgen_card_run *run, size_t row, size_t text)
{
  cw_card *card = run->weights->card;
  size_t   n = 0;

  run->seen[row] = text == CW_NO_TEXT ? (cw_gpu_text){ 0 } : run->texts[text];
  card->module->upload (card->gpu, CW_GPU_STEPS, run->seen_there + row, run->seen + row, sizeof *run->seen);
  /* rows with a text come first: the null rows behind them are left alone */
  while (n < run->n_rows && run->seen[n].keys)
    n++;
  if (n != run->n_text_rows)
    forget_graph (run);
  run->n_text_rows = n;
}

/* ---- the layers ---------------------------------------------------------------------------------------------------------------- */

void
cw_card_project (cw_card *card, const cw_card_columns *columns, float *y, size_t ld_y, const cw_gpu_matrix *w, const cw_card_norm *norm,
                 cw_activation activation, cw_gpu_ahead ahead)
{
  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { *w }, .y = { y }, .n_layers = 1, .n = (uint32_t) columns->n, .ld_x = w->n_in,
                                          .ld_y = (uint32_t) ld_y, .x = columns->x, .prologue = CW_GPU_NORM, .gamma = norm->gamma,
                                          .beta = norm->beta, .eps = norm->eps, .activation = (cw_gpu_activation) activation,
                                          .may_round = columns->may_round, .ahead = ahead });
}

void
cw_card_add (cw_card *card, const cw_card_columns *columns, const cw_gpu_matrix *w, const float *input, cw_gpu_ahead ahead)
{
  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { *w }, .y = { columns->x }, .n_layers = 1, .n = (uint32_t) columns->n, .ld_x = w->n_in,
                                          .ld_y = w->n_out, .x = input, .prologue = input ? CW_GPU_AS_IS : CW_GPU_MERGE, .pieces = columns->pieces,
                                          .addend = columns->x, .may_round = columns->may_round, .ahead = ahead });
}

/* For the launch in front of the one that reads part @part of @n_parts of @w. Where many columns go together a launch is long, and nothing is asked for. */
static cw_gpu_ahead
ask_for (const cw_musicgen_card_run *run, size_t n, const cw_gpu_matrix *w, size_t part, size_t n_parts)
{
  return n == 1 ? cw_card_ahead (run->weights->card, w, part, n_parts) : (cw_gpu_ahead){ 0 };
}

/* q = w_q norm (x), and keys and values to their place in the cache; of @n columns of each row, as all that follows. */
static void
project_qkv (cw_musicgen_card_run *run, const cw_card_layer *l, const cw_gpu_cache *cache, size_t n)
{
  cw_card *card = run->weights->card;

  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { l->qkv[0], l->qkv[1], l->qkv[2] }, .y = { run->q }, .n_layers = 3, .n = (uint32_t) (run->n_rows * n),
                                          .ld_x = l->o.n_in, .ld_y = l->o.n_in, .x = run->x, .prologue = CW_GPU_NORM, .gamma = l->self_norm.gamma,
                                          .beta = l->self_norm.beta, .eps = l->self_norm.eps, .cache = *cache, .each = (uint32_t) n,
                                          .step = run->where, .may_round = n > 1, .ahead = ask_for (run, n, &l->o, 0, 2) });
}

static void
attend_cache (cw_musicgen_card_run *run, const cw_card_layer *l, const cw_gpu_cache *cache, size_t n)
{
  cw_card *card = run->weights->card;

  card->module->attend (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_attention){ .q = run->q, .n = (uint32_t) (run->n_rows * n), .heads = run->pieces.heads, .d = run->pieces.d, .each = (uint32_t) n,
                                             .scale = 1.0f / sqrtf ((float) run->pieces.d), .pieces = run->pieces, .cache = *cache, .step = run->where,
                                             .ahead = ask_for (run, n, &l->o, 1, 2) });
}

static void
attend_text (cw_musicgen_card_run *run, size_t index, size_t n)
{
  cw_card *card = run->weights->card;

  card->module->attend (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_attention){ .q = run->q, .n = (uint32_t) (run->n_text_rows * n), .heads = run->pieces.heads, .d = run->pieces.d, .each = (uint32_t) n,
                                             .scale = 1.0f / sqrtf ((float) run->pieces.d), .pieces = run->pieces, .texts = run->seen_there,
                                             .layer = (uint32_t) index, .ahead = ask_for (run, n, &run->weights->layers[index].cross_o, 1, 2) });
}

static void
run_layer (cw_musicgen_card_run *run, size_t index, size_t n)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  cw_card                  *card = run->weights->card;
  const cw_card_layer      *l = &run->weights->layers[index];
  const cw_gpu_cache        cache = { run->keys + index * run->layer_bytes, run->values + index * run->layer_bytes, run->pieces.heads, run->pieces.d,
                                      (uint32_t) run->max_steps, (int) cache_type (run->weights->model) };
  const cw_gpu_matrix      *behind = index + 1 < config->n_layers ? &l[1].qkv[0] : &run->weights->heads[0];
  const cw_card_columns     all = { run->x, run->pieces, run->n_rows * n, n > 1 };
  const cw_card_columns     told = { run->x, run->pieces, run->n_text_rows * n, n > 1 };

  project_qkv (run, l, &cache, n);
  attend_cache (run, l, &cache, n);
  cw_card_add (card, &all, &l->o, NULL, ask_for (run, n, run->n_text_rows > 0 ? &l->cross_q : &l->fc1, 0, 1));
  if (run->n_text_rows > 0) {
    cw_card_project (card, &told, run->q, config->width, &l->cross_q, &l->cross_norm, CW_ACTIVATION_NONE, ask_for (run, n, &l->cross_o, 0, 2));
    attend_text (run, index, n);
    cw_card_add (card, &told, &l->cross_o, NULL, ask_for (run, n, &l->fc1, 0, 1));
  }
  cw_card_project (card, &all, run->inner, config->ffn, &l->fc1, &l->ffn_norm, config->activation, ask_for (run, n, &l->fc2, 0, 1));
  cw_card_add (card, &all, &l->fc2, run->inner, ask_for (run, n, behind, 0, 1));
}

/* What stands in x, @n columns of each row, through all layers. */
static void
run_layers (cw_musicgen_card_run *run, size_t n)
{
  for (size_t i = 0; i < run->weights->model->config.n_layers; i++)
    run_layer (run, i, n);
}

/* x = the embedding of @n columns of each row, or @vectors, with their positions. */
static void
embed (cw_musicgen_card_run *run, const cw_gpu_columns *columns, const float *vectors, size_t n)
{
  const cw_musicgen *model = run->weights->model;
  cw_card           *card = run->weights->card;

  card->module->embed (card->gpu, CW_GPU_STEPS,
                       &(cw_gpu_embedding){ .x = run->x, .n_rows = (uint32_t) run->n_rows, .width = (uint32_t) model->config.width, .each = (uint32_t) n,
                                            .vectors = vectors, .columns = *columns,
                                            .tables = run->weights->tables, .dtype = (int) model->embeddings[0].dtype,
                                            .positions = run->weights->positions, .positions_dtype = (int) model->positions.dtype,
                                            .n_positions = (uint32_t) model->config.n_positions, .later = run->later, .step = run->where });
}

static void
predict (cw_musicgen_card_run *run)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  cw_card                  *card = run->weights->card;
  const cw_card_norm       *norm = &run->weights->norm;
  const size_t              k = config->n_codebooks, v = config->codebook_size;

  for (size_t first = 0; first < k; first += CW_GPU_FUSED) {
    cw_gpu_linear heads = { .n_layers = (uint32_t) (k - first < CW_GPU_FUSED ? k - first : CW_GPU_FUSED), .n = (uint32_t) run->n_rows,
                            .ld_x = (uint32_t) config->width, .ld_y = (uint32_t) (k * v), .x = run->x, .prologue = CW_GPU_NORM,
                            .gamma = norm->gamma, .beta = norm->beta, .eps = norm->eps,
                            .ahead = ask_for (run, 1, &run->weights->layers[0].qkv[0], 0, 1) }; /* of the next step */

    for (size_t i = 0; i < heads.n_layers; i++) {
      heads.layers[i] = run->weights->heads[first + i];
      heads.y[i] = run->logits + (first + i) * v;
    }
    card->module->linear (card->gpu, CW_GPU_STEPS, &heads);
  }
}

static void
advance (cw_musicgen_card_run *run, size_t n)
{
  run->weights->card->module->advance (run->weights->card->gpu, CW_GPU_STEPS, run->where, (uint32_t) n);
}

/* ---- what is fed from outside ----------------------------------------------------------------------------------------------------- */

/* Columns @j … @j + @now - 1 of @n, @ids [n_rows, n, K], to the place from which the next step reads. */
static void
put_columns (cw_musicgen_card_run *run, const int32_t *ids, size_t n, size_t j, size_t now)
{
  cw_card     *card = run->weights->card;
  const size_t k = run->fed.k;

  for (size_t row = 0; row < run->n_rows; row++)
    card->module->upload (card->gpu, CW_GPU_STEPS, run->fed.ids + (row * run->fed.n_columns + run->step) * k, ids + (row * n + j) * k,
                          now * k * sizeof *ids);
}

static void
copy_out (cw_musicgen_card_run *run, float *out, const float *from, size_t n)
{
  if (out)
    run->weights->card->module->download (run->weights->card->gpu, CW_GPU_STEPS, out, from, n * sizeof *out);
}

bool
cw_musicgen_card_run_step (cw_musicgen_card_run *run, const int32_t *ids, float *logits, const cw_musicgen_probe *probe)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  const cw_musicgen_probe   none = { 0 };
  const size_t              n = run->n_rows * config->width;
  cw_card                  *card = run->weights->card;

  if (!probe)
    probe = &none;
  put_columns (run, ids, 1, 0, 1);
  embed (run, &run->fed, NULL, 1);
  copy_out (run, probe->embedding, run->x, n);
  for (size_t i = 0; i < config->n_layers; i++) {
    run_layer (run, i, 1);
    if (i == 0)
      copy_out (run, probe->after_layer0, run->x, n);
  }
  if (probe->after_norm)
    card->module->layer_norm (card->gpu, CW_GPU_STEPS, run->normed, run->x, (uint32_t) run->n_rows, (uint32_t) config->width,
                              run->weights->norm.gamma, run->weights->norm.beta, run->weights->norm.eps);
  copy_out (run, probe->after_norm, run->normed, n);
  predict (run);
  copy_out (run, logits, run->logits, run->n_rows * config->n_codebooks * config->codebook_size);
  advance (run, 1);
  run->step++;
  return finished (run);
}

bool
cw_musicgen_card_run_feed (cw_musicgen_card_run *run, const int32_t *ids, size_t n)
{
  for (size_t j = 0, now; j < n; j += now, run->step += now) {
    now = n - j < run->batch ? n - j : run->batch;
    put_columns (run, ids, n, j, now);
    embed (run, &run->fed, NULL, now);
    run_layers (run, now);
    advance (run, now);
  }
  return finished (run);
}

bool
cw_musicgen_card_run_feed_vectors (cw_musicgen_card_run *run, const float *vectors, size_t n)
{
  const size_t c = run->weights->model->config.width;
  cw_card     *card = run->weights->card;

  for (size_t j = 0, now; j < n; j += now, run->step += now) {
    now = n - j < run->batch ? n - j : run->batch;
    for (size_t row = 0; row < run->n_rows; row++)
      card->module->upload (card->gpu, CW_GPU_STEPS, run->normed + row * now * c, vectors + (row * n + j) * c, now * c * sizeof *vectors);
    embed (run, &run->fed, run->normed, now);
    run_layers (run, now);
    advance (run, now);
  }
  run->prefix = run->step;
  return finished (run);
}

void
cw_musicgen_card_run_rewind (cw_musicgen_card_run *run)
{
  cw_card *card = run->weights->card;

  run->step = run->prefix = 0;
  card->module->zero (card->gpu, CW_GPU_STEPS, run->where, sizeof *run->where);
}

/* ---- what the card draws --------------------------------------------------------------------------------------------------------------- */

bool
cw_musicgen_card_run_plan (cw_musicgen_card_run *run, const cw_musicgen_plan *plan)
{
  cw_card            *card = run->weights->card;
  const cw_gpu_choice choice = { .seed = plan->seed,
                                 .guidance = plan->guidance,
                                 .temperature = plan->sampling.temperature,
                                 .top_p = plan->sampling.top_p,
                                 .top_k = plan->sampling.top_k,
                                 .first_take = plan->first_take,
                                 .first_step = (uint32_t) plan->first_step };

  forget_graph (run);
  run->drawn.n_takes = (uint32_t) plan->n_takes;
  run->drawn.n_columns = (uint32_t) plan->n_columns;
  card->module->upload (card->gpu, CW_GPU_STEPS, run->choice, &choice, sizeof choice);
  card->module->upload (card->gpu, CW_GPU_STEPS, run->drawn.ids, plan->columns, plan->n_takes * plan->n_columns * run->drawn.k * sizeof *plan->columns);
  return finished (run);
}

static void
queue_draw (cw_musicgen_card_run *run)
{
  cw_card *card = run->weights->card;

  embed (run, &run->drawn, NULL, 1);
  run_layers (run, 1);
  predict (run);
  card->module->sample (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_sample){ .logits = run->logits, .n_rows = (uint32_t) run->n_rows, .choice = run->choice, .columns = run->drawn,
                                          .step = run->where, .tokens = run->tokens });
  advance (run, 1);
  card->module->download (card->gpu, CW_GPU_STEPS, run->tokens_here, run->tokens, run->drawn.n_takes * run->drawn.k * sizeof *run->tokens);
}

bool
cw_musicgen_card_run_draw (cw_musicgen_card_run *run, int32_t *tokens)
{
  cw_card *card = run->weights->card;

  if (run->drawn.first != run->prefix) {
    run->drawn.first = (uint32_t) run->prefix;
    forget_graph (run);
  }
  if (!run->graph && !run->eager) {
    if (card->module->capture_begin (card->gpu, CW_GPU_STEPS)) {
      queue_draw (run);
      run->graph = card->module->capture_end (card->gpu, CW_GPU_STEPS, &run->n_nodes);
    }
    run->eager = !run->graph;
  }
  if (run->graph)
    card->module->replay (card->gpu, CW_GPU_STEPS, run->graph);
  else
    queue_draw (run);
  run->step++;
  if (!finished (run))
    return false;
  memcpy (tokens, run->tokens_here, run->drawn.n_takes * run->drawn.k * sizeof *tokens);
  return true;
}

size_t
cw_musicgen_card_run_n_nodes (const cw_musicgen_card_run *run)
{
  return run->n_nodes;
}
