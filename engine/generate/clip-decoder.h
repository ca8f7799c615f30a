/* SPDX-License-Identifier: MIT
 *
 * clip-decoder.h: codes become the blocks of one take while they are made: one stream of the codec a side, interleaved.
 */
#pragma once

#include "generate/model.h"

#define CW_BLOCK_SAMPLES 8192 /* at most so many at a time in stereo */

typedef struct {
  cw_model          *model;
  cw_encodec_stream *streams[2];
  float             *block;      /* [CW_BLOCK_SAMPLES, channels], interleaved; NULL in mono */
  size_t             n_samples;  /* given out, per channel */
  size_t             max_frames; /* of one push */
  unsigned           take;
} cw_clip_decoder;

/* All memory is taken here. @max_frames: of one push. */
cw_status cw_clip_decoder_init (cw_clip_decoder *decoder, cw_model *model, unsigned take, size_t max_frames,
                                cw_error *error);
void      cw_clip_decoder_clear (cw_clip_decoder *decoder);

/* Decodes @n frames (at most max_frames; 0 only with @end) of @codes [n_books, ld_codes] and gives what is final by then to
 * @sink, cut to @limit samples in all. @n_books: of all sides together. */
void      cw_clip_decoder_push (cw_clip_decoder *decoder, const int32_t *codes, size_t ld_codes, size_t n_books,
                                size_t n, bool end, size_t limit, const cw_sink *sink);
