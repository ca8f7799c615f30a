/* SPDX-License-Identifier: MIT
 *
 * encodec-encoder-card.h: the codec's encoder on a card, behind encodec.h: pieces of a sound to their latents and codes. A function that
 *     returns false found the card failed; what it was asked for is then the processor's to make.
 */
#pragma once

#include "models/encodec-card.h"

typedef struct cw_encodec_encoder_card cw_encodec_encoder_card;

/* @weights: the encoder's on the card of @codec, whose books are used; both must outlive it. Pushes of up to @max_samples. NULL and @error: no room,
 * or not for a card. */
cw_encodec_encoder_card *cw_encodec_encoder_card_new (cw_encodec_card *codec, cw_seanet_card *weights, const cw_seanet *encoder, size_t codebook_size,
                                                      size_t max_samples, cw_error *error);
void                     cw_encodec_encoder_card_free (cw_encodec_encoder_card *encoder);
void                     cw_encodec_encoder_card_reset (cw_encodec_encoder_card *encoder);
size_t                   cw_encodec_encoder_card_n_bytes (const cw_encodec_encoder_card *encoder);
/* The same of one that is not there yet, from a sketch of the encoder; SIZE_MAX when that is not a size. */
size_t                   cw_encodec_encoder_card_bytes (const cw_seanet *encoder, size_t n_books, size_t max_samples);

/* A push, see cw_encodec_encoder_push; waits for it. @latent [D, ld] here receives *n_frames. */
bool cw_encodec_encoder_card_push (cw_encodec_encoder_card *encoder, const float *x, size_t ld_x, size_t n, bool end, float *latent, size_t ld,
                                   size_t *n_frames);
/* The codes of the frames of the last push, [n_books, ld_codes]. */
bool cw_encodec_encoder_card_quantise (cw_encodec_encoder_card *encoder, size_t n_books, int32_t *codes, size_t ld_codes);

/* Where the stream stood before the push that failed: see seanet-nodes.h. */
const cw_node_place *cw_encodec_encoder_card_places (const cw_encodec_encoder_card *encoder);
const float         *cw_encodec_encoder_card_state (const cw_encodec_encoder_card *encoder);
