/* SPDX-License-Identifier: MIT
 *
 * test-stft.c: frames against the sum that defines them, in double: even, odd and prime lengths, short windows, both ways of placing frames.
 */
#include <math.h>

#include "base/stft.h"
#include "check.h"

static const cw_stft_config configs[] = {
  { .n_fft = 2, .hop = 1 },
  { .n_fft = 7, .hop = 3, .centred = true },
  { .n_fft = 64, .hop = 16, .normalised = true },
  { .n_fft = 64, .hop = 10, .win = 41, .centred = true, .normalised = true },
  { .n_fft = 90, .hop = 90, .win = 90 },
  { .n_fft = 97, .hop = 31, .win = 50, .centred = true },
  { .n_fft = 512, .hop = 60, .win = 300, .centred = true },
  { .n_fft = 1024, .hop = 256, .normalised = true },
};

static double
sample (const float *x, long n, long i)
{
  i = i < 0 ? -i : i;
  return x[i >= n ? 2 * (n - 1) - i : i];
}

/* The largest difference, relative to the frame's largest bin. */
static double
worst_of (const cw_stft_config *c, cw_stft *stft, const float *x, size_t n, float *bins)
{
  const size_t win = c->win ? c->win : c->n_fft, left = (c->n_fft - win) / 2;
  double       worst = 0.0, squares = 0.0;

  for (size_t i = 0; i < win; i++)
    squares += pow (0.5 - 0.5 * cos (2.0 * M_PI * (double) i / (double) win), 2.0);
  for (size_t t = 0; t < cw_stft_n_frames (stft, n); t++) {
    double largest = 1e-3, difference = 0.0;

    cw_stft_frame (stft, x, n, t, bins);
    for (size_t k = 0; k < cw_stft_n_bins (stft); k++) {
      double re = 0.0, im = 0.0;
      for (size_t i = 0; i < win; i++) {
        const long   at = (long) (t * c->hop + left + i) - (c->centred ? (long) (c->n_fft / 2) : 0);
        const double w = 0.5 - 0.5 * cos (2.0 * M_PI * (double) i / (double) win);
        const double phase = -2.0 * M_PI * (double) (k * (left + i) % c->n_fft) / (double) c->n_fft;
        re += w * sample (x, (long) n, at) * cos (phase);
        im += w * sample (x, (long) n, at) * sin (phase);
      }
      if (c->normalised) {
        re /= sqrt (squares);
        im /= sqrt (squares);
      }
      largest = fmax (largest, hypot (re, im));
      difference = fmax (difference, hypot (re - bins[2 * k], im - bins[2 * k + 1]));
    }
    worst = fmax (worst, difference / largest);
  }
  return worst;
}

int
main (void)
{
  enum { N = 1300 };
  float    x[N];
  float   *bins = malloc (sizeof *bins * 2 * N);
  unsigned state = 1;

  for (size_t i = 0; i < N; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = (float) sin (0.05 * (double) i) + (float) (state >> 8) / (float) (1 << 24) - 0.5f;
  }
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    const cw_stft_config *c = &configs[i];
    cw_error              error = { 0 };
    cw_stft              *stft = cw_stft_new (c, &error);
    /* torch.stft's rule */
    const size_t expected = (c->centred ? N + c->n_fft / 2 * 2 - c->n_fft : N - c->n_fft) / c->hop + 1;
    double       worst;

    CHECK (stft && cw_stft_n_frames (stft, N) == expected, "n_fft %zu: %s", c->n_fft, error.message);
    worst = worst_of (c, stft, x, N, bins);
    CHECK (worst < 2e-6, "n_fft %zu, hop %zu: differs by %g of the largest bin", c->n_fft, c->hop, worst);
    CHECK (cw_stft_n_frames (stft, c->n_fft / 2) == 0 && cw_stft_n_frames (stft, 0) == 0, "n_fft %zu: frames of too short a signal", c->n_fft);
    cw_stft_free (stft);
  }
  for (size_t i = 0; i < 4; i++) {
    static const cw_stft_config wrong[] = { { .n_fft = 1, .hop = 1 }, { .n_fft = 8 }, { .n_fft = 8, .hop = 1, .win = 9 }, { .n_fft = CW_FFT_MAX + 1, .hop = 1 } };
    cw_error error = { 0 };
    CHECK (!cw_stft_new (&wrong[i], &error) && error.code == CW_ERROR_ARGUMENT, "the wrong configuration %zu is taken", i);
  }
  free (bins);
  return check_done ();
}
