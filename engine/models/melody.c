/* SPDX-License-Identifier: MIT
 *
 * melody.c: see melody.h.
 */
#include "models/melody.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/layers.h"

struct cw_melody {
  cw_melody_config config;
  cw_arena         arena;
  cw_chroma       *chroma;
  float           *vectors; /* [n_notes, width]: each note, projected */
};

bool
cw_melody_config_read (cw_melody_config *config, const cw_json_scope *scope, const cw_json_scope *preprocessor, size_t width,
                       cw_error *error)
{
  const cw_json_scope none = { NULL, scope->path, "" };
  long                notes = 12, length = 235, rate = 32000, n_fft = 16384, hop = 4096, seconds = 30;

  if (!preprocessor)
    preprocessor = &none;
  if (!cw_json_int_or (scope, "num_chroma", 1, CW_CHROMA_MAX, &notes, error) ||
      !cw_json_int_or (scope, "chroma_length", 1, 1 << 16, &length, error) ||
      !cw_json_int_or (preprocessor, "sampling_rate", 1, 1 << 20, &rate, error) ||
      !cw_json_int_or (preprocessor, "n_fft", 2, 1 << 20, &n_fft, error) ||
      !cw_json_int_or (preprocessor, "hop_length", 1, 1 << 20, &hop, error) ||
      !cw_json_int_or (preprocessor, "chunk_length", 1, 3600, &seconds, error))
    return false;
  *config = (cw_melody_config){
    .chroma = { .rate_hz = (size_t) rate, .n_fft = (size_t) n_fft, .hop = (size_t) hop, .n_notes = (size_t) notes,
                .max_samples = (size_t) seconds * (size_t) rate },
    .length = (size_t) length,
    .width = width,
  };
  return true;
}

/* Column k of the projection plus its bias: what it makes of note k alone. */
static bool
load_vectors (cw_melody *melody, cw_backend *be, const cw_source *source, cw_error *error)
{
  const size_t c = melody->config.width, n = melody->config.chroma.n_notes;
  float       *w = NULL;
  const float *bias = NULL;
  cw_arena     scratch = { 0 };
  cw_fetch     fetch = { be, *source, &scratch, "", error, false };

  melody->vectors = cw_arena_new (&melody->arena, float, n * c);
  if (!cw_arena_ok (&melody->arena, "the melody's vectors", error))
    return false;
  if (n != c) {
    cw_fetch_widened (&fetch, &w, (const uint64_t[]){ c, n }, 2, "audio_enc_to_dec_proj.weight");
    cw_fetch_vector (&fetch, &bias, c, "audio_enc_to_dec_proj.bias");
  }
  for (size_t k = 0; k < n && !fetch.failed; k++)
    for (size_t i = 0; i < c; i++)
      melody->vectors[k * c + i] = w ? w[i * n + k] + bias[i] : i == k;
  cw_arena_free (&scratch);
  return !fetch.failed;
}

cw_melody *
cw_melody_load (cw_backend *be, const cw_melody_config *config, const cw_source *source, cw_error *error)
{
  cw_melody *melody = calloc (1, sizeof *melody);

  if (!melody) {
    cw_fail_memory (error, "the melody", sizeof *melody);
    return NULL;
  }
  melody->config = *config;
  if (!(melody->chroma = cw_chroma_new (&config->chroma, error)) || !load_vectors (melody, be, source, error)) {
    cw_melody_free (melody);
    return NULL;
  }
  return melody;
}

void
cw_melody_free (cw_melody *melody)
{
  if (!melody)
    return;
  cw_chroma_free (melody->chroma);
  cw_arena_free (&melody->arena);
  free (melody);
}

const cw_melody_config *
cw_melody_get_config (const cw_melody *melody)
{
  return &melody->config;
}

cw_chroma *
cw_melody_get_chroma (const cw_melody *melody)
{
  return melody->chroma;
}

void
cw_melody_prefix (const cw_melody *melody, const uint8_t *notes, size_t n, float *y)
{
  const size_t c = melody->config.width;

  for (size_t t = 0; t < melody->config.length; t++)
    memcpy (y + t * c, melody->vectors + (n ? notes[t % n] : 0) * c, c * sizeof *y);
}
