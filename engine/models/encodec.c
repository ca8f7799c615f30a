/* SPDX-License-Identifier: MIT
 *
 * encodec.c: see encodec.h.
 */
#include "models/encodec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/encodec-encoder-card.h"
#include "models/layers.h"

struct cw_encodec {
  cw_backend       *be;
  cw_source         source;
  char              prefix[48];
  cw_encodec_config config;
  cw_arena          arena;
  cw_seanet        *encoder; /* NULL until something is to be encoded */
  cw_seanet        *decoder;
  cw_tensor        *books; /* n_books of [V, D], f32 */
  cw_encodec_card  *card;  /* the decoder on a card, or NULL */
  cw_seanet_card   *encoder_there; /* the encoder's weights on it, as long as there are encoders that use them */
  size_t            n_encoders_there;
};

struct cw_encodec_encoder {
  cw_encodec       *codec;
  cw_arena          arena;
  cw_seanet_stream *net;
  size_t            max_frames, n_frames; /* n_frames: of the last push */
  float            *latent; /* [D, max_frames] */
  cw_encodec_encoder_card *card; /* NULL: the processor makes it */
  bool              there;  /* it made the last push */
  cw_error          trouble;
};

struct cw_encodec_stream {
  cw_encodec       *codec;
  cw_arena          arena;
  cw_seanet_stream *net;
  size_t            n_signals, max_frames;
  float            *latent;  /* [n_signals, D, max_frames] */
  const float     **latents; /* [n_signals]: each signal's part of it */
  bool              queued;  /* a push that was not collected */
  const float     **sound;   /* [n_signals]: what it gave, where the processor makes it */
  size_t            ld_sound, n_sound;
  cw_encodec_card_stream *card; /* NULL: the processor makes it */
  const int32_t   **codes;   /* [n_signals], for going on without the card */
  cw_error          trouble;
};

/* ---- configuration ---------------------------------------------------------------------------------------------- */

static bool
read_ratios (cw_seanet_config *net, const cw_json_scope *scope, size_t *hop, cw_error *error)
{
  const json_t *ratios = json_object_get (scope->object, "upsampling_ratios");

  *hop = 1;
  net->n_ratios = json_array_size (ratios);
  if (net->n_ratios < 1 || net->n_ratios > sizeof net->ratios / sizeof *net->ratios) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %supsampling_ratios has %zu entries, 1 to 16 were expected.", scope->path,
             scope->prefix, net->n_ratios);
    return false;
  }
  for (size_t i = 0; i < net->n_ratios; i++) {
    const json_t   *value = json_array_get (ratios, i);
    const long long ratio = json_integer_value (value);
    if (!json_is_integer (value) || ratio < 1 || ratio > 1024 || (*hop *= (size_t) ratio) > 1 << 20) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: %supsampling_ratios holds %lld, an integer from 1 to 1024 was expected.",
               scope->path, scope->prefix, ratio);
      return false;
    }
    net->ratios[i] = (size_t) ratio;
  }
  return true;
}

static bool
read_bandwidths (cw_encodec_config *config, const cw_json_scope *scope, cw_error *error)
{
  const json_t *list = json_object_get (scope->object, "target_bandwidths");

  config->n_bandwidths = json_array_size (list);
  if (config->n_bandwidths < 1 || config->n_bandwidths > 32) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %starget_bandwidths has %zu entries, 1 to 32 were expected.", scope->path,
             scope->prefix, config->n_bandwidths);
    return false;
  }
  for (size_t i = 0; i < config->n_bandwidths; i++) {
    config->bandwidths[i] = json_number_value (json_array_get (list, i));
    if (!(config->bandwidths[i] > 0.0 && config->bandwidths[i] < 1e4)) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: %starget_bandwidths holds %g, a positive number of kbit/s was expected.",
               scope->path, scope->prefix, config->bandwidths[i]);
      return false;
    }
  }
  return true;
}

