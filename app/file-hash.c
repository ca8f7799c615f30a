/* SPDX-License-Identifier: MIT
 *
 * file-hash.c: see file-hash.h.
 */
#include "file-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define PIECE_BYTES (1 << 18)

static gboolean
fail_read (const char *path, int problem, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (problem), _ ("“%s” cannot be read: %s."), shown,
               problem ? g_strerror (problem) : _ ("it ends too early"));
  return FALSE;
}

gboolean
cw_file_hash_add (GChecksum *checksum, const char *path, gint64 n_bytes, void (*tell) (gint64, gpointer), gpointer user,
                  GCancellable *cancellable, GError **error)
{
  const int          file = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  g_autofree guchar *piece = g_malloc (PIECE_BYTES);
  gint64             left = n_bytes;
  gboolean           done = FALSE;

  if (file < 0)
    return fail_read (path, errno, error);
  while (!done) {
    const gsize wanted = left < 0 ? PIECE_BYTES : (gsize) MIN (left, PIECE_BYTES);
    gssize      n = 0;

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      break;
    if (wanted > 0 && (n = read (file, piece, wanted)) < 0) {
      if (errno == EINTR)
        continue;
      fail_read (path, errno, error);
      break;
    }
    if (n == 0 && left > 0) {
      fail_read (path, 0, error);
      break;
    }
    g_checksum_update (checksum, piece, n);
    if (tell && n > 0)
      tell (n, user);
    left -= left < 0 ? 0 : n;
    done = n == 0;
  }
  close (file);
  return done;
}

char *
cw_file_hash (const char *path, void (*tell) (gint64, gpointer), gpointer user, GCancellable *cancellable, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  if (!cw_file_hash_add (checksum, path, -1, tell, user, cancellable, error))
    return NULL;
  return g_strdup (g_checksum_get_string (checksum));
}
