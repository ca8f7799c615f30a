/* SPDX-License-Identifier: MIT
 *
 * audio-file.c: a whole sound file in memory, over audio-stream.h.
 */
#include "audio-file.h"

#include <glib/gi18n.h>
#include <math.h>
#include <soxr.h>
#include <string.h>

#include "audio-stream.h"

/* At most @n_most samples. */
static gboolean
read_samples (CwAudio *audio, CwAudioStream *stream, gsize n_most, const char *path, GError **error)
{
  gsize room = 0;

  while (audio->n_samples < n_most) {
    const float *block;
    gssize       n = cw_audio_stream_next (stream, &block, error);

    if (n <= 0)
      return n == 0;
    n = (gssize) MIN ((gsize) n, n_most - audio->n_samples);
    if (audio->n_samples + (gsize) n > room) {
      gsize  n_floats;
      float *grown = NULL;

      room = MAX (room + room / 2, audio->n_samples + (gsize) n);
      if (g_size_checked_mul (&n_floats, room, audio->n_channels))
        grown = g_try_realloc_n (audio->samples, n_floats, sizeof (float));
      if (!grown) {
        g_autofree char *shown = g_filename_display_name (path);

        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory for the sound file “%s”."), shown);
        return FALSE;
      }
      audio->samples = grown;
    }
    memcpy (audio->samples + audio->n_samples * audio->n_channels, block, (gsize) n * audio->n_channels * sizeof (float));
    audio->n_samples += (gsize) n;
  }
  return TRUE;
}

CwAudio *
cw_audio_read (const char *path, GError **error)
{
  return cw_audio_read_part (path, INFINITY, error);
}

CwAudio *
cw_audio_read_part (const char *path, double max_s, GError **error)
{
  g_autoptr (CwAudioStream) stream = cw_audio_stream_open (path, error);
  g_autoptr (CwAudio)       audio = NULL;

  if (!stream)
    return NULL;
  audio = g_new0 (CwAudio, 1);
  audio->n_channels = cw_audio_stream_get_n_channels (stream);
  audio->rate_hz = cw_audio_stream_get_rate (stream);
  if (!read_samples (audio, stream, (gsize) MIN (ceil (max_s * audio->rate_hz), (double) (G_MAXSSIZE / 2)), path, error))
    return NULL;
  audio->comment = g_strdup (cw_audio_stream_get_comment (stream));
  return g_steal_pointer (&audio);
}

/* ---- converting ------------------------------------------------------------------------------------------------------ */

static gboolean
mix (CwAudio *audio, guint n_channels, GError **error)
{
  float *mixed = g_try_malloc_n (audio->n_samples, n_channels * sizeof (float));

  if (!mixed) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory to mix the sound."));
    return FALSE;
  }
  cw_audio_mix (mixed, n_channels, audio->samples, audio->n_channels, audio->n_samples);
  g_free (audio->samples);
  audio->samples = mixed;
  audio->n_channels = n_channels;
  return TRUE;
}

static gboolean
resample (CwAudio *audio, guint rate_hz, GError **error)
{
  const soxr_quality_spec_t quality = soxr_quality_spec (SOXR_VHQ, 0);
  const double ratio = (double) rate_hz / audio->rate_hz;
  const gsize  n_most = (gsize) ceil ((double) audio->n_samples * ratio) + 1;
  float       *out = g_try_malloc_n (n_most, audio->n_channels * sizeof (float));
  gsize        n_out = 0;
  soxr_error_t problem = out ? soxr_oneshot (audio->rate_hz, rate_hz, audio->n_channels, audio->samples, audio->n_samples,
                                             NULL, out, n_most, &n_out, NULL, &quality, NULL)
                             : "not enough memory";

  if (problem) {
    g_free (out);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The sound could not be converted from %u to %u Hz: %s."),
                 audio->rate_hz, rate_hz, problem);
    return FALSE;
  }
  g_free (audio->samples);
  audio->samples = out;
  audio->n_samples = n_out;
  audio->rate_hz = rate_hz;
  return TRUE;
}

gboolean
cw_audio_convert (CwAudio *audio, guint rate_hz, guint n_channels, GError **error)
{
  g_return_val_if_fail (rate_hz > 0 && (n_channels == 1 || n_channels == 2), FALSE);
  if (audio->n_channels != n_channels && !mix (audio, n_channels, error))
    return FALSE;
  if (audio->rate_hz != rate_hz && !resample (audio, rate_hz, error))
    return FALSE;
  return TRUE;
}

void
cw_audio_free (CwAudio *audio)
{
  if (!audio)
    return;
  g_free (audio->samples);
  g_free (audio->comment);
  g_free (audio);
}
