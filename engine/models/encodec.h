/* SPDX-License-Identifier: MIT
 *
 * encodec.h: the codec: sound to codes and back. Défossez et al. 2022, arXiv:2210.13438; transformers EncodecModel.
 *
 *     sound [C, samples] ─ SEANet encoder ─ latent [D, T] ─ residual VQ ─ codes [K, T]
 *     codes [K, T] ─ sum of code vectors [D, T] ─ SEANet decoder ─ sound [C, T * hop]
 */
#pragma once

#include "backend/backend.h"
#include "base/json.h"
#include "checkpoint/prepared.h"
#include "models/seanet.h"

typedef struct {
  cw_seanet_config net;
  size_t           codebook_size, n_books; /* V; all residual layers */
  size_t           rate_hz, hop_samples, frame_rate_hz;
  size_t           n_bandwidths;
  double           bandwidths[32];            /* kbit/s, as listed */
  bool             normalize;                 /* each chunk is divided by its loudness first */
  size_t           chunk_samples, stride_samples; /* 0: the whole signal is one chunk */
} cw_encodec_config;

#define CW_ENCODE_PUSH_SAMPLES 32768 /* of the encoder's stream: bounds its memory whatever the signal's length */

typedef struct cw_encodec cw_encodec;

/* From config.json, or its "audio_encoder" part. */
bool cw_encodec_config_read (cw_encodec_config *config, const cw_json_scope *scope, cw_error *error);

/* @prefix: "audio_encoder." or "". The source must outlive the codec. Only the decoder is loaded: making sound needs no more. */
cw_encodec              *cw_encodec_load (cw_backend *be, const cw_encodec_config *config, const cw_source *source,
                                          const char *prefix, cw_error *error);
void                     cw_encodec_free (cw_encodec *codec);
const cw_encodec_config *cw_encodec_get_config (const cw_encodec *codec);

/* Loads the encoder unless it is there; cw_encodec_encoder_new does it when it must. */
cw_status                cw_encodec_load_encoder (cw_encodec *codec, cw_error *error);

/* Books that a bandwidth uses; 0 kbit/s: the first of the targets. Returns 0 and an error when it is none of the targets. */
size_t cw_encodec_books_for (const cw_encodec_config *config, double kbps, cw_error *error);
/* Frames of one chunk of @n_samples. */
size_t cw_encodec_n_frames (const cw_encodec_config *config, size_t n_samples);
/* Chunks of a signal and the length it is zero-padded to, per channel. */
size_t cw_encodec_n_chunks (const cw_encodec_config *config, size_t n_samples, size_t *padded);

/* The encoder as a stream of samples, already divided by their scale; up to @max_samples a push. A model with group norm takes a whole
 * chunk in one push. Many pushes give exactly the latents of one: every layer keeps what it still needs, the LSTM its state. */
typedef struct cw_encodec_encoder cw_encodec_encoder;

cw_encodec_encoder *cw_encodec_encoder_new (cw_encodec *codec, size_t max_samples, cw_error *error);
void                cw_encodec_encoder_free (cw_encodec_encoder *encoder);
void                cw_encodec_encoder_reset (cw_encodec_encoder *encoder);
/* The most frames that one push gives out. */
size_t              cw_encodec_encoder_max_frames (const cw_encodec_encoder *encoder);
/* @x [C, ld_x], @n <= max_samples; @end: no more follow (n may then be 0, but not the whole signal empty). Returns how many frames became
 * final: *latent [D, *ld], which may be NULL, is the encoder's until what follows. */
size_t              cw_encodec_encoder_push (cw_encodec_encoder *encoder, const float *x, size_t ld_x, size_t n, bool end,
                                             const float **latent, size_t *ld);
/* The codes of the frames of the last push, [n_books, ld_codes]. Once a push: its latents are used up. */
void                cw_encodec_encoder_quantise (cw_encodec_encoder *encoder, size_t n_books, int32_t *codes, size_t ld_codes);
/* Has the encoder left its card, or found no room there? Then why, else CW_OK. Its codes are the same. */
const cw_error     *cw_encodec_encoder_trouble (const cw_encodec_encoder *encoder);

