/* SPDX-License-Identifier: MIT
 *
 * window.c: joins what the person does to the maker, the player and the list of clips.
 *
 *     prompt ── generate ──▶ maker ──▶ clips ──▶ list, wave view
 *                                        └─────▶ player, at once: it waits itself until it will not run dry
 */
#include "window-private.h"

#include <glib/gi18n.h>
#include <string.h>

#include "settings.h"
#include "toast.h"

G_DEFINE_FINAL_TYPE (CwWindow, cw_window, ADW_TYPE_APPLICATION_WINDOW)

void
cw_window_say (CwWindow *window, const char *text)
{
  if (window->said)
    adw_toast_dismiss (window->said); /* else the new one would wait for its end */
  g_clear_weak_pointer (&window->said);
  if (!text)
    return;
  g_set_weak_pointer (&window->said, cw_toast_new (GTK_WIDGET (window->toasts), text));
  adw_toast_set_priority (window->said, ADW_TOAST_PRIORITY_HIGH); /* Undo comes back after it */
  adw_toast_overlay_add_toast (window->toasts, window->said);
}

static void
remember (CwWindow *window)
{
  int width, height;

  if (!window->settings)
    return;
  gtk_window_get_default_size (GTK_WINDOW (window), &width, &height);
  g_settings_set (window->settings, "window-size", "(ii)", width, height);
  g_settings_set_double (window->settings, "duration", gtk_spin_button_get_value (window->duration));
  g_settings_set_uint (window->settings, "takes", (guint) gtk_spin_button_get_value_as_int (window->takes));
  g_settings_set_boolean (window->settings, "keep-seed", gtk_toggle_button_get_active (window->keep_seed));
}

static void
recall (CwWindow *window)
{
  int width, height;

  if (!window->settings)
    return;
  g_settings_get (window->settings, "window-size", "(ii)", &width, &height);
  gtk_window_set_default_size (GTK_WINDOW (window), width, height);
  gtk_spin_button_set_value (window->duration, g_settings_get_double (window->settings, "duration"));
  gtk_spin_button_set_value (window->takes, g_settings_get_uint (window->settings, "takes"));
  gtk_toggle_button_set_active (window->keep_seed, g_settings_get_boolean (window->settings, "keep-seed"));
}

static void
on_close_answer (AdwMessageDialog *dialog, const char *response, CwWindow *window)
{
  (void) dialog;
  if (strcmp (response, "close") != 0)
    return;
  window->closing = TRUE;
  gtk_window_close (GTK_WINDOW (window));
}

