/* SPDX-License-Identifier: MIT
 *
 * audio-file.c: libsndfile in, libsoxr through.
 */
#include "audio-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SAMPLES 65536

static gboolean
fail (GError **error, GIOErrorEnum code, const char *path, const char *reason)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_IO_ERROR, code, _ ("The sound file “%s” cannot be used: %s"), shown, reason);
  return FALSE;
}

/* At most @n_most samples. */
static gboolean
read_samples (CwAudio *audio, SNDFILE *file, gsize n_most, const char *path, GError **error)
{
  gsize room = 0;

  while (audio->n_samples < n_most) {
    sf_count_t n;
    float     *at;

    if (audio->n_samples + BLOCK_SAMPLES > room) {
      gsize  n_floats;
      float *grown = NULL;

      room = MAX (room + room / 2, audio->n_samples + BLOCK_SAMPLES);
      if (g_size_checked_mul (&n_floats, room, audio->n_channels))
        grown = g_try_realloc_n (audio->samples, n_floats, sizeof (float));
      if (!grown)
        return fail (error, G_IO_ERROR_NO_SPACE, path, _ ("there is not enough memory for it."));
      audio->samples = grown;
    }
    at = audio->samples + audio->n_samples * audio->n_channels;
    n = sf_readf_float (file, at, (sf_count_t) MIN (BLOCK_SAMPLES, n_most - audio->n_samples));
    for (gsize i = 0; i < (gsize) MAX (n, 0) * audio->n_channels; i++)
      if (!isfinite (at[i])) {
        g_autofree char *reason = g_strdup_printf (_ ("sample %" G_GSIZE_FORMAT " is not a finite number."),
                                                   audio->n_samples + i / audio->n_channels);

        return fail (error, G_IO_ERROR_INVALID_DATA, path, reason);
      }
    if (n <= 0)
      break;
    audio->n_samples += (gsize) n;
  }
  if (sf_error (file) != SF_ERR_NO_ERROR)
    return fail (error, G_IO_ERROR_INVALID_DATA, path, sf_strerror (file));
  if (audio->n_samples == 0)
    return fail (error, G_IO_ERROR_INVALID_DATA, path, _ ("it holds no sound."));
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
  g_autoptr (CwAudio) audio = g_new0 (CwAudio, 1);
  SF_INFO     info = { 0 };
  SNDFILE    *file;
  const char *comment;
  gboolean    good;
  int         descriptor = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  GStatBuf    found;

  if (descriptor < 0) {
    const int        code = errno;
    g_autofree char *reason = g_strdup_printf ("%s.", g_strerror (code));

    fail (error, g_io_error_from_errno (code), path, reason);
    return NULL;
  }
  if (fstat (descriptor, &found) != 0 || !S_ISREG (found.st_mode)) {
    fail (error, G_IO_ERROR_NOT_REGULAR_FILE, path, _ ("it is not a file."));
    close (descriptor);
    return NULL;
  }
  file = sf_open_fd (descriptor, SFM_READ, &info, SF_TRUE);
  if (!file) {
    fail (error, G_IO_ERROR_INVALID_DATA, path, sf_strerror (NULL));
    return NULL;
  }
  audio->n_channels = (guint) MAX (info.channels, 0);
  audio->rate_hz = (guint) MAX (info.samplerate, 0);
  if (audio->n_channels == 0 || audio->rate_hz == 0)
    good = fail (error, G_IO_ERROR_INVALID_DATA, path, _ ("its header names no channels or no sample rate."));
  else
    good = read_samples (audio, file, (gsize) MIN (ceil (max_s * audio->rate_hz), (double) (G_MAXSSIZE / 2)), path, error);
  if ((comment = sf_get_string (file, SF_STR_COMMENT)))
    audio->comment = g_strdup (comment);
  sf_close (file);
  return good ? g_steal_pointer (&audio) : NULL;
}

/* ---- converting ------------------------------------------------------------------------------------------------------ */

/* Every channel beyond the first two goes to both sides at half its level; the sum is scaled so that it cannot clip. */
static void
mix_to_stereo (float *to, const float *from, guint n_channels)
{
  const guint n_others = n_channels - 2;
  float       others = 0.0f;

  for (guint channel = 2; channel < n_channels; channel++)
    others += from[channel];
  for (guint side = 0; side < 2; side++)
    to[side] = (from[side] + 0.5f * others) / (1.0f + 0.5f * (float) n_others);
}

static gboolean
mix (CwAudio *audio, guint n_channels, GError **error)
{
  float *mixed = g_try_malloc_n (audio->n_samples, n_channels * sizeof (float));

  if (!mixed) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory to mix the sound."));
    return FALSE;
  }
  for (gsize i = 0; i < audio->n_samples; i++) {
    const float *from = audio->samples + i * audio->n_channels;
    float       *to = mixed + i * n_channels;

    if (n_channels == 2 && audio->n_channels > 2) {
      mix_to_stereo (to, from, audio->n_channels);
    } else {
      double sum = 0.0;

      for (guint channel = 0; channel < audio->n_channels; channel++)
        sum += from[channel];
      for (guint channel = 0; channel < n_channels; channel++)
        to[channel] = (float) (sum / audio->n_channels);
    }
  }
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
