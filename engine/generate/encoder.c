/* SPDX-License-Identifier: MIT
 *
 * encoder.c: sound becomes codes while it comes.
 *
 *     continuous   samples ─ gathered to pieces ─ the codec's encoder, a stream of its own for each side ─ codes
 *     chunks       a window of one chunk, which moves by the stride: chunk i is there when sample i * stride is;
 *                  zeros stand for what lies behind the end
 *     whole        a codec that normalises over all of the signal without chunks: gathered, then one chunk
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "generate/card-trouble.h"
#include "generate/codes-file.h"
#include "generate/model.h"

struct cw_encoder {
  cw_model                *model;
  const cw_encodec_config *config;
  cw_codes_info            info;
  size_t                   n_sides, n_books; /* books of a side */
  bool                     whole;
  size_t                   capacity, n_waiting; /* of the samples below */
  float                   *waiting;          /* [capacity, n_channels]: not encoded yet, or of a chunk the beginning */
  cw_arena                 arena;            /* what is below */
  cw_encodec_encoder      *streams[2];
  float                   *x;                /* [C, capacity]: one side, channel by channel */
  int32_t                 *codes, *side;     /* [K, max_frames], [n_books, max_frames] */
  size_t                   max_frames;
  char                     notice[CW_TROUBLE_CHARS];
};

/* Books of a side: what the bandwidth says, for MusicGen what its decoder was trained on. */
static size_t
books_of (cw_model *model, double bandwidth_kbps, cw_error *error)
{
  if (model->musicgen && bandwidth_kbps == 0.0)
    return model->info.n_codebooks / cw_model_n_sides (model);
  return cw_encodec_books_for (cw_encodec_get_config (model->codec), bandwidth_kbps, error);
}

/* The memory for pieces of up to @n samples. */
static cw_status
prepare (cw_encoder *e, size_t n, cw_error *error)
{
  for (size_t side = 0; side < e->n_sides; side++)
    if (!(e->streams[side] = cw_encodec_encoder_new (e->model->codec, n, error)))
      return error && error->code ? error->code : CW_ERROR_MEMORY;
  e->max_frames = cw_encodec_encoder_max_frames (e->streams[0]);
  e->x = cw_arena_new (&e->arena, float, n * e->config->net.n_channels);
  e->codes = cw_arena_new (&e->arena, int32_t, e->max_frames * e->info.n_codebooks);
  e->side = cw_arena_new (&e->arena, int32_t, e->max_frames * e->n_books);
  return cw_arena_ok (&e->arena, "the sound to encode", error) ? CW_OK : CW_ERROR_MEMORY;
}

cw_encoder *
cw_encoder_new (cw_model *model, double bandwidth_kbps, cw_error *error)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  cw_error                 local;
  cw_encoder              *e;
  size_t                   n_books, n_bytes;

  error = error ? error : &local;
  *error = (cw_error){ 0 };
  if (!(n_books = books_of (model, bandwidth_kbps, error)))
    return NULL;
  if (!(e = calloc (1, sizeof *e))) {
    cw_fail_memory (error, "the codec", sizeof *e);
    return NULL;
  }
  e->model = model;
  e->config = config;
  e->n_sides = cw_model_n_sides (model);
  e->n_books = n_books;
  e->whole = !config->chunk_samples && (config->normalize || config->net.group_norm);
  e->capacity = config->chunk_samples ? config->chunk_samples : CW_ENCODE_PUSH_SAMPLES;
  e->info = (cw_codes_info){ .n_codebooks = (unsigned) (n_books * e->n_sides), .codebook_size = model->info.codebook_size,
                             .rate_hz = model->info.rate_hz, .n_channels = model->info.n_channels, .scaled = config->normalize };
  if (config->chunk_samples)
    e->info.chunk_frames = cw_encodec_n_frames (config, config->chunk_samples);
  if (cw_mul (e->capacity, e->info.n_channels * sizeof *e->waiting, &n_bytes))
    e->waiting = malloc (n_bytes);
  if (!e->waiting)
    cw_fail_memory (error, "the sound to encode", n_bytes);
  else if (e->whole || prepare (e, e->capacity, error) == CW_OK)
    return e;
  cw_encoder_free (e);
  return NULL;
}

void
cw_encoder_free (cw_encoder *encoder)
{
  if (!encoder)
    return;
  cw_encodec_encoder_free (encoder->streams[0]);
  cw_encodec_encoder_free (encoder->streams[1]);
  cw_arena_free (&encoder->arena);
  free (encoder->waiting);
  free (encoder);
}

const cw_codes_info *
cw_encoder_get_info (const cw_encoder *encoder)
{
  return &encoder->info;
}

const char *
cw_encoder_get_notice (cw_encoder *encoder)
{
  for (size_t side = 0; side < encoder->n_sides && !*encoder->notice; side++) {
    const cw_error *trouble = encoder->streams[side] ? cw_encodec_encoder_trouble (encoder->streams[side]) : NULL;

    if (trouble && trouble->code != CW_OK)
      cw_say_trouble (encoder->notice, trouble, "encodes the sound");
  }
  return *encoder->notice ? encoder->notice : NULL;
}

/* The channels of @side of the first @n samples that wait, to x [C, capacity]; divided by their scale, which is returned. */
static float
cut_side (cw_encoder *e, size_t side, size_t n)
{
  const size_t c = e->config->net.n_channels, n_channels = e->info.n_channels;
  float        scale = 1.0f;

  for (size_t channel = 0; channel < c; channel++)
    for (size_t i = 0; i < n; i++)
      e->x[channel * e->capacity + i] = e->waiting[i * n_channels + side + channel];
  if (e->config->normalize) {
    scale = cw_encodec_scale (e->x, e->capacity, c, n);
    for (size_t channel = 0; channel < c; channel++)
      for (size_t i = 0; i < n; i++)
        e->x[channel * e->capacity + i] /= scale;
  }
  return scale;
}

