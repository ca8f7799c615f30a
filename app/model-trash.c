/* SPDX-License-Identifier: MIT
 *
 * model-trash.c: see model-trash.h.
 */
#include "model-trash.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "model-folder.h"

#define TRASH_NAME ".trash"

struct _CwModelTrash {
  char *name, *models, *folder; /* folder: of its own, MODELS/.trash/XXXXXX */
  int   lock;                   /* of @folder */
};

static const char *const suffixes[] = { "", CW_MODEL_PART_SUFFIX };

static int
lock_folder (const char *folder)
{
  const int lock = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (lock >= 0 && flock (lock, LOCK_EX | LOCK_NB) == 0)
    return lock;
  if (lock >= 0)
    close (lock);
  return -1;
}

static void
trash_free (CwModelTrash *trash)
{
  if (trash->lock >= 0)
    close (trash->lock);
  g_free (trash->name);
  g_free (trash->models);
  g_free (trash->folder);
  g_free (trash);
}

static gboolean
exists (const char *path)
{
  GStatBuf info;

  return g_lstat (path, &info) == 0; /* a link counts, wherever it leads */
}

/* Moves folder and part from @from to @to. FALSE when one could not be: what was moved before goes back. */
static gboolean
move (const CwModelTrash *trash, const char *from, const char *to, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *name = g_strconcat (trash->name, suffixes[i], NULL);
    g_autofree char *source = g_build_filename (from, name, NULL), *target = g_build_filename (to, name, NULL);
    const gboolean   taken = exists (target);

    if (!exists (source) || (!taken && g_rename (source, target) == 0))
      continue;
    g_set_error (error, G_IO_ERROR, taken ? G_IO_ERROR_EXISTS : g_io_error_from_errno (errno), _ ("“%s” cannot be moved to “%s”: %s."), source, to,
                 g_strerror (taken ? EEXIST : errno));
    if (i == 1) {
      g_autofree char *first = g_build_filename (from, trash->name, NULL), *moved = g_build_filename (to, trash->name, NULL);

      g_rename (moved, first);
    }
    return FALSE;
  }
  return TRUE;
}

CwModelTrash *
cw_model_trash_put (const char *name, GError **error)
{
  g_autofree char *models = cw_models_get_folder (), *folder = g_build_filename (models, name, NULL);
  g_autofree char *part = g_strconcat (folder, CW_MODEL_PART_SUFFIX, NULL), *all = g_build_filename (models, TRASH_NAME, NULL);
  CwModelTrash    *trash;
  int              lock;
  gboolean         moved = FALSE;

  if (!cw_model_name_is_valid (name) || (!exists (folder) && !exists (part))) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("There is no model “%s” in %s."), name, models);
    return NULL;
  }
  lock = cw_model_folder_open_lock (models, name, FALSE, NULL);
  if (lock >= 0 && flock (lock, LOCK_EX | LOCK_NB) != 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, _ ("“%s” is being downloaded; stop that first."), name);
    close (lock);
    return NULL;
  }
  trash = g_new (CwModelTrash, 1);
  *trash = (CwModelTrash){ .name = g_strdup (name), .models = g_strdup (models), .folder = g_build_filename (all, "XXXXXX", NULL), .lock = -1 };
  if (g_mkdir_with_parents (all, 0777) != 0 || !g_mkdtemp (trash->folder))
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("“%s” cannot be made: %s."), trash->folder, g_strerror (errno));
  else if ((trash->lock = lock_folder (trash->folder)) >= 0)
    moved = move (trash, models, trash->folder, error);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("“%s” cannot be locked: %s."), trash->folder, g_strerror (errno));
  if (lock >= 0)
    close (lock);
  if (moved)
    return trash;
  g_rmdir (trash->folder);
  trash_free (trash);
  return NULL;
}

const char *
cw_model_trash_get_name (const CwModelTrash *trash)
{
  return trash->name;
}

gboolean
cw_model_trash_take_back (CwModelTrash *trash, GError **error)
{
  return move (trash, trash->folder, trash->models, error);
}

gboolean
cw_model_trash_delete (CwModelTrash *trash, GError **error)
{
  const gboolean deleted = cw_model_folder_remove_tree (trash->folder, error);

  trash_free (trash);
  return deleted;
}

void
cw_model_trash_empty (void)
{
  g_autofree char *models = cw_models_get_folder (), *all = g_build_filename (models, TRASH_NAME, NULL);
  g_autoptr (GDir) dir = g_dir_open (all, 0, NULL);
  const char      *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *folder = g_build_filename (all, name, NULL);
    const int        lock = lock_folder (folder);

    if (lock < 0)
      continue;
    cw_model_folder_remove_tree (folder, NULL);
    close (lock);
  }
  g_rmdir (all); /* when it is empty now */
}
