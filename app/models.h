/* SPDX-License-Identifier: MIT
 *
 * models.h: which models this machine has: the starter model that ships with the program, and the person's own folders.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  char    *name;    /* "starter", or the folder's name */
  char    *folder;  /* absolute */
  char    *licence; /* from the folder's README.md front matter or LICENSE, or NULL */
  gboolean starter;
} CwModelPlace;

void          cw_model_place_free (CwModelPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwModelPlace, cw_model_place_free)

/* The starter model first, then each folder with a config.json under XDG_DATA_HOME/clipwright/models, by name.
 * The starter is looked for in CLIPWRIGHT_DATA_DIR/starter, the installed data folder, and data/starter/model of the source tree the
 * program was built from. Never NULL; of CwModelPlace. */
GPtrArray    *cw_models_list (void);
/* A folder's path, or the name of one of the list; NULL @which is the starter. The sentence lists the names there are. */
CwModelPlace *cw_models_find (const char *which, GError **error);
/* XDG_CACHE_HOME/clipwright/weights: where the engine keeps converted weights. g_free. */
char         *cw_models_get_cache_folder (void);
/* XDG_DATA_HOME/clipwright/models; made if need be. g_free. */
char         *cw_models_get_folder (void);
