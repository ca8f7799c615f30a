/* SPDX-License-Identifier: MIT
 *
 * export.c: see export.h.
 */
#include "export.h"

#include <glib/gi18n.h>

#include "exporter.h"

typedef struct {
  CwClip      *clip;
  CwRecipe    *recipe;
  char        *path;
  CwFormat     format;
  gsize        n_samples;
  CwExportDone done;
  gpointer     data;
} Order;

static const char *const format_nicks[] = { "wav24", "wav16", "float", "flac", NULL };

static void
order_free (gpointer data)
{
  Order *order = data;

  g_object_unref (order->clip);
  cw_recipe_free (order->recipe);
  g_free (order->path);
  g_free (order);
}

static void
write_file (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Order  *order = data;
  GError *error = NULL;

  (void) source;
  (void) cancellable;
  if (cw_export (order->path, order->format, cw_clip_get_samples (order->clip), order->n_samples, cw_clip_get_n_channels (order->clip),
                 cw_clip_get_rate (order->clip), order->recipe, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Order *order = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;

  (void) source;
  (void) data;
  if (g_task_propagate_boolean (G_TASK (result), &error))
    order->done (order->clip, order->path, NULL, order->data);
  else
    order->done (order->clip, NULL, error->message, order->data);
}

/* The name's own ending wins over the chosen format; a name without one gets the format's. */
static void
settle_name (Order *order)
{
  const char *extension = cw_format_get_extension (order->format);
  CwFormat    by_name;

  if (!cw_format_from_name (order->path, &by_name, NULL)) {
    char *longer = g_strconcat (order->path, extension, NULL);

    g_free (order->path);
    order->path = longer;
  } else if (g_strcmp0 (cw_format_get_extension (by_name), extension) != 0) {
    order->format = by_name;
  }
}

static void
on_response (GtkNativeDialog *dialog, int response, gpointer data)
{
  Order *order = data;

  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
    g_autoptr (GTask) task = g_task_new (NULL, NULL, on_written, NULL);
    const char       *nick = gtk_file_chooser_get_choice (GTK_FILE_CHOOSER (dialog), "format");

    order->path = g_file_get_path (file);
    if (!nick || !cw_format_from_nick (nick, &order->format))
      order->format = CW_FORMAT_WAV24;
    g_task_set_task_data (task, order, order_free);
    if (order->path) {
      settle_name (order);
      order->n_samples = cw_clip_get_n_ready (order->clip);
      g_task_run_in_thread (task, write_file);
    } else {
      order->done (order->clip, NULL, _ ("Only folders of this machine can be written to."), order->data);
    }
  } else {
    order->done (order->clip, NULL, NULL, order->data);
    order_free (order);
  }
  g_object_unref (dialog);
}

void
cw_export_ask (GtkWindow *parent, CwClip *clip, CwExportDone done, gpointer data)
{
  const char *labels[] = { _ ("WAV, 24 bit"), _ ("WAV, 16 bit"), _ ("WAV, 32 bit float"), _ ("FLAC, 24 bit"), NULL };
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (_ ("Export Clip"), parent, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Export"),
                                                              _ ("_Cancel"));
  Order                *order = g_new0 (Order, 1);
  CwRecipe              named = *cw_clip_get_recipe (clip);
  g_autofree char      *stem = NULL, *name = NULL;

  named.prompt = (char *) cw_clip_get_name (clip);
  stem = cw_recipe_to_file_name (&named);
  name = g_strconcat (stem, ".wav", NULL);
  order->clip = g_object_ref (clip);
  order->recipe = cw_recipe_copy (cw_clip_get_recipe (clip));
  order->done = done;
  order->data = data;
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  gtk_file_chooser_add_choice (GTK_FILE_CHOOSER (dialog), "format", _ ("Format"), (const char **) format_nicks, labels);
  gtk_file_chooser_set_choice (GTK_FILE_CHOOSER (dialog), "format", "wav24");
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), order);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}