/* One whole chunk: @x [C, ld_x], @n >= 1 samples. @latent [D, n_frames], which may be NULL, and @codes [n_books, n_frames] are written whole. */
cw_status cw_encodec_encode (cw_encodec *codec, const float *x, size_t ld_x, size_t n, float *latent, size_t n_books, int32_t *codes, cw_error *error);
/* @latent [D, ld] = sum of the code vectors of @codes [n_books, ld_codes], @n frames. */
void cw_encodec_dequantise (cw_encodec *codec, const int32_t *codes, size_t ld_codes, size_t n_books, size_t n,
                            float *latent, size_t ld);
/* Root mean square of the channels' mean, plus 1e-8: what a chunk of a normalising model is divided by. */
float cw_encodec_scale (const float *x, size_t ld_x, size_t n_channels, size_t n);

/* Multiplications and additions of the decoder, counted apart, for one frame of one signal. */
double cw_encodec_decode_operations (const cw_encodec *codec);

/* The decoder as a stream of frames of @n_signals signals side by side (1 … CW_LSTM_MAX: takes, sides of stereo), which share the reading of
 * its weights; up to @max_frames a push. A model with group norm takes a whole chunk in one push. */
typedef struct cw_encodec_stream cw_encodec_stream;

cw_encodec_stream *cw_encodec_stream_new (cw_encodec *codec, size_t max_frames, size_t n_signals, cw_error *error);
void               cw_encodec_stream_free (cw_encodec_stream *stream);
void               cw_encodec_stream_reset (cw_encodec_stream *stream);
/* @codes, for each signal [n_books, ld_codes], @n <= max_frames frames; @end: no more follow. @y [n_signals] receives pointers to
 * [C, *ld_y], the stream's until the next push; the return value is their number of samples. In all there are n_frames * hop. */
size_t cw_encodec_stream_push (cw_encodec_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books,
                               size_t n, bool end, const float **y, size_t *ld_y);
/* The same in two: queue begins a push, which a card makes beside its other work (the processor makes it at once), and collect gives what it
 * made. False: nothing was queued, or not @wait and it is not done. Each must be collected before the next is queued. */
void   cw_encodec_stream_queue (cw_encodec_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n, bool end);
bool   cw_encodec_stream_collect (cw_encodec_stream *stream, bool wait, const float **y, size_t *ld_y, size_t *n);

/* The copy of the decoder that later streams use on @card, instead of the processor; encoders bring their weights there while they live. False
 * and @error: there is no room, or the codec is not for a card, and the processor does it. A stream or an encoder whose card fails goes on on the
 * processor with the same samples or codes. */
struct cw_card;
bool        cw_encodec_to_card (cw_encodec *codec, struct cw_card *card, cw_error *error);
/* Lets it go again; there may be no stream and no encoder there. */
void        cw_encodec_off_card (cw_encodec *codec);
/* Bytes that the copy takes, and that a stream takes there; 0 when there is none. */
size_t      cw_encodec_bytes_on_card (const cw_encodec *codec);
size_t      cw_encodec_stream_bytes_on_card (const cw_encodec *codec, size_t max_frames, size_t n_signals);
/* Has the stream left its card, or found no room there? Then why, else CW_OK. */
const cw_error *cw_encodec_stream_trouble (const cw_encodec_stream *stream);

/* Joins decoded chunks: adds chunk @index, @y [C, ld_y] of @n samples times @scale, weighted by a triangle, into @sum and the weights
 * into @weights, both from the sample index * stride on; the caller divides at the end. */
void cw_encodec_overlap_add (const cw_encodec_config *config, size_t index, const float *y, size_t ld_y, size_t n,
                             float scale, float *sum, size_t ld_sum, float *weights);
