/* SPDX-License-Identifier: MIT
 *
 * decoder.c: codes become sound while they come.
 *
 *     continuous   frames ─ the codec's decoder, a stream for each side ─ samples that no later code can change
 *     chunks       frames ─ gathered to a chunk ─ decoded alone, times its scale, added into a window by a triangle; what lies
 *                  before the next chunk's start is final
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "generate/card-trouble.h"
#include "generate/clip-decoder.h"
#include "generate/codes-file.h"

/* One chunk's length of overlapping sums; it moves by the stride. */
typedef struct {
  size_t n;       /* samples of a chunk */
  float *sum;     /* [C, n] */
  float *weights; /* [n] */
  float *block;   /* [n, C] interleaved */
  size_t given;   /* samples given out */
} chunk_window;

struct cw_decoder {
  cw_model                *model;
  const cw_encodec_config *config;
  cw_codes_info            info;
  size_t                   n_decoded; /* frames */
  cw_clip_decoder          stream;    /* continuous */
  cw_arena                 arena;     /* chunks: what is below */
  cw_encodec_stream       *net;
  int32_t                 *codes;     /* [K, chunk_frames]: what has come of the present chunk */
  size_t                   chunk_frames, n_waiting;
  float                    scale;
  chunk_window             window;
  cw_told                  told;
};

/* ---- setting up -------------------------------------------------------------------------------------------------------- */

static cw_status
check_info (const cw_model *model, const cw_codes_info *codes, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const cw_model_info     *info = &model->info;
  const size_t             n_sides = cw_model_n_sides (model);
  const size_t             chunk = config->chunk_samples ? cw_encodec_n_frames (config, config->chunk_samples) : 0;

  if (codes->codebook_size != info->codebook_size || codes->rate_hz != info->rate_hz || codes->n_channels != info->n_channels)
    return cw_fail (error, CW_ERROR_ARGUMENT,
                    "The codes are of a codec with %u Hz, %u channels and %u code vectors a book; “%s” has %u Hz, %u and %u.",
                    codes->rate_hz, codes->n_channels, codes->codebook_size, info->name, info->rate_hz, info->n_channels,
                    info->codebook_size);
  if (codes->n_codebooks < 1 || codes->n_codebooks % n_sides != 0 || codes->n_codebooks / n_sides > config->n_books)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes have %u codebooks; “%s” has %zu.", codes->n_codebooks, info->name,
                    config->n_books * n_sides);
  if ((codes->chunk_frames && codes->chunk_frames != chunk) || (!codes->chunk_frames && chunk && codes->n_frames > chunk))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes come in chunks of %zu frames, which is not how “%s” cuts them.",
                    codes->chunk_frames ? codes->chunk_frames : codes->n_frames, info->name);
  if (config->normalize && !codes->scaled)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes lack the chunks' scales, which “%s” needs.", info->name);
  return CW_OK;
}

/* A codec that normalises over the whole signal wants it as one chunk. */
static bool
is_whole (const cw_encodec_config *config)
{
  return !config->chunk_samples && (config->net.group_norm || config->normalize);
}

static cw_status
prepare_chunks (cw_decoder *d, cw_error *error)
{
  const size_t c = d->config->net.n_channels;

  if (is_whole (d->config)) {
    d->chunk_frames = d->info.n_frames;
    if (!cw_mul (d->info.n_frames, d->config->hop_samples, &d->window.n))
      return cw_fail_memory (error, "the sound", SIZE_MAX);
  } else {
    d->chunk_frames = cw_encodec_n_frames (d->config, d->config->chunk_samples);
    d->window.n = d->config->chunk_samples;
  }
  d->codes = cw_arena_new (&d->arena, int32_t, d->info.n_codebooks * d->chunk_frames);
  d->window.sum = cw_arena_new (&d->arena, float, c * d->window.n);
  d->window.weights = cw_arena_new (&d->arena, float, d->window.n);
  d->window.block = cw_arena_new (&d->arena, float, c * d->window.n);
  if (!cw_arena_ok (&d->arena, "a chunk of sound", error) || !(d->net = cw_encodec_stream_new (d->model->codec, d->chunk_frames, 1, error)))
    return CW_ERROR_MEMORY;
  return CW_OK;
}

