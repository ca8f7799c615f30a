/* SPDX-License-Identifier: MIT
 *
 * models-page.h: a window with all models: those of this machine, and those of the catalogue that can be got.
 */
#pragma once

#include <adwaita.h>

#include "model-shelf.h"

#define CW_TYPE_MODELS_PAGE (cw_models_page_get_type ())
G_DECLARE_FINAL_TYPE (CwModelsPage, cw_models_page, CW, MODELS_PAGE, AdwWindow)

/* Above @parent. Downloads are the shelf's: they go on when the page is closed. */
GtkWidget *cw_models_page_new (GtkWindow *parent, CwModelShelf *shelf);
