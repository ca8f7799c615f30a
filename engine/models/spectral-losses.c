/* SPDX-License-Identifier: MIT
 *
 * spectral-losses.c: see spectral-losses.h.
 */
#include "models/spectral-losses.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/tensor.h"

#define STFT_WEIGHT 0.1    /* factor_sc and factor_mag */
#define POWER_FLOOR 1e-7

/* ---- mel ------------------------------------------------------------------------------------------------------------- */

struct cw_mel {
  cw_mel_config config;
  cw_arena      arena;
  cw_stft      *stft;
  size_t        n_bins;
  float        *filters; /* [n_mels, n_bins] */
  size_t       *begin, *end; /* [n_mels]: where a filter is not zero */
  float        *bins, *power; /* [n_bins, 2], [n_bins] */
};

static double
hz_to_mel (double hz)
{
  return 2595.0 * log10 (1.0 + hz / 700.0);
}

static double
mel_to_hz (double mel)
{
  return 700.0 * (pow (10.0, mel / 2595.0) - 1.0);
}

/* torchaudio.functional.melscale_fbanks */
static void
make_filters (cw_mel *mel)
{
  const cw_mel_config *c = &mel->config;
  const double         low = hz_to_mel (c->f_min), high = hz_to_mel (c->f_max);
  const double         step = (high - low) / (double) (c->n_mels + 1), nyquist = (double) (c->rate_hz / 2);

  for (size_t m = 0; m < c->n_mels; m++) {
    const double left = mel_to_hz (low + step * (double) m), middle = mel_to_hz (low + step * (double) (m + 1));
    const double right = mel_to_hz (low + step * (double) (m + 2));

    mel->begin[m] = mel->n_bins;
    for (size_t k = 0; k < mel->n_bins; k++) {
      const double hz = nyquist * (double) k / (double) (mel->n_bins - 1);
      const double w = fmax (0.0, fmin ((hz - left) / (middle - left), (right - hz) / (right - middle)));

      mel->filters[m * mel->n_bins + k] = (float) w;
      if (w > 0.0) {
        mel->begin[m] = mel->begin[m] < k ? mel->begin[m] : k;
        mel->end[m] = k + 1;
      }
    }
  }
}

cw_mel *
cw_mel_new (const cw_mel_config *config, cw_error *error)
{
  const cw_stft_config stft = { .n_fft = config->n_fft, .hop = config->hop, .win = config->win, .normalised = config->normalised };
  cw_mel              *mel = calloc (1, sizeof *mel);

  if (!mel) {
    cw_fail_memory (error, "the mel filters", sizeof *mel);
    return NULL;
  }
  mel->config = *config;
  if (!(mel->config.f_max > 0.0))
    mel->config.f_max = (double) (config->rate_hz / 2);
  if (!(mel->stft = cw_stft_new (&stft, error))) {
    cw_mel_free (mel);
    return NULL;
  }
  mel->n_bins = cw_stft_n_bins (mel->stft);
  mel->filters = cw_arena_new (&mel->arena, float, config->n_mels * mel->n_bins);
  mel->begin = cw_arena_new (&mel->arena, size_t, config->n_mels);
  mel->end = cw_arena_new (&mel->arena, size_t, config->n_mels);
  mel->bins = cw_arena_new (&mel->arena, float, 2 * mel->n_bins);
  mel->power = cw_arena_new (&mel->arena, float, mel->n_bins);
  if (!cw_arena_ok (&mel->arena, "the mel filters", error)) {
    cw_mel_free (mel);
    return NULL;
  }
  make_filters (mel);
  return mel;
}

void
cw_mel_free (cw_mel *mel)
{
  if (!mel)
    return;
  cw_stft_free (mel->stft);
  cw_arena_free (&mel->arena);
  free (mel);
}

/* Samples after the reflection on both sides and the zeros that fill the last frame (pad_for_conv1d); 0: too few to be reflected. */
static size_t
padded_length (const cw_mel *mel, size_t n)
{
  const size_t n_fft = mel->config.n_fft, hop = mel->config.hop, pad = n_fft > hop ? (n_fft - hop) / 2 : 0;
  const size_t length = n + 2 * pad;
  size_t       frames;

  if (n <= pad)
    return 0;
  frames = length > n_fft ? (length - n_fft + hop - 1) / hop + 1 : 1;
  return (frames - 1) * hop + n_fft > length ? (frames - 1) * hop + n_fft : length;
}

size_t
cw_mel_n_frames (const cw_mel *mel, size_t n)
{
  const size_t length = padded_length (mel, n);

  return length ? cw_stft_n_frames (mel->stft, length) : 0;
}

cw_status
cw_mel_run (cw_mel *mel, const float *x, size_t n, float *out, cw_error *error)
{
  const cw_mel_config *c = &mel->config;
  const size_t         length = padded_length (mel, n), n_frames = cw_mel_n_frames (mel, n), pad = c->n_fft > c->hop ? (c->n_fft - c->hop) / 2 : 0;
  float               *padded;

  if (n_frames == 0)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The sound has %zu samples; more than %zu are needed for a spectrum of %zu points.", n, pad, c->n_fft);
  if (!(padded = calloc (length, sizeof *padded)))
    return cw_fail_memory (error, "the sound", length * sizeof *padded);
  for (size_t i = 0; i < n + 2 * pad; i++) {
    const size_t at = i < pad ? pad - i : i - pad;
    padded[i] = x[at < n ? at : 2 * (n - 1) - at];
  }
  for (size_t t = 0; t < n_frames; t++) {
    cw_stft_frame (mel->stft, padded, length, t, mel->bins);
    for (size_t k = 0; k < mel->n_bins; k++)
      mel->power[k] = mel->bins[2 * k] * mel->bins[2 * k] + mel->bins[2 * k + 1] * mel->bins[2 * k + 1];
    for (size_t m = 0; m < c->n_mels; m++) {
      double sum = 0.0;

      for (size_t k = mel->begin[m]; k < mel->end[m]; k++)
        sum += (double) mel->filters[m * mel->n_bins + k] * mel->power[k];
      out[m * n_frames + t] = (float) (c->log ? log10 (c->floor + sum) : sum);
    }
  }
  free (padded);
  return CW_OK;
}

