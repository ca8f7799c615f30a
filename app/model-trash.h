/* SPDX-License-Identifier: MIT
 *
 * model-trash.h: models that were removed and can still be brought back.
 *
 *     MODELS/NAME, MODELS/NAME.part ── put ──▶ MODELS/.trash/XXXXXX/… ── delete ──▶ gone
 *                                    ◀── take_back ──┘
 *
 * What lies there is locked by who put it there, as long as the process lives. What nobody locks was left behind by a process that ended,
 * and cw_model_trash_empty deletes it.
 */
#pragma once

#include <gio/gio.h>

typedef struct _CwModelTrash CwModelTrash;

/* Moves the model of that name, and what was downloaded of it, into the trash. NULL with @error when it is being downloaded now, or there
 * is none. Quick, whatever its size. */
CwModelTrash *cw_model_trash_put (const char *name, GError **error);
const char   *cw_model_trash_get_name (const CwModelTrash *trash);
/* Where it was; FALSE with @error when something else has the name now: it stays in the trash. */
gboolean      cw_model_trash_take_back (CwModelTrash *trash, GError **error);
/* Deletes what was not taken back, and frees @trash in any case. Blocks. */
gboolean      cw_model_trash_delete (CwModelTrash *trash, GError **error);
/* Deletes what earlier processes left. Blocks. */
void          cw_model_trash_empty (void);
