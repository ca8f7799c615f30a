/* SPDX-License-Identifier: MIT
 *
 * t5.h: the encoder half of T5, which turns a prompt's tokens into vectors. Raffel et al. 2019, arXiv:1910.10683, section 2.1;
 *     transformers T5EncoderModel.
 */
#pragma once

#include "backend/backend.h"
#include "base/json.h"
#include "checkpoint/prepared.h"

typedef struct {
  size_t        vocab, width, heads, d, ffn, n_layers; /* width: d_model; d: d_kv; heads * d need not be width */
  size_t        n_buckets, max_distance;
  float         eps;
  bool          gated;      /* two projections in, one multiplied by the activation of the other */
  cw_activation activation;
} cw_t5_config;

typedef struct cw_t5 cw_t5;

/* From config.json, or its "text_encoder" part. */
bool cw_t5_config_read (cw_t5_config *config, const cw_json_scope *scope, cw_error *error);

/* @prefix: "text_encoder." in a MusicGen file, "" in T5's own. The weights stay the caller's and must outlive the model. */
cw_t5              *cw_t5_load (cw_backend *be, const cw_t5_config *config, const cw_source *source, const char *prefix,
                                cw_error *error);
void                cw_t5_free (cw_t5 *t5);
const cw_t5_config *cw_t5_get_config (const cw_t5 *t5);

/* @ids [n], each below vocab; the first @n_real are text, the rest padding that nobody attends to (n_real = n without).
 * @hidden [n, width] is written whole, also the rows of padding. Allocates what it needs for the call. */
cw_status cw_t5_encode (cw_t5 *t5, const int32_t *ids, size_t n, size_t n_real, float *hidden, cw_error *error);

/* The copy of the layers that is used on @card from now on, instead of the processor; a text for which it has no room, or at which it fails,
 * the processor encodes. False and @error: there is no room. */
struct cw_card;
bool   cw_t5_to_card (cw_t5 *t5, struct cw_card *card, cw_error *error);
void   cw_t5_off_card (cw_t5 *t5);
/* Bytes that the copy takes. */
size_t cw_t5_bytes_on_card (const cw_t5 *t5);
