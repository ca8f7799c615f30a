/* SPDX-License-Identifier: MIT
 *
 * stft.c: see stft.h. An even length goes through kissfft's real transform, an odd one through its complex transform.
 */
#include "base/stft.h"

#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

struct cw_stft {
  cw_stft_config config;
  cw_arena       arena;
  kiss_fftr_cfg  real;    /* even n_fft */
  kiss_fft_cfg   complex; /* odd n_fft */
  float         *window;  /* [win], with the normalisation in it */
  float         *frame;   /* [n_fft], zeros around the window's part */
  kiss_fft_cpx  *in, *out; /* [n_fft] of an odd transform, [n_fft] or [n_bins] */
};

static void
make_window (cw_stft *stft)
{
  const size_t n = stft->config.win;
  double       squares = 0.0, scale;

  for (size_t i = 0; i < n; i++) {
    const double w = 0.5 - 0.5 * cos (2.0 * M_PI * (double) i / (double) n);
    stft->window[i] = (float) w;
    squares += w * w;
  }
  scale = stft->config.normalised && squares > 0.0 ? 1.0 / sqrt (squares) : 1.0;
  for (size_t i = 0; i < n; i++)
    stft->window[i] = (float) (stft->window[i] * scale);
}

cw_stft *
cw_stft_new (const cw_stft_config *config, cw_error *error)
{
  const size_t n = config->n_fft, win = config->win ? config->win : n;
  cw_stft     *stft;

  if (n < 2 || n > CW_FFT_MAX || config->hop < 1 || win > n) {
    cw_fail (error, CW_ERROR_ARGUMENT, "A Fourier transform of %zu points, window %zu, hop %zu is out of range: 2 to %d points, a window no "
             "longer than that and a hop of at least 1 were expected.", n, win, config->hop, CW_FFT_MAX);
    return NULL;
  }
  if (!(stft = calloc (1, sizeof *stft))) {
    cw_fail_memory (error, "a Fourier transform", sizeof *stft);
    return NULL;
  }
  stft->config = *config;
  stft->config.win = win;
  stft->window = cw_arena_new (&stft->arena, float, win);
  stft->frame = cw_arena_new (&stft->arena, float, n);
  stft->out = cw_arena_new (&stft->arena, kiss_fft_cpx, n);
  if (n % 2 == 0) {
    stft->real = kiss_fftr_alloc ((int) n, 0, NULL, NULL);
  } else {
    stft->in = cw_arena_new (&stft->arena, kiss_fft_cpx, n);
    stft->complex = kiss_fft_alloc ((int) n, 0, NULL, NULL);
  }
  if (!cw_arena_ok (&stft->arena, "a Fourier transform", error) || (!stft->real && !stft->complex)) {
    if (!stft->real && !stft->complex)
      cw_fail_memory (error, "a Fourier transform", n * sizeof (kiss_fft_cpx));
    cw_stft_free (stft);
    return NULL;
  }
  make_window (stft);
  return stft;
}

void
cw_stft_free (cw_stft *stft)
{
  if (!stft)
    return;
  kiss_fftr_free (stft->real);
  kiss_fft_free (stft->complex);
  cw_arena_free (&stft->arena);
  free (stft);
}

size_t
cw_stft_n_bins (const cw_stft *stft)
{
  return stft->config.n_fft / 2 + 1;
}

size_t
cw_stft_n_frames (const cw_stft *stft, size_t n)
{
  const size_t n_fft = stft->config.n_fft;

  if (stft->config.centred)
    n = n > n_fft / 2 ? n + n_fft / 2 * 2 : 0;
  return n < n_fft ? 0 : (n - n_fft) / stft->config.hop + 1;
}

/* The windowed samples of frame @t. */
static void
cut_frame (cw_stft *stft, const float *x, size_t n, size_t t)
{
  const cw_stft_config *config = &stft->config;
  const size_t          left = (config->n_fft - config->win) / 2;
  const long long       last = (long long) n - 1;
  long long             at = (long long) (t * config->hop + left) - (config->centred ? (long long) (config->n_fft / 2) : 0);

  for (size_t i = 0; i < config->win; i++, at++) {
    const long long j = at < 0 ? -at : at > last ? 2 * last - at : at;
    stft->frame[left + i] = x[j] * stft->window[i];
  }
}

void
cw_stft_frame (cw_stft *stft, const float *x, size_t n, size_t t, float *bins)
{
  const size_t n_bins = cw_stft_n_bins (stft);

  cut_frame (stft, x, n, t);
  if (stft->real) {
    kiss_fftr (stft->real, stft->frame, stft->out);
  } else {
    for (size_t i = 0; i < stft->config.n_fft; i++)
      stft->in[i] = (kiss_fft_cpx){ stft->frame[i], 0.0f };
    kiss_fft (stft->complex, stft->in, stft->out);
  }
  for (size_t k = 0; k < n_bins; k++) {
    bins[2 * k] = stft->out[k].r;
    bins[2 * k + 1] = stft->out[k].i;
  }
}
