/* SPDX-License-Identifier: MIT
 *
 * source.h: a sound file of the person's that a clip starts from: it goes on from it, or follows its melody.
 *
 * A CwSource never changes, so that it can be shared: by recipes, and by the threads that read them.
 */
#pragma once

#include "audio-file.h"
#include "engine.h"

typedef struct {
  char    *path;  /* NULL when the source is known from a recipe in a file: then only its name and hash are */
  char    *name;  /* the path's last part, UTF-8 */
  char    *hash;  /* hex SHA-256 of the file */
  CwAudio *audio; /* the file's, at most CW_DURATION_MAX_S of it and what tells that there is more; NULL with @path */
} CwSource;

/* Reads the file whole (it may take a while: not on the main thread). NULL with the sentence that names it. */
CwSource *cw_source_read (const char *path, GError **error);
/* One that is known by name alone. @hash may be NULL. */
CwSource *cw_source_new_known (const char *name, const char *hash);
CwSource *cw_source_ref (CwSource *source); /* NULL gives NULL */
void      cw_source_unref (CwSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwSource, cw_source_unref)

double    cw_source_get_seconds (const CwSource *source); /* 0 when it is known by name alone */
/* Its sound at another rate, of 1 or 2 channels: a new one. */
CwAudio  *cw_source_convert (const CwSource *source, guint rate_hz, guint n_channels, GError **error);
