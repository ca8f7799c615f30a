/* SPDX-License-Identifier: MIT
 *
 * application.c: one window, its accelerators, the about window.
 */
#include <adwaita.h>
#include <glib/gi18n.h>

#include "clipwright-config.h"
#include "ui.h"
#include "window.h"

#define APP_ID "io.github.clipwright.Clipwright"

static CwWindow *
need_window (GtkApplication *application)
{
  GtkWindow *window = gtk_application_get_active_window (application);

  if (!window) {
    g_autoptr (GtkCssProvider) css = gtk_css_provider_new ();

    gtk_css_provider_load_from_resource (css, "/io/github/clipwright/Clipwright/style.css");
    gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (css),
                                                GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
    window = GTK_WINDOW (cw_window_new (ADW_APPLICATION (application)));
  }
  gtk_window_present (window);
  return CW_WINDOW (window);
}

static void
on_activate (GtkApplication *application, gpointer data)
{
  (void) data;
  need_window (application);
}

static void
on_open (GtkApplication *application, GFile **files, int n_files, const char *hint, gpointer data)
{
  CwWindow *window = need_window (application);

  (void) hint;
  (void) data;
  for (int i = 0; i < n_files; i++)
    cw_window_open_file (window, files[i]);
}

static void
on_window_removed (GtkApplication *application, GtkWindow *window, gpointer data)
{
  (void) application;
  (void) data;
  if (CW_IS_WINDOW (window))
    cw_window_shut_down (CW_WINDOW (window));
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  (void) action;
  (void) parameter;
  adw_show_about_window (gtk_application_get_active_window (application), "application-name", "Clipwright", "application-icon", APP_ID,
                         "version", CLIPWRIGHT_VERSION, "developer-name", _ ("The Clipwright authors"), "license-type", GTK_LICENSE_MIT_X11,
                         "comments", _ ("Makes clips of sound from a description in words, on this machine."), NULL);
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  GtkWindow *window = gtk_application_get_active_window (application);

  (void) action;
  (void) parameter;
  if (window)
    gtk_window_close (window); /* asks before clips are lost */
  else
    g_application_quit (application);
}

static void
on_startup (GtkApplication *application, gpointer data)
{
  static const GActionEntry actions[] = { { .name = "about", .activate = on_about }, { .name = "quit", .activate = on_quit } };
  static const struct {
    const char *action, *keys[3];
  } accelerators[] = {
    { "app.quit", { "<Control>q" } },
    { "win.generate", { "<Control>Return", "<Control>KP_Enter" } },
    { "win.export", { "<Control>e" } },
    { "win.open", { "<Control>o" } },
    { "win.prompt", { "<Control>l" } },
    { "win.models", { "<Control>m" } },
    { "win.preferences", { "<Control>comma" } },
    { "win.choose-model", { "<Control><Shift>m" } },
    { "starts.sound", { "<Control><Shift>o" } },
    { "starts.record", { "<Control><Shift>r" } },
    { "starts.later", { "<Control><Shift>l" } },
    { "starts.endless", { "<Control><Shift>e" } },
    { "win.rename", { "F2" } },
    { "win.show-clips", { "F9" } },
    { "win.zoom-in", { "<Control>plus", "<Control>equal" } },
    { "win.zoom-out", { "<Control>minus" } },
    { "win.zoom-fit", { "<Control>0" } },
    { "win.show-help-overlay", { "<Control>question", "F1" } },
    { "window.close", { "<Control>w" } },
  };

  (void) data;
  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions), application);
  for (guint i = 0; i < G_N_ELEMENTS (accelerators); i++)
    gtk_application_set_accels_for_action (application, accelerators[i].action, (const char *const *) accelerators[i].keys);
}

int
cw_ui_run (int argc, char **argv)
{
  g_autoptr (AdwApplication) application = NULL;
  int code;

  if (!gtk_init_check ()) {
    g_printerr (_ ("clipwright: there is no display to open a window on. “clipwright generate PROMPT” makes a clip without one.\n"));
    return 1;
  }
  g_set_application_name ("Clipwright");
  gtk_window_set_default_icon_name (APP_ID);
  application = adw_application_new (APP_ID, G_APPLICATION_HANDLES_OPEN | G_APPLICATION_NON_UNIQUE);
  g_signal_connect (application, "startup", G_CALLBACK (on_startup), NULL);
  g_signal_connect (application, "activate", G_CALLBACK (on_activate), NULL);
  g_signal_connect (application, "open", G_CALLBACK (on_open), NULL);
  g_signal_connect (application, "window-removed", G_CALLBACK (on_window_removed), NULL);
  code = g_application_run (G_APPLICATION (application), argc, argv);
  return code;
}
