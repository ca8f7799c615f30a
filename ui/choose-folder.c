/* SPDX-License-Identifier: MIT
 *
 * choose-folder.c: see choose-folder.h.
 */
#include "choose-folder.h"

#include <glib/gi18n.h>

void
cw_choose_folder (GtkWindow *parent, const char *title, const char *accept, GCallback on_chosen, gpointer data)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, parent, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, accept, _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", on_chosen, data);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

char *
cw_take_folder (GtkNativeDialog *dialog, int response)
{
  g_autoptr (GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  char             *path = file ? g_file_get_path (file) : NULL;

  g_object_unref (dialog);
  return path;
}
