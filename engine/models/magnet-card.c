/* SPDX-License-Identifier: MIT
 *
 * magnet-card.c: see magnet-card.h, and magnet.c for the network. Keys and values of the frames are a text to the card's attention, as long as the
 *     clip and made anew in each layer, of which a frame of the later codebooks sees its neighbours.
 */
#include "models/magnet-card.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "models/musicgen-card-weights.h"

#define RATE_PRODUCTS 8

/* A launch of a look is long: nothing is asked for ahead of the next. */
static const cw_gpu_ahead none;

struct cw_magnet_card_run {
  cw_musicgen_card *weights;
  cw_magnet_config  config;
  cw_card_arena     arena;
  cw_arena          host;
  size_t            n_frames;
  int32_t          *ids, *ids_here; /* [n_frames, K]; the second on this side */
  float            *q, *k, *v, *inner; /* [n_frames, width]; [n_frames, ffn] */
  float            *logits, *null_branch; /* [n_frames, V] */
  double           *uniforms; /* [n_frames], and what is drawn with them: */
  int32_t          *tokens;
  float            *sure;
  cw_card_columns   columns;        /* the frames */
  int32_t          *where;          /* 0: the frames are the table's first columns */
  cw_gpu_text      *frames, *texts; /* k and v, of a layer; [n_texts] */
};

size_t
cw_magnet_card_run_n_bytes (const cw_magnet_card_run *run)
{
  return run->arena.n_bytes;
}

size_t
cw_magnet_card_work_bytes (const cw_musicgen_config *config, size_t n_frames, size_t n_texts)
{
  const size_t states = cw_sum (cw_product (4, config->width), cw_sum (config->ffn, cw_product (2, config->codebook_size)));
  const size_t pieces = cw_product (CW_GPU_SPLITS, cw_sum (config->width, cw_product (2, config->heads)));
  const size_t drawn = sizeof (double) + sizeof (int32_t) + sizeof (float);
  const size_t frame = cw_sum (cw_product (sizeof (float), cw_sum (cw_sum (states, pieces), config->n_codebooks)), drawn);

  return cw_sum (cw_product (n_frames, frame), cw_sum (sizeof (int32_t), cw_product (cw_sum (n_texts, 1), sizeof (cw_gpu_text))));
}

size_t
cw_magnet_card_text_bytes (const cw_musicgen_config *config, size_t n_tokens)
{
  return cw_product (cw_product (cw_product (2, config->n_layers), config->width), cw_product (n_tokens, sizeof (float)));
}

static bool
finished (cw_magnet_card_run *run)
{
  return run->weights->card->module->wait (run->weights->card->gpu, CW_GPU_STEPS) == CW_GPU_OK;
}

static void
take_memory (cw_magnet_card_run *run, size_t n_texts)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  const cw_cuda_module     *m = run->weights->card->module;
  const size_t              c = config->width, t = run->n_frames, n_pieces = t * config->heads * CW_GPU_SPLITS;
  cw_card_arena            *arena = &run->arena;
  cw_gpu_text               frames;

  run->columns = (cw_card_columns){ .x = cw_card_new (arena, float, t *c), .n = t, .may_round = true };
  run->columns.pieces = (cw_gpu_pieces){ cw_card_new (arena, float, n_pieces *c / config->heads), cw_card_new (arena, float, n_pieces),
                                         cw_card_new (arena, float, n_pieces), (uint32_t) config->heads, (uint32_t) (c / config->heads) };
  run->q = cw_card_new (arena, float, t *c);
  run->k = cw_card_new (arena, float, t *c);
  run->v = cw_card_new (arena, float, t *c);
  run->inner = cw_card_new (arena, float, t *config->ffn);
  run->logits = cw_card_new (arena, float, t *config->codebook_size);
  run->null_branch = cw_card_new (arena, float, t *config->codebook_size);
  run->uniforms = cw_card_new (arena, double, t);
  run->tokens = cw_card_new (arena, int32_t, t);
  run->sure = cw_card_new (arena, float, t);
  run->ids = cw_card_new (arena, int32_t, t *config->n_codebooks);
  run->where = cw_card_new (arena, int32_t, 1);
  frames = (cw_gpu_text){ run->k, run->v, (uint32_t) t };
  run->frames = cw_card_put (arena, &frames, 1, sizeof frames);
  run->texts = cw_card_new (arena, cw_gpu_text, n_texts);
  if (!arena->failed)
    m->zero (run->weights->card->gpu, CW_GPU_STEPS, run->where, sizeof *run->where);
  finished (run); /* what was put lies on this stack */
  run->ids_here = cw_arena_new (&run->host, int32_t, t *config->n_codebooks);
}

