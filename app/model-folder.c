/* SPDX-License-Identifier: MIT
 *
 * model-folder.c: see model-folder.h.
 */
#include "model-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine.h"
#include "error.h"
#include "file-hash.h"
#include "model-pins.h"

gboolean
cw_model_name_is_valid (const char *name)
{
  return g_regex_match_simple ("^[\\p{L}\\p{N}_][\\p{L}\\p{N}._-]{0,95}$", name, G_REGEX_DOLLAR_ENDONLY, 0) &&
         !g_str_has_suffix (name, CW_MODEL_PART_SUFFIX) && strcmp (name, "starter") != 0; /* which is the starter model's own */
}

static gboolean
fail (GError **error, const char *form, const char *path)
{
  const int        problem = errno;
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (problem), form, shown, g_strerror (problem));
  return FALSE;
}

gint64
cw_model_folder_get_n_bytes (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  gint64           sum = 0;
  const char      *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    GStatBuf         info;

    if (g_lstat (path, &info) != 0)
      continue;
    if (S_ISREG (info.st_mode))
      sum += info.st_size;
    else if (S_ISDIR (info.st_mode))
      sum += cw_model_folder_get_n_bytes (path);
  }
  return sum;
}

static void
sync_folder (const char *folder)
{
  const int file = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (file >= 0) {
    fsync (file);
    close (file);
  }
}

gboolean
cw_model_folder_publish (const char *part, const char *folder, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (folder);

  sync_folder (part);
  if (g_rename (part, folder) != 0)
    return fail (error, _ ("“%s” cannot be given its name: %s."), part);
  sync_folder (parent);
  return TRUE;
}

/* ---- the lock -------------------------------------------------------------------------------------------------------- */

int
cw_model_folder_open_lock (const char *models, const char *name, gboolean make, char **path)
{
  g_autofree char *folder = g_build_filename (models, ".locks", NULL), *file = g_build_filename (folder, name, NULL);
  const int        lock = !make || g_mkdir_with_parents (folder, 0777) == 0 ? g_open (file, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0666) : -1;

  if (path)
    *path = g_steal_pointer (&file);
  return lock;
}

/* ---- removing -------------------------------------------------------------------------------------------------------- */

gboolean
cw_model_folder_remove_tree (const char *path, GError **error)
{
  GStatBuf info;

  if (g_lstat (path, &info) != 0)
    return errno == ENOENT ? TRUE : fail (error, _ ("“%s” cannot be looked at: %s."), path);
  if (S_ISDIR (info.st_mode)) {
    g_autoptr (GDir) dir = g_dir_open (path, 0, error);
    const char      *name;

    if (!dir)
      return FALSE;
    while ((name = g_dir_read_name (dir))) {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      if (!cw_model_folder_remove_tree (inner, error))
        return FALSE;
    }
  }
  return g_remove (path) == 0 ? TRUE : fail (error, _ ("“%s” cannot be removed: %s."), path);
}

/* ---- importing ------------------------------------------------------------------------------------------------------- */

/* Files that a model may consist of; a folder's others are the person's own. */
static gboolean
is_part_of_model (const char *name)
{
  static const char *const endings[] = { ".json", ".safetensors", ".bin", ".th", ".model", ".md", ".txt" };

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (name, endings[i]))
      return strcmp (name, CW_PINS_NAME) != 0;
  return strcmp (name, "LICENSE") == 0;
}

/* @name: from the folders on, pinned as that. @pins NULL: only a link to it. */
static gboolean
copy_file (const char *from_folder, const char *to_folder, const char *name, CwPins *pins, GCancellable *cancellable, GError **error)
{
  g_autofree char *from = g_build_filename (from_folder, name, NULL), *to = g_build_filename (to_folder, name, NULL), *hash = NULL;
  g_autoptr (GFile) source = g_file_new_for_path (from), target = g_file_new_for_path (to);
  GStatBuf info;
  int      file;

  if (!pins)
    return symlink (from, to) == 0 || fail (error, _ ("A link to “%s” cannot be made: %s."), from);
  if (!g_file_copy (source, target, G_FILE_COPY_OVERWRITE | G_FILE_COPY_TARGET_DEFAULT_PERMS, cancellable, NULL, NULL, error) ||
      !(hash = cw_file_hash (to, NULL, NULL, cancellable, error)))
    return FALSE;
  if ((file = g_open (to, O_RDONLY | O_CLOEXEC, 0)) < 0 || fsync (file) != 0 || g_stat (to, &info) != 0) {
    fail (error, _ ("“%s” cannot be written: %s."), to);
    if (file >= 0)
      close (file);
    return FALSE;
  }
  close (file);
  cw_pins_add (pins, name, info.st_size, hash);
  return TRUE;
}

