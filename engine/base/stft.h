/* SPDX-License-Identifier: MIT
 *
 * stft.h: the short-time Fourier transform, one frame at a time, as torch.stft and torchaudio's Spectrogram compute it. Over kissfft.
 *
 *     cw_stft *stft = cw_stft_new (&(cw_stft_config){ .n_fft = 16384, .hop = 4096, .centred = true, .normalised = true }, error);
 *     float   *bins = …;                                            [cw_stft_n_bins (stft), 2], the caller's
 *     for (size_t t = 0; t < cw_stft_n_frames (stft, n); t++) {
 *       cw_stft_frame (stft, x, n, t, bins);                        bins[2 k] is the real part of bin k, bins[2 k + 1] the imaginary
 *       …
 *     }
 *     cw_stft_free (stft);
 *
 * The window is a periodic Hann window of `win` samples in the middle of a frame of n_fft. One cw_stft is used by one thread at a time.
 */
#pragma once

#include "engine.h"

#define CW_FFT_MAX (1 << 20)

typedef struct {
  size_t n_fft;      /* 2 … CW_FFT_MAX, even or odd; fastest for products of 2, 3 and 5 */
  size_t hop;        /* samples from a frame to the next, >= 1 */
  size_t win;        /* of the window, 1 … n_fft; 0: n_fft */
  bool   centred;    /* frame t is centred on sample t * hop; the signal is reflected at both ends. Else it begins there */
  bool   normalised; /* spectra are divided by the window's L2 norm (torchaudio's normalized=True, not torch.stft's) */
} cw_stft_config;

typedef struct cw_stft cw_stft;

/* NULL and @error: a value out of range, or no memory. */
cw_stft *cw_stft_new (const cw_stft_config *config, cw_error *error);
void     cw_stft_free (cw_stft *stft);
/* n_fft / 2 + 1 */
size_t   cw_stft_n_bins (const cw_stft *stft);
/* Frames of @n samples; 0 when there are too few: n_fft are needed, when centred more than n_fft / 2 for the reflection. Whoever wants a
 * shorter signal transformed pads it first, as the reference that they follow does. */
size_t   cw_stft_n_frames (const cw_stft *stft, size_t n);
/* Frame @t < n_frames of @x [n], to @bins [n_bins, 2], real and imaginary parts. No allocation, cannot fail. */
void     cw_stft_frame (cw_stft *stft, const float *x, size_t n, size_t t, float *bins);
