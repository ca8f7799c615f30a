/* SPDX-License-Identifier: MIT
 *
 * choose-folder.h: asks the person for a folder.
 */
#pragma once

#include <gtk/gtk.h>

/* Above @parent. @on_chosen is a GtkNativeDialog's "response" handler with @data, which must live so long as @parent; it calls cw_take_folder. */
void  cw_choose_folder (GtkWindow *parent, const char *title, const char *accept, GCallback on_chosen, gpointer data);
/* The path that was chosen, g_free; NULL for none. Ends the dialog. */
char *cw_take_folder (GtkNativeDialog *dialog, int response);