/* The files of @source, or of its folder @inner: a text encoder or a discriminator, which lie there as models of their own. @pins: as copy_file. */
static gboolean
copy_files (const char *source, const char *inner, const char *part, CwPins *pins, GCancellable *cancellable, GError **error)
{
  g_autofree char *from = g_build_filename (source, inner, NULL), *to = g_build_filename (part, inner, NULL);
  g_autoptr (GDir) dir = g_dir_open (from, 0, error);
  const char      *entry;

  if (!dir)
    return FALSE;
  if (g_mkdir (to, 0777) != 0)
    return fail (error, _ ("“%s” cannot be made: %s."), to);
  while ((entry = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (from, entry, NULL), *name = inner ? g_build_filename (inner, entry, NULL) : g_strdup (entry);
    g_autofree char *config = g_build_filename (path, "config.json", NULL);

    if (g_file_test (path, G_FILE_TEST_IS_REGULAR) && is_part_of_model (entry) && !copy_file (source, part, name, pins, cancellable, error))
      return FALSE;
    if (!inner && g_file_test (config, G_FILE_TEST_IS_REGULAR) && !copy_files (source, entry, part, pins, cancellable, error))
      return FALSE;
  }
  sync_folder (to);
  return TRUE;
}

static gboolean
copy_folder (const char *source, const char *part, GCancellable *cancellable, GError **error)
{
  g_autoptr (CwPins)       pins = cw_pins_new ();
  g_autoptr (CwModelPlace) place = cw_models_find (source, NULL);

  if (place)
    pins->licence = g_strdup (place->licence);
  return copy_files (source, NULL, part, pins, cancellable, error) && cw_pins_write (pins, part, error);
}

/* Would the engine load the model in @folder, which is called @name? */
static gboolean
check_folder (const char *folder, const char *name, GError **error)
{
  g_autofree char       *models = cw_models_get_folder ();
  const cw_model_options options = { .models_folder = models, .text_encoder = g_getenv ("CLIPWRIGHT_TEXT_ENCODER"), .name = name };
  cw_error               problem = { 0 };
  cw_engine             *engine = cw_engine_new (&(cw_engine_options){ .n_threads = 1, .backend = "cpu" }, &problem);
  const gboolean         sound = engine && cw_model_check (engine, folder, &options, &problem) == CW_OK;

  cw_engine_free (engine);
  if (!sound)
    cw_take_error (error, &problem);
  return sound;
}

/* The same of a copy of @source, before there is one: from links to what would be copied. What a model needs of the folders around it is not
 * around @part. */
static gboolean
check_copy (const char *source, const char *part, const char *name, GError **error)
{
  g_autofree char *shown = g_filename_display_name (source);

  if (!copy_files (source, NULL, part, NULL, NULL, error))
    return FALSE;
  if (check_folder (part, name, error))
    return TRUE;
  g_prefix_error (error, _ ("“%s” was not imported, because its copy would not load: "), shown);
  return FALSE;
}

/* The lock that a download of that name holds, to be closed; -1 when it is held. */
static int
lock_name (const char *models, const char *name, GError **error)
{
  g_autofree char *path = NULL;
  const int        lock = cw_model_folder_open_lock (models, name, TRUE, &path);

  if (lock >= 0 && flock (lock, LOCK_EX | LOCK_NB) == 0)
    return lock;
  if (lock < 0)
    fail (error, _ ("“%s” cannot be made: %s."), path);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, _ ("A model “%s” is coming already; choose another name with --as."), name);
  if (lock >= 0)
    close (lock);
  return -1;
}

char *
cw_model_folder_import (const char *source, const char *name, gboolean link, GCancellable *cancellable, GError **error)
{
  g_autofree char *models = cw_models_get_folder (), *absolute = g_canonicalize_filename (source, NULL);
  g_autofree char *own = name ? g_strdup (name) : g_path_get_basename (absolute);
  g_autofree char *folder = g_build_filename (models, own, NULL), *part = g_strconcat (folder, CW_MODEL_PART_SUFFIX, NULL);
  g_autofree char *shown = g_filename_display_name (absolute);
  gboolean         made;
  GStatBuf         info;
  int              lock;

  if (!cw_models_is_model (absolute)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("“%s” is no model: a folder with config.json and safetensors, or with AudioCraft's state_dict.bin, was expected."), shown);
    return NULL;
  }
  if (!cw_model_name_is_valid (own)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME, _ ("A model cannot be named “%s”; choose letters and digits with --as."), own);
    return NULL;
  }
  if (g_lstat (folder, &info) == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _ ("There is a model “%s” already; choose another name with --as."), own);
    return NULL;
  }
  if (!check_folder (absolute, own, error)) {
    g_prefix_error (error, _ ("“%s” was not imported, because it would not load: "), shown);
    return NULL;
  }
  if ((lock = lock_name (models, own, error)) < 0)
    return NULL;
  if (link)
    made = symlink (absolute, folder) == 0 || fail (error, _ ("A link to “%s” cannot be made: %s."), absolute);
  else
    made = cw_model_folder_remove_tree (part, error) && check_copy (absolute, part, own, error) && cw_model_folder_remove_tree (part, error) &&
           copy_folder (absolute, part, cancellable, error) && cw_model_folder_publish (part, folder, error);
  if (!made && !link)
    cw_model_folder_remove_tree (part, NULL);
  close (lock);
  return made ? g_steal_pointer (&folder) : NULL;
}
