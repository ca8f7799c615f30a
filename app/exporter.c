/* SPDX-License-Identifier: MIT
 *
 * exporter.c: a clip as a sound file: written beside its place by libsndfile, synced, renamed.
 *
 * The recipe goes into the file's own strings: title (the prompt), software, date, licence, and as comment one JSON
 * object with every parameter, which recipe.h reads back.
 */
#include "exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sndfile.h>
#include <string.h>
#include <unistd.h>

#include "clipwright-config.h"

#define TITLE_MAX_BYTES   200
#define COMMENT_MAX_BYTES 65536 /* libsndfile refuses headers over 100 KiB */

static const struct {
  const char *nick, *extension;
  int         sndfile;
} formats[] = {
  [CW_FORMAT_WAV16] = { "wav16", ".wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16 },
  [CW_FORMAT_WAV24] = { "wav24", ".wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24 },
  [CW_FORMAT_WAV_FLOAT] = { "float", ".wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT },
  [CW_FORMAT_FLAC] = { "flac", ".flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24 },
};

gboolean
cw_format_from_name (const char *path, CwFormat *format, GError **error)
{
  const char *dot = strrchr (path, '.');

  if (dot && g_ascii_strcasecmp (dot, ".wav") == 0)
    *format = CW_FORMAT_WAV24;
  else if (dot && g_ascii_strcasecmp (dot, ".flac") == 0)
    *format = CW_FORMAT_FLAC;
  else {
    g_autofree char *shown = g_filename_display_basename (path);

    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 _ ("The name “%s” does not say what kind of file to write; end it in .wav or .flac."), shown);
    return FALSE;
  }
  return TRUE;
}

gboolean
cw_format_from_nick (const char *nick, CwFormat *format)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (strcmp (nick, formats[i].nick) == 0) {
      *format = (CwFormat) i;
      return TRUE;
    }
  return FALSE;
}

const char *
cw_format_get_extension (CwFormat format)
{
  return formats[format].extension;
}

static gboolean
fail_system (GError **error, const char *path, int code)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (code), _ ("“%s” could not be written: %s."), shown,
               g_strerror (code));
  return FALSE;
}

/* Where the bytes will really lie: behind symbolic links. */
static char *
final_path (const char *path)
{
  char *real = realpath (path, NULL);
  char *copy = g_strdup (real ? real : path);

  free (real);
  return copy;
}

gboolean
cw_export_check_place (const char *path, GError **error)
{
  g_autofree char *final = final_path (path), *folder = g_path_get_dirname (final);
  g_autofree char *shown = g_filename_display_name (path);
  GStatBuf         found;

  if (g_stat (final, &found) == 0 && !S_ISREG (found.st_mode)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                 S_ISDIR (found.st_mode) ? _ ("“%s” is a folder; give the name of a file.")
                                         : _ ("“%s” is a device or a pipe, not a file; nothing is written there."), shown);
    return FALSE;
  }
  if (g_stat (folder, &found) != 0)
    return fail_system (error, path, errno);
  if (g_access (folder, W_OK | X_OK) != 0)
    return fail_system (error, path, errno);
  return TRUE;
}

/* The first bytes of @text that are whole characters and fit. */
static char *
shortened (const char *text, gsize n_bytes_max)
{
  const char *end = text;

  while (*end && (gsize) (g_utf8_next_char (end) - text) <= n_bytes_max)
    end = g_utf8_next_char (end);
  return g_strndup (text, (gsize) (end - text));
}

static void
shorten (char **text, gsize n_bytes_max)
{
  char *old = *text;

  *text = shortened (old, n_bytes_max);
  g_free (old);
}

static void
write_strings (SNDFILE *file, const CwRecipe *recipe)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (now, "%Y-%m-%d"), *whole = cw_recipe_to_title (recipe);
  g_autofree char *title = shortened (whole, TITLE_MAX_BYTES);
  g_autofree char *comment = cw_recipe_to_json (recipe);

  if (strlen (comment) > COMMENT_MAX_BYTES) {
    g_autoptr (CwRecipe) brief = cw_recipe_copy (recipe);
    const gsize          each = COMMENT_MAX_BYTES / 8 / (1 + brief->n_changes);

    shorten (&brief->prompt, each);
    for (guint i = 0; i < brief->n_changes; i++)
      shorten ((char **) &brief->changes[i].prompt, each);
    g_free (comment);
    comment = cw_recipe_to_json (brief);
  }
  sf_set_string (file, SF_STR_TITLE, title);
  sf_set_string (file, SF_STR_SOFTWARE, "Clipwright " CLIPWRIGHT_VERSION);
  sf_set_string (file, SF_STR_DATE, date);
  sf_set_string (file, SF_STR_COMMENT, comment);
  if (recipe->licence)
    sf_set_string (file, SF_STR_LICENSE, recipe->licence);
}

