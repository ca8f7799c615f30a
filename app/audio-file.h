/* SPDX-License-Identifier: MIT
 *
 * audio-file.h: reads any sound file that libsndfile knows, checked, at the rate and channel count that are asked for.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  float *samples; /* interleaved [n_samples, n_channels]; owned */
  gsize  n_samples;
  guint  n_channels;
  guint  rate_hz;
  char  *comment; /* the file's own, as the exporter wrote it, or NULL; owned */
} CwAudio;

/* Refuses broken files, samples that are not finite, no channels, a rate of 0; accepts the sizes of streamed WAV
 * files (0xFFFFFFFF). Memory is taken as samples are read, not as the header claims. NULL with a sentence that names the
 * file. */
CwAudio *cw_audio_read (const char *path, GError **error);
/* The same, but no more than the first @max_s seconds. */
CwAudio *cw_audio_read_part (const char *path, double max_s, GError **error);
/* Resamples (libsoxr, best quality) and mixes to 1 or 2 channels: as cw_audio_mix does. In place. */
gboolean cw_audio_convert (CwAudio *audio, guint rate_hz, guint n_channels, GError **error);
void     cw_audio_free (CwAudio *audio);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwAudio, cw_audio_free)
