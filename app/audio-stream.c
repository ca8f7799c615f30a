/* SPDX-License-Identifier: MIT
 *
 * audio-stream.c: libsndfile in, mixed, libsoxr through.
 */
#include "audio-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <unistd.h>

#define BLOCK_SAMPLES 32768

struct _CwAudioStream {
  char   *path;
  SF_INFO info;
  SNDFILE *file;
  guint64 n_read;
  guint   n_channels, rate_hz; /* that are given out */
  float  *block;               /* [BLOCK_SAMPLES, info.channels] */
  float  *mixed;               /* [BLOCK_SAMPLES, n_channels], or NULL */
  const float *waiting;        /* [n_waiting, n_channels] of one of them: for the resampler */
  gsize   n_waiting;
  float  *resampled;           /* [BLOCK_SAMPLES, n_channels], or NULL */
  soxr_t  soxr;
  gboolean ended;
};

static gboolean
fail (GError **error, GIOErrorEnum code, const char *path, const char *reason)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_IO_ERROR, (gint) code, _ ("The sound file “%s” cannot be used: %s"), shown, reason);
  return FALSE;
}

static gboolean
open_file (CwAudioStream *stream, GError **error)
{
  const char *path = stream->path;
  int         descriptor = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  GStatBuf    found;

  if (descriptor < 0) {
    const int        code = errno;
    g_autofree char *reason = g_strdup_printf ("%s.", g_strerror (code));

    return fail (error, g_io_error_from_errno (code), path, reason);
  }
  if (fstat (descriptor, &found) != 0 || !S_ISREG (found.st_mode)) {
    close (descriptor);
    return fail (error, G_IO_ERROR_NOT_REGULAR_FILE, path, _ ("it is not a file."));
  }
  stream->file = sf_open_fd (descriptor, SFM_READ, &stream->info, SF_TRUE);
  if (!stream->file)
    return fail (error, G_IO_ERROR_INVALID_DATA, path, sf_strerror (NULL));
  if (stream->info.channels < 1 || stream->info.samplerate < 1)
    return fail (error, G_IO_ERROR_INVALID_DATA, path, _ ("its header names no channels or no sample rate."));
  stream->n_channels = (guint) stream->info.channels;
  stream->rate_hz = (guint) stream->info.samplerate;
  if (!(stream->block = g_try_malloc_n (BLOCK_SAMPLES, stream->n_channels * sizeof (float))))
    return fail (error, G_IO_ERROR_NO_SPACE, path, _ ("there is not enough memory for it."));
  return TRUE;
}

CwAudioStream *
cw_audio_stream_open (const char *path, GError **error)
{
  g_autoptr (CwAudioStream) stream = g_new0 (CwAudioStream, 1);

  stream->path = g_strdup (path);
  return open_file (stream, error) ? g_steal_pointer (&stream) : NULL;
}

void
cw_audio_stream_free (CwAudioStream *stream)
{
  if (!stream)
    return;
  if (stream->file)
    sf_close (stream->file);
  soxr_delete (stream->soxr);
  g_free (stream->path);
  g_free (stream->block);
  g_free (stream->mixed);
  g_free (stream->resampled);
  g_free (stream);
}

guint
cw_audio_stream_get_rate (const CwAudioStream *stream)
{
  return (guint) stream->info.samplerate;
}

guint
cw_audio_stream_get_n_channels (const CwAudioStream *stream)
{
  return (guint) stream->info.channels;
}

guint64
cw_audio_stream_get_n_claimed (const CwAudioStream *stream)
{
  return stream->info.frames == SF_COUNT_MAX ? 0 : (guint64) MAX (stream->info.frames, 0);
}

guint64
cw_audio_stream_get_n_read (const CwAudioStream *stream)
{
  return stream->n_read;
}

const char *
cw_audio_stream_get_comment (const CwAudioStream *stream)
{
  return sf_get_string (stream->file, SF_STR_COMMENT);
}

/* ---- converting ------------------------------------------------------------------------------------------------------ */

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

void
cw_audio_mix (float *to, guint n_to, const float *from, guint n_from, gsize n)
{
  for (gsize i = 0; i < n; i++, to += n_to, from += n_from)
    if (n_to == 2 && n_from > 2) {
      mix_to_stereo (to, from, n_from);
    } else {
      double sum = 0.0;

      for (guint channel = 0; channel < n_from; channel++)
        sum += from[channel];
      for (guint channel = 0; channel < n_to; channel++)
        to[channel] = (float) (sum / n_from);
    }
}

