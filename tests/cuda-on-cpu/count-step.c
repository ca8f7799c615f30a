/* SPDX-License-Identifier: MIT
 *
 * count-step.c: the launches of one decoder layer of MusicGen, or of what stands around the layers, at a real size and position, so that the
 * stand-in counts their bytes: see performance-model.py. The weights are zero: which bytes are read does not depend on them.
 *     count-step layer|ends WIDTH HEADS int8|f16 POSITION TEXT-TOKENS
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/card.h"
#include "ops/kernels.h"

enum { ROWS = 2, CODEBOOKS = 4, CODES = 2048 }; /* a take and its null branch */

static cw_card      *card;
static cw_card_arena arena;
static int           dtype;

static void *
zeros (size_t n_bytes)
{
  void *memory = cw_card_take (&arena, n_bytes, 1);

  if (memory)
    card->module->zero (card->gpu, CW_GPU_STEPS, memory, n_bytes);
  return memory;
}

static cw_gpu_matrix
matrix (size_t n_out, size_t n_in)
{
  const size_t n = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD;

  if (dtype == CW_I8)
    return (cw_gpu_matrix){ zeros (n_out * n), zeros (n_out * sizeof (float)), NULL, NULL, (uint32_t) n_out, (uint32_t) n_in, dtype };
  return (cw_gpu_matrix){ zeros (n_out * n_in * 2), NULL, NULL, NULL, (uint32_t) n_out, (uint32_t) n_in, dtype };
}

/* @ahead: what a launch behind it reads, as in musicgen-card.c. */
static void
product (cw_gpu_matrix w, float *y, const float *x, const float *gamma, const cw_gpu_pieces *pieces, bool add, size_t n, cw_gpu_activation activation,
         cw_gpu_ahead ahead)
{
  cw_gpu_linear linear = { .layers = { w }, .y = { y }, .n_layers = 1, .n = (uint32_t) n, .ld_x = w.n_in, .ld_y = w.n_out, .x = x, .gamma = gamma,
                           .beta = gamma, .eps = 1e-5f, .activation = activation, .addend = add ? y : NULL, .ahead = ahead };

  linear.prologue = pieces ? CW_GPU_MERGE : gamma ? CW_GPU_NORM : CW_GPU_AS_IS;
  if (pieces)
    linear.pieces = *pieces;
  card->module->linear (card->gpu, CW_GPU_STEPS, &linear);
}

static void
run_layer (uint32_t width, uint32_t heads, int32_t position, uint32_t n_text)
{
  const uint32_t d = width / heads, steps = (uint32_t) position + 1;
  const size_t   n_pieces = (size_t) ROWS * heads * CW_GPU_SPLITS;
  float         *x = zeros (ROWS * width * sizeof (float)), *q = zeros (ROWS * width * sizeof (float)), *gamma = zeros (width * sizeof (float));
  float         *inner = zeros ((size_t) ROWS * 4 * width * sizeof (float));
  int32_t       *where = cw_card_put (&arena, &position, 1, sizeof position);
  const cw_gpu_pieces pieces = { zeros (n_pieces * d * sizeof (float)), zeros (n_pieces * sizeof (float)), zeros (n_pieces * sizeof (float)), heads, d };
  const size_t        n_cache = (size_t) ROWS * width * steps;
  const cw_gpu_cache  cache = { zeros (n_cache * 2), zeros (n_cache * 2), heads, d, steps, CW_F16 };
  const size_t        n_states = (size_t) n_text * width * sizeof (float);
  const cw_gpu_text   text = { zeros (n_states), zeros (n_states), n_text };
  const cw_gpu_text  *texts = cw_card_put (&arena, &text, 1, sizeof text);
  cw_gpu_attention    attention = { .q = q, .n = ROWS, .heads = heads, .d = d, .scale = 1.0f / sqrtf ((float) d), .pieces = pieces, .cache = cache,
                                    .each = 1, .step = where };
  const cw_gpu_matrix qkv[] = { matrix (width, width), matrix (width, width), matrix (width, width) }, o = matrix (width, width);
  const cw_gpu_matrix cross_q = matrix (width, width), cross_o = matrix (width, width), fc1 = matrix (4 * width, width), fc2 = matrix (width, 4 * width);

  card->module->linear (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_linear){ .layers = { qkv[0], qkv[1], qkv[2] }, .y = { q }, .n_layers = 3,
                                          .n = ROWS, .ld_x = width, .ld_y = width, .x = x, .prologue = CW_GPU_NORM, .gamma = gamma, .beta = gamma,
                                          .eps = 1e-5f, .cache = cache, .each = 1, .step = where, .ahead = cw_card_ahead (card, &o, 0, 2) });
  attention.ahead = cw_card_ahead (card, &o, 1, 2);
  card->module->attend (card->gpu, CW_GPU_STEPS, &attention);
  product (o, x, NULL, NULL, &pieces, true, ROWS, CW_GPU_NONE, cw_card_ahead (card, &cross_q, 0, 1));
  product (cross_q, q, x, gamma, NULL, false, 1, CW_GPU_NONE, cw_card_ahead (card, &cross_o, 0, 2));
  attention.cache = (cw_gpu_cache){ 0 };
  attention.n = 1; /* the null branch sees no text */
  attention.texts = texts;
  attention.ahead = cw_card_ahead (card, &cross_o, 1, 2);
  card->module->attend (card->gpu, CW_GPU_STEPS, &attention);
  product (cross_o, x, NULL, NULL, &pieces, true, 1, CW_GPU_NONE, cw_card_ahead (card, &fc1, 0, 1));
  product (fc1, inner, x, gamma, NULL, false, ROWS, CW_GPU_GELU, cw_card_ahead (card, &fc2, 0, 1));
  product (fc2, x, inner, NULL, NULL, true, ROWS, CW_GPU_NONE, cw_card_ahead (card, &qkv[0], 0, 1)); /* the next layer's is as large */
}

