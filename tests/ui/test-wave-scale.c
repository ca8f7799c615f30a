/* SPDX-License-Identifier: MIT
 *
 * test-wave-scale.c: the geometry of the waveform view.
 */
#include "wave-scale.h"

#include <math.h>

static void
test_fit (void)
{
  CwWaveScale scale = { 0 };

  cw_wave_scale_resize (&scale, 800, 64000);
  g_assert_true (cw_wave_scale_is_fit (&scale));
  g_assert_cmpfloat_with_epsilon (cw_wave_scale_to_x (&scale, 64000), 800, 1e-9);
  cw_wave_scale_resize (&scale, 400, 128000); /* stays whole */
  g_assert_cmpfloat_with_epsilon (cw_wave_scale_to_x (&scale, 128000), 400, 1e-9);
}

static void
test_zoom_keeps_the_pointer (void)
{
  CwWaveScale scale = { 0 };

  cw_wave_scale_resize (&scale, 800, 64000);
  for (int i = 0; i < 40; i++) {
    const double x = 17.0 * (i % 40) + 3.0, under = cw_wave_scale_to_sample (&scale, x);

    cw_wave_scale_zoom (&scale, 1.3, x);
    g_assert_cmpfloat_with_epsilon (cw_wave_scale_to_sample (&scale, x), under, 1e-6 * 64000);
    g_assert_cmpfloat (scale.samples_per_px, >=, CW_WAVE_CLOSEST * (1.0 - 1e-12));
  }
  for (int i = 0; i < 80; i++)
    cw_wave_scale_zoom (&scale, 0.7, 5.0 * i);
  g_assert_true (cw_wave_scale_is_fit (&scale));
  g_assert_cmpfloat (scale.first, ==, 0.0);
}

static void
test_scroll_stops_at_the_ends (void)
{
  CwWaveScale scale = { 0 };

  cw_wave_scale_resize (&scale, 800, 64000);
  cw_wave_scale_zoom (&scale, 8.0, 0.0);
  cw_wave_scale_scroll (&scale, -1e9);
  g_assert_cmpfloat (scale.first, ==, 0.0);
  cw_wave_scale_scroll (&scale, 1e9);
  g_assert_cmpfloat_with_epsilon (cw_wave_scale_to_x (&scale, 64000), 800, 1e-6);
  g_assert_true (cw_wave_scale_show (&scale, 0.0));
  g_assert_cmpfloat (scale.first, ==, 0.0);
  g_assert_false (cw_wave_scale_show (&scale, 10.0));
}

static void
test_ticks (void)
{
  CwWaveScale scale = { 0 };

  for (double width = 50.0; width < 4000.0; width *= 1.7)
    for (double n = 1.0; n < 1e7; n *= 3.1) {
      double step, mantissa;

      scale = (CwWaveScale){ 0 };
      cw_wave_scale_resize (&scale, width, n);
      step = cw_wave_scale_get_tick (&scale, 32000.0, 70.0);
      mantissa = step / pow (10.0, floor (log10 (step) + 1e-9));
      g_assert_true (fabs (mantissa - 1.0) < 1e-6 || fabs (mantissa - 2.0) < 1e-6 || fabs (mantissa - 5.0) < 1e-6);
      g_assert_cmpfloat (step * 32000.0 / scale.samples_per_px, >=, 70.0 * (1.0 - 1e-6));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wave-scale/fit", test_fit);
  g_test_add_func ("/wave-scale/zoom", test_zoom_keeps_the_pointer);
  g_test_add_func ("/wave-scale/scroll", test_scroll_stops_at_the_ends);
  g_test_add_func ("/wave-scale/ticks", test_ticks);
  return g_test_run ();
}
