/* SPDX-License-Identifier: MIT
 *
 * drag-source.c: a file manager as small as can be: a window from which the mouse drags the files that are named on the command line.
 */
#include <gtk/gtk.h>

static GSList *files;

static GdkContentProvider *
on_prepare (GtkDragSource *source, double x, double y, gpointer data)
{
  (void) source;
  (void) x;
  (void) y;
  (void) data;
  return gdk_content_provider_new_typed (GDK_TYPE_FILE_LIST, files);
}

static void
on_end (GtkDragSource *source, GdkDrag *drag, gboolean moved, gpointer data)
{
  (void) source;
  (void) moved;
  (void) data;
  g_print ("dropped as %s\n", gdk_drag_get_selected_action (drag) == GDK_ACTION_COPY ? "copy" : "nothing");
}

static void
on_activate (GtkApplication *application)
{
  GtkWidget     *window = gtk_application_window_new (application), *label = gtk_label_new ("Drag me");
  GtkDragSource *source = gtk_drag_source_new ();

  g_signal_connect (source, "prepare", G_CALLBACK (on_prepare), NULL);
  g_signal_connect (source, "drag-end", G_CALLBACK (on_end), NULL);
  gtk_widget_add_controller (label, GTK_EVENT_CONTROLLER (source));
  gtk_window_set_title (GTK_WINDOW (window), "Files");
  gtk_window_set_default_size (GTK_WINDOW (window), 160, 120);
  gtk_window_set_child (GTK_WINDOW (window), label);
  gtk_window_present (GTK_WINDOW (window));
}

int
main (int argc, char **argv)
{
  g_autoptr (GtkApplication) application = gtk_application_new (NULL, G_APPLICATION_NON_UNIQUE);

  for (int i = argc - 1; i > 0; i--)
    files = g_slist_prepend (files, g_file_new_for_commandline_arg (argv[i]));
  setvbuf (stdout, NULL, _IOLBF, 0);
  g_signal_connect (application, "activate", G_CALLBACK (on_activate), NULL);
  return g_application_run (G_APPLICATION (application), 1, argv);
}
