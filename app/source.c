/* SPDX-License-Identifier: MIT
 *
 * source.c: see source.h.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define HASH_BLOCK_BYTES 65536

static void
clear (gpointer data)
{
  CwSource *source = data;

  g_free (source->path);
  g_free (source->name);
  g_free (source->hash);
  cw_audio_free (source->audio);
}

static CwSource *
source_new (const char *path, const char *name, char *hash, CwAudio *audio)
{
  CwSource *source = g_atomic_rc_box_new0 (CwSource);

  source->path = g_strdup (path);
  source->name = g_strdup (name);
  source->hash = hash;
  source->audio = audio;
  return source;
}

/* SHA-256 of the file's bytes; it was read as sound before, so it is a file. */
static char *
hash_file (const char *path, GError **error)
{
  g_autoptr (GChecksum)   sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint8      *block = g_malloc (HASH_BLOCK_BYTES);
  const int               descriptor = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  gssize                  n = -1;
  int                     code;

  if (descriptor >= 0)
    while ((n = read (descriptor, block, HASH_BLOCK_BYTES)) > 0)
      g_checksum_update (sum, block, n);
  code = errno;
  if (descriptor >= 0)
    close (descriptor);
  if (n < 0) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (code), _ ("“%s” could not be read: %s."), shown, g_strerror (code));
    return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}

CwSource *
cw_source_read (const char *path, GError **error)
{
  CwAudio         *audio = cw_audio_read_part (path, CW_DURATION_MAX_S + 1.0, error);
  g_autofree char *name = g_filename_display_basename (path);
  char            *hash = audio ? hash_file (path, error) : NULL;

  if (!hash) {
    cw_audio_free (audio);
    return NULL;
  }
  return source_new (path, name, hash, audio);
}

CwSource *
cw_source_new_known (const char *name, const char *hash)
{
  return source_new (NULL, name, g_strdup (hash), NULL);
}

CwSource *
cw_source_ref (CwSource *source)
{
  return source ? g_atomic_rc_box_acquire (source) : NULL;
}

void
cw_source_unref (CwSource *source)
{
  if (source)
    g_atomic_rc_box_release_full (source, clear);
}

double
cw_source_get_seconds (const CwSource *source)
{
  return source->audio ? (double) source->audio->n_samples / source->audio->rate_hz : 0.0;
}

CwAudio *
cw_source_convert (const CwSource *source, guint rate_hz, guint n_channels, GError **error)
{
  const CwAudio      *audio = source->audio;
  g_autoptr (CwAudio) copy = NULL;
  gsize               n_floats = 0;

  g_return_val_if_fail (audio != NULL, NULL);
  copy = g_new0 (CwAudio, 1);
  *copy = (CwAudio){ .n_samples = audio->n_samples, .n_channels = audio->n_channels, .rate_hz = audio->rate_hz };
  if (g_size_checked_mul (&n_floats, audio->n_samples, audio->n_channels))
    copy->samples = g_try_malloc_n (n_floats, sizeof (float));
  if (!copy->samples) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory for the sound of “%s”."), source->name);
    return NULL;
  }
  memcpy (copy->samples, audio->samples, n_floats * sizeof (float));
  return cw_audio_convert (copy, rate_hz, n_channels, error) ? g_steal_pointer (&copy) : NULL;
}
