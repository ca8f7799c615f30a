/* SPDX-License-Identifier: MIT
 *
 * meter.c: see meter.h.
 */
#include "meter.h"

#include <ebur128.h>
#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "engine.h"
#include "error.h"

#define FULL_SCALE (32767.0f / 32768.0f)
#define RUN        3
#define SEGMENT_S  30

/* ---- one sound ------------------------------------------------------------------------------------------------------- */

struct _CwMeter {
  guint          n_channels;
  ebur128_state *state;
  double        *sums;    /* [n_channels] */
  guint64       *at_full; /* [n_channels]: length of the present run */
  guint64        n_samples, n_clipped, n_clipped_runs;
};

CwMeter *
cw_meter_new (guint n_channels, guint rate_hz, GError **error)
{
  g_autoptr (CwMeter) meter = g_new0 (CwMeter, 1);

  meter->n_channels = n_channels;
  meter->sums = g_new0 (double, n_channels);
  meter->at_full = g_new0 (guint64, n_channels);
  meter->state = ebur128_init (n_channels, rate_hz, EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_SAMPLE_PEAK);
  if (meter->state)
    return g_steal_pointer (&meter);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _ ("Loudness cannot be measured with %u channels at %u Hz."), n_channels, rate_hz);
  return NULL;
}

void
cw_meter_free (CwMeter *meter)
{
  if (!meter)
    return;
  if (meter->state)
    ebur128_destroy (&meter->state);
  g_free (meter->sums);
  g_free (meter->at_full);
  g_free (meter);
}

gboolean
cw_meter_add (CwMeter *meter, const float *samples, gsize n, GError **error)
{
  for (gsize i = 0; i < n * meter->n_channels; i++) {
    const guint channel = (guint) (i % meter->n_channels);

    meter->sums[channel] += samples[i];
    if (fabsf (samples[i]) >= FULL_SCALE) {
      meter->n_clipped++;
      if (++meter->at_full[channel] == RUN)
        meter->n_clipped_runs++;
    } else {
      meter->at_full[channel] = 0;
    }
  }
  meter->n_samples += n;
  if (ebur128_add_frames_float (meter->state, samples, n) == EBUR128_SUCCESS)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory to measure the loudness."));
  return FALSE;
}

static double
to_db (double amplitude)
{
  return amplitude > 0.0 ? 20.0 * log10 (amplitude) : -INFINITY;
}

CwMeasures
cw_meter_read (CwMeter *meter)
{
  CwMeasures m = { .n_samples = meter->n_samples, .n_clipped = meter->n_clipped, .n_clipped_runs = meter->n_clipped_runs };
  double     true_peak = 0.0, peak = 0.0;

  if (ebur128_loudness_global (meter->state, &m.loudness_lufs) != EBUR128_SUCCESS)
    m.loudness_lufs = -INFINITY;
  if (ebur128_loudness_range (meter->state, &m.range_lu) != EBUR128_SUCCESS)
    m.range_lu = 0.0;
  for (guint i = 0; i < meter->n_channels; i++) {
    double value;

    if (ebur128_true_peak (meter->state, i, &value) == EBUR128_SUCCESS)
      true_peak = MAX (true_peak, value);
    if (ebur128_sample_peak (meter->state, i, &value) == EBUR128_SUCCESS)
      peak = MAX (peak, value);
  }
  m.true_peak_dbtp = to_db (true_peak);
  m.peak_dbfs = to_db (peak);
  return m;
}

double
cw_meter_get_dc (const CwMeter *meter, guint channel)
{
  return meter->n_samples ? meter->sums[channel] / (double) meter->n_samples : 0.0;
}

/* ---- two ------------------------------------------------------------------------------------------------------------- */

/* Sums over one channel: r is the reference, o the other. */
typedef struct {
  double r, o, rr, oo, ro;
} Sums;

