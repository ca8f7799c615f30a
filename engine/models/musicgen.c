/* SPDX-License-Identifier: MIT
 *
 * musicgen.c: see musicgen.h.
 *
 *     x = sum over k of embedding_k [id_k] + position [step]
 *     for each layer:  x = x + o (self attention of norm (x), over all steps so far)
 *                      x = x + o (cross attention of norm (x), over the text)
 *                      x = x + fc2 (gelu (fc1 (norm (x))))
 *     logits_k = head_k (norm (x))
 *
 * Traps: no linear layer but enc_to_dec_proj has a bias; positions count from the start token, without an offset; scale_embedding is
 * in the files and means nothing. The null branch has text vectors that are zero after the projection: its cross attention
 * gives zero, so it is skipped.
 */
#include "models/musicgen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/layers.h"
#include "models/musicgen-card.h"
#include "models/musicgen-weights.h"

#define PREFILL 64 /* columns of all rows that are fed together: as many as a quantised layer takes at a time */

/* A run on a card, and what is needed to go on without it. */
typedef struct {
  cw_musicgen_card_run *run;      /* NULL: the processor does it */
  float                *vectors;  /* [n_rows, n_vectors, width]: what was fed as vectors */
  size_t                n_vectors, vectors_room;
  int32_t              *ids;      /* [n_rows, max_steps, K]: what was fed behind them */
  int32_t              *columns;  /* [n_rows, max_steps + 1, K]: the plan's, and what was drawn */
  size_t                n_takes, n_columns; /* 0: there is no plan */
  const float         **states;   /* [n_texts]: of those whose keys and values only the card has; else NULL */
  cw_error              trouble;
} card_part;

struct cw_musicgen_run {
  cw_musicgen *model;
  cw_arena     arena;
  size_t       n_rows, max_steps, n_texts, step;
  size_t       batch;         /* columns that go through the layers together, at most */
  float       *later_positions; /* [max_steps - n_positions, width]: what the model's table lacks; or NULL */
  char        *keys, *values; /* [n_layers, n_rows, heads, max_steps, key_size] of the model's cache type: a head reads one run of memory */
  float       *key_scales, *value_scales; /* [n_layers, n_rows, heads, max_steps], of CW_I8 */
  float       *first_keys;    /* [n_layers, n_rows, width], of CW_I8: what the keys are stored less of */
  float       *fresh_keys, *fresh_values; /* [n_rows, batch, width]: of these columns, before they go there */
  cw_text_cache *texts;          /* [n_texts] */
  size_t      *text_of;       /* [n_rows]: text's number + 1, or 0 for the null branch */
  float       *x, *normed, *q, *mixed, *inner; /* [n_rows, batch, …] */
  cw_context  *contexts;      /* [n_rows, batch] */
  cw_key_scales *scales;      /* [n_rows, batch], of CW_I8 */
  float      **logits; /* [K]: where each codebook's go */
  card_part    card;
};

/* ---- loading ------------------------------------------------------------------------------------------------- */

bool
cw_musicgen_config_read (cw_musicgen_config *config, const cw_json_scope *scope, size_t text_width, cw_error *error)
{
  long        v, k, width, heads, ffn, n_layers, n_positions = 2048, n_channels = 1;
  const char *activation = "gelu";

  if (!cw_json_int (scope, "vocab_size", 1, 1 << 20, &v, error) ||
      !cw_json_int (scope, "num_codebooks", 1, 64, &k, error) ||
      !cw_json_int (scope, "hidden_size", 1, 1 << 16, &width, error) ||
      !cw_json_int (scope, "num_attention_heads", 1, 1 << 10, &heads, error) ||
      !cw_json_int (scope, "ffn_dim", 1, 1 << 18, &ffn, error) ||
      !cw_json_int (scope, "num_hidden_layers", 1, 512, &n_layers, error) ||
      !cw_json_int_or (scope, "max_position_embeddings", 1, 1 << 20, &n_positions, error) ||
      !cw_json_int_or (scope, "audio_channels", 1, 2, &n_channels, error) ||
      !cw_json_string_or (scope, "activation_function", &activation, error))
    return false;
  if (width % heads != 0 || k % n_channels != 0) {
    cw_fail (error, CW_ERROR_FORMAT,
             width % heads != 0
               ? "“%s”: %shidden_size is %ld, which num_attention_heads, %ld, does not divide."
               : "“%s”: %snum_codebooks is %ld, which audio_channels, %ld, does not divide.",
             scope->path, scope->prefix, width % heads != 0 ? width : k, width % heads != 0 ? heads : n_channels);
    return false;
  }

  *config = (cw_musicgen_config){
    .codebook_size = (size_t) v,
    .n_codebooks = (size_t) k,
    .width = (size_t) width,
    .heads = (size_t) heads,
    .ffn = (size_t) ffn,
    .n_layers = (size_t) n_layers,
    .text_width = text_width,
    .projects = text_width != (size_t) width,
    .n_positions = (size_t) n_positions,
    .n_channels = (size_t) n_channels,
  };
  if (strcmp (activation, "gelu") == 0)
    config->activation = CW_ACTIVATION_GELU;
  else if (strcmp (activation, "gelu_new") == 0)
    config->activation = CW_ACTIVATION_GELU_TANH;
  else if (strcmp (activation, "relu") == 0)
    config->activation = CW_ACTIVATION_RELU;
  else {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %sactivation_function is “%s”; gelu, gelu_new and relu are known.",
             scope->path, scope->prefix, activation);
    return false;
  }
  return true;
}

