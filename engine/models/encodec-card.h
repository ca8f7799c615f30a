/* SPDX-License-Identifier: MIT
 *
 * encodec-card.h: the codec's decoder on a card, behind encodec.h: one push at a time is on its way, beside whatever else the card does.
 */
#pragma once

#include "models/seanet-card.h"

typedef struct cw_encodec_card        cw_encodec_card;
typedef struct cw_encodec_card_stream cw_encodec_card_stream;

/* Copies @decoder's weights and the books, @n_books of [V, D]; all must outlive it. NULL and @error: no room, or not for a card. */
cw_encodec_card *cw_encodec_card_new (cw_card *card, const cw_seanet *decoder, const cw_tensor *books, size_t n_books, cw_error *error);
void             cw_encodec_card_free (cw_encodec_card *codec);
cw_card         *cw_encodec_card_of (const cw_encodec_card *codec);
/* The books, on the card, and how many. */
const float    **cw_encodec_card_books (const cw_encodec_card *codec, size_t *n_books);
/* Bytes that it takes there. */
size_t           cw_encodec_card_n_bytes (const cw_encodec_card *codec);
/* The same of a codec that is not loaded yet, from a sketch of its decoder (cw_seanet_sketch): SIZE_MAX when that is not a size. And what a
 * stream takes. */
size_t           cw_encodec_card_weight_bytes (const cw_seanet *decoder, size_t n_books, size_t codebook_size);
size_t           cw_encodec_card_stream_bytes (const cw_seanet *decoder, size_t n_books, size_t max_frames, size_t n_signals);

/* As cw_encodec_stream_new. */
cw_encodec_card_stream *cw_encodec_card_stream_new (cw_encodec_card *codec, size_t max_frames, size_t n_signals, cw_error *error);
void                    cw_encodec_card_stream_free (cw_encodec_card_stream *stream);
void                    cw_encodec_card_stream_reset (cw_encodec_card_stream *stream);
size_t                  cw_encodec_card_stream_n_bytes (const cw_encodec_card_stream *stream);

/* Queues a push, see cw_encodec_stream_push, and returns at once. The one before must have been collected. */
void cw_encodec_card_stream_queue (cw_encodec_card_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n,
                                   bool end);

typedef enum { CW_CODEC_BUSY, CW_CODEC_DONE, CW_CODEC_FAILED } cw_codec_outcome;

/* What became of it; with @wait never CW_CODEC_BUSY. The sound, @y [n_signals] of [C, *ld_y], is the stream's until the next push. */
cw_codec_outcome cw_encodec_card_stream_collect (cw_encodec_card_stream *stream, bool wait, const float **y, size_t *ld_y, size_t *n_out);

/* When a push failed: where the stream stood before it, and the push, so that the processor can make it. @codes [n_signals] receives
 * pointers to [n_books, n]. All is the stream's and on this side. */
typedef struct {
  const cw_node_place *places;
  const float         *state;
  size_t               n_books, n;
  bool                 end;
} cw_codec_resume;

cw_codec_resume cw_encodec_card_stream_resume (const cw_encodec_card_stream *stream, const int32_t **codes);
