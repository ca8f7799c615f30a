/* SPDX-License-Identifier: MIT
 *
 * model-folder.h: what is done with a model's folder as a whole: measured, given its name, taken in from elsewhere.
 */
#pragma once

#include "models.h"

#define CW_MODEL_PART_SUFFIX ".part" /* of a folder that is being filled */

/* A name that a folder may have here: letters, digits and . _ - , not beginning with a point, not ending in ".part". */
gboolean cw_model_name_is_valid (const char *name);
/* Bytes of all files below it; links are not followed. 0 when there is no such folder. */
gint64   cw_model_folder_get_n_bytes (const char *folder);
/* The file that whoever changes the model @name of the folder @models locks (flock), to be closed: its path, g_free, goes to @path, which may
 * be NULL. It is made if need be with @make, and stays: removing it would let two in. -1 and errno when it cannot be opened. */
int      cw_model_folder_open_lock (const char *models, const char *name, gboolean make, char **path);
/* Syncs @part and renames it to @folder, which must not exist. */
gboolean cw_model_folder_publish (const char *part, const char *folder, GError **error);
/* Removes a folder and all below it; links are removed, not followed. TRUE when there was none. A model goes through the trash instead
 * (model-trash.h). Blocks. */
gboolean cw_model_folder_remove_tree (const char *path, GError **error);

/* Copies what a model needs of @source into the models folder as @name (NULL: the source's own), pinned; or with @link makes a
 * link to it. What would not load (cw_model_check), there or here, is refused, and nothing of it stays. Blocks. The new folder's path,
 * g_free. */
char    *cw_model_folder_import (const char *source, const char *name, gboolean link, GCancellable *cancellable, GError **error);