static void
fetch_norm (cw_fetch *fetch, cw_norm *norm, size_t c, unsigned i, const char *which)
{
  cw_fetch_vector (fetch, &norm->gamma, c, "decoder.model.decoder.layers.%u.%s.weight", i, which);
  cw_fetch_vector (fetch, &norm->beta, c, "decoder.model.decoder.layers.%u.%s.bias", i, which);
  norm->eps = 1e-5f;
}

/* The matrices asked for next read what @norm gives (NULL: anything): in the mean square gamma² + beta². */
static void
expect_norm (cw_fetch *fetch, const cw_norm *norm, float *squares, size_t c)
{
  fetch->source.squares = NULL;
  if (!norm || fetch->failed)
    return;
  for (size_t i = 0; i < c; i++)
    squares[i] = norm->gamma[i] * norm->gamma[i] + norm->beta[i] * norm->beta[i];
  fetch->source.squares = squares;
}

cw_storage
cw_musicgen_text_storage (cw_storage layers)
{
  return layers < CW_STORE_INT8 ? layers : CW_STORE_INT8;
}

/* @squares [width] is scratch. */
static void
fetch_layer (cw_fetch *fetch, cw_musicgen_layer *l, const cw_musicgen_config *config, float *squares, unsigned i)
{
  const size_t     c = config->width;
  const cw_storage storage = fetch->source.storage;

#define LAYER "decoder.model.decoder.layers.%u."
  fetch_norm (fetch, &l->self_norm, c, i, "self_attn_layer_norm");
  expect_norm (fetch, &l->self_norm, squares, c);
  cw_fetch_linear (fetch, &l->q, c, c, LAYER "self_attn.q_proj.weight", i);
  cw_fetch_linear (fetch, &l->k, c, c, LAYER "self_attn.k_proj.weight", i);
  cw_fetch_linear (fetch, &l->v, c, c, LAYER "self_attn.v_proj.weight", i);
  expect_norm (fetch, NULL, squares, c);
  cw_fetch_linear (fetch, &l->o, c, c, LAYER "self_attn.out_proj.weight", i);
  if (!config->prefixed) {
    fetch_norm (fetch, &l->cross_norm, c, i, "encoder_attn_layer_norm");
    expect_norm (fetch, &l->cross_norm, squares, c);
    cw_fetch_linear (fetch, &l->cross_q, c, c, LAYER "encoder_attn.q_proj.weight", i);
    expect_norm (fetch, NULL, squares, c);
    fetch->source.storage = cw_musicgen_text_storage (storage);
    cw_fetch_linear (fetch, &l->cross_k, c, c, LAYER "encoder_attn.k_proj.weight", i);
    cw_fetch_linear (fetch, &l->cross_v, c, c, LAYER "encoder_attn.v_proj.weight", i);
    fetch->source.storage = storage;
    cw_fetch_linear (fetch, &l->cross_o, c, c, LAYER "encoder_attn.out_proj.weight", i);
  }
  fetch_norm (fetch, &l->ffn_norm, c, i, "final_layer_norm");
  expect_norm (fetch, &l->ffn_norm, squares, c);
  cw_fetch_linear (fetch, &l->fc1, config->ffn, c, LAYER "fc1.weight", i);
  expect_norm (fetch, NULL, squares, c);
  cw_fetch_linear (fetch, &l->fc2, c, config->ffn, LAYER "fc2.weight", i);
#undef LAYER
}

/* What the heads lose goes straight into the logits, and they are few: they are stored one size wider than the layers. */
cw_storage
cw_musicgen_head_storage (cw_storage layers)
{
  return layers == CW_STORE_INT8 ? CW_STORE_F16 : layers == CW_STORE_INT4 ? CW_STORE_INT8 : layers;
}

static void
fetch_heads (cw_fetch *fetch, cw_musicgen *model)
{
  const cw_storage layers = fetch->source.storage;

  fetch->source.storage = cw_musicgen_head_storage (layers);
  for (unsigned i = 0; i < model->config.n_codebooks && !fetch->failed; i++) {
    cw_fetch_linear (fetch, &model->heads[i], model->config.codebook_size, model->config.width, "decoder.lm_heads.%u.weight", i);
    model->head_list[i] = &model->heads[i];
  }
  fetch->source.storage = layers;
}

