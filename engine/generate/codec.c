/* SPDX-License-Identifier: MIT
 *
 * codec.c: the codec alone: sound to codes and codes to sound.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "generate/clip-decoder.h"

#define DECODE_PUSH_FRAMES 48

/* ---- encoding ----------------------------------------------------------------------------------------------------- */

/* Memory of one call of cw_encode. */
typedef struct {
  cw_arena arena;
  float   *x;      /* [C, n]: the samples of one chunk or side, channel by channel */
  float   *latent; /* [D, n_frames] */
} encoder;

/* Codes of @n samples from @start on of the channels of @side, zeros past the end: to codes [n_books, n_frames]. */
static cw_status
encode_chunk (cw_model *model, encoder *e, const float *samples, size_t n_samples, size_t side, size_t start, size_t n,
              size_t n_books, float *scale, int32_t *codes, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const size_t             n_channels = model->info.n_channels, c = config->net.n_channels;
  const size_t             n_frames = cw_encodec_n_frames (config, n);
  cw_status                status;

  for (size_t channel = 0; channel < c; channel++)
    for (size_t i = 0; i < n; i++)
      e->x[channel * n + i] = start + i < n_samples ? samples[(start + i) * n_channels + side + channel] : 0.0f;
  if (scale) {
    *scale = cw_encodec_scale (e->x, n, c, n);
    for (size_t i = 0; i < c * n; i++)
      e->x[i] /= *scale;
  }
  if ((status = cw_encodec_latent (model->codec, e->x, n, n, e->latent, error)) == CW_OK)
    cw_encodec_quantise (model->codec, e->latent, n_frames, n_books, codes);
  return status;
}

/* Books a side: what the bandwidth says, for MusicGen what its decoder was trained on. */
static size_t
books_of (cw_model *model, double bandwidth_kbps, cw_error *error)
{
  if (model->musicgen && bandwidth_kbps == 0.0)
    return model->info.n_codebooks / cw_model_n_sides (model);
  return cw_encodec_books_for (cw_encodec_get_config (model->codec), bandwidth_kbps, error);
}

static cw_status
encode_all (cw_model *model, encoder *e, const float *samples, size_t n_samples, size_t chunk, cw_codes *codes,
            cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const size_t             n_sides = cw_model_n_sides (model), t = codes->n_frames, k = codes->n_codebooks;
  int32_t                 *rows = cw_arena_new (&e->arena, int32_t, k * t);
  cw_status                status = CW_OK;

  e->x = cw_arena_new (&e->arena, float, chunk * config->net.n_channels);
  e->latent = cw_arena_new (&e->arena, float, config->net.latent * t);
  if (!cw_arena_ok (&e->arena, "the sound to encode", error))
    return CW_ERROR_MEMORY;
  for (size_t i = 0; i < codes->n_chunks && status == CW_OK; i++)
    for (size_t side = 0; side < n_sides && status == CW_OK; side++) {
      status = encode_chunk (model, e, samples, n_samples, side, i * config->stride_samples, chunk, k / n_sides,
                             codes->scales ? &codes->scales[i] : NULL, rows, error);
      for (size_t row = 0; row < k / n_sides && status == CW_OK; row++)
        memcpy (codes->codes + (i * k + row * n_sides + side) * t, rows + row * t, t * sizeof *rows);
    }
  return status;
}

cw_codes *
cw_encode (cw_model *model, const float *samples, size_t n_samples, double bandwidth_kbps, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  cw_codes                *codes = NULL;
  encoder                  e = { 0 };
  size_t                   padded, n_books, chunk, n;

  if (error)
    *error = (cw_error){ 0 };
  if (n_samples == 0) {
    cw_fail (error, CW_ERROR_ARGUMENT, "There is no sound to encode: 0 samples were given.");
    return NULL;
  }
  if (!(n_books = books_of (model, bandwidth_kbps, error)))
    return NULL;
  if (!(codes = calloc (1, sizeof *codes))) {
    cw_fail_memory (error, "the codes", sizeof *codes);
    return NULL;
  }
  *codes = (cw_codes){
    .n_codebooks = (unsigned) (n_books * cw_model_n_sides (model)),
    .n_chunks = (unsigned) cw_encodec_n_chunks (config, n_samples, &padded),
    .codebook_size = model->info.codebook_size,
    .rate_hz = model->info.rate_hz,
    .n_channels = model->info.n_channels,
    .n_samples = n_samples,
  };
  chunk = config->chunk_samples ? config->chunk_samples : padded;
  codes->n_frames = cw_encodec_n_frames (config, chunk);
  if (cw_mul (codes->n_frames, codes->n_codebooks, &n) && cw_mul (n, codes->n_chunks, &n))
    codes->codes = malloc (n * sizeof *codes->codes);
  if (config->normalize)
    codes->scales = malloc (codes->n_chunks * sizeof *codes->scales);
  if (!codes->codes || (config->normalize && !codes->scales))
    cw_fail_memory (error, "the codes", sizeof *codes->codes);
  else if (encode_all (model, &e, samples, n_samples, chunk, codes, error) == CW_OK) {
    cw_arena_free (&e.arena);
    return codes;
  }
  cw_arena_free (&e.arena);
  cw_codes_free (codes);
  return NULL;
}

/* ---- decoding ----------------------------------------------------------------------------------------------------- */

