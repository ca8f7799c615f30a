/* SPDX-License-Identifier: MIT
 *
 * wrap-box.h: children side by side that go on in another line where the width ends, like words. In its narrowest it is as wide as its
 *     widest child, so that a window of buttons fits a narrow screen. (libadwaita has one from 1.7 on; the floor is 1.2.)
 *
 * Children keep their natural width; those that expand share what is left of their line, else `xalign` says where the line lies. A line that
 * is the only one has all the height.
 *
 * Properties: "spacing" (pixels between children and between lines), "xalign" (0: start, 0.5: middle, 1: end), "natural-width" (what it
 * asks for at most; -1: one line).
 */
#pragma once

#include <gtk/gtk.h>

#define CW_TYPE_WRAP_BOX (cw_wrap_box_get_type ())
G_DECLARE_FINAL_TYPE (CwWrapBox, cw_wrap_box, CW, WRAP_BOX, GtkWidget)

void cw_wrap_box_append (CwWrapBox *box, GtkWidget *child);