/* Positions @first … @first + @n - 1: [cos | sin] halves, as transformers computes them, in single precision; or exactly. */
static void
compute_positions (float *table, size_t first, size_t n, size_t c, bool exact)
{
  const size_t half = c / 2;

  for (size_t i = 0; i < half && exact; i++)
    for (size_t p = 0; p < n; p++) {
      const double phase = (double) (first + p) / pow (10000.0, (double) i / (double) (half > 1 ? half - 1 : 1));
      table[p * c + i] = (float) cos (phase);
      table[p * c + half + i] = (float) sin (phase);
    }
  for (size_t i = 0; i < half && !exact; i++) {
    const float frequency = expf ((float) i * -(logf (10000.0f) / (float) (half > 1 ? half - 1 : 1)));
    for (size_t p = 0; p < n; p++) {
      table[p * c + i] = cosf ((float) (first + p) * frequency);
      table[p * c + half + i] = sinf ((float) (first + p) * frequency);
    }
  }
}

/* The table of positions: stored in the files of transformers; computed when it is missing. */
static void
fetch_positions (cw_fetch *fetch, cw_musicgen *model)
{
  const size_t n = model->config.n_positions, c = model->config.width;
  float       *table;

  if (cw_fetch_has (fetch, "decoder.model.decoder.embed_positions.weights")) {
    cw_fetch_matrix (fetch, &model->positions, n, c, "decoder.model.decoder.embed_positions.weights");
    return;
  }
  table = cw_arena_new (&model->arena, float, n * c);
  if (!table) {
    fetch->failed = true;
    cw_arena_ok (&model->arena, "the table of positions", fetch->error);
    return;
  }
  compute_positions (table, 0, n, c, model->config.exact_positions);
  model->positions = (cw_tensor){ CW_F32, 2, { n, c }, table };
}

cw_musicgen *
cw_musicgen_load (cw_backend *be, const cw_musicgen_config *config, const cw_source *source, cw_error *error)
{
  cw_musicgen *model = calloc (1, sizeof *model);
  const size_t c = config->width, k = config->n_codebooks, v = config->codebook_size, head_size = c / config->heads;
  float       *squares;

  if (!model) {
    cw_fail_memory (error, "the decoder", sizeof *model);
    return NULL;
  }
  model->be = be;
  model->config = *config;
  if (source->storage == CW_STORE_AS_IS)
    model->cache = CW_F32;
  else
    model->cache = source->storage >= CW_STORE_INT8 && head_size <= CW_KEY_MAX ? CW_I8 : CW_F16;
  model->key_size = model->cache == CW_I8 ? cw_key_bytes (head_size) : head_size;
  model->layers = cw_arena_new (&model->arena, cw_musicgen_layer, config->n_layers);
  model->embeddings = cw_arena_new (&model->arena, cw_tensor, k);
  model->heads = cw_arena_new (&model->arena, cw_linear, k);
  model->head_list = cw_arena_new (&model->arena, const cw_linear *, k);
  squares = cw_arena_new (&model->arena, float, c);

  cw_fetch fetch = { be, *source, &model->arena, "", error, !cw_arena_ok (&model->arena, "the decoder", error) };

  for (unsigned i = 0; i < k && !fetch.failed; i++)
    cw_fetch_matrix (&fetch, &model->embeddings[i], v + 1, c, "decoder.model.decoder.embed_tokens.%u.weight", i);
  fetch_heads (&fetch, model);
  for (unsigned i = 0; i < config->n_layers && !fetch.failed; i++)
    fetch_layer (&fetch, &model->layers[i], config, squares, i);
  cw_fetch_vector (&fetch, &model->norm.gamma, c, "decoder.model.decoder.layer_norm.weight");
  cw_fetch_vector (&fetch, &model->norm.beta, c, "decoder.model.decoder.layer_norm.bias");
  model->norm.eps = 1e-5f;
  if (!fetch.failed)
    fetch_positions (&fetch, model);
  if (config->projects) {
    fetch.source.storage = cw_musicgen_text_storage (fetch.source.storage);
    cw_fetch_linear (&fetch, &model->projection, c, config->text_width, "enc_to_dec_proj.weight");
    cw_fetch_vector (&fetch, &model->projection.bias, c, "enc_to_dec_proj.bias");
  }
  if (fetch.failed) {
    cw_musicgen_free (model);
    return NULL;
  }
  return model;
}

void
cw_musicgen_free (cw_musicgen *model)
{
  if (!model)
    return;
  cw_musicgen_card_free (model->card);
  cw_arena_free (&model->arena);
  free (model);
}

const cw_musicgen_config *
cw_musicgen_get_config (const cw_musicgen *model)
{
  return &model->config;
}

size_t
cw_musicgen_step_bytes (const cw_musicgen *model)
{
  size_t n = 0;

  for (size_t i = 0; i < model->config.n_layers; i++) {
    const cw_musicgen_layer *l = &model->layers[i];
    const cw_linear *read[] = { &l->q, &l->k, &l->v, &l->o, &l->fc1, &l->fc2, &l->cross_q, &l->cross_o };

    for (size_t j = 0; j < (model->config.prefixed ? 6 : 8); j++)
      n += cw_linear_bytes (read[j]);
  }
  for (size_t i = 0; i < model->config.n_codebooks; i++)
    n += cw_linear_bytes (&model->heads[i]);
  return n;
}