static void
run_ends (uint32_t width)
{
  const int32_t        ids[2 * CODEBOOKS] = { 0, 0, 0, 0, -1, -1, -1, -1 }, first = 0;
  const cw_gpu_choice  choice = { .guidance = 3.0f, .temperature = 1.0f, .top_k = 250 };
  const void          *tables[CODEBOOKS];
  float               *x = zeros (ROWS * width * sizeof (float)), *gamma = zeros (width * sizeof (float));
  float               *logits = zeros ((size_t) ROWS * CODEBOOKS * CODES * sizeof (float));
  int32_t             *where = cw_card_put (&arena, &first, 1, sizeof first);
  const cw_gpu_columns columns = { cw_card_put (&arena, ids, 2 * CODEBOOKS, sizeof *ids), 1, 2, CODEBOOKS, CODES, 0 };
  const cw_gpu_matrix  first_q = matrix (width, width); /* of the next step */
  cw_gpu_linear        heads = { .n_layers = CODEBOOKS, .n = ROWS, .ld_x = width, .ld_y = CODEBOOKS * CODES, .x = x, .prologue = CW_GPU_NORM,
                                 .gamma = gamma, .beta = gamma, .eps = 1e-5f, .ahead = cw_card_ahead (card, &first_q, 0, 1) };

  for (int k = 0; k < CODEBOOKS; k++) {
    tables[k] = zeros ((size_t) (CODES + 1) * width * 2);
    heads.layers[k] = matrix (CODES, width);
    heads.y[k] = logits + (size_t) k * CODES;
  }
  card->module->embed (card->gpu, CW_GPU_STEPS,
                       &(cw_gpu_embedding){ .x = x, .n_rows = ROWS, .width = width, .each = 1, .columns = columns,
                                            .tables = cw_card_put (&arena, tables, CODEBOOKS, sizeof *tables), .dtype = CW_F16,
                                            .positions = zeros (width * sizeof (float)), .positions_dtype = CW_F32, .n_positions = 1, .step = where });
  card->module->linear (card->gpu, CW_GPU_STEPS, &heads);
  card->module->sample (card->gpu, CW_GPU_STEPS,
                        &(cw_gpu_sample){ .logits = logits, .n_rows = ROWS, .choice = cw_card_put (&arena, &choice, 1, sizeof choice),
                                          .columns = columns, .step = where, .tokens = zeros (CODEBOOKS * sizeof (int32_t)) });
  card->module->advance (card->gpu, CW_GPU_STEPS, where, 1);
}

int
main (int argc, char **argv)
{
  cw_error error = { 0 };

  if (argc != 7)
    return 2;
  card = cw_card_open ("cuda-on-cpu", 0, &error);
  if (!card) {
    fprintf (stderr, "%s\n", error.message);
    return 1;
  }
  arena.card = card;
  dtype = strcmp (argv[4], "int8") == 0 ? CW_I8 : CW_F16;
  if (strcmp (argv[1], "layer") == 0)
    run_layer ((uint32_t) atoi (argv[2]), (uint32_t) atoi (argv[3]), atoi (argv[5]), (uint32_t) atoi (argv[6]));
  else
    run_ends ((uint32_t) atoi (argv[2]));
  const bool good = card->module->wait (card->gpu, CW_GPU_STEPS) == CW_GPU_OK && cw_card_arena_ok (&arena, "the weights", &error);
  if (!good)
    fprintf (stderr, "the card failed: %s\n", error.message);
  cw_card_arena_free (&arena);
  cw_card_close (card);
  return good ? 0 : 1;
}
