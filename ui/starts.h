/* SPDX-License-Identifier: MIT
 *
 * starts.h: the row below the prompt for what a clip may be besides one prompt: a sound of the person's to continue or to follow, prompts
 *     that begin later, a clip without an end. It shows only what the chosen model can do.
 *
 * Actions, in the window's group "starts": sound (choose a file), record (with the microphone; again: stop), role ('continue' or 'follow'),
 * drop-sound (without it), later (one more prompt), endless (a switch).
 * Signals: "problem" (a sentence to be shown), "sound" (one was chosen; its seconds), "recording" (TRUE when a recording begins, FALSE when
 * it ends), "endless" (the switch, or what the model can do, changed).
 */
#pragma once

#include <gtk/gtk.h>

#include "recipe.h"

#define CW_TYPE_STARTS (cw_starts_get_type ())
G_DECLARE_FINAL_TYPE (CwStarts, cw_starts, CW, STARTS, GtkBox)

/* Puts the actions and the drop zone onto @window, which the row lies in. */
void cw_starts_set_window (CwStarts *starts, GtkWidget *window);
/* The chosen model's; NULL while there is none: then nothing is shown. */
void cw_starts_set_info (CwStarts *starts, const cw_model_info *info);
/* Sets @recipe's sources, later prompts and endless; what it then points to stays the row's, until the next call. */
void cw_starts_fill (CwStarts *starts, CwRecipe *recipe);
/* Shows what @recipe was made with. */
void cw_starts_show (CwStarts *starts, const CwRecipe *recipe);
gboolean cw_starts_is_endless (CwStarts *starts);
/* For the end of the program: waits for the microphone. */
void cw_starts_shut_down (CwStarts *starts);
