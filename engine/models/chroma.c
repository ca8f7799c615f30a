/* SPDX-License-Identifier: MIT
 *
 * chroma.c: see chroma.h.
 */
#include "models/chroma.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/stft.h"

struct cw_chroma {
  cw_chroma_config config;
  cw_arena         arena;
  cw_stft         *stft;
  float           *filters; /* [n_notes, n_bins] */
  float           *bins;    /* [n_bins, 2] */
  float           *padded;  /* [n_fft]: sound that is shorter */
};

/* ---- the filters ----------------------------------------------------------------------------------------------------- */

/* As Python's %, never negative. */
static double
modulo (double x, double y)
{
  const double rest = fmod (x, y);

  return rest < 0.0 ? rest + y : rest;
}

/* Place of bin @i on the scale, in notes above a tuning A of 27.5 Hz; bin 0 stands 1.5 octaves below bin 1. */
static double
place (const cw_chroma_config *config, size_t i)
{
  const double notes = (double) config->n_notes;

  if (i == 0)
    return place (config, 1) - 1.5 * notes;
  return notes * log2 ((double) i * (double) config->rate_hz / (double) config->n_fft / (440.0 / 16.0));
}

/* A Gaussian of a note's width, or a bin's where bins are wider, around each note; each bin's filters have L2 norm 1, then are weighted
 * towards the fifth octave; note 0 is C. */
static void
make_filters (cw_chroma *chroma)
{
  const cw_chroma_config *config = &chroma->config;
  const size_t            n = config->n_notes, n_bins = cw_stft_n_bins (chroma->stft), shift = 3 * (n / 12);
  const double            notes = (double) n, half = nearbyint (notes / 2.0);
  double                  bumps[CW_CHROMA_MAX];

  for (size_t i = 0; i < n_bins; i++) {
    const double at = place (config, i);
    const double width = i + 1 < config->n_fft ? fmax (place (config, i + 1) - at, 1.0) : 1.0;
    const double octave = (at / notes - 5.0) / 2.0;
    double       squares = 0.0;

    for (size_t k = 0; k < n; k++) {
      const double away = modulo (at - (double) k + half + 10.0 * notes, notes) - half;
      bumps[k] = exp (-0.5 * (2.0 * away / width) * (2.0 * away / width));
      squares += bumps[k] * bumps[k];
    }
    for (size_t k = 0; k < n; k++)
      chroma->filters[k * n_bins + i] = (float) (bumps[(k + shift) % n] / sqrt (squares) * exp (-0.5 * octave * octave));
  }
}

cw_chroma *
cw_chroma_new (const cw_chroma_config *config, cw_error *error)
{
  const cw_stft_config spectrum = { .n_fft = config->n_fft, .hop = config->hop, .centred = true, .normalised = true };
  cw_chroma           *chroma;

  if (config->n_notes < 1 || config->n_notes > CW_CHROMA_MAX || config->rate_hz == 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "A melody of %zu notes at %zu Hz is not understood; 1 to %d notes were expected.", config->n_notes,
             config->rate_hz, CW_CHROMA_MAX);
    return NULL;
  }
  if (!(chroma = calloc (1, sizeof *chroma))) {
    cw_fail_memory (error, "a melody", sizeof *chroma);
    return NULL;
  }
  chroma->config = *config;
  if (!(chroma->stft = cw_stft_new (&spectrum, error))) {
    cw_chroma_free (chroma);
    return NULL;
  }
  chroma->filters = cw_arena_new (&chroma->arena, float, config->n_notes * cw_stft_n_bins (chroma->stft));
  chroma->bins = cw_arena_new (&chroma->arena, float, 2 * cw_stft_n_bins (chroma->stft));
  chroma->padded = cw_arena_new (&chroma->arena, float, config->n_fft);
  if (!cw_arena_ok (&chroma->arena, "a melody's filters", error)) {
    cw_chroma_free (chroma);
    return NULL;
  }
  make_filters (chroma);
  return chroma;
}

void
cw_chroma_free (cw_chroma *chroma)
{
  if (!chroma)
    return;
  cw_stft_free (chroma->stft);
  cw_arena_free (&chroma->arena);
  free (chroma);
}

const float *
cw_chroma_filters (const cw_chroma *chroma)
{
  return chroma->filters;
}

/* ---- a melody ---------------------------------------------------------------------------------------------------------- */

/* Samples of @n that are looked at. */
static size_t
heard (const cw_chroma *chroma, size_t n)
{
  return chroma->config.max_samples && n > chroma->config.max_samples ? chroma->config.max_samples : n;
}

size_t
cw_chroma_n_frames (const cw_chroma *chroma, size_t n)
{
  n = heard (chroma, n);
  return cw_stft_n_frames (chroma->stft, n < chroma->config.n_fft ? chroma->config.n_fft : n);
}

static void
find_note (cw_chroma *chroma, uint8_t *note, float *power)
{
  const size_t n = chroma->config.n_notes, n_bins = cw_stft_n_bins (chroma->stft);
  double       sums[CW_CHROMA_MAX] = { 0 }, largest = 0.0;

  for (size_t i = 0; i < n_bins; i++) {
    const double p = (double) chroma->bins[2 * i] * chroma->bins[2 * i] + (double) chroma->bins[2 * i + 1] * chroma->bins[2 * i + 1];
    for (size_t k = 0; k < n; k++)
      sums[k] += p * chroma->filters[k * n_bins + i];
  }
  *note = 0;
  for (size_t k = 0; k < n; k++)
    if (sums[k] > largest) {
      largest = sums[k];
      *note = (uint8_t) k;
    }
  for (size_t k = 0; k < n && power; k++)
    power[k] = (float) (sums[k] / fmax (largest, 1e-6));
}

void
cw_chroma_notes (cw_chroma *chroma, const float *x, size_t n, uint8_t *notes, float *power)
{
  const size_t n_fft = chroma->config.n_fft, n_frames = cw_chroma_n_frames (chroma, n);

  n = heard (chroma, n);
  if (n < n_fft) { /* zeros on both sides, an odd one on the right */
    memset (chroma->padded, 0, n_fft * sizeof *x);
    memcpy (chroma->padded + (n_fft - n) / 2, x, n * sizeof *x);
    x = chroma->padded;
    n = n_fft;
  }
  for (size_t t = 0; t < n_frames; t++) {
    cw_stft_frame (chroma->stft, x, n, t, chroma->bins);
    find_note (chroma, &notes[t], power ? power + t * chroma->config.n_notes : NULL);
  }
}