/* Mean absolute and mean squared difference of the mels of @x and @y. */
static cw_status
compare_mels (const cw_mel_config *config, const float *x, const float *y, size_t n, double *absolute, double *square, cw_error *error)
{
  cw_mel   *mel = cw_mel_new (config, error);
  size_t    size = mel ? config->n_mels * cw_mel_n_frames (mel, n) : 0;
  float    *a = malloc ((2 * size + 1) * sizeof *a);
  cw_status status = !mel ? CW_ERROR_ARGUMENT : !a ? cw_fail_memory (error, "the mels", 2 * size * sizeof *a) : CW_OK;

  if (status == CW_OK && (status = cw_mel_run (mel, x, n, a, error)) == CW_OK && (status = cw_mel_run (mel, y, n, a + size, error)) == CW_OK) {
    *absolute = *square = 0.0;
    for (size_t i = 0; i < size; i++) {
      const double difference = (double) a[i] - a[size + i];
      *absolute += fabs (difference);
      *square += difference * difference;
    }
    *absolute /= (double) size;
    *square /= (double) size;
  }
  free (a);
  cw_mel_free (mel);
  return status;
}

cw_status
cw_mel_l1_loss (const cw_mel_config *config, const float *x, const float *y, size_t n, double *loss, cw_error *error)
{
  double square;

  return compare_mels (config, x, y, n, loss, &square, error);
}

cw_status
cw_multi_mel_loss (const cw_multi_mel_config *config, const float *x, const float *y, size_t n, double *loss, cw_error *error)
{
  double total = 0.0;

  *loss = 0.0;
  for (size_t i = config->range_start; i < config->range_end; i++) {
    const size_t  n_fft = (size_t) 1 << i;
    const double  alpha = config->alphas ? sqrt ((double) n_fft - 1.0) : 1.0;
    cw_mel_config mel = { .rate_hz = config->rate_hz, .n_fft = n_fft, .hop = n_fft / 4, .win = n_fft, .n_mels = config->n_mels,
                          .f_min = config->f_min, .f_max = config->f_max, .normalised = config->normalised, .floor = config->floor };
    double        absolute, square;
    cw_status     status = compare_mels (&mel, x, y, n, &absolute, &square, error);

    if (status != CW_OK)
      return status;
    *loss += absolute;
    mel.log = true;
    if ((status = compare_mels (&mel, x, y, n, &absolute, &square, error)) != CW_OK)
      return status;
    *loss += alpha * square;
    total += alpha + 1.0;
  }
  if (config->normalised)
    *loss /= total;
  return CW_OK;
}

/* ---- STFT ------------------------------------------------------------------------------------------------------------ */

static double
magnitude (const float *bin)
{
  return sqrt (fmax ((double) bin[0] * bin[0] + (double) bin[1] * bin[1], POWER_FLOOR));
}

cw_status
cw_multi_stft_loss (const cw_stft_config *configs, size_t n_configs, const float *x, const float *y, size_t n, double *loss, cw_error *error)
{
  *loss = 0.0;
  for (size_t i = 0; i < n_configs; i++) {
    cw_stft     *stft = cw_stft_new (&configs[i], error);
    const size_t n_bins = stft ? cw_stft_n_bins (stft) : 0, n_frames = stft ? cw_stft_n_frames (stft, n) : 0;
    float       *a = malloc ((4 * n_bins + 1) * sizeof *a), *b = a ? a + 2 * n_bins : NULL;
    double       apart = 0.0, whole = 0.0, logs = 0.0;

    for (size_t t = 0; a && t < n_frames; t++) {
      cw_stft_frame (stft, x, n, t, a);
      cw_stft_frame (stft, y, n, t, b);
      for (size_t k = 0; k < n_bins; k++) {
        const double p = magnitude (a + 2 * k), q = magnitude (b + 2 * k);
        apart += (q - p) * (q - p);
        whole += q * q;
        logs += fabs (log (FLT_EPSILON + q) - log (FLT_EPSILON + p));
      }
    }
    free (a);
    cw_stft_free (stft);
    if (!stft)
      return CW_ERROR_ARGUMENT;
    if (!a)
      return cw_fail_memory (error, "a spectrum", 4 * n_bins * sizeof *a);
    if (n_frames == 0)
      return cw_fail (error, CW_ERROR_ARGUMENT, "The sound has %zu samples; more than %zu are needed for a spectrum of %zu points.", n,
                      configs[i].n_fft / 2, configs[i].n_fft);
    *loss += STFT_WEIGHT * (sqrt (apart) / (sqrt (whole) + FLT_EPSILON) + logs / ((double) n_bins * (double) n_frames)) / (double) n_configs;
  }
  return CW_OK;
}