struct _CwComparison {
  guint   n_channels, rate_hz;
  Sums   *sums;                /* [n_channels] */
  float  *reference, *other;   /* [n_channels, segment] */
  gsize   segment, n_waiting;
  guint64 n_samples;
  double  max_difference;
  double  mel_distance, log_mel_l1, weight; /* sums times samples, samples */
};

CwComparison *
cw_comparison_new (guint n_channels, guint rate_hz, GError **error)
{
  g_autoptr (CwComparison) c = g_new0 (CwComparison, 1);

  c->n_channels = n_channels;
  c->rate_hz = rate_hz;
  c->segment = (gsize) rate_hz * SEGMENT_S;
  c->sums = g_new0 (Sums, n_channels);
  c->reference = g_try_malloc_n (c->segment, n_channels * sizeof (float));
  c->other = g_try_malloc_n (c->segment, n_channels * sizeof (float));
  if (c->reference && c->other)
    return g_steal_pointer (&c);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory to compare the sounds."));
  return NULL;
}

void
cw_comparison_free (CwComparison *comparison)
{
  if (!comparison)
    return;
  g_free (comparison->sums);
  g_free (comparison->reference);
  g_free (comparison->other);
  g_free (comparison);
}

/* The mel distance of what waits, of which every channel counts alike. */
static gboolean
end_segment (CwComparison *c, GError **error)
{
  cw_error problem = { 0 };

  for (guint i = 0; i < c->n_channels && c->n_waiting >= CW_MEL_DISTANCE_MIN; i++) {
    double distance, log_mel;

    if (cw_mel_distance (c->other + i * c->segment, c->reference + i * c->segment, c->n_waiting, c->rate_hz, &distance, &log_mel, &problem) !=
        CW_OK) {
      cw_take_error (error, &problem);
      return FALSE;
    }
    c->mel_distance += distance * (double) c->n_waiting;
    c->log_mel_l1 += log_mel * (double) c->n_waiting;
    c->weight += (double) c->n_waiting;
  }
  c->n_waiting = 0;
  return TRUE;
}

gboolean
cw_comparison_add (CwComparison *c, const float *reference, const float *other, gsize n, GError **error)
{
  for (gsize t = 0; t < n; t++) {
    for (guint i = 0; i < c->n_channels; i++) {
      const float r = *reference++, o = *other++;
      Sums       *s = &c->sums[i];

      s->r += r;
      s->o += o;
      s->rr += (double) r * r;
      s->oo += (double) o * o;
      s->ro += (double) r * o;
      c->max_difference = MAX (c->max_difference, fabs ((double) r - o));
      c->reference[i * c->segment + c->n_waiting] = r;
      c->other[i * c->segment + c->n_waiting] = o;
    }
    c->n_samples++;
    if (++c->n_waiting == c->segment && !end_segment (c, error))
      return FALSE;
  }
  return TRUE;
}

/* Both without their means: the part of the other that is the reference, over the rest. */
static double
si_sdr (const Sums *s, double n)
{
  const double rr = s->rr - s->r * s->r / n, oo = s->oo - s->o * s->o / n, ro = s->ro - s->r * s->o / n;
  const double target = rr > 0.0 ? ro * ro / rr : 0.0, rest = oo - target;

  return rest > 1e-15 * oo ? 10.0 * log10 (target / rest) : target > 0.0 ? INFINITY : -INFINITY;
}

gboolean
cw_comparison_finish (CwComparison *c, CwDifference *difference, GError **error)
{
  *difference = (CwDifference){ .n_samples = c->n_samples, .identical = c->max_difference == 0.0, .max_difference = c->max_difference };
  for (guint i = 0; i < c->n_channels; i++)
    difference->si_sdr_db += si_sdr (&c->sums[i], (double) c->n_samples) / c->n_channels;
  if (!end_segment (c, error))
    return FALSE;
  difference->has_mel = c->weight > 0.0;
  if (difference->has_mel) {
    difference->mel_distance = c->mel_distance / c->weight;
    difference->log_mel_l1 = c->log_mel_l1 / c->weight;
  }
  return TRUE;
}
