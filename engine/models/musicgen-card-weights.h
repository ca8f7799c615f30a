/* SPDX-License-Identifier: MIT
 *
 * musicgen-card-weights.h: what a cw_musicgen_card is made of, for the decoders that run on it: musicgen-card.c step by step, magnet-card.c
 *     all of a clip at once.
 */
#pragma once

#include "models/musicgen-card.h"

typedef struct {
  const float *gamma, *beta;
  float        eps;
} cw_card_norm;

typedef struct {
  cw_card_norm  self_norm, cross_norm, ffn_norm;
  cw_gpu_matrix qkv[3], o, cross_q, cross_o, fc1, fc2;
  cw_gpu_matrix cross_kv[2]; /* where there is room for them */
} cw_card_layer;

struct cw_musicgen_card {
  cw_card           *card;
  const cw_musicgen *model;
  cw_card_arena      arena;
  cw_arena           host;
  cw_card_layer     *layers;
  cw_card_norm       norm;
  cw_gpu_matrix     *heads;  /* [K] */
  const void       **tables; /* [K], on the card */
  const void        *positions;
  cw_card_arena      text_arena;  /* the layers' cross_kv */
  bool               makes_texts; /* they are there */
};

/* Columns that pass through the layers; what lies between. */
typedef struct {
  float        *x; /* [n, width] */
  cw_gpu_pieces pieces;
  size_t        n;
  bool          may_round; /* see cw_gpu_linear */
} cw_card_columns;

/* y [n, ld_y] = activation (w norm (x)). @ahead: what the next launch reads, or { 0 }; so below. */
void cw_card_project (cw_card *card, const cw_card_columns *columns, float *y, size_t ld_y, const cw_gpu_matrix *w, const cw_card_norm *norm,
                      cw_activation activation, cw_gpu_ahead ahead);
/* x += w input; @input NULL: what attention left. */
void cw_card_add (cw_card *card, const cw_card_columns *columns, const cw_gpu_matrix *w, const float *input, cw_gpu_ahead ahead);
/* A copy of @cache, a text's keys and values on this side; keys NULL: no room. They are there when the stream has been waited for. */
cw_gpu_text cw_card_put_text (cw_card_arena *arena, const cw_musicgen_config *config, const cw_text_cache *cache);