/* ---- a run --------------------------------------------------------------------------------------------------- */

static void begin_on_card (cw_musicgen_run *run);
static void leave_card (cw_musicgen_run *run);

cw_musicgen_run *
cw_musicgen_run_new (cw_musicgen *model, size_t n_rows, size_t max_steps, size_t n_texts, cw_error *error)
{
  const cw_musicgen_config *config = &model->config;
  const size_t              c = config->width;
  cw_musicgen_run          *run = calloc (1, sizeof *run);
  size_t                    n_keys, cache_size, n_later, n_items;

  if (!run) {
    cw_fail_memory (error, "a clip", sizeof *run);
    return NULL;
  }
  run->model = model;
  run->n_rows = n_rows;
  run->max_steps = max_steps;
  run->n_texts = n_texts;
  run->batch = n_rows < PREFILL ? PREFILL / n_rows : 1;
  n_items = n_rows * run->batch;
  n_later = max_steps > config->n_positions ? max_steps - config->n_positions : 0;
  if (!cw_mul (max_steps, config->heads, &n_keys) || !cw_mul (n_keys, n_rows, &n_keys) || !cw_mul (n_keys, config->n_layers, &n_keys) ||
      !cw_mul (n_keys, model->key_size, &cache_size))
    n_keys = cache_size = SIZE_MAX;
  run->keys = cw_arena_take_huge (&run->arena, cache_size, cw_dtype_size (model->cache));
  run->values = cw_arena_take_huge (&run->arena, cache_size, cw_dtype_size (model->cache));
  if (model->cache == CW_I8) {
    run->key_scales = cw_arena_new (&run->arena, float, n_keys);
    run->value_scales = cw_arena_new (&run->arena, float, n_keys);
    run->first_keys = cw_arena_new (&run->arena, float, config->n_layers * n_rows * c);
  }
  run->fresh_keys = cw_arena_new (&run->arena, float, n_items * c);
  run->fresh_values = cw_arena_new (&run->arena, float, n_items * c);
  run->texts = cw_arena_new (&run->arena, cw_text_cache, n_texts);
  run->text_of = cw_arena_new (&run->arena, size_t, n_rows);
  run->x = cw_arena_new (&run->arena, float, n_items * c);
  run->normed = cw_arena_new (&run->arena, float, n_items * c);
  run->q = cw_arena_new (&run->arena, float, n_items * c);
  run->mixed = cw_arena_new (&run->arena, float, n_items * c);
  run->inner = cw_arena_new (&run->arena, float, n_items * config->ffn);
  run->contexts = cw_arena_new (&run->arena, cw_context, n_items);
  run->scales = cw_arena_new (&run->arena, cw_key_scales, n_items);
  run->logits = cw_arena_new (&run->arena, float *, config->n_codebooks);
  if (n_later)
    run->later_positions = cw_arena_new (&run->arena, float, n_later * c);
  if (!cw_arena_ok (&run->arena, "the clip's caches", error) || !cw_backend_reserve (model->be, max_steps, error)) {
    cw_musicgen_run_free (run);
    return NULL;
  }
  if (n_later)
    compute_positions (run->later_positions, config->n_positions, n_later, c, config->exact_positions);
  if (model->card)
    begin_on_card (run);
  return run;
}

void
cw_musicgen_run_free (cw_musicgen_run *run)
{
  if (!run)
    return;
  cw_musicgen_card_run_free (run->card.run);
  cw_arena_free (&run->arena);
  free (run);
}

void
cw_musicgen_project_text (cw_musicgen *model, const float *hidden, size_t n, float *y)
{
  const size_t c = model->config.width, text_width = model->config.text_width;

  if (model->config.projects)
    model->be->linear (model->be, y, c, hidden, text_width, n, &model->projection, CW_ACTIVATION_NONE, NULL, NULL);
  else
    memcpy (y, hidden, n * c * sizeof *y);
}

bool
cw_musicgen_new_text (cw_musicgen *model, cw_text_cache *cache, cw_arena *arena, size_t n, cw_error *error)
{
  const size_t c = model->config.width;

  *cache = (cw_text_cache){ n, cw_arena_new (arena, float, model->config.n_layers *n *c), cw_arena_new (arena, float, model->config.n_layers *n *c) };
  return cw_arena_ok (arena, "the text's keys and values", error) && cw_backend_reserve (model->be, n, error);
}

void
cw_musicgen_fill_text (cw_musicgen *model, cw_text_cache *cache, const float *states)
{
  cw_backend  *be = model->be;
  const size_t c = model->config.width, n = cache->n;

  for (size_t i = 0; i < model->config.n_layers; i++) {
    be->linear (be, cache->k + i * n * c, c, states, c, n, &model->layers[i].cross_k, CW_ACTIVATION_NONE, NULL, NULL);
    be->linear (be, cache->v + i * n * c, c, states, c, n, &model->layers[i].cross_v, CW_ACTIVATION_NONE, NULL, NULL);
  }
}