gboolean
cw_audio_stream_convert (CwAudioStream *stream, guint rate_hz, guint n_channels, GError **error)
{
  const soxr_quality_spec_t quality = soxr_quality_spec (SOXR_VHQ, 0);
  soxr_error_t              problem = NULL;

  g_return_val_if_fail (rate_hz > 0 && (n_channels == 1 || n_channels == 2) && stream->n_read == 0, FALSE);
  if (n_channels != stream->n_channels) {
    stream->n_channels = n_channels;
    stream->mixed = g_try_malloc_n (BLOCK_SAMPLES, n_channels * sizeof (float));
    if (!stream->mixed)
      return fail (error, G_IO_ERROR_NO_SPACE, stream->path, _ ("there is not enough memory for it."));
  }
  if (rate_hz != stream->rate_hz) {
    stream->resampled = g_try_malloc_n (BLOCK_SAMPLES, n_channels * sizeof (float));
    stream->soxr = stream->resampled ? soxr_create (stream->rate_hz, rate_hz, n_channels, &problem, NULL, &quality, NULL) : NULL;
    if (!stream->soxr) {
      g_autofree char *reason = g_strdup_printf (_ ("it cannot be converted from %u to %u Hz (%s)."), stream->rate_hz, rate_hz,
                                                 problem ? problem : _ ("not enough memory"));

      return fail (error, G_IO_ERROR_FAILED, stream->path, reason);
    }
    stream->rate_hz = rate_hz;
  }
  return TRUE;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* Samples of the file, as they are, every one finite, to block; at the end 0. */
static gssize
read_block (CwAudioStream *stream, GError **error)
{
  const guint      n_channels = (guint) stream->info.channels;
  const sf_count_t n = stream->ended ? 0 : sf_readf_float (stream->file, stream->block, BLOCK_SAMPLES);

  for (gsize i = 0; i < (gsize) MAX (n, 0) * n_channels; i++)
    if (!isfinite (stream->block[i])) {
      g_autofree char *reason = g_strdup_printf (_ ("sample %" G_GUINT64_FORMAT " is not a finite number."),
                                                 stream->n_read + i / n_channels);

      fail (error, G_IO_ERROR_INVALID_DATA, stream->path, reason);
      return -1;
    }
  if (n > 0) {
    stream->n_read += (guint64) n;
    return n;
  }
  stream->ended = TRUE;
  if (sf_error (stream->file) != SF_ERR_NO_ERROR) {
    fail (error, G_IO_ERROR_INVALID_DATA, stream->path, sf_strerror (stream->file));
    return -1;
  }
  if (stream->n_read == 0) {
    fail (error, G_IO_ERROR_INVALID_DATA, stream->path, _ ("it holds no sound."));
    return -1;
  }
  return 0;
}

/* The next block at the file's own rate, mixed: to waiting. 0 at the end. */
static gssize
mix_block (CwAudioStream *stream, GError **error)
{
  const gssize n = read_block (stream, error);

  stream->waiting = stream->block;
  if (stream->mixed && n > 0) {
    cw_audio_mix (stream->mixed, stream->n_channels, stream->block, (guint) stream->info.channels, (gsize) n);
    stream->waiting = stream->mixed;
  }
  return n;
}

gssize
cw_audio_stream_next (CwAudioStream *stream, const float **samples, GError **error)
{
  gsize n_out = 0;

  if (!stream->soxr) {
    const gssize n = mix_block (stream, error);

    *samples = stream->waiting;
    return n;
  }
  do {
    gsize        n_used = 0;
    soxr_error_t problem;

    if (stream->n_waiting == 0) {
      const gssize n = mix_block (stream, error);

      if (n < 0)
        return -1;
      stream->n_waiting = (gsize) n;
    }
    problem = soxr_process (stream->soxr, stream->n_waiting ? stream->waiting : NULL, stream->n_waiting, &n_used, stream->resampled,
                            BLOCK_SAMPLES, &n_out);
    if (problem) {
      fail (error, G_IO_ERROR_FAILED, stream->path, problem);
      return -1;
    }
    stream->waiting += n_used * stream->n_channels;
    stream->n_waiting -= n_used;
  } while (n_out == 0 && !stream->ended);
  *samples = stream->resampled;
  return (gssize) n_out;
}
