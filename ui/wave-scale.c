/* SPDX-License-Identifier: MIT
 *
 * wave-scale.c: see wave-scale.h.
 */
#include "wave-scale.h"

#include <math.h>

static double
widest (const CwWaveScale *scale)
{
  return MAX (scale->n_samples, 1.0) / MAX (scale->width, 1.0);
}

static void
keep_inside (CwWaveScale *scale)
{
  const double most = widest (scale), least = MIN (CW_WAVE_CLOSEST, most);
  const double last_first = MAX (0.0, scale->n_samples - scale->samples_per_px * scale->width);

  scale->samples_per_px = CLAMP (scale->samples_per_px, least, most);
  scale->first = CLAMP (scale->first, 0.0, MAX (last_first, scale->n_samples - scale->samples_per_px * scale->width));
}

void
cw_wave_scale_fit (CwWaveScale *scale)
{
  scale->first = 0.0;
  scale->samples_per_px = widest (scale);
}

gboolean
cw_wave_scale_is_fit (const CwWaveScale *scale)
{
  return scale->samples_per_px >= widest (scale) * (1.0 - 1e-9);
}

void
cw_wave_scale_resize (CwWaveScale *scale, double width, double n_samples)
{
  const gboolean fit = scale->samples_per_px <= 0.0 || cw_wave_scale_is_fit (scale);

  scale->width = width;
  scale->n_samples = n_samples;
  if (fit)
    cw_wave_scale_fit (scale);
  else
    keep_inside (scale);
}

double
cw_wave_scale_to_x (const CwWaveScale *scale, double sample)
{
  return (sample - scale->first) / scale->samples_per_px;
}

double
cw_wave_scale_to_sample (const CwWaveScale *scale, double x)
{
  return CLAMP (scale->first + x * scale->samples_per_px, 0.0, scale->n_samples);
}

void
cw_wave_scale_zoom (CwWaveScale *scale, double factor, double x)
{
  const double under = scale->first + x * scale->samples_per_px;

  scale->samples_per_px = CLAMP (scale->samples_per_px / factor, MIN (CW_WAVE_CLOSEST, widest (scale)), widest (scale));
  scale->first = under - x * scale->samples_per_px;
  keep_inside (scale);
}

void
cw_wave_scale_scroll (CwWaveScale *scale, double n_pixels)
{
  scale->first += n_pixels * scale->samples_per_px;
  keep_inside (scale);
}

gboolean
cw_wave_scale_show (CwWaveScale *scale, double sample)
{
  const double x = cw_wave_scale_to_x (scale, sample);

  if (x >= 0.0 && x <= scale->width)
    return FALSE;
  scale->first = sample - 0.1 * scale->width * scale->samples_per_px;
  keep_inside (scale);
  return TRUE;
}

double
cw_wave_scale_get_tick (const CwWaveScale *scale, double rate_hz, double least_px)
{
  const double least_s = least_px * scale->samples_per_px / rate_hz;
  const double power = pow (10.0, floor (log10 (least_s)));

  for (int i = 0; i < 3; i++) {
    const double step = power * (const double[]){ 1.0, 2.0, 5.0 }[i];

    if (step >= least_s * (1.0 - 1e-9))
      return step;
  }
  return 10.0 * power;
}