cw_status
cw_musicgen_cache_text (cw_musicgen *model, cw_text_cache *cache, cw_arena *arena, const float *states, size_t n, cw_error *error)
{
  if (!cw_musicgen_new_text (model, cache, arena, n, error))
    return CW_ERROR_MEMORY;
  cw_musicgen_fill_text (model, cache, states);
  return CW_OK;
}

/* On a card that makes the keys and values itself, the processor's memory for them stays empty until the card is left. */
cw_status
cw_musicgen_run_set_states (cw_musicgen_run *run, size_t text, const float *states, size_t n, cw_error *error)
{
  cw_text_cache *cache = &run->texts[text];
  const size_t   n_floats = n * run->model->config.width;

  if (!cw_musicgen_new_text (run->model, cache, &run->arena, n, error))
    return CW_ERROR_MEMORY;
  if (run->card.run && cw_musicgen_card_makes_texts (run->model->card)) {
    float *kept = cw_arena_new (&run->arena, float, n_floats);

    if (!cw_arena_ok (&run->arena, "the text", error))
      return CW_ERROR_MEMORY;
    memcpy (kept, states, n_floats * sizeof *states);
    run->card.states[text] = kept;
    if (!cw_musicgen_card_run_set_states (run->card.run, text, states, n))
      leave_card (run);
    return CW_OK;
  }
  cw_musicgen_fill_text (run->model, cache, states);
  if (run->card.run && !cw_musicgen_card_run_set_text (run->card.run, text, cache))
    leave_card (run);
  return CW_OK;
}

cw_status
cw_musicgen_run_set_text (cw_musicgen_run *run, size_t text, const float *hidden, size_t n, float *projected,
                          cw_error *error)
{
  cw_arena  scratch = { 0 };
  float    *states = projected ? projected : cw_arena_new (&scratch, float, n * run->model->config.width);
  cw_status status = CW_ERROR_MEMORY;

  if (cw_arena_ok (&scratch, "the text", error)) {
    cw_musicgen_project_text (run->model, hidden, n, states);
    status = cw_musicgen_run_set_states (run, text, states, n, error);
  }
  cw_arena_free (&scratch);
  return status;
}

void
cw_musicgen_run_use_text (cw_musicgen_run *run, size_t row, size_t text)
{
  run->text_of[row] = text + 1; /* CW_NO_TEXT: 0 */
  if (run->card.run)
    cw_musicgen_card_run_use_text (run->card.run, row, text);
}

/* ---- columns through the layers: items are [n_rows, n], n columns of each row --------------------------------------- */

/* Adds what tells the columns' places apart. */
static void
add_positions (cw_musicgen_run *run, size_t n)
{
  const cw_musicgen *model = run->model;
  const size_t       c = model->config.width, n_table = model->config.n_positions;

  for (size_t item = 0; item < run->n_rows * n; item++) {
    const size_t position = run->step + item % n;
    float       *x = run->x + item * c;

    if (position < n_table)
      model->be->add_row (model->be, x, &model->positions, position);
    else
      for (size_t i = 0; i < c; i++)
        x[i] += run->later_positions[(position - n_table) * c + i];
  }
}

/* @ids [n_rows, ld, K]: @n of each row. */
static void
embed (cw_musicgen_run *run, const int32_t *ids, size_t ld, size_t n)
{
  const cw_musicgen *model = run->model;
  const size_t       c = model->config.width, k = model->config.n_codebooks;

  memset (run->x, 0, run->n_rows * n * c * sizeof *run->x);
  for (size_t row = 0; row < run->n_rows; row++)
    for (size_t j = 0; j < n; j++)
      for (size_t i = 0; i < k; i++)
        model->be->add_row (model->be, run->x + (row * n + j) * c, &model->embeddings[i], (size_t) ids[(row * ld + j) * k + i]);
  add_positions (run, n);
}

/* Attention of the first @n_queries items of q over run->contexts, which hold @cache, to mixed. */
static void
attend (cw_musicgen_run *run, size_t n_queries, cw_dtype cache, size_t head_stride, size_t key_stride, size_t scale_stride)
{
  const cw_musicgen_config *config = &run->model->config;
  const size_t              d = config->width / config->heads;
  cw_backend               *be = run->model->be;

  be->attention (be, &(cw_attention){ .q = run->q,
                                      .y = run->mixed,
                                      .n_queries = n_queries,
                                      .ld = config->width,
                                      .n_heads = config->heads,
                                      .d = d,
                                      .contexts = run->contexts,
                                      .scales = run->scales,
                                      .cache = cache,
                                      .head_stride = head_stride,
                                      .key_stride = key_stride,
                                      .scale_stride = scale_stride,
                                      .scale = 1.0f / sqrtf ((float) d) });
}

