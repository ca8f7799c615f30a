/* SPDX-License-Identifier: MIT
 *
 * spectral-losses.h: how far apart two sounds are in their spectra. audiocraft losses/specloss.py and losses/stftloss.py, and the mel
 *     filters of torchaudio (HTK's scale, triangles without normalisation).
 */
#pragma once

#include "base/arena.h"
#include "base/stft.h"
#include "engine.h"

/* MelSpectrogramWrapper: power spectrum through the filters. */
typedef struct {
  size_t rate_hz, n_fft, hop, win, n_mels;
  double f_min, f_max; /* Hz; f_max 0: half the rate */
  bool   log;          /* log10 (floor + mel) */
  bool   normalised;   /* the spectrum is divided by the window's norm */
  double floor;        /* 1e-5 */
} cw_mel_config;

typedef struct cw_mel cw_mel;

cw_mel *cw_mel_new (const cw_mel_config *config, cw_error *error);
void    cw_mel_free (cw_mel *mel);
/* Frames of @n samples: ceil (n / hop) or thereabouts; 0 when the sound is too short to be reflected by (n_fft - hop) / 2. */
size_t  cw_mel_n_frames (const cw_mel *mel, size_t n);
/* @out [n_mels, n_frames] of @x [n]. CW_ERROR_MEMORY, or CW_ERROR_ARGUMENT when the sound is too short. */
cw_status cw_mel_run (cw_mel *mel, const float *x, size_t n, float *out, cw_error *error);

/* MelSpectrogramL1Loss of @x and @y [n]. Each of these gives its loss in @loss. */
cw_status cw_mel_l1_loss (const cw_mel_config *config, const float *x, const float *y, size_t n, double *loss, cw_error *error);

/* MultiScaleMelSpectrogramLoss: n_fft = 2^start … 2^(end - 1), hop a quarter of it. */
typedef struct {
  size_t rate_hz, range_start, range_end, n_mels;
  double f_min, f_max;
  bool   normalised; /* of the spectra, and the sum is divided by the weights' */
  bool   alphas;     /* the log mel's weight is sqrt (2^i - 1), else 1 */
  double floor;
} cw_multi_mel_config;

cw_status cw_multi_mel_loss (const cw_multi_mel_config *config, const float *x, const float *y, size_t n, double *loss, cw_error *error);

/* MRSTFTLoss: spectral convergence and log magnitudes, each the mean over @n_ffts resolutions, times 0.1. */
cw_status cw_multi_stft_loss (const cw_stft_config *configs, size_t n_configs, const float *x, const float *y, size_t n, double *loss,
                              cw_error *error);
