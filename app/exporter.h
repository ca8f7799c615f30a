/* SPDX-License-Identifier: MIT
 *
 * exporter.h: writes a clip to a sound file through libsndfile, with its recipe in the file's own metadata.
 *
 * The file is written beside its place, synced, then renamed: a full disk or a crash leaves the old file as it was.
 */
#pragma once

#include <gio/gio.h>

#include "recipe.h"

typedef enum { CW_FORMAT_WAV16, CW_FORMAT_WAV24, CW_FORMAT_WAV_FLOAT, CW_FORMAT_FLAC } CwFormat; /* FLAC: 24 bit */

/* By the name's extension (.wav: 24 bit; .flac), false with the sentence when it is neither. */
gboolean    cw_format_from_name (const char *path, CwFormat *format, GError **error);
/* "wav16", "wav24", "float", "flac" */
gboolean    cw_format_from_nick (const char *nick, CwFormat *format);
const char *cw_format_get_extension (CwFormat format); /* ".wav", ".flac" */

/* @samples interleaved [n_samples, n_channels]; beyond -1 … 1 they are limited, in the float format kept.
 * @recipe may be NULL. An existing file is replaced and keeps its permissions; a link keeps pointing to it. */
gboolean    cw_export (const char *path, CwFormat format, const float *samples, gsize n_samples, guint n_channels,
                       guint rate_hz, const CwRecipe *recipe, GError **error);
/* The same for sound that is still being made. @long_file: a WAV file that outgrows 4 GiB becomes RF64. */
typedef struct _CwExport CwExport;
CwExport   *cw_export_begin (const char *path, CwFormat format, gboolean long_file, guint n_channels, guint rate_hz,
                             const CwRecipe *recipe, GError **error);
gboolean    cw_export_append (CwExport *export, const float *samples, gsize n_samples, GError **error);
/* Puts the file in its place, and frees @export, also when it fails. */
gboolean    cw_export_finish (CwExport *export, GError **error);
/* Takes back what was written, and frees @export. */
void        cw_export_abandon (CwExport *export);
/* Could a file be written at @path? To be asked before the work that fills it. A folder, a device, a pipe, a folder
 * that is missing or read-only: FALSE with the sentence. */
gboolean    cw_export_check_place (const char *path, GError **error);
/* STEM.ext in @folder, or the first of STEM-2.ext, STEM-3.ext, … that does not exist; g_free. */
char       *cw_export_free_name (const char *folder, const char *stem, const char *extension);