/* "chunk_length_s" and "overlap": null, or a chunk's length in seconds and which part of it overlaps the next. */
static bool
read_chunks (cw_encodec_config *config, const cw_json_scope *scope, cw_error *error)
{
  double seconds = 0.0, overlap = 0.0;

  if (!cw_json_number_or (scope, "chunk_length_s", 0.001, 3600.0, &seconds, error) ||
      !cw_json_number_or (scope, "overlap", 0.0, 0.99, &overlap, error))
    return false;
  config->chunk_samples = (size_t) (seconds * (double) config->rate_hz);
  config->stride_samples = (size_t) ((1.0 - overlap) * (double) config->chunk_samples);
  if (config->chunk_samples && config->stride_samples < 1)
    config->stride_samples = 1;
  return true;
}

static bool
read_words (cw_encodec_config *config, const cw_json_scope *scope, cw_error *error)
{
  const char *pad = "reflect", *norm = "weight_norm";

  if (!cw_json_string_or (scope, "pad_mode", &pad, error) || !cw_json_string_or (scope, "norm_type", &norm, error))
    return false;
  if (strcmp (pad, "reflect") == 0)
    config->net.pad_mode = CW_PAD_REFLECT;
  else if (strcmp (pad, "constant") == 0 || strcmp (pad, "zero") == 0)
    config->net.pad_mode = CW_PAD_CONSTANT;
  else if (strcmp (pad, "replicate") == 0)
    config->net.pad_mode = CW_PAD_REPLICATE;
  else {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %spad_mode is “%s”; reflect, constant and replicate are known.",
             scope->path, scope->prefix, pad);
    return false;
  }
  config->net.group_norm = strcmp (norm, "time_group_norm") == 0;
  if (!config->net.group_norm && strcmp (norm, "weight_norm") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %snorm_type is “%s”; weight_norm and time_group_norm are known.",
             scope->path, scope->prefix, norm);
    return false;
  }
  return true;
}

bool
cw_encodec_config_read (cw_encodec_config *config, const cw_json_scope *scope, cw_error *error)
{
  long   rate, channels = 1, filters = 32, latent = 128, residual = 1, kernel = 7, last = 7, residual_kernel = 3;
  long   growth = 2, compress = 2, n_lstm = 2, v = 1024, dim;
  double trim = 1.0;
  size_t widest;

  *config = (cw_encodec_config){ .net = { .causal = true, .conv_shortcut = true } };
  if (!cw_json_int (scope, "sampling_rate", 100, 1000000, &rate, error) ||
      !cw_json_int_or (scope, "audio_channels", 1, 2, &channels, error) ||
      !cw_json_int_or (scope, "num_filters", 1, 4096, &filters, error) ||
      !cw_json_int_or (scope, "hidden_size", 1, 1 << 14, &latent, error) ||
      !cw_json_int_or (scope, "num_residual_layers", 0, 16, &residual, error) ||
      !cw_json_int_or (scope, "kernel_size", 1, 255, &kernel, error) ||
      !cw_json_int_or (scope, "last_kernel_size", 1, 255, &last, error) ||
      !cw_json_int_or (scope, "residual_kernel_size", 1, 255, &residual_kernel, error) ||
      !cw_json_int_or (scope, "dilation_growth_rate", 1, 16, &growth, error) ||
      !cw_json_int_or (scope, "compress", 1, filters, &compress, error) ||
      !cw_json_int_or (scope, "num_lstm_layers", 1, 8, &n_lstm, error) ||
      !cw_json_int_or (scope, "codebook_size", 2, 1 << 16, &v, error) ||
      !cw_json_bool_or (scope, "use_causal_conv", &config->net.causal, error) ||
      !cw_json_bool_or (scope, "use_conv_shortcut", &config->net.conv_shortcut, error) ||
      !cw_json_bool_or (scope, "normalize", &config->normalize, error) ||
      !cw_json_number_or (scope, "trim_right_ratio", 0.0, 1.0, &trim, error))
    return false;
  dim = latent;
  if (!cw_json_int_or (scope, "codebook_dim", latent, latent, &dim, error) ||
      !read_ratios (&config->net, scope, &config->hop_samples, error) || !read_bandwidths (config, scope, error) ||
      !read_words (config, scope, error))
    return false;
  if (v & (v - 1)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %scodebook_size is %ld, a power of two was expected.", scope->path,
             scope->prefix, v);
    return false;
  }
  widest = (size_t) filters << config->net.n_ratios;
  if (widest > 1 << 16) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %snum_filters, %ld, doubled %zu times gives more than 65536 channels.",
             scope->path, scope->prefix, filters, config->net.n_ratios);
    return false;
  }

  config->net.n_channels = (size_t) channels;
  config->net.n_filters = (size_t) filters;
  config->net.latent = (size_t) latent;
  config->net.n_residual = (size_t) residual;
  config->net.kernel = (size_t) kernel;
  config->net.last_kernel = (size_t) last;
  config->net.residual_kernel = (size_t) residual_kernel;
  config->net.dilation_growth = (size_t) growth;
  config->net.compress = (size_t) compress;
  config->net.n_lstm = (size_t) n_lstm;
  config->net.trim_right_ratio = trim;
  config->codebook_size = (size_t) v;
  config->rate_hz = (size_t) rate;
  config->frame_rate_hz = (config->rate_hz + config->hop_samples - 1) / config->hop_samples;
  config->n_books = (size_t) floor (1000.0 * config->bandwidths[config->n_bandwidths - 1] /
                                    (double) (config->frame_rate_hz * 10));
  if (config->n_books < 1 || config->n_books > 256) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %starget_bandwidths end in %g kbit/s, which makes %zu codebooks; 1 to 256 were expected.",
             scope->path, scope->prefix, config->bandwidths[config->n_bandwidths - 1], config->n_books);
    return false;
  }
  return read_chunks (config, scope, error);
}

