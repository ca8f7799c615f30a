/* SPDX-License-Identifier: MIT
 *
 * meter.h: what can be measured of a sound while it passes: loudness and true peak (EBU R128, libebur128), clipping, DC; and of two sounds
 *     side by side how far they are apart.
 */
#pragma once

#include <gio/gio.h>

/* Silence has no loudness and no peak: those are -INFINITY. */
typedef struct {
  guint64 n_samples;                  /* per channel */
  double  loudness_lufs, range_lu;    /* integrated (ITU-R BS.1770, gated), and EBU Tech 3342's range */
  double  true_peak_dbtp, peak_dbfs;  /* of the loudest channel */
  guint64 n_clipped, n_clipped_runs;  /* samples at full scale of 16 bits or beyond; runs of three or more of them in one channel */
} CwMeasures;

typedef struct _CwMeter CwMeter;

CwMeter   *cw_meter_new (guint n_channels, guint rate_hz, GError **error);
void       cw_meter_free (CwMeter *meter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwMeter, cw_meter_free)
/* @samples interleaved [n, n_channels] */
gboolean   cw_meter_add (CwMeter *meter, const float *samples, gsize n, GError **error);
/* At the end, once. */
CwMeasures cw_meter_read (CwMeter *meter);
/* Mean of a channel. */
double     cw_meter_get_dc (const CwMeter *meter, guint channel);

/* Two sounds of one rate and channel count, sample by sample. The mel distances are those of cw_mel_distance, averaged over the channels and
 * over segments of 30 s, so that memory stays bounded; up to there they are AudioCraft's. */
typedef struct {
  guint64  n_samples;      /* per channel, compared */
  gboolean identical;
  double   si_sdr_db;      /* mean over the channels, each without its mean; INFINITY when one is only louder than the other. Le Roux et al.
                            * 2019, arXiv:1811.02508 */
  double   max_difference;
  gboolean has_mel;        /* FALSE: the sounds are too short */
  double   mel_distance, log_mel_l1;
} CwDifference;

typedef struct _CwComparison CwComparison;

CwComparison *cw_comparison_new (guint n_channels, guint rate_hz, GError **error);
void          cw_comparison_free (CwComparison *comparison);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwComparison, cw_comparison_free)
/* @reference and @other interleaved [n, n_channels] */
gboolean      cw_comparison_add (CwComparison *comparison, const float *reference, const float *other, gsize n, GError **error);
gboolean      cw_comparison_finish (CwComparison *comparison, CwDifference *difference, GError **error);
