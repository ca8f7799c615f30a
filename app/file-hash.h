/* SPDX-License-Identifier: MIT
 *
 * file-hash.h: SHA-256 of what a file holds.
 */
#pragma once

#include <gio/gio.h>

/* Adds the first @n_bytes of @path (all of them for < 0) to @checksum. @tell, which may be NULL, hears of each piece. */
gboolean cw_file_hash_add (GChecksum *checksum, const char *path, gint64 n_bytes, void (*tell) (gint64 n_more, gpointer user), gpointer user,
                           GCancellable *cancellable, GError **error);
/* Of the whole file, in hex; g_free. NULL with @error. */
char    *cw_file_hash (const char *path, void (*tell) (gint64 n_more, gpointer user), gpointer user, GCancellable *cancellable, GError **error);
