/* SPDX-License-Identifier: MIT
 *
 * wave-scale.h: where a sample lies on the screen: the geometry of the waveform view, without any drawing.
 */
#pragma once

#include <glib.h>

#define CW_WAVE_CLOSEST 0.05 /* samples a pixel at the closest zoom */

typedef struct {
  double width;           /* pixels */
  double n_samples;       /* of the whole clip */
  double first;           /* sample at the left edge */
  double samples_per_px;  /* > 0 */
} CwWaveScale;

/* Shows the whole clip. */
void     cw_wave_scale_fit (CwWaveScale *scale);
/* A new width or clip: keeps the span that is shown where it can, the whole clip when that was shown. */
void     cw_wave_scale_resize (CwWaveScale *scale, double width, double n_samples);
double   cw_wave_scale_to_x (const CwWaveScale *scale, double sample);
double   cw_wave_scale_to_sample (const CwWaveScale *scale, double x);
/* @factor > 1 zooms in; the sample under @x stays there. */
void     cw_wave_scale_zoom (CwWaveScale *scale, double factor, double x);
void     cw_wave_scale_scroll (CwWaveScale *scale, double n_pixels);
/* Scrolls so that @sample is seen; FALSE when it was already. */
gboolean cw_wave_scale_show (CwWaveScale *scale, double sample);
gboolean cw_wave_scale_is_fit (const CwWaveScale *scale);
/* Seconds between two labels of the ruler: 1, 2 or 5 times a power of ten, at least @least_px pixels apart. */
double   cw_wave_scale_get_tick (const CwWaveScale *scale, double rate_hz, double least_px);
