/* SPDX-License-Identifier: MIT
 *
 * t5-weights.h: what a cw_t5 is made of, for those that run it: t5.c on the processor, t5-card.c on a card. Loaded by t5.c.
 */
#pragma once

#include "base/arena.h"
#include "models/t5.h"

typedef struct {
  cw_norm   attention_norm, ffn_norm;
  cw_linear q, k, v, o;
  cw_linear wi, gate, wo; /* gate: only when gated */
} cw_t5_layer;

struct cw_t5 {
  cw_backend        *be;
  cw_t5_config       config;
  cw_arena           arena;
  cw_tensor          embedding;     /* [rows >= vocab, width] */
  const float       *position_bias; /* [n_buckets, heads] */
  cw_t5_layer       *layers;
  cw_norm            final_norm;
  struct cw_t5_card *card;          /* the layers on a card, or NULL; owned */
};
