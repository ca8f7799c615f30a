/* SPDX-License-Identifier: MIT
 *
 * model-chooser.h: the drop-down with this machine's models, each with the mark of a non-commercial licence, and the way to more.
 */
#pragma once

#include <adwaita.h>

#include "models.h"

/* Signals: "chosen", when another model is chosen than before; "more", when the person wants to get one. */
#define CW_TYPE_MODEL_CHOOSER (cw_model_chooser_get_type ())
G_DECLARE_FINAL_TYPE (CwModelChooser, cw_model_chooser, CW, MODEL_CHOOSER, AdwBin)

/* Lists the models again. What was chosen stays so while it is there, and is so again when it comes back; at first it is @name, "" or NULL
 * for the starter. */
void                cw_model_chooser_list (CwModelChooser *chooser, const char *name);
/* NULL when there is no model. Valid until they are listed again. */
const CwModelPlace *cw_model_chooser_get_place (CwModelChooser *chooser);
/* Does nothing when there is none of that name. */
void                cw_model_chooser_choose (CwModelChooser *chooser, const char *name);