cw_magnet_card_run *
cw_magnet_card_run_new (cw_musicgen_card *weights, const cw_magnet_config *config, size_t n_frames, size_t n_texts, cw_error *error)
{
  cw_magnet_card_run *run = calloc (1, sizeof *run);

  if (!run) {
    cw_fail_memory (error, "a clip", sizeof *run);
    return NULL;
  }
  *run = (cw_magnet_card_run){ .weights = weights, .config = *config, .arena = { .card = weights->card }, .n_frames = n_frames };
  take_memory (run, n_texts);
  if (cw_arena_ok (&run->host, "a clip", error) && cw_card_arena_ok (&run->arena, "the clip's frames", error))
    return run;
  cw_magnet_card_run_free (run);
  return NULL;
}

void
cw_magnet_card_run_free (cw_magnet_card_run *run)
{
  if (!run)
    return;
  finished (run);
  cw_card_arena_free (&run->arena);
  cw_arena_free (&run->host);
  free (run);
}

void
cw_magnet_card_run_why (const cw_magnet_card_run *run, cw_error *error)
{
  cw_card_arena_ok (&run->arena, "the clip", error);
}

bool
cw_magnet_card_run_set_text (cw_magnet_card_run *run, size_t text, const cw_text_cache *cache)
{
  const cw_gpu_text there = cw_card_put_text (&run->arena, &run->weights->model->config, cache);
  cw_card          *card = run->weights->card;

  if (there.keys)
    card->module->upload (card->gpu, CW_GPU_STEPS, run->texts + text, &there, sizeof there);
  return finished (run) && there.keys;
}

/* ---- a look ---------------------------------------------------------------------------------------------------------------- */

/* The grid that the next looks are at; what was put before has been looked at. */
static void
put_grid (cw_magnet_card_run *run, const int32_t *ids)
{
  const size_t t = run->n_frames, k = run->weights->model->config.n_codebooks;
  cw_card     *card = run->weights->card;

  for (size_t i = 0; i < t * k; i++)
    run->ids_here[i % t * k + i / t] = ids[i];
  card->module->upload (card->gpu, CW_GPU_STEPS, run->ids, run->ids_here, t * k * sizeof *ids);
}

static void
embed (cw_magnet_card_run *run)
{
  const cw_musicgen *model = run->weights->model;
  const size_t       t = run->n_frames, k = model->config.n_codebooks;
  cw_card           *card = run->weights->card;

  card->module->embed (card->gpu, CW_GPU_STEPS,
                       &(cw_gpu_embedding){ .x = run->columns.x, .n_rows = 1, .width = (uint32_t) model->config.width, .each = (uint32_t) t,
                                            .columns = { run->ids, 1, (uint32_t) t, (uint32_t) k, (uint32_t) model->config.codebook_size, 0 },
                                            .tables = run->weights->tables, .dtype = (int) model->embeddings[0].dtype,
                                            .positions = run->weights->positions, .positions_dtype = (int) model->positions.dtype,
                                            .n_positions = (uint32_t) model->config.n_positions, .step = run->where });
}

/* q, k and v of all frames. */
static void
project_qkv (cw_magnet_card_run *run, const cw_card_layer *l)
{
  cw_card *card = run->weights->card;

  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { l->qkv[0], l->qkv[1], l->qkv[2] }, .y = { run->q, run->k, run->v }, .n_layers = 3,
                                          .n = (uint32_t) run->n_frames, .ld_x = l->o.n_in, .ld_y = l->o.n_in, .x = run->columns.x,
                                          .prologue = CW_GPU_NORM, .gamma = l->self_norm.gamma, .beta = l->self_norm.beta, .eps = l->self_norm.eps,
                                          .may_round = true });
}

/* Of all frames over layer @index of @text; @near: over the frames themselves, those at most a context away. */
static void
attend (cw_magnet_card_run *run, const cw_gpu_text *text, size_t index, bool near)
{
  const cw_gpu_pieces *pieces = &run->columns.pieces;
  cw_card             *card = run->weights->card;

  card->module->attend (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_attention){ .q = run->q, .n = (uint32_t) run->n_frames, .heads = pieces->heads, .d = pieces->d,
                                             .each = (uint32_t) run->n_frames, .scale = 1.0f / sqrtf ((float) pieces->d), .pieces = *pieces,
                                             .texts = text, .layer = (uint32_t) index, .near = near, .reach = (uint32_t) run->config.context });
}

