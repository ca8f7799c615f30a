/* SPDX-License-Identifier: MIT
 *
 * open-file.c: see open-file.h.
 */
#include "open-file.h"

#include <glib/gi18n.h>

#include "clip-file.h"

/* ---- choosing ---------------------------------------------------------------------------------------------------------- */

typedef struct {
  CwFileChosen chosen;
  gpointer     data;
} Choice;

static void
on_response (GtkNativeDialog *dialog, int response, Choice *choice)
{
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

    choice->chosen (file, choice->data);
  }
  g_free (choice);
  g_object_unref (dialog);
}

void
cw_choose_sound_file (GtkWindow *parent, const char *title, const char *accept, CwFileChosen chosen, gpointer data)
{
  GtkFileChooserNative     *dialog = gtk_file_chooser_native_new (title, parent, GTK_FILE_CHOOSER_ACTION_OPEN, accept, _ ("_Cancel"));
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();
  Choice                   *choice = g_new (Choice, 1);

  *choice = (Choice){ chosen, data };
  gtk_file_filter_set_name (filter, _ ("Sound files"));
  gtk_file_filter_add_mime_type (filter, "audio/*");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), filter);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), choice);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

static void
open_in_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  GError *error = NULL;
  CwClip *clip = cw_clip_open (path, &error);

  (void) source;
  (void) cancellable;
  if (clip)
    g_task_return_pointer (task, clip, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
on_opened (GObject *owner, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  CwFileOpened       opened = (CwFileOpened) data;
  CwClip            *clip = g_task_propagate_pointer (G_TASK (result), &error);

  opened (clip, error ? error->message : NULL, owner);
}

void
cw_open_sound_file (GFile *file, CwFileOpened opened, gpointer owner)
{
  g_autoptr (GTask) task = g_task_new (owner, NULL, on_opened, (gpointer) opened);
  char             *path = g_file_get_path (file);

  if (!path) {
    opened (NULL, _ ("Only files of this machine can be opened."), owner);
    return;
  }
  g_task_set_task_data (task, path, g_free);
  g_task_run_in_thread (task, open_in_thread);
}
