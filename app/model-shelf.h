/* SPDX-License-Identifier: MIT
 *
 * model-shelf.h: the models as the window shows them: a list whose items can be got, paused and removed while the window lives on.
 *
 * Everything here is called on the main thread and answers there; downloads and removals run on threads of their own.
 */
#pragma once

#include "download.h"
#include "model-records.h"

/* One model. Signal "changed": anything that the functions below tell. */
#define CW_TYPE_MODEL_ITEM (cw_model_item_get_type ())
G_DECLARE_FINAL_TYPE (CwModelItem, cw_model_item, CW, MODEL_ITEM, GObject)

const CwModelRecord      *cw_model_item_get_record (CwModelItem *item);
/* While it is being downloaded; else NULL. */
const CwDownloadProgress *cw_model_item_get_progress (CwModelItem *item);
/* The part that is coming, like "t5-base" for a model that needs it; the model's own name else. */
const char               *cw_model_item_get_coming (CwModelItem *item);
/* The sentence of what failed last, or NULL. */
const char               *cw_model_item_get_failure (CwModelItem *item);
/* Of the hub, once it was asked, else of the record; NULL: none is stated. */
const char               *cw_model_item_get_licence (CwModelItem *item);
/* Whether the person agreed to that licence since the program was started. */
gboolean                  cw_model_item_get_agreed (CwModelItem *item);

/* Gets it, or goes on with it. @licence: what cw_model_item_get_licence said when the person agreed. */
void cw_model_item_download (CwModelItem *item, const char *licence);
/* Stops; what came is kept. */
void cw_model_item_pause (CwModelItem *item);
/* Stops if need be, and takes all of it into the trash: the shelf's signal "removed" says when. */
void cw_model_item_remove (CwModelItem *item);

/* All of them. Signals: "models-changed": a model came or went; "removed" (name, title): one can be brought back until it is settled. */
#define CW_TYPE_MODEL_SHELF (cw_model_shelf_get_type ())
G_DECLARE_FINAL_TYPE (CwModelShelf, cw_model_shelf, CW, MODEL_SHELF, GObject)

CwModelShelf *cw_model_shelf_new (void);
/* Of CwModelItem; owned by the shelf. */
GListModel   *cw_model_shelf_get_items (CwModelShelf *shelf);
/* Reads catalogue and folders again. The sentence of what is wrong with the catalogue, or NULL; g_free. */
char         *cw_model_shelf_refresh (CwModelShelf *shelf);
/* Brings a removed model back. The sentence of why not, or NULL; g_free. */
char         *cw_model_shelf_bring_back (CwModelShelf *shelf, const char *name);
/* Deletes a removed model for good; NULL: all of them. */
void          cw_model_shelf_settle (CwModelShelf *shelf, const char *name);
/* Stops all downloads; what came is kept. Deletes what was removed; blocks for that. */
void          cw_model_shelf_stop (CwModelShelf *shelf);

void          cw_model_shelf_import_async (CwModelShelf *shelf, const char *folder, GAsyncReadyCallback done, gpointer data);
/* The new model's name, g_free; or NULL with the sentence. */
char         *cw_model_shelf_import_finish (CwModelShelf *shelf, GAsyncResult *result, GError **error);