cw_decoder *
cw_decoder_new (cw_model *model, const cw_codes_info *info, cw_error *error)
{
  cw_decoder *d = NULL;
  cw_status   status;

  if (error)
    *error = (cw_error){ 0 };
  if (check_info (model, info, error) != CW_OK)
    return NULL;
  if (!(d = calloc (1, sizeof *d))) {
    cw_fail_memory (error, "the codec", sizeof *d);
    return NULL;
  }
  d->model = model;
  d->config = cw_encodec_get_config (model->codec);
  d->info = *info;
  if (d->config->chunk_samples || is_whole (d->config))
    status = prepare_chunks (d, error);
  else
    status = cw_clip_decoder_init (&d->stream, model, 0, 1, CW_DECODE_PUSH_FRAMES, error);
  if (status == CW_OK)
    return d;
  cw_decoder_free (d);
  return NULL;
}

void
cw_decoder_free (cw_decoder *decoder)
{
  if (!decoder)
    return;
  cw_clip_decoder_clear (&decoder->stream);
  cw_encodec_stream_free (decoder->net);
  cw_arena_free (&decoder->arena);
  free (decoder);
}

/* ---- chunks ------------------------------------------------------------------------------------------------------------ */

static void
give_window (cw_decoder *d, size_t n, bool last, const cw_sink *sink)
{
  chunk_window *window = &d->window;
  const size_t  n_channels = d->config->net.n_channels, limit = d->info.n_samples;
  const size_t  now = n < limit - window->given ? n : limit - window->given;
  cw_block      block = { .start = window->given, .n_samples = now, .n_channels = (unsigned) n_channels,
                          .samples = window->block, .last = last };

  for (size_t i = 0; i < now; i++)
    for (size_t c = 0; c < n_channels; c++)
      window->block[i * n_channels + c] = window->sum[c * window->n + i] / window->weights[i];
  if (sink && sink->block && (now || last))
    sink->block (&block, sink->user);
  window->given += now;
  for (size_t c = 0; c < n_channels; c++) {
    float *row = window->sum + c * window->n;
    memmove (row, row + n, (window->n - n) * sizeof *row);
    memset (row + window->n - n, 0, n * sizeof *row);
  }
  memmove (window->weights, window->weights + n, (window->n - n) * sizeof *window->weights);
  memset (window->weights + window->n - n, 0, n * sizeof *window->weights);
}

/* Decodes the chunk that waits, which is whole or the last. Only what it overlaps with the next is not final. */
static void
decode_chunk (cw_decoder *d, bool last, const cw_sink *sink)
{
  const float *y;
  size_t       ld_y, n;

  cw_encodec_stream_reset (d->net);
  n = cw_encodec_stream_push (d->net, &(const int32_t *){ d->codes }, d->chunk_frames, d->info.n_codebooks, d->n_waiting, true, &y, &ld_y);
  n = n < d->window.n ? n : d->window.n;
  cw_encodec_overlap_add (d->config, 0, y, ld_y, n, d->scale, d->window.sum, d->window.n, d->window.weights);
  give_window (d, last ? n : d->config->stride_samples, last, sink);
  d->n_waiting = 0;
}

/* A full chunk is decoded when the next one begins: only then is it known not to be the last. */
static void
push_chunks (cw_decoder *d, const cw_codes_block *block, const cw_sink *sink)
{
  for (size_t at = 0, now; at < block->n_frames; at += now) {
    if (d->n_waiting == d->chunk_frames)
      decode_chunk (d, false, sink);
    now = block->n_frames - at < d->chunk_frames - d->n_waiting ? block->n_frames - at : d->chunk_frames - d->n_waiting;
    for (unsigned k = 0; k < d->info.n_codebooks; k++)
      memcpy (d->codes + k * d->chunk_frames + d->n_waiting, block->codes + k * block->ld + at, now * sizeof *d->codes);
    d->n_waiting += now;
    d->scale = block->scale;
  }
}

