/* SPDX-License-Identifier: MIT
 *
 * melody.c: see melody.h.
 */
#include "models/melody.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/layers.h"

#define LENGTH_MAX (1 << 16) /* vectors of a prefix */

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
      !cw_json_int_or (scope, "chroma_length", 1, LENGTH_MAX, &length, error) ||
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
    .projects = (size_t) notes != width,
  };
  return true;
}

bool
cw_melody_config_read_stem (cw_melody_config *config, const cw_json_scope *stem, double segment_s, size_t width, cw_error *error)
{
  long         notes, rate, exponent = 12, n_fft, window, hop;
  double       n_samples;
  bool         loudest = false;
  const char  *odd = NULL;

  if (!cw_json_int (stem, "n_chroma", 1, CW_CHROMA_MAX, &notes, error) || !cw_json_int (stem, "sample_rate", 1, 1 << 20, &rate, error) ||
      !cw_json_int_or (stem, "radix2_exp", 1, 20, &exponent, error) || !cw_json_bool_or (stem, "argmax", &loudest, error))
    return false;
  window = 1l << exponent;
  if (!cw_json_int_or (stem, "winlen", 2, 1 << 20, &window, error))
    return false;
  n_fft = window;
  hop = window / 4;
  n_samples = floor (segment_s * (double) rate);
  if (!cw_json_int_or (stem, "nfft", 2, 1 << 20, &n_fft, error) || !cw_json_int_or (stem, "winhop", 1, 1 << 20, &hop, error))
    return false;
  if (!loudest)
    odd = "argmax is not true; this version follows the loudest note of each frame alone";
  else if (n_fft != window)
    odd = "nfft is not winlen; this version takes the window whole";
  else if (hop < 1 || fmax (n_samples, (double) n_fft) >= (double) hop * LENGTH_MAX)
    odd = "winhop is too small for what the model hears at once";
  if (odd) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %s%s.", stem->path, stem->prefix, odd);
    return false;
  }
  *config = (cw_melody_config){
    .chroma = { .rate_hz = (size_t) rate, .n_fft = (size_t) n_fft, .hop = (size_t) hop, .n_notes = (size_t) notes },
    .length = 1 + (size_t) fmax (n_samples, (double) n_fft) / (size_t) hop,
    .width = width,
    .projects = true,
  };
  /* AudioCraft takes the notes of all the sound and then a window's worth of them: what the last of these hears, and no more */
  config->chroma.max_samples = (config->length - 1) * config->chroma.hop + config->chroma.n_fft;
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
  if (melody->config.projects) {
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