size_t
cw_encodec_books_for (const cw_encodec_config *config, double kbps, cw_error *error)
{
  const double per_book = log2 ((double) config->codebook_size) * (double) config->frame_rate_hz;
  char         list[256];
  size_t       n;
  int          at;

  if (kbps == 0.0)
    kbps = config->bandwidths[0];
  for (size_t i = 0; i < config->n_bandwidths; i++)
    if (fabs (config->bandwidths[i] - kbps) < 1e-6) {
      n = (size_t) floor (kbps * 1000.0 / per_book);
      return n < 1 ? 1 : n > config->n_books ? config->n_books : n;
    }
  at = snprintf (list, sizeof list, "%g", config->bandwidths[0]);
  for (size_t i = 1; i < config->n_bandwidths && at < (int) sizeof list; i++)
    at += snprintf (list + at, sizeof list - (size_t) at, ", %g", config->bandwidths[i]);
  cw_fail (error, CW_ERROR_ARGUMENT, "This codec has no bandwidth of %g kbit/s; it has %s.", kbps, list);
  return 0;
}

size_t
cw_encodec_n_frames (const cw_encodec_config *config, size_t n_samples)
{
  for (size_t i = config->net.n_ratios; i-- > 0;)
    n_samples = (n_samples + config->net.ratios[i] - 1) / config->net.ratios[i];
  return n_samples;
}

