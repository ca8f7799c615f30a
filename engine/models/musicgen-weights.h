/* SPDX-License-Identifier: MIT
 *
 * musicgen-weights.h: what a cw_musicgen is made of, for the decoders that run on it: musicgen.c step by step, magnet.c all of a clip at
 *     once. Loaded by musicgen.c.
 */
#pragma once

#include "base/arena.h"
#include "models/musicgen.h"

typedef struct {
  cw_norm   self_norm, cross_norm, ffn_norm;
  cw_linear q, k, v, o;
  cw_linear cross_q, cross_k, cross_v, cross_o; /* none in a prefixed model */
  cw_linear fc1, fc2;
} cw_musicgen_layer;

struct cw_musicgen {
  cw_backend        *be;
  cw_musicgen_config config;
  cw_arena           arena;
  cw_tensor         *embeddings; /* K of [V + 1, width] */
  cw_tensor          positions;  /* [n_positions, width] */
  cw_musicgen_layer *layers;
  cw_norm            norm;
  cw_linear         *heads;     /* K of [V, width] */
  const cw_linear  **head_list; /* K: pointers to them */
  cw_dtype           cache;     /* of keys and values: CW_F32, CW_F16 or CW_I8 */
  size_t             key_size;  /* elements of a key in it */
  cw_linear          projection; /* text to decoder, where config.projects */
  struct cw_musicgen_card *card; /* the same on a card, or NULL; owned */
};

/* Keys and values of a text in every layer's cross attention. */
typedef struct {
  size_t n;     /* tokens; 0 until set */
  float *k, *v; /* [n_layers, n, width] */
} cw_text_cache;

/* Memory of @cache for a text of @n vectors, from @arena; and its numbers from the text's vectors, projected, @states [n, width]. */
bool      cw_musicgen_new_text (cw_musicgen *model, cw_text_cache *cache, cw_arena *arena, size_t n, cw_error *error);
void      cw_musicgen_fill_text (cw_musicgen *model, cw_text_cache *cache, const float *states);
/* Both. */
cw_status cw_musicgen_cache_text (cw_musicgen *model, cw_text_cache *cache, cw_arena *arena, const float *states, size_t n, cw_error *error);