/* ---- a file that grows -------------------------------------------------------------------------------------------------- */

struct _CwExport {
  char    *path, *final, *beside; /* as given, behind links, where the bytes go until the end */
  SNDFILE *file;
  int      descriptor;
};

static void
export_free (CwExport *export)
{
  if (export->file)
    sf_close (export->file);
  if (export->descriptor >= 0)
    close (export->descriptor);
  g_free (export->path);
  g_free (export->final);
  g_free (export->beside);
  g_free (export);
}

void
cw_export_abandon (CwExport *export)
{
  if (!export)
    return;
  if (export->descriptor >= 0)
    g_unlink (export->beside);
  export_free (export);
}

CwExport *
cw_export_begin (const char *path, CwFormat format, gboolean long_file, guint n_channels, guint rate_hz, const CwRecipe *recipe,
                 GError **error)
{
  SF_INFO   info = { .samplerate = (int) rate_hz, .channels = (int) n_channels, .format = formats[format].sndfile };
  CwExport *export;
  GStatBuf  old;

  if (!cw_export_check_place (path, error))
    return NULL;
  export = g_new0 (CwExport, 1);
  export->path = g_strdup (path);
  export->final = final_path (path);
  export->beside = g_strconcat (export->final, ".XXXXXX", NULL);
  if ((export->descriptor = g_mkstemp_full (export->beside, O_RDWR | O_CLOEXEC, 0666)) < 0) {
    fail_system (error, path, errno);
    export_free (export);
    return NULL;
  }
  if (g_stat (export->final, &old) == 0)
    (void) !fchmod (export->descriptor, old.st_mode & 0777);
  if (long_file && (info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_WAV)
    info.format = SF_FORMAT_RF64 | (info.format & SF_FORMAT_SUBMASK);
  if (!(export->file = sf_open_fd (export->descriptor, SFM_WRITE, &info, SF_FALSE))) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("“%s” could not be written: %s"), shown, sf_strerror (NULL));
    cw_export_abandon (export);
    return NULL;
  }
  if (long_file)
    sf_command (export->file, SFC_RF64_AUTO_DOWNGRADE, NULL, SF_TRUE);
  sf_command (export->file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it holds the time: the same clip shall be the same file */
  sf_command (export->file, SFC_SET_CLIPPING, NULL, format == CW_FORMAT_WAV_FLOAT ? SF_FALSE : SF_TRUE);
  if (recipe)
    write_strings (export->file, recipe);
  return export;
}

gboolean
cw_export_append (CwExport *export, const float *samples, gsize n_samples, GError **error)
{
  errno = 0;
  if (sf_writef_float (export->file, samples, (sf_count_t) n_samples) != (sf_count_t) n_samples)
    return fail_system (error, export->path, errno ? errno : EIO);
  return TRUE;
}

gboolean
cw_export_finish (CwExport *export, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (export->final);
  gboolean         done = TRUE;
  int              folder_descriptor;

  errno = 0;
  if (sf_close (g_steal_pointer (&export->file)) != 0)
    done = fail_system (error, export->path, errno ? errno : EIO);
  if (done && fsync (export->descriptor) != 0)
    done = fail_system (error, export->path, errno);
  if (done && g_rename (export->beside, export->final) != 0)
    done = fail_system (error, export->path, errno);
  if (!done) {
    cw_export_abandon (export);
    return FALSE;
  }
  if ((folder_descriptor = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)) >= 0) {
    fsync (folder_descriptor); /* so that the new name, too, survives a power cut */
    close (folder_descriptor);
  }
  export_free (export);
  return TRUE;
}

gboolean
cw_export (const char *path, CwFormat format, const float *samples, gsize n_samples, guint n_channels, guint rate_hz,
           const CwRecipe *recipe, GError **error)
{
  CwExport *export = cw_export_begin (path, format, FALSE, n_channels, rate_hz, recipe, error);

  if (!export)
    return FALSE;
  if (!cw_export_append (export, samples, n_samples, error)) {
    cw_export_abandon (export);
    return FALSE;
  }
  return cw_export_finish (export, error);
}

char *
cw_export_free_name (const char *folder, const char *stem, const char *extension)
{
  for (guint n = 1;; n++) {
    g_autofree char *name = n == 1 ? g_strconcat (stem, extension, NULL) : g_strdup_printf ("%s-%u%s", stem, n, extension);
    g_autofree char *path = g_build_filename (folder, name, NULL);
    GStatBuf         found;

    if (g_lstat (path, &found) != 0)
      return g_steal_pointer (&path);
  }
}