/* Takes a row's first key off its others, and off itself. Attention does not see it: each score of a query loses the same. What is left
 * is small beside what keys have in common, and so is what 8 bits lose of it. */
static void
centre_keys (cw_musicgen_run *run, size_t index, size_t n)
{
  const size_t c = run->model->config.width;

  for (size_t item = 0; item < run->n_rows * n; item++) {
    float *first = run->first_keys + (index * run->n_rows + item / n) * c, *key = run->fresh_keys + item * c;

    if (run->step + item % n == 0)
      memcpy (first, key, c * sizeof *key);
    for (size_t i = 0; i < c; i++)
      key[i] -= first[i];
  }
}

/* The keys (or values) of @n columns of layer @index, @fresh [n_rows, n, width], to their places in @cache and @scales. */
static void
remember (cw_musicgen_run *run, const float *fresh, char *cache, float *scales, size_t index, size_t n)
{
  const cw_musicgen_config *config = &run->model->config;
  const size_t              d = config->width / config->heads, heads = config->heads;
  cw_backend               *be = run->model->be;

  for (size_t item = 0; item < run->n_rows * n; item++)
    for (size_t head = 0; head < heads; head++) {
      const float *from = fresh + item * config->width + head * d;
      const size_t key = ((index * run->n_rows + item / n) * heads + head) * run->max_steps + run->step + item % n;
      char        *to = cache + key * run->model->key_size * cw_dtype_size (run->model->cache);

      if (run->model->cache == CW_I8)
        scales[key] = be->quantise_key (be, (int8_t *) to, from, d);
      else if (run->model->cache == CW_F16)
        be->narrow (be, (uint16_t *) to, from, d);
      else
        memcpy (to, from, d * sizeof *from);
    }
}

/* Item @item of @n columns a row sees, of layer @index, all before it and itself. */
static void
look_back (cw_musicgen_run *run, size_t index, size_t item, size_t n)
{
  const cw_musicgen *model = run->model;
  const size_t       first = (index * run->n_rows + item / n) * model->config.heads * run->max_steps;
  const size_t       byte = first * model->key_size * cw_dtype_size (model->cache);

  run->contexts[item] = (cw_context){ run->keys + byte, run->values + byte, NULL, run->step + item % n + 1 };
  if (model->cache == CW_I8)
    run->scales[item] = (cw_key_scales){ run->key_scales + first, run->value_scales + first };
}

static void
self_attention (cw_musicgen_run *run, const cw_musicgen_layer *l, size_t index, size_t n)
{
  const size_t c = run->model->config.width, n_items = run->n_rows * n, key_size = run->model->key_size;
  cw_backend  *be = run->model->be;

  be->layer_norm (be, run->normed, run->x, n_items, c, &l->self_norm);
  be->linears (be, (float *const[]){ run->q, run->fresh_keys, run->fresh_values }, c, run->normed, c, n_items,
               (const cw_linear *const[]){ &l->q, &l->k, &l->v }, 3);
  if (run->model->cache == CW_I8)
    centre_keys (run, index, n);
  remember (run, run->fresh_keys, run->keys, run->key_scales, index, n);
  remember (run, run->fresh_values, run->values, run->value_scales, index, n);
  for (size_t item = 0; item < n_items; item++)
    look_back (run, index, item, n);
  attend (run, n_items, run->model->cache, run->max_steps * key_size, key_size, run->max_steps);
  be->linear (be, run->x, c, run->mixed, c, n_items, &l->o, CW_ACTIVATION_NONE, run->x, NULL);
}

static void
cross_attention (cw_musicgen_run *run, const cw_musicgen_layer *l, size_t index, size_t n)
{
  const size_t c = run->model->config.width;
  cw_backend  *be = run->model->be;
  size_t       n_rows = 0, n_items;

  /* rows with a text come first: the null rows behind them are left alone */
  while (n_rows < run->n_rows && run->text_of[n_rows])
    n_rows++;
  if (n_rows == 0)
    return;
  n_items = n_rows * n;
  be->layer_norm (be, run->normed, run->x, n_items, c, &l->cross_norm);
  be->linear (be, run->q, c, run->normed, c, n_items, &l->cross_q, CW_ACTIVATION_NONE, NULL, NULL);
  for (size_t item = 0; item < n_items; item++) {
    const cw_text_cache *text = &run->texts[run->text_of[item / n] - 1];
    const size_t      at = index * text->n * c;
    run->contexts[item] = (cw_context){ text->k + at, text->v + at, NULL, text->n };
  }
  attend (run, n_items, CW_F32, c / run->model->config.heads, c, 0);
  be->linear (be, run->x, c, run->mixed, c, n_items, &l->cross_o, CW_ACTIVATION_NONE, run->x, NULL);
}

