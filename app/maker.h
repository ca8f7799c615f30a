/* SPDX-License-Identifier: MIT
 *
 * maker.h: the engine's thread and its queue. The only place of the window's process that calls the engine.
 *
 * All functions are called on the main thread, all callbacks and signals arrive there. The thread sleeps while there
 * is nothing to do. A model stays loaded until another is asked for, or it was not used for a while.
 *
 * Signal "notice" (sentence): something about the card that the person should know; the clip goes on.
 */
#pragma once

#include <gio/gio.h>

#include "clip.h"

/* What the window needs to know of a loaded model: a copy, owned by the receiver. */
typedef struct {
  char         *folder, *name;
  cw_model_info info; /* its strings point to the two above, or last as long as the program */
} CwModelFacts;

CwModelFacts *cw_model_facts_new (const cw_model_info *info);
void          cw_model_facts_free (CwModelFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwModelFacts, cw_model_facts_free)

#define CW_TYPE_MAKER (cw_maker_get_type ())
G_DECLARE_FINAL_TYPE (CwMaker, cw_maker, CW, MAKER, GObject)

CwMaker      *cw_maker_new (void);
/* How the engine works. What is already being made goes on as it was; the next clip, and the next load, make the engine and the model anew
 * where they differ. All auto at first. */
typedef struct {
  const char  *device;     /* cw_engine_options.backend; NULL: auto */
  size_t       vram_bytes; /* of the card's memory; 0: what is free */
  cw_precision precision;  /* what weights are used as */
} CwMakerHow;

void          cw_maker_set_how (CwMaker *maker, const CwMakerHow *how);
/* A model that is not used for @seconds is let go, and its memory returned; the next clip loads it again. 0: never. 600 at first. */
void          cw_maker_set_unload_after (CwMaker *maker, guint seconds);

/* Loads the model of @folder behind what is queued. */
void          cw_maker_load_async (CwMaker *maker, const char *folder, GAsyncReadyCallback done, gpointer data);
CwModelFacts *cw_maker_load_finish (CwMaker *maker, GAsyncResult *result, GError **error);

/* Checks @recipe against @facts and queues it: one clip for each of @n_takes takes, made in one pass. Returns an array
 * of CwClip (free with g_ptr_array_unref), or NULL with the sentence of what is out of range. */
GPtrArray    *cw_maker_make (CwMaker *maker, const CwModelFacts *facts, const CwRecipe *recipe, guint n_takes,
                             GError **error);
/* Stops the pass that makes @clip, or takes it from the queue. Returns at once. */
void          cw_maker_stop (CwMaker *maker, CwClip *clip);
/* Stops everything and waits for the thread: at most one decoder step and one block. For the end of the program. */
void          cw_maker_shut_down (CwMaker *maker);
/* One line for the about dialog: backend, kernels, threads; or what failed. NULL before the first load; interned. */
const char   *cw_maker_get_engine_line (CwMaker *maker);