size_t
cw_encodec_n_chunks (const cw_encodec_config *config, size_t n_samples, size_t *padded)
{
  size_t n;

  if (!config->chunk_samples) {
    *padded = n_samples;
    return 1;
  }
  n = (n_samples + config->stride_samples - 1) / config->stride_samples;
  *padded = (n - 1) * config->stride_samples + config->chunk_samples;
  /* a padded signal's last chunk begins where a whole chunk still fits */
  return (*padded - config->chunk_samples) / config->stride_samples + 1;
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

cw_encodec *
cw_encodec_load (cw_backend *be, const cw_encodec_config *config, const cw_source *source, const char *prefix,
                 cw_error *error)
{
  cw_encodec *codec = calloc (1, sizeof *codec);
  cw_fetch    fetch = { .be = be, .source = *source, .prefix = prefix, .error = error };
  char        half[64];

  if (!codec) {
    cw_fail_memory (error, "the codec", sizeof *codec);
    return NULL;
  }
  codec->be = be;
  codec->config = *config;
  codec->source = *source;
  snprintf (codec->prefix, sizeof codec->prefix, "%s", prefix);
  codec->books = cw_arena_new (&codec->arena, cw_tensor, config->n_books);
  fetch.arena = &codec->arena;
  fetch.failed = !cw_arena_ok (&codec->arena, "the codec", error);
  for (unsigned i = 0; i < config->n_books && !fetch.failed; i++) {
    const uint64_t dims[] = { config->codebook_size, config->net.latent };
    float         *book = NULL;
    cw_fetch_widened (&fetch, &book, dims, 2, "quantizer.layers.%u.codebook.embed", i);
    codec->books[i] = (cw_tensor){ CW_F32, 2, { dims[0], dims[1] }, book };
  }
  if (!fetch.failed) {
    snprintf (half, sizeof half, "%sdecoder.", prefix);
    codec->decoder = cw_seanet_load (be, &config->net, CW_SEANET_DECODER, source, half, error);
    fetch.failed = !codec->decoder;
  }
  if (fetch.failed) {
    cw_encodec_free (codec);
    return NULL;
  }
  return codec;
}

void
cw_encodec_free (cw_encodec *codec)
{
  if (!codec)
    return;
  cw_encodec_card_free (codec->card);
  cw_seanet_free (codec->encoder);
  cw_seanet_free (codec->decoder);
  cw_arena_free (&codec->arena);
  free (codec);
}

const cw_encodec_config *
cw_encodec_get_config (const cw_encodec *codec)
{
  return &codec->config;
}

/* ---- encoding ---------------------------------------------------------------------------------------------------- */

cw_status
cw_encodec_load_encoder (cw_encodec *codec, cw_error *error)
{
  char half[64];

  if (codec->encoder)
    return CW_OK;
  snprintf (half, sizeof half, "%sencoder.", codec->prefix);
  codec->encoder = cw_seanet_load (codec->be, &codec->config.net, CW_SEANET_ENCODER, &codec->source, half, error);
  return codec->encoder ? CW_OK : error ? error->code : CW_ERROR_FORMAT;
}

static void
let_unused_weights_go (cw_encodec *codec)
{
  if (codec->n_encoders_there > 0)
    return;
  cw_seanet_card_free (codec->encoder_there);
  codec->encoder_there = NULL;
}

static void
leave_card_encoder (cw_encodec_encoder *encoder)
{
  cw_encodec *codec = encoder->codec;

  if (!encoder->card)
    return;
  cw_encodec_encoder_card_free (encoder->card);
  encoder->card = NULL;
  codec->n_encoders_there--;
  let_unused_weights_go (codec);
}

/* To where the decoder is, with weights that go again with the last encoder: while clips are made the room is the decoder's. */
static void
go_to_card (cw_encodec_encoder *encoder, size_t max_samples)
{
  cw_encodec *codec = encoder->codec;

  if (!codec->card)
    return;
  if (!codec->encoder_there)
    codec->encoder_there = cw_seanet_card_new (cw_encodec_card_of (codec->card), codec->encoder, &encoder->trouble);
  if (codec->encoder_there)
    encoder->card = cw_encodec_encoder_card_new (codec->card, codec->encoder_there, codec->encoder, codec->config.codebook_size, max_samples,
                                                 &encoder->trouble);
  if (encoder->card)
    codec->n_encoders_there++;
  else
    let_unused_weights_go (codec);
}

cw_encodec_encoder *
cw_encodec_encoder_new (cw_encodec *codec, size_t max_samples, cw_error *error)
{
  cw_encodec_encoder *encoder;

  if (cw_encodec_load_encoder (codec, error) != CW_OK)
    return NULL;
  if (!(encoder = calloc (1, sizeof *encoder))) {
    cw_fail_memory (error, "the codec", sizeof *encoder);
    return NULL;
  }
  encoder->codec = codec;
  if ((encoder->net = cw_seanet_stream_new (codec->encoder, max_samples, 1, error))) {
    encoder->max_frames = cw_seanet_stream_max_out (encoder->net);
    encoder->latent = cw_arena_new (&encoder->arena, float, codec->config.net.latent * encoder->max_frames);
    if (cw_arena_ok (&encoder->arena, "the codec's buffers", error)) {
      go_to_card (encoder, max_samples);
      return encoder;
    }
  }
  cw_encodec_encoder_free (encoder);
  return NULL;
}

void
cw_encodec_encoder_free (cw_encodec_encoder *encoder)
{
  if (!encoder)
    return;
  leave_card_encoder (encoder);
  cw_seanet_stream_free (encoder->net);
  cw_arena_free (&encoder->arena);
  free (encoder);
}

void
cw_encodec_encoder_reset (cw_encodec_encoder *encoder)
{
  cw_seanet_stream_reset (encoder->net);
  if (encoder->card)
    cw_encodec_encoder_card_reset (encoder->card);
}

const cw_error *
cw_encodec_encoder_trouble (const cw_encodec_encoder *encoder)
{
  return &encoder->trouble;
}

size_t
cw_encodec_encoder_max_frames (const cw_encodec_encoder *encoder)
{
  return encoder->max_frames;
}

static void
encode_here (cw_encodec_encoder *encoder, const float *x, size_t ld_x, size_t n, bool end)
{
  const float *y;
  size_t       ld_y;

  cw_seanet_stream_push (encoder->net, &x, ld_x, n, end, &y, &ld_y, &encoder->n_frames);
  for (size_t i = 0; i < encoder->codec->config.net.latent; i++)
    memcpy (encoder->latent + i * encoder->max_frames, y + i * ld_y, encoder->n_frames * sizeof *y);
}

/* Why, and then the processor makes what was asked for. */
static void
give_up_card (cw_encodec_encoder *encoder)
{
  cw_card_check (cw_encodec_card_of (encoder->codec->card), &encoder->trouble);
  leave_card_encoder (encoder);
}

size_t
cw_encodec_encoder_push (cw_encodec_encoder *encoder, const float *x, size_t ld_x, size_t n, bool end, const float **latent, size_t *ld)
{
  encoder->there = encoder->card && cw_encodec_encoder_card_push (encoder->card, x, ld_x, n, end, encoder->latent, encoder->max_frames,
                                                                  &encoder->n_frames);
  if (encoder->card && !encoder->there) {
    cw_seanet_stream_restore (encoder->net, cw_encodec_encoder_card_places (encoder->card), cw_encodec_encoder_card_state (encoder->card));
    give_up_card (encoder);
  }
  if (!encoder->there)
    encode_here (encoder, x, ld_x, n, end);
  if (latent) {
    *latent = encoder->latent;
    *ld = encoder->max_frames;
  }
  return encoder->n_frames;
}

void
cw_encodec_encoder_quantise (cw_encodec_encoder *encoder, size_t n_books, int32_t *codes, size_t ld_codes)
{
  cw_encodec *codec = encoder->codec;

  if (encoder->there && cw_encodec_encoder_card_quantise (encoder->card, n_books, codes, ld_codes))
    return;
  if (encoder->there) /* the next push leaves it */
    cw_card_check (cw_encodec_card_of (codec->card), &encoder->trouble);
  for (size_t i = 0; i < n_books; i++)
    codec->be->nearest (codec->be, codes + i * ld_codes, encoder->latent, encoder->max_frames, encoder->n_frames, codec->config.net.latent,
                        &codec->books[i]);
}

cw_status
cw_encodec_encode (cw_encodec *codec, const float *x, size_t ld_x, size_t n, float *latent, size_t n_books, int32_t *codes, cw_error *error)
{
  const size_t        n_frames = cw_encodec_n_frames (&codec->config, n), d = codec->config.net.latent;
  const size_t        piece = codec->config.net.group_norm || n < CW_ENCODE_PUSH_SAMPLES ? n : CW_ENCODE_PUSH_SAMPLES;
  cw_encodec_encoder *encoder = cw_encodec_encoder_new (codec, piece, error);
  size_t              done = 0;

  if (!encoder)
    return error ? error->code : CW_ERROR_FORMAT;
  for (size_t at = 0; at < n; at += piece) {
    const size_t now = n - at < piece ? n - at : piece;
    const float *y;
    size_t       ld_y, n_new;

    n_new = cw_encodec_encoder_push (encoder, x + at, ld_x, now, at + now == n, &y, &ld_y);
    for (size_t i = 0; i < d && latent; i++)
      memcpy (latent + i * n_frames + done, y + i * ld_y, n_new * sizeof *latent);
    cw_encodec_encoder_quantise (encoder, n_books, codes + done, n_frames);
    done += n_new;
  }
  cw_encodec_encoder_free (encoder);
  return CW_OK;
}

void
cw_encodec_dequantise (cw_encodec *codec, const int32_t *codes, size_t ld_codes, size_t n_books, size_t n,
                       float *latent, size_t ld)
{
  const size_t d = codec->config.net.latent;

  for (size_t i = 0; i < d; i++)
    memset (latent + i * ld, 0, n * sizeof *latent);
  for (size_t k = 0; k < n_books; k++)
    for (size_t t = 0; t < n; t++) {
      const float *vector = (const float *) codec->books[k].data + (size_t) codes[k * ld_codes + t] * d;
      for (size_t i = 0; i < d; i++)
        latent[i * ld + t] += vector[i];
    }
}

float
cw_encodec_scale (const float *x, size_t ld_x, size_t n_channels, size_t n)
{
  double squares = 0.0;

  for (size_t t = 0; t < n; t++) {
    double mono = 0.0;
    for (size_t c = 0; c < n_channels; c++)
      mono += x[c * ld_x + t];
    mono /= (double) n_channels;
    squares += mono * mono;
  }
  return (float) (sqrt (squares / (double) n) + 1e-8);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

double
cw_encodec_decode_operations (const cw_encodec *codec)
{
  return cw_seanet_operations (codec->decoder);
}

cw_encodec_stream *
cw_encodec_stream_new (cw_encodec *codec, size_t max_frames, size_t n_signals, cw_error *error)
{
  cw_encodec_stream *stream = calloc (1, sizeof *stream);

  if (!stream) {
    cw_fail_memory (error, "the codec", sizeof *stream);
    return NULL;
  }
  stream->codec = codec;
  stream->max_frames = max_frames;
  stream->n_signals = n_signals;
  stream->latent = cw_arena_new (&stream->arena, float, n_signals * codec->config.net.latent * max_frames);
  stream->latents = cw_arena_new (&stream->arena, const float *, n_signals);
  stream->sound = cw_arena_new (&stream->arena, const float *, n_signals);
  stream->codes = cw_arena_new (&stream->arena, const int32_t *, n_signals);
  for (size_t i = 0; stream->latent && stream->latents && i < n_signals; i++)
    stream->latents[i] = stream->latent + i * codec->config.net.latent * max_frames;
  if (!cw_arena_ok (&stream->arena, "the codec's buffers", error) ||
      !(stream->net = cw_seanet_stream_new (codec->decoder, max_frames, n_signals, error))) {
    cw_encodec_stream_free (stream);
    return NULL;
  }
  if (codec->card)
    stream->card = cw_encodec_card_stream_new (codec->card, max_frames, n_signals, &stream->trouble);
  return stream;
}

void
cw_encodec_stream_free (cw_encodec_stream *stream)
{
  if (!stream)
    return;
  cw_encodec_card_stream_free (stream->card);
  cw_seanet_stream_free (stream->net);
  cw_arena_free (&stream->arena);
  free (stream);
}

void
cw_encodec_stream_reset (cw_encodec_stream *stream)
{
  cw_seanet_stream_reset (stream->net);
  if (stream->card)
    cw_encodec_card_stream_reset (stream->card);
}

static void
push_here (cw_encodec_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n, bool end)
{
  const size_t d = stream->codec->config.net.latent * stream->max_frames;

  for (size_t i = 0; i < stream->n_signals; i++)
    cw_encodec_dequantise (stream->codec, codes[i], ld_codes, n_books, n, stream->latent + i * d, stream->max_frames);
  cw_seanet_stream_push (stream->net, stream->latents, stream->max_frames, n, end, stream->sound, &stream->ld_sound, &stream->n_sound);
}

/* The card failed: the processor makes the push that was on its way, from where the stream stood before it. */
static void
leave_card (cw_encodec_stream *stream)
{
  const cw_codec_resume at = cw_encodec_card_stream_resume (stream->card, stream->codes);

  cw_card_check (cw_encodec_card_of (stream->codec->card), &stream->trouble);
  cw_seanet_stream_restore (stream->net, at.places, at.state);
  push_here (stream, stream->codes, at.n, at.n_books, at.n, at.end);
  cw_encodec_card_stream_free (stream->card);
  stream->card = NULL;
}

void
cw_encodec_stream_queue (cw_encodec_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n, bool end)
{
  if (stream->card)
    cw_encodec_card_stream_queue (stream->card, codes, ld_codes, n_books, n, end);
  else
    push_here (stream, codes, ld_codes, n_books, n, end);
  stream->queued = true;
}

bool
cw_encodec_stream_collect (cw_encodec_stream *stream, bool wait, const float **y, size_t *ld_y, size_t *n)
{
  if (!stream->queued)
    return false;
  if (stream->card)
    switch (cw_encodec_card_stream_collect (stream->card, wait, y, ld_y, n)) {
    case CW_CODEC_BUSY:
      return false;
    case CW_CODEC_DONE:
      stream->queued = false;
      return true;
    case CW_CODEC_FAILED:
      leave_card (stream);
    }
  memcpy (y, stream->sound, stream->n_signals * sizeof *y);
  *ld_y = stream->ld_sound;
  *n = stream->n_sound;
  stream->queued = false;
  return true;
}

size_t
cw_encodec_stream_push (cw_encodec_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n,
                        bool end, const float **y, size_t *ld_y)
{
  size_t n_out = 0;

  cw_encodec_stream_queue (stream, codes, ld_codes, n_books, n, end);
  cw_encodec_stream_collect (stream, true, y, ld_y, &n_out);
  return n_out;
}

const cw_error *
cw_encodec_stream_trouble (const cw_encodec_stream *stream)
{
  return &stream->trouble;
}

bool
cw_encodec_to_card (cw_encodec *codec, cw_card *card, cw_error *error)
{
  cw_encodec_card_free (codec->card);
  codec->card = cw_encodec_card_new (card, codec->decoder, codec->books, codec->config.n_books, error);
  return codec->card != NULL;
}

void
cw_encodec_off_card (cw_encodec *codec)
{
  cw_encodec_card_free (codec->card);
  codec->card = NULL;
}

size_t
cw_encodec_bytes_on_card (const cw_encodec *codec)
{
  return codec->card ? cw_encodec_card_n_bytes (codec->card) : 0;
}

size_t
cw_encodec_stream_bytes_on_card (const cw_encodec *codec, size_t max_frames, size_t n_signals)
{
  return codec->card ? cw_encodec_card_stream_bytes (codec->decoder, codec->config.n_books, max_frames, n_signals) : 0;
}

void
cw_encodec_overlap_add (const cw_encodec_config *config, size_t index, const float *y, size_t ld_y, size_t n,
                        float scale, float *sum, size_t ld_sum, float *weights)
{
  const size_t at = index * config->stride_samples;

  for (size_t t = 0; t < n; t++) {
    /* inner point t + 1 of n + 2 points from 0 to 1 */
    const double position = (double) (t + 1) / (double) (n + 1);
    const float  weight = (float) (0.5 - fabs (position - 0.5));

    weights[at + t] += weight;
    for (size_t c = 0; c < config->net.n_channels; c++)
      sum[c * ld_sum + at + t] += weight * (y[c * ld_y + t] * scale);
  }
}
