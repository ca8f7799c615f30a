/* SPDX-License-Identifier: MIT
 *
 * seanet.h: the convolutional network of EnCodec, both halves, as a stream: push some frames in, get out what is final.
 *     Tagliasacchi et al. 2020, arXiv:2009.02095; Défossez et al. 2022, arXiv:2210.13438, section 3.1; transformers
 *     EncodecEncoder and EncodecDecoder.
 *
 * Each layer keeps the few samples that later windows need. An output is given out when no later input can change it, so that many
 * small pushes give exactly the samples of one large push. A model with group norm (48 kHz) normalises over the whole
 * signal: its stream takes everything in one push.
 */
#pragma once

#include "backend/backend.h"
#include "checkpoint/prepared.h"
#include "ops/pad/pad.h"

typedef struct {
  size_t      n_channels, n_filters, latent;         /* of the sound, of the widest resolution, of the code vectors */
  size_t      n_ratios, ratios[16];                  /* upsampling, decoder's order */
  size_t      n_residual, kernel, last_kernel, residual_kernel, dilation_growth, compress, n_lstm;
  bool        causal, conv_shortcut, group_norm;
  cw_pad_mode pad_mode;
  double      trim_right_ratio;
} cw_seanet_config;

typedef struct cw_seanet        cw_seanet;
typedef struct cw_seanet_stream cw_seanet_stream;

typedef enum { CW_SEANET_ENCODER, CW_SEANET_DECODER } cw_seanet_half;

/* @prefix: "audio_encoder.encoder." and the like. Weights are packed: @source may be closed afterwards, but for the LSTM's. */
cw_seanet *cw_seanet_load (cw_backend *be, const cw_seanet_config *config, cw_seanet_half half, const cw_source *source,
                           const char *prefix, cw_error *error);
/* The shapes alone, for those who count bytes: no function but cw_seanet_free takes it. @storage and @in_file: of the LSTM's matrices. */
cw_seanet *cw_seanet_sketch (const cw_seanet_config *config, cw_seanet_half half, cw_storage storage, cw_dtype in_file, cw_error *error);
void       cw_seanet_free (cw_seanet *net);

/* Multiplications and additions, counted apart, for one column of the input. */
double     cw_seanet_operations (const cw_seanet *net);

/* A stream of @n_signals signals side by side, 1 … CW_LSTM_MAX, that takes up to @max_push columns of each at a time; all memory is taken
 * here. What comes out of a signal does not depend on the others. */
cw_seanet_stream *cw_seanet_stream_new (cw_seanet *net, size_t max_push, size_t n_signals, cw_error *error);
void              cw_seanet_stream_free (cw_seanet_stream *stream);
/* The most columns of a signal that one push gives out. */
size_t            cw_seanet_stream_max_out (const cw_seanet_stream *stream);
/* Back to the beginning, for other signals. */
void              cw_seanet_stream_reset (cw_seanet_stream *stream);

/* Pushes @x, for each signal [channels in, ld_x], @n <= max_push columns of it; @end says that the signals end with them (n may then be 0,
 * but not the whole signal empty). @y [n_signals] receives pointers to [channels out, *ld_y], *n_out columns, the stream's until the
 * next push. */
void cw_seanet_stream_push (cw_seanet_stream *stream, const float *const *x, size_t ld_x, size_t n, bool end, const float **y,
                            size_t *ld_y, size_t *n_out);
