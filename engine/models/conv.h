/* SPDX-License-Identifier: MIT
 *
 * conv.h: a convolution, or a transposed one, over a stream, with EnCodec's padding. transformers EncodecConv1d and
 *     EncodecConvTranspose1d; audiocraft modules/conv.py.
 *
 * Both become one product over taps: row r of the product's input is a channel's samples, shifted.
 *   convolution      tap (ci, j) is x[ci] shifted by j * dilation; with a stride s, the samples are first dealt out to s rows
 *   transposed       output sample q s + p depends on inputs q, q - 1, …: each of the s phases p is a convolution of stride 1
 */
#pragma once

#include "backend/backend.h"
#include "models/layers.h"
#include "models/seanet.h"

typedef struct {
  size_t  c_in, c_out, kernel, stride, dilation;
  bool    transposed, elu, elu_after; /* elu: the input passes through ELU first; elu_after: the output does, not of a transposed one */
  size_t  pad_left, pad_right; /* convolution: without the extra on the right; transposed: what is trimmed */
  size_t  n_shifts;            /* transposed: taps a phase, ceil (kernel / stride) */
  cw_pad_mode pad_mode;
  cw_taps taps;
  bool    normed; /* group norm over the whole output */
  cw_norm norm;
} cw_conv;

typedef struct {
  size_t kernel, stride, dilation;
  bool   transposed, elu, elu_after;
} cw_conv_shape;

/* Loads weights NAME.conv.* (weight norm folded in, either spelling, or plain) and NAME.norm.*, and packs them. Without weights to fetch
 * from only the shapes are set. */
void cw_conv_fetch (cw_fetch *fetch, cw_conv *conv, const cw_seanet_config *config, size_t c_in, size_t c_out,
                    cw_conv_shape shape, const char *name);

/* Its weight alone, [first, …]: NAME.conv.weight, or with weight norm over all axes but the first, folded in. */
void cw_conv_fetch_weight (cw_fetch *fetch, float **w, const uint64_t *dims, unsigned n_dims, const char *name);

/* Where a stream stands in its signal, whatever computes it. Its buffer holds the padded samples base … base + length - 1. */
typedef struct {
  size_t base, length, n_in, n_out;
  bool   started; /* the left padding is there */
} cw_conv_place;

/* What one push does to the buffer, in this order. Sample i of the signal stands in column origin + i. */
typedef struct {
  size_t at, n;                     /* the new samples go to the columns from @at on */
  long   origin;
  size_t n_left, n_right;           /* padded columns, up to the column of sample 0, and from that behind the last sample on; see cw_pad_source. Of a
                                       transposed convolution: zeros on the right */
  size_t n_signal, extended;
  size_t first;                     /* the column that the first output's first tap reads */
  size_t n_columns;                 /* columns of the product; of a transposed convolution each makes @stride samples */
  size_t n_made, n_cut, n_out;      /* samples that they hold, that are cut on the left, and that then come out */
  size_t drop;                      /* columns that leave the buffer on the left */
} cw_conv_move;

/* The beginning of a signal. The buffer then has place->length columns of zeros. */
void         cw_conv_begin (const cw_conv *conv, cw_conv_place *place);
/* The next @n samples; @end: no more follow. */
cw_conv_move cw_conv_next (const cw_conv *conv, cw_conv_place *place, size_t n, bool end);
/* Columns that the buffer needs for pushes of up to @max_push. */
size_t       cw_conv_capacity (const cw_conv *conv, size_t max_push);
/* Does each output column depend on one input column alone, so that nothing is kept? */
bool         cw_conv_is_pointwise (const cw_conv *conv);

typedef struct {
  const cw_conv *conv;
  size_t         max_push, capacity, max_out;
  float         *buffer;      /* [c_in, capacity] */
  cw_conv_place  place;
  float         *dealt;       /* stride > 1, not transposed: [c_in, stride, dealt_ld] */
  size_t         dealt_ld;
  const float  **rows;        /* [taps.r] */
  float         *out;         /* [c_out, max_out] */
  const float   *y;           /* where in it the last push's columns begin */
} cw_conv_stream;

/* The most columns that a push of @max_push can give. */
size_t cw_conv_max_out (const cw_conv *conv, size_t max_push);
/* Takes memory for pushes of up to @max_push columns; cw_arena_ok tells whether it was there. */
void cw_conv_stream_init (cw_conv_stream *stream, const cw_conv *conv, size_t max_push, cw_arena *arena);
void cw_conv_stream_reset (cw_conv_stream *stream);
/* Returns how many columns of stream->y [c_out, max_out] are new. @addend: NULL, or [c_out, ld_addend] that is added to them; not for a
 * transposed convolution. */
size_t cw_conv_stream_push (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, size_t n, bool end,
                            const float *addend, size_t ld_addend);
