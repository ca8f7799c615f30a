/* SPDX-License-Identifier: MIT
 *
 * clip-row.h: one clip of the list: its name, how far it is, and what can be done with it.
 *
 * Signal "action" (string): "play", "export", "rename", "reuse" or "delete" was chosen for this clip.
 */
#pragma once

#include <gtk/gtk.h>

#include "clip.h"

#define CW_TYPE_CLIP_ROW (cw_clip_row_get_type ())
G_DECLARE_FINAL_TYPE (CwClipRow, cw_clip_row, CW, CLIP_ROW, GtkListBoxRow)

GtkWidget *cw_clip_row_new (CwClip *clip);
CwClip    *cw_clip_row_get_clip (CwClipRow *row);

/* "3 s left", "making it takes about 2 min more", …: seconds as a person says them; g_free. */
char      *cw_say_seconds (double seconds);