/* ---- both -------------------------------------------------------------------------------------------------------------- */

static bool
is_cancelled (const cw_sink *sink)
{
  return sink && sink->cancel && atomic_load_explicit (sink->cancel, memory_order_relaxed);
}

static cw_status
check_block (const cw_decoder *d, const cw_codes_block *block, cw_error *error)
{
  for (unsigned k = 0; k < d->info.n_codebooks; k++)
    for (size_t t = 0; t < block->n_frames; t++) {
      const int32_t code = block->codes[k * block->ld + t];
      if (code < 0 || (size_t) code >= d->config->codebook_size)
        return cw_fail (error, CW_ERROR_ARGUMENT, "The codes hold %d; 0 to %zu were expected.", code, d->config->codebook_size - 1);
    }
  if (d->n_decoded + block->n_frames > d->info.n_frames && d->net)
    return cw_fail (error, CW_ERROR_ARGUMENT, "There are more frames of codes than the %zu that were named.", d->info.n_frames);
  return CW_OK;
}

static void
tell_trouble (cw_decoder *d, const cw_sink *sink)
{
  cw_tell_left (sink, &d->told, NULL, d->net ? cw_encodec_stream_trouble (d->net) : cw_clip_decoder_trouble (&d->stream), false);
}

cw_status
cw_decoder_push (cw_decoder *d, const cw_codes_block *block, const cw_sink *sink, cw_error *error)
{
  const cw_status status = check_block (d, block, error);

  if (status != CW_OK)
    return status;
  if (d->net)
    push_chunks (d, block, sink);
  else
    for (size_t at = 0, now; at < block->n_frames; at += now) {
      now = block->n_frames - at < CW_DECODE_PUSH_FRAMES ? block->n_frames - at : CW_DECODE_PUSH_FRAMES;
      cw_clip_decoder_push (&d->stream, block->codes + at, 0, block->ld, d->info.n_codebooks, now, false, d->info.n_samples, sink);
      d->n_decoded += now;
      tell_trouble (d, sink);
      if (is_cancelled (sink)) {
        cw_clip_decoder_collect (&d->stream, true, sink);
        return cw_fail (error, CW_ERROR_CANCELLED, "Decoding was stopped after %zu samples.", d->stream.n_samples);
      }
    }
  if (d->net) {
    d->n_decoded += block->n_frames;
    tell_trouble (d, sink);
    if (is_cancelled (sink))
      return cw_fail (error, CW_ERROR_CANCELLED, "Decoding was stopped after %zu samples.", d->window.given);
  }
  return CW_OK;
}

cw_status
cw_decoder_finish (cw_decoder *d, const cw_sink *sink, cw_error *error)
{
  const int32_t none = 0;

  if (d->n_decoded == 0)
    return cw_fail (error, CW_ERROR_ARGUMENT, "There are no codes to decode: 0 frames were given.");
  if (d->net)
    decode_chunk (d, true, sink);
  else
    cw_clip_decoder_push (&d->stream, &none, 0, 0, d->info.n_codebooks, 0, true, d->info.n_samples, sink);
  tell_trouble (d, sink);
  return CW_OK;
}

cw_status
cw_decode (cw_model *model, const cw_codes *codes, const cw_sink *sink, cw_error *error)
{
  const cw_codes_info info = cw_codes_get_info (codes);
  cw_decoder         *decoder = cw_decoder_new (model, &info, error);
  cw_codes_block      block;
  cw_status           status = CW_OK;

  if (!decoder)
    return error && error->code ? error->code : CW_ERROR_ARGUMENT;
  for (size_t at = 0; status == CW_OK && cw_codes_next_block (codes, &at, &block);)
    status = cw_decoder_push (decoder, &block, sink, error);
  if (status == CW_OK)
    status = cw_decoder_finish (decoder, sink, error);
  cw_decoder_free (decoder);
  return status;
}
