/* SPDX-License-Identifier: MIT
 *
 * model-row.h: one model on the models page: what it is, how far it is, and the buttons for what can be done with it.
 */
#pragma once

#include <adwaita.h>

#include "model-shelf.h"

#define CW_TYPE_MODEL_ROW (cw_model_row_get_type ())
G_DECLARE_FINAL_TYPE (CwModelRow, cw_model_row, CW, MODEL_ROW, AdwPreferencesRow)

/* Signal "action", with "get", "pause", "cancel" or "remove". */
GtkWidget   *cw_model_row_new (CwModelItem *item);
CwModelItem *cw_model_row_get_item (CwModelRow *row);
