/* SPDX-License-Identifier: MIT
 *
 * models.h: which models this machine has: the starter model that ships with the program, and the person's own folders.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  char    *name;    /* "starter", or the folder's name */
  char    *folder;  /* absolute */
  char    *licence; /* as pinned when it was downloaded, else from the folder's README.md front matter or LICENSE, or NULL */
  gboolean starter;
} CwModelPlace;

void          cw_model_place_free (CwModelPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwModelPlace, cw_model_place_free)

/* A folder in the Hugging Face format (config.json) or AudioCraft's (compression_state_dict.bin). Whether it is sound, loading it says. */
gboolean      cw_models_is_model (const char *folder);
/* The starter model first, then each model under cw_models_get_folder, by name; not what is still being downloaded, nor text encoders.
 * The starter is looked for in CLIPWRIGHT_DATA_DIR/starter, the installed data folder, and data/starter/model of the source tree the
 * program was built from. Never NULL; of CwModelPlace. */
GPtrArray    *cw_models_list (void);
/* A folder's path, or the name of one of the list; NULL @which is the starter. The sentence lists the names there are. */
CwModelPlace *cw_models_find (const char *which, GError **error);
/* What the model in @folder is called in the list; its folder's name when it is not of the list. g_free. */
char         *cw_models_get_name (const char *folder);
/* XDG_CACHE_HOME/clipwright/weights: where the engine keeps converted weights. g_free. */
char         *cw_models_get_cache_folder (void);
/* The setting "models-folder", else XDG_DATA_HOME/clipwright/models; made if need be. g_free. */
char         *cw_models_get_folder (void);