static gboolean
cw_window_close_request (GtkWindow *base)
{
  CwWindow        *window = CW_WINDOW (base);
  const guint      n_unsaved = cw_clip_list_count_unsaved (window->clips);
  g_autofree char *text = NULL;
  GtkWidget       *dialog;

  if (window->closing || (n_unsaved == 0 && !cw_clip_list_find_unfinished (window->clips))) {
    window->closing = TRUE;
    remember (window);
    return GTK_WINDOW_CLASS (cw_window_parent_class)->close_request (base);
  }
  text = g_strdup_printf (ngettext ("%u clip was not exported and will be lost.", "%u clips were not exported and will be lost.", n_unsaved),
                          n_unsaved);
  dialog = adw_message_dialog_new (base, _ ("Close Clipwright?"), n_unsaved ? text : _ ("A clip is still being made."));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "close", _ ("_Close"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "close", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect (dialog, "response", G_CALLBACK (on_close_answer), window);
  gtk_window_present (GTK_WINDOW (dialog));
  return TRUE;
}

void
cw_window_shut_down (CwWindow *window)
{
  window->closing = TRUE;
  cw_model_shelf_stop (window->shelf);
  cw_starts_shut_down (window->starts);
  cw_player_shut_down (window->player);
  cw_maker_shut_down (window->maker);
}

static void
cw_window_dispose (GObject *object)
{
  CwWindow *window = CW_WINDOW (object);

  if (window->shown)
    g_signal_handlers_disconnect_by_func (window->shown, cw_window_show_all, window);
  if (window->player)
    g_signal_handlers_disconnect_by_data (window->player, window);
  g_clear_weak_pointer (&window->deleted_toast);
  g_clear_weak_pointer (&window->said);
  g_clear_object (&window->shown);
  g_clear_object (&window->deleted);
  if (window->maker)
    g_signal_handlers_disconnect_by_data (window->maker, window);
  g_clear_object (&window->player);
  g_clear_object (&window->maker);
  if (window->shelf)
    g_signal_handlers_disconnect_by_data (window->shelf, window);
  g_clear_object (&window->shelf);
  g_clear_weak_pointer (&window->models_page);
  g_clear_weak_pointer (&window->preferences);
  g_clear_handle_id (&window->reload, g_source_remove);
  if (window->settings)
    g_signal_handlers_disconnect_by_data (window->settings, window);
  g_clear_object (&window->settings);
  g_clear_pointer (&window->facts, cw_model_facts_free);
  G_OBJECT_CLASS (cw_window_parent_class)->dispose (object);
}

static void
cw_window_finalize (GObject *object)
{
  CwWindow *window = CW_WINDOW (object);

  cw_clip_list_free (window->clips);
  G_OBJECT_CLASS (cw_window_parent_class)->finalize (object);
}

static void
cw_window_class_init (CwWindowClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_window_dispose;
  G_OBJECT_CLASS (class)->finalize = cw_window_finalize;
  GTK_WINDOW_CLASS (class)->close_request = cw_window_close_request;
  g_type_ensure (CW_TYPE_MODEL_CHOOSER);
  g_type_ensure (CW_TYPE_WRAP_BOX);
  g_type_ensure (CW_TYPE_WAVE_VIEW);
  g_type_ensure (CW_TYPE_STARTS);
  g_type_ensure (CW_TYPE_MAGNET_SETTINGS);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/window.ui");
#define BIND(name) gtk_widget_class_bind_template_child (widget_class, CwWindow, name)
  BIND (sound_bar);
  BIND (model_bar);
  BIND (sound_problem);
  BIND (model_problem);
  BIND (clock);
  BIND (making);
  BIND (toasts);
  BIND (stage);
  BIND (empty_page);
  BIND (flap);
  BIND (suggestions);
  BIND (wave);
  BIND (starts);
  BIND (magnet);
  BIND (play_button);
  BIND (start_now);
  BIND (stop_button);
  BIND (prompt);
  BIND (seed);
  BIND (model_chooser);
  BIND (keep_seed);
  BIND (duration);
  BIND (takes);
  BIND (guidance);
  BIND (temperature);
  BIND (top_k);
  BIND (top_p);
  BIND (clip_box);
#undef BIND
  /* in the bubble phase, after what has the focus: a letter typed into the prompt never plays anything */
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_space, 0, "win.play", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Delete, 0, "win.delete", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "win.stop", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_z, GDK_CONTROL_MASK, "win.undo-delete", NULL);
}

/* A narrow window has no room for a picture. */
static void
on_folded (CwWindow *window)
{
  const gboolean narrow = adw_flap_get_folded (window->flap);

  adw_status_page_set_icon_name (window->empty_page, narrow ? NULL : "audio-x-generic-symbolic");
  if (narrow)
    gtk_widget_add_css_class (GTK_WIDGET (window->empty_page), "compact");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (window->empty_page), "compact");
}

/* Where the list lies over the rest, the keyboard goes to it once it is there, and back. */
static void
on_list_shown (CwWindow *window)
{
  GtkListBoxRow *row = gtk_list_box_get_selected_row (window->clip_box);

  if (adw_flap_get_folded (window->flap))
    gtk_widget_grab_focus (row ? GTK_WIDGET (row) : GTK_WIDGET (window->clip_box));
}

static void
on_list_hidden (CwWindow *window)
{
  if (adw_flap_get_folded (window->flap) && !window->closing)
    gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
}

static void
cw_window_init (CwWindow *window)
{
  gtk_widget_init_template (GTK_WIDGET (window));
  g_signal_connect_swapped (window->flap, "notify::folded", G_CALLBACK (on_folded), window);
  g_signal_connect_object (window->clip_box, "map", G_CALLBACK (on_list_shown), window, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (window->clip_box, "unmap", G_CALLBACK (on_list_hidden), window, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  window->settings = cw_settings_new ();
  window->maker = cw_maker_new ();
  cw_window_set_up_clips (window);
  cw_window_set_up_play (window);
  cw_window_set_up_make (window);
  recall (window);
  cw_window_set_up_model (window);
  gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
}

GtkWidget *
cw_window_new (AdwApplication *application)
{
  return g_object_new (CW_TYPE_WINDOW, "application", application, NULL);
}