/* Encodes the first @n samples that wait, and gives out the frames that are final. */
static cw_status
encode_waiting (cw_encoder *e, size_t n, bool end, cw_codes_take take, void *user, cw_error *error)
{
  cw_codes_block block = { .codes = e->codes, .ld = e->max_frames, .scale = 1.0f };

  for (size_t side = 0; side < e->n_sides; side++) {
    block.scale = cut_side (e, side, n);
    block.n_frames = cw_encodec_encoder_push (e->streams[side], e->x, e->capacity, n, end, NULL, NULL);
    cw_encodec_encoder_quantise (e->streams[side], e->n_books, e->side, e->max_frames);
    for (size_t row = 0; row < e->n_books; row++)
      memcpy (e->codes + (row * e->n_sides + side) * e->max_frames, e->side + row * e->max_frames,
              block.n_frames * sizeof *e->side);
    if (end)
      cw_encodec_encoder_reset (e->streams[side]);
  }
  e->info.n_frames += block.n_frames;
  return block.n_frames ? take (&block, user, error) : CW_OK;
}

/* Encodes what a full window holds. */
static cw_status
encode_full (cw_encoder *e, cw_codes_take take, void *user, cw_error *error)
{
  const bool      chunks = e->config->chunk_samples > 0;
  const size_t    moved = chunks ? e->config->stride_samples : e->capacity, n_channels = e->info.n_channels;
  const cw_status status = encode_waiting (e, e->capacity, chunks, take, user, error);

  e->n_waiting -= moved;
  memmove (e->waiting, e->waiting + moved * n_channels, e->n_waiting * n_channels * sizeof *e->waiting);
  return status;
}

static cw_status
grow (cw_encoder *e, cw_error *error)
{
  const size_t capacity = 2 * e->capacity;
  size_t       n_bytes = 0;
  float       *longer = NULL;

  if (cw_mul (capacity, e->info.n_channels * sizeof *longer, &n_bytes))
    longer = realloc (e->waiting, n_bytes);
  if (!longer)
    return cw_fail_memory (error, "the sound to encode", n_bytes);
  e->waiting = longer;
  e->capacity = capacity;
  return CW_OK;
}

cw_status
cw_encoder_push (cw_encoder *e, const float *samples, size_t n_samples, cw_codes_take take, void *user, cw_error *error)
{
  const size_t n_channels = e->info.n_channels;
  cw_status    status = CW_OK;

  for (size_t i = 0; i < n_samples * n_channels; i++)
    if (!isfinite (samples[i]))
      return cw_fail (error, CW_ERROR_ARGUMENT, "Sample %zu of the sound is not a finite number.",
                      e->info.n_samples + i / n_channels);
  while (n_samples > 0 && status == CW_OK) {
    const size_t room = e->capacity - e->n_waiting, now = n_samples < room ? n_samples : room;

    memcpy (e->waiting + e->n_waiting * n_channels, samples, now * n_channels * sizeof *samples);
    e->n_waiting += now;
    e->info.n_samples += now;
    samples += now * n_channels;
    n_samples -= now;
    if (e->n_waiting == e->capacity)
      status = e->whole ? grow (e, error) : encode_full (e, take, user, error);
  }
  return status;
}

cw_status
cw_encoder_finish (cw_encoder *e, cw_codes_take take, void *user, cw_error *error)
{
  const size_t n_channels = e->info.n_channels;
  cw_status    status;

  if (e->info.n_samples == 0)
    return cw_fail (error, CW_ERROR_ARGUMENT, "There is no sound to encode: 0 samples were given.");
  if (e->whole) {
    e->capacity = e->n_waiting;
    status = prepare (e, e->capacity, error);
    return status == CW_OK ? encode_waiting (e, e->n_waiting, true, take, user, error) : status;
  }
  if (!e->config->chunk_samples)
    return encode_waiting (e, e->n_waiting, true, take, user, error);
  for (status = CW_OK; e->n_waiting > 0 && status == CW_OK;) {
    const size_t left = e->n_waiting > e->config->stride_samples ? e->n_waiting - e->config->stride_samples : 0;

    memset (e->waiting + e->n_waiting * n_channels, 0, (e->capacity - e->n_waiting) * n_channels * sizeof *e->waiting);
    e->n_waiting = e->capacity;
    status = encode_full (e, take, user, error);
    e->n_waiting = left;
  }
  return status;
}

/* ---- all at once --------------------------------------------------------------------------------------------------- */

cw_codes *
cw_encode (cw_model *model, const float *samples, size_t n_samples, double bandwidth_kbps, cw_error *error)
{
  cw_encoder       *encoder = cw_encoder_new (model, bandwidth_kbps, error);
  cw_codes_gathered gathered = { 0 };
  cw_codes         *codes = NULL;

  if (!encoder)
    return NULL;
  gathered.n_codebooks = encoder->info.n_codebooks;
  if (cw_encoder_push (encoder, samples, n_samples, cw_codes_gather, &gathered, error) == CW_OK &&
      cw_encoder_finish (encoder, cw_codes_gather, &gathered, error) == CW_OK)
    codes = cw_codes_from_gathered (&gathered, &encoder->info, error);
  cw_codes_gathered_clear (&gathered);
  cw_encoder_free (encoder);
  return codes;
}