static void
feed_forward (cw_musicgen_run *run, const cw_musicgen_layer *l, size_t n)
{
  const size_t c = run->model->config.width, ffn = run->model->config.ffn, n_items = run->n_rows * n;
  cw_backend  *be = run->model->be;

  be->layer_norm (be, run->normed, run->x, n_items, c, &l->ffn_norm);
  be->linear (be, run->inner, ffn, run->normed, c, n_items, &l->fc1, run->model->config.activation, NULL, NULL);
  be->linear (be, run->x, c, run->inner, ffn, n_items, &l->fc2, CW_ACTIVATION_NONE, run->x, NULL);
}

static void
run_layer (cw_musicgen_run *run, size_t index, size_t n)
{
  const cw_musicgen_layer *l = &run->model->layers[index];

  self_attention (run, l, index, n);
  cross_attention (run, l, index, n);
  feed_forward (run, l, n);
}

static void
copy_out (float *out, const float *x, size_t n)
{
  if (out)
    memcpy (out, x, n * sizeof *x);
}

static bool
on_card (const cw_musicgen_run *run)
{
  return run->card.run != NULL;
}

/* @ids [n_rows, n, K] go to the columns from the run's position on. */
static void
remember_ids (cw_musicgen_run *run, const int32_t *ids, size_t n)
{
  const size_t k = run->model->config.n_codebooks, at = run->step - run->card.n_vectors;

  for (size_t row = 0; row < run->n_rows; row++)
    memcpy (run->card.ids + (row * run->max_steps + at) * k, ids + row * n * k, n * k * sizeof *ids);
}

void
cw_musicgen_run_step (cw_musicgen_run *run, const int32_t *ids, float *logits, const cw_musicgen_probe *probe)
{
  const cw_musicgen        *model = run->model;
  const cw_musicgen_config *config = &model->config;
  const size_t              c = config->width, n = run->n_rows, k = config->n_codebooks, v = config->codebook_size;
  const cw_musicgen_probe   none = { 0 };
  cw_backend               *be = model->be;

  if (on_card (run)) {
    remember_ids (run, ids, 1);
    if (cw_musicgen_card_run_step (run->card.run, ids, logits, probe)) {
      run->step++;
      return;
    }
    leave_card (run);
  }
  if (!probe)
    probe = &none;
  embed (run, ids, 1, 1);
  copy_out (probe->embedding, run->x, n * c);
  for (size_t i = 0; i < config->n_layers; i++) {
    run_layer (run, i, 1);
    if (i == 0)
      copy_out (probe->after_layer0, run->x, n * c);
  }
  be->layer_norm (be, run->normed, run->x, n, c, &model->norm);
  copy_out (probe->after_norm, run->normed, n * c);
  for (size_t i = 0; i < k; i++)
    run->logits[i] = logits + i * v;
  be->linears (be, run->logits, k * v, run->normed, c, n, model->head_list, k);
  run->step++;
}

/* @now columns, whose embeddings are in x, go through all layers. */
static void
run_layers (cw_musicgen_run *run, size_t now)
{
  for (size_t i = 0; i < run->model->config.n_layers; i++)
    run_layer (run, i, now);
  run->step += now;
}

static void
feed_ids (cw_musicgen_run *run, const int32_t *ids, size_t ld, size_t n)
{
  for (size_t done = 0, now; done < n; done += now) {
    now = n - done < run->batch ? n - done : run->batch;
    embed (run, ids + done * run->model->config.n_codebooks, ld, now);
    run_layers (run, now);
  }
}

static void
feed_vectors (cw_musicgen_run *run, const float *vectors, size_t n)
{
  const size_t c = run->model->config.width;

  for (size_t done = 0, now; done < n; done += now) {
    now = n - done < run->batch ? n - done : run->batch;
    for (size_t row = 0; row < run->n_rows; row++)
      memcpy (run->x + row * now * c, vectors + (row * n + done) * c, now * c * sizeof *run->x);
    add_positions (run, now);
    run_layers (run, now);
  }
}

void
cw_musicgen_run_feed (cw_musicgen_run *run, const int32_t *ids, size_t n)
{
  if (on_card (run)) {
    remember_ids (run, ids, n);
    if (cw_musicgen_card_run_feed (run->card.run, ids, n)) {
      run->step += n;
      return;
    }
    leave_card (run);
  }
  feed_ids (run, ids, n, n);
}

void
cw_musicgen_run_feed_vectors (cw_musicgen_run *run, const float *vectors, size_t n)
{
  const size_t n_floats = run->n_rows * n * run->model->config.width;

  if (on_card (run)) {
    /* the same room serves again after a rewind; without it there would be no way back from the card */
    if (n > run->card.vectors_room) {
      run->card.vectors = cw_arena_new (&run->arena, float, n_floats);
      run->card.vectors_room = run->card.vectors ? n : 0;
    }
    if (run->card.vectors && run->step == 0) {
      memcpy (run->card.vectors, vectors, n_floats * sizeof *vectors);
      if (cw_musicgen_card_run_feed_vectors (run->card.run, vectors, n)) {
        run->card.n_vectors = run->step = n;
        return;
      }
    }
    leave_card (run);
  }
  feed_vectors (run, vectors, n);
}