static cw_status
check_codes (const cw_model *model, const cw_codes *codes, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const cw_model_info     *info = &model->info;
  const size_t             n_sides = cw_model_n_sides (model);

  if (codes->codebook_size != info->codebook_size || codes->rate_hz != info->rate_hz || codes->n_channels != info->n_channels)
    return cw_fail (error, CW_ERROR_ARGUMENT,
                    "The codes are of a codec with %u Hz, %u channels and %u code vectors a book; “%s” has %u Hz, %u and %u.",
                    codes->rate_hz, codes->n_channels, codes->codebook_size, info->name, info->rate_hz, info->n_channels,
                    info->codebook_size);
  if (codes->n_codebooks % n_sides != 0 || codes->n_codebooks / n_sides > config->n_books)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes have %u codebooks; “%s” has %zu.", codes->n_codebooks, info->name,
                    config->n_books * n_sides);
  if (codes->n_chunks != 1 && (!config->chunk_samples || codes->n_frames != cw_encodec_n_frames (config, config->chunk_samples)))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes come in %u chunks of %zu frames, which is not how “%s” cuts them.",
                    codes->n_chunks, codes->n_frames, info->name);
  if (config->normalize && !codes->scales)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The codes lack the chunks' scales, which “%s” needs.", info->name);
  for (size_t i = 0; i < (size_t) codes->n_chunks * codes->n_codebooks * codes->n_frames; i++)
    if (codes->codes[i] < 0 || (size_t) codes->codes[i] >= config->codebook_size)
      return cw_fail (error, CW_ERROR_ARGUMENT, "The codes hold %d; 0 to %zu were expected.", codes->codes[i],
                      config->codebook_size - 1);
  return CW_OK;
}

static bool
is_cancelled (const cw_sink *sink)
{
  return sink && sink->cancel && atomic_load_explicit (sink->cancel, memory_order_relaxed);
}

static cw_status
decode_stream (cw_model *model, const cw_codes *codes, const cw_sink *sink, cw_error *error)
{
  const bool      whole = cw_encodec_get_config (model->codec)->net.group_norm;
  const size_t    t = codes->n_frames;
  const size_t    push = whole || t < DECODE_PUSH_FRAMES ? t : DECODE_PUSH_FRAMES;
  cw_clip_decoder decoder;
  cw_status       status = cw_clip_decoder_init (&decoder, model, 0, 1, push, error);

  for (size_t at = 0; at < t && status == CW_OK; at += push) {
    const size_t now = t - at < push ? t - at : push;

    cw_clip_decoder_push (&decoder, codes->codes + at, 0, t, codes->n_codebooks, now, at + now == t, codes->n_samples, sink);
    if (is_cancelled (sink) && at + now < t)
      status = cw_fail (error, CW_ERROR_CANCELLED, "Decoding was stopped after %zu samples.", decoder.n_samples);
  }
  cw_clip_decoder_clear (&decoder);
  return status;
}

/* Chunks overlap: what lies before the next one's start is final. The window holds one chunk and moves by the stride. */
typedef struct {
  cw_arena arena;
  size_t   n;       /* samples of a chunk */
  float   *sum;     /* [C, n] */
  float   *weights; /* [n] */
  float   *block;   /* [n, C] interleaved */
  size_t   given;   /* samples given out */
} chunk_window;

static void
give_window (chunk_window *window, size_t n_channels, size_t n, size_t limit, bool last, const cw_sink *sink)
{
  const size_t now = n < limit - window->given ? n : limit - window->given;
  cw_block     block = { .start = window->given, .n_samples = now, .n_channels = (unsigned) n_channels,
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

static cw_status
decode_chunks (cw_model *model, const cw_codes *codes, const cw_sink *sink, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const size_t             t = codes->n_frames, k = codes->n_codebooks, c = config->net.n_channels;
  chunk_window             window = { .n = config->chunk_samples };
  cw_encodec_stream       *stream = cw_encodec_stream_new (model->codec, t, 1, error);
  cw_status                status = stream ? CW_OK : CW_ERROR_MEMORY;

  window.sum = cw_arena_new (&window.arena, float, c * window.n);
  window.weights = cw_arena_new (&window.arena, float, window.n);
  window.block = cw_arena_new (&window.arena, float, c * window.n);
  if (status == CW_OK && !cw_arena_ok (&window.arena, "a chunk of sound", error))
    status = CW_ERROR_MEMORY;
  for (unsigned i = 0; i < codes->n_chunks && status == CW_OK; i++) {
    const bool   last = i + 1 == codes->n_chunks;
    const float *y;
    size_t       ld_y, n;

    cw_encodec_stream_reset (stream);
    n = cw_encodec_stream_push (stream, &(const int32_t *){ codes->codes + i * k * t }, t, k, t, true, &y, &ld_y);
    n = n < window.n ? n : window.n;
    cw_encodec_overlap_add (config, 0, y, ld_y, n, codes->scales ? codes->scales[i] : 1.0f, window.sum, window.n,
                            window.weights);
    give_window (&window, c, last ? n : config->stride_samples, codes->n_samples, last, sink);
    if (!last && is_cancelled (sink))
      status = cw_fail (error, CW_ERROR_CANCELLED, "Decoding was stopped after %zu samples.", window.given);
  }
  cw_arena_free (&window.arena);
  cw_encodec_stream_free (stream);
  return status;
}

cw_status
cw_decode (cw_model *model, const cw_codes *codes, const cw_sink *sink, cw_error *error)
{
  cw_status status;

  if (error)
    *error = (cw_error){ 0 };
  if ((status = check_codes (model, codes, error)) != CW_OK)
    return status;
  return cw_encodec_get_config (model->codec)->chunk_samples ? decode_chunks (model, codes, sink, error)
                                                              : decode_stream (model, codes, sink, error);
}