static void
run_layer (cw_magnet_card_run *run, size_t index, size_t text, size_t stage)
{
  const cw_musicgen_config *config = &run->weights->model->config;
  const cw_card_layer      *l = &run->weights->layers[index];
  cw_card                  *card = run->weights->card;

  project_qkv (run, l);
  attend (run, run->frames, 0, stage > 0 && run->config.context >= 0);
  cw_card_add (card, &run->columns, &l->o, NULL, none);
  if (text != CW_NO_TEXT) {
    cw_card_project (card, &run->columns, run->q, config->width, &l->cross_q, &l->cross_norm, CW_ACTIVATION_NONE, none);
    attend (run, run->texts + text, index, false);
    cw_card_add (card, &run->columns, &l->cross_o, NULL, none);
  }
  cw_card_project (card, &run->columns, run->inner, config->ffn, &l->fc1, &l->ffn_norm, config->activation, none);
  cw_card_add (card, &run->columns, &l->fc2, run->inner, none);
}

/* @logits on the card. */
static void
look (cw_magnet_card_run *run, size_t text, size_t stage, float *logits)
{
  const cw_musicgen_config *config = &run->weights->model->config;

  embed (run);
  for (size_t i = 0; i < config->n_layers; i++)
    run_layer (run, i, text, stage);
  cw_card_project (run->weights->card, &run->columns, logits, config->codebook_size, &run->weights->heads[stage], &run->weights->norm, CW_ACTIVATION_NONE, none);
}

bool
cw_magnet_card_run_look (cw_magnet_card_run *run, const int32_t *ids, size_t text, size_t stage, float *logits)
{
  cw_card *card = run->weights->card;

  put_grid (run, ids);
  look (run, text, stage, run->logits);
  card->module->download (card->gpu, CW_GPU_STEPS, logits, run->logits, run->n_frames * run->weights->model->config.codebook_size * sizeof *logits);
  return finished (run);
}

bool
cw_magnet_card_run_draw (cw_magnet_card_run *run, const int32_t *ids, const size_t texts[2], size_t stage, const cw_magnet_draw *draw,
                         const double *uniforms, int32_t *tokens, float *sure)
{
  const size_t t = run->n_frames;
  cw_card     *card = run->weights->card;

  put_grid (run, ids);
  look (run, texts[0], stage, run->logits);
  if (draw->guided)
    look (run, texts[1], stage, run->null_branch);
  card->module->upload (card->gpu, CW_GPU_STEPS, run->uniforms, uniforms, t * sizeof *uniforms);
  card->module->sample_scored (card->gpu, CW_GPU_STEPS,
                               &(cw_gpu_scored){ .logits = run->logits, .null_branch = draw->guided ? run->null_branch : NULL, .uniforms = run->uniforms,
                                                 .n = (uint32_t) t, .v = (uint32_t) run->weights->model->config.codebook_size,
                                                 .choice = { .guidance = draw->guidance, .temperature = draw->sampling.temperature,
                                                             .top_p = draw->sampling.top_p, .top_k = draw->sampling.top_k },
                                                 .greedy = draw->greedy, .tokens = run->tokens, .sure = run->sure });
  card->module->download (card->gpu, CW_GPU_STEPS, tokens, run->tokens, t * sizeof *tokens);
  card->module->download (card->gpu, CW_GPU_STEPS, sure, run->sure, t * sizeof *sure);
  return finished (run);
}

double
cw_magnet_card_product_rate (cw_musicgen_card *weights, size_t n_frames)
{
  const cw_gpu_matrix  *w = &weights->layers[0].fc1;
  const cw_cuda_module *m = weights->card->module;
  cw_gpu               *gpu = weights->card->gpu;
  cw_card_arena         arena = { .card = weights->card };
  float                *x = cw_card_new (&arena, float, n_frames *w->n_in), *y = cw_card_new (&arena, float, n_frames *w->n_out);
  const cw_gpu_linear   linear = { .layers = { *w }, .y = { y }, .n_layers = 1, .n = (uint32_t) n_frames, .ld_x = w->n_in, .ld_y = w->n_out, .x = x,
                                   .may_round = true };
  double                took = 0.0;

  if (x && y) {
    m->zero (gpu, CW_GPU_STEPS, x, n_frames * w->n_in * sizeof *x);
    m->linear (gpu, CW_GPU_STEPS, &linear); /* cuBLAS is found, memory is warm */
    m->wait (gpu, CW_GPU_STEPS);
    const double began = cw_now_s ();
    for (int i = 0; i < RATE_PRODUCTS; i++)
      m->linear (gpu, CW_GPU_STEPS, &linear);
    if (m->wait (gpu, CW_GPU_STEPS) == CW_GPU_OK)
      took = cw_now_s () - began;
  }
  cw_card_arena_free (&arena);
  return took > 0.0 ? 2.0 * RATE_PRODUCTS * (double) n_frames * (double) w->n_in * (double) w->n_out / took : 0.0;
}
