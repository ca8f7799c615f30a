/* SPDX-License-Identifier: MIT
 *
 * clip-decoder.h: codes become the blocks of some takes while they are made: one stream of the codec for all takes and sides, which share
 *     the reading of its weights; the sides of a take are interleaved.
 */
#pragma once

#include "generate/model.h"

#define CW_BLOCK_SAMPLES 8192 /* at most so many at a time in stereo */

typedef struct {
  cw_model          *model;
  cw_encodec_stream *stream;     /* of n_takes * sides signals */
  const int32_t     *codes[CW_LSTM_MAX]; /* of each signal, for a push */
  const float       *sound[CW_LSTM_MAX]; /* what comes out */
  float             *block;      /* [CW_BLOCK_SAMPLES, channels], interleaved; NULL in mono */
  size_t             n_samples;  /* given out, of each take, per channel */
  size_t             max_frames; /* of one push */
  size_t             limit;      /* of the push that is on its way */
  bool               end;
  unsigned           first_take, n_takes;
} cw_clip_decoder;

/* All memory is taken here. @max_frames: of one push. Takes @first_take … @first_take + @n_takes - 1, at most CW_TAKES_MAX. */
cw_status cw_clip_decoder_init (cw_clip_decoder *decoder, cw_model *model, unsigned first_take, unsigned n_takes,
                                size_t max_frames, cw_error *error);
void      cw_clip_decoder_clear (cw_clip_decoder *decoder);

/* Decodes @n frames (at most max_frames; 0 only with @end) of each take, take i's codes being [n_books, ld_codes] at @codes + i * @ld_take,
 * and gives what is final by then to @sink, take after take, cut to @limit samples in all. @n_books: of all sides together. A card decodes
 * while the caller goes on: what it makes is then given out by cw_clip_decoder_collect, by the next push, and in any case with @end. */
void      cw_clip_decoder_push (cw_clip_decoder *decoder, const int32_t *codes, size_t ld_take, size_t ld_codes, size_t n_books,
                                size_t n, bool end, size_t limit, const cw_sink *sink);
/* Has the codec left its card, or found no room there? Then why, else CW_OK. */
const cw_error *cw_clip_decoder_trouble (const cw_clip_decoder *decoder);
/* Gives out what a card has made by now; @wait: all that was pushed. */
void      cw_clip_decoder_collect (cw_clip_decoder *decoder, bool wait, const cw_sink *sink);