void
cw_musicgen_run_rewind (cw_musicgen_run *run)
{
  run->step = 0;
  if (on_card (run)) {
    run->card.n_vectors = 0;
    cw_musicgen_card_run_rewind (run->card.run);
  }
}

/* ---- on a card, and back ---------------------------------------------------------------------------------------------- */

bool
cw_musicgen_to_card (cw_musicgen *model, cw_card *card, cw_error *error)
{
  cw_musicgen_card_free (model->card);
  model->card = cw_musicgen_card_new (card, model, error);
  return model->card != NULL;
}

void
cw_musicgen_off_card (cw_musicgen *model)
{
  cw_musicgen_card_free (model->card);
  model->card = NULL;
}

size_t
cw_musicgen_bytes_on_card (const cw_musicgen *model)
{
  return model->card ? cw_musicgen_card_n_bytes (model->card) + cw_musicgen_card_text_n_bytes (model->card) : 0;
}

bool
cw_musicgen_texts_to_card (cw_musicgen *model, cw_error *error)
{
  return cw_musicgen_card_add_texts (model->card, error);
}

size_t
cw_musicgen_run_bytes_on_card (const cw_musicgen *model, size_t n_rows, size_t max_steps, size_t n_tokens)
{
  const cw_storage storage = model->cache == CW_F32 ? CW_STORE_AS_IS : CW_STORE_F16; /* the card's caches have no keys of 8 bits */

  if (!model->card)
    return 0;
  return cw_sum (cw_musicgen_card_cache_bytes (&model->config, storage, n_rows, max_steps, n_tokens),
                 cw_musicgen_card_work_bytes (&model->config, n_rows, max_steps));
}

static void
begin_on_card (cw_musicgen_run *run)
{
  const size_t k = run->model->config.n_codebooks;

  run->card.ids = cw_arena_new (&run->arena, int32_t, run->n_rows * run->max_steps * k);
  run->card.columns = cw_arena_new (&run->arena, int32_t, run->n_rows * (run->max_steps + 1) * k);
  run->card.states = cw_arena_new (&run->arena, const float *, run->n_texts);
  if (cw_arena_ok (&run->arena, "the clip", &run->card.trouble))
    run->card.run = cw_musicgen_card_run_new (run->model->card, run->n_rows, run->max_steps, run->n_texts, run->later_positions, &run->card.trouble);
}

/* The card failed, or has no room: the processor makes again what its caches held, and goes on from there. */
static void
leave_card (cw_musicgen_run *run)
{
  const size_t n_vectors = run->card.n_vectors, n_ids = run->step - n_vectors;

  cw_musicgen_card_run_why (run->card.run, &run->card.trouble);
  cw_musicgen_card_run_free (run->card.run);
  run->card.run = NULL;
  run->step = 0;
  for (size_t i = 0; i < run->n_texts; i++)
    if (run->card.states[i])
      cw_musicgen_fill_text (run->model, &run->texts[i], run->card.states[i]);
  feed_vectors (run, run->card.vectors, n_vectors);
  feed_ids (run, run->card.ids, run->max_steps, n_ids);
}

bool
cw_musicgen_run_plan (cw_musicgen_run *run, const cw_musicgen_plan *plan)
{
  const size_t n = plan->n_takes * plan->n_columns * run->model->config.n_codebooks;

  run->card.n_columns = 0;
  if (!on_card (run) || plan->n_takes > run->n_rows || plan->n_columns > run->max_steps + 1)
    return false;
  memcpy (run->card.columns, plan->columns, n * sizeof *plan->columns);
  run->card.n_takes = plan->n_takes;
  run->card.n_columns = plan->n_columns;
  if (cw_musicgen_card_run_plan (run->card.run, plan))
    return true;
  leave_card (run);
  return false;
}

bool
cw_musicgen_run_draw (cw_musicgen_run *run, int32_t *tokens)
{
  const size_t k = run->model->config.n_codebooks, n_takes = run->card.n_takes, n_columns = run->card.n_columns;
  const size_t column = run->step - run->card.n_vectors;

  if (!on_card (run) || column + 1 >= n_columns)
    return false;
  for (size_t row = 0; row < run->n_rows; row++)
    memcpy (run->card.ids + (row * run->max_steps + column) * k, run->card.columns + (row % n_takes * n_columns + column) * k, k * sizeof *tokens);
  if (!cw_musicgen_card_run_draw (run->card.run, tokens)) {
    leave_card (run);
    return false;
  }
  for (size_t take = 0; take < n_takes; take++)
    memcpy (run->card.columns + (take * n_columns + column + 1) * k, tokens + take * k, k * sizeof *tokens);
  run->step++;
  return true;
}

const cw_error *
cw_musicgen_run_trouble (const cw_musicgen_run *run)
{
  return &run->card.trouble;
}

size_t
cw_musicgen_run_n_nodes (const cw_musicgen_run *run)
{
  return on_card (run) ? cw_musicgen_card_run_n_nodes (run->card.run) : 0;
}
