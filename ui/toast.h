/* SPDX-License-Identifier: MIT
 *
 * toast.h: toasts whose sentence can be read to its end: libadwaita's own cuts it where the window ends.
 */
#pragma once

#include <adwaita.h>

/* Wraps @text to what @place, an overlay or a window that is to show it, is wide now, and stays as long as reading it takes. */
AdwToast *cw_toast_new (GtkWidget *place, const char *text);
