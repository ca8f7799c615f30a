/* SPDX-License-Identifier: MIT
 *
 * window-clips.c: the list of clips, and what is done with one: export, rename, delete and undo, use its settings again; and files
 * that become clips.
 */
#include "window-private.h"

#include <glib/gi18n.h>
#include <string.h>

#include "clip-row.h"
#include "export.h"
#include "open-file.h"
#include "toast.h"

#define NAME_MAX_CHARS 32

static void
on_exported (CwClip *clip, const char *path, const char *problem, gpointer data)
{
  CwWindow *window = data;

  if (path && !window->closing) {
    g_autofree char *shown = g_filename_display_basename (path), *text = g_strdup_printf (_ ("Exported to “%s”"), shown);

    cw_clip_list_set_exported (window->clips, clip);
    cw_window_say (window, text);
  } else if (problem && !window->closing) {
    cw_window_say (window, problem);
  }
  g_object_unref (window);
}

static void
on_export (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (window->shown)
    cw_export_ask (GTK_WINDOW (window), window->shown, on_exported, g_object_ref (window));
}

typedef struct {
  CwClip   *clip;
  GtkEntry *entry;
} Rename;

static void
on_renamed (AdwMessageDialog *dialog, const char *response, Rename *rename)
{
  const char *name = gtk_editable_get_text (GTK_EDITABLE (rename->entry));

  (void) dialog;
  if (strcmp (response, "rename") == 0 && *name)
    cw_clip_set_name (rename->clip, name);
  g_object_unref (rename->clip);
  g_free (rename);
}

static void
on_rename (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow  *window = data;
  Rename    *rename;
  GtkWidget *dialog, *entry;

  (void) action;
  (void) parameter;
  if (!window->shown)
    return;
  dialog = adw_message_dialog_new (GTK_WINDOW (window), _ ("Rename Clip"), NULL);
  entry = gtk_entry_new ();
  gtk_editable_set_text (GTK_EDITABLE (entry), cw_clip_get_name (window->shown));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (entry), 40); /* a name is a prompt, at first */
  adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), entry);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "rename", _ ("_Rename"), NULL);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "rename");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  rename = g_new (Rename, 1);
  *rename = (Rename){ g_object_ref (window->shown), GTK_ENTRY (entry) };
  g_signal_connect (dialog, "response", G_CALLBACK (on_renamed), rename);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}

static void
on_undo_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;
  g_autoptr (CwClip) clip = g_steal_pointer (&window->deleted);

  (void) action;
  (void) parameter;
  if (window->deleted_toast)
    adw_toast_dismiss (window->deleted_toast);
  if (!clip)
    return;
  cw_clip_list_put_back (window->clips, clip, window->deleted_place);
  cw_window_select_clip (window, clip);
}

/* What a toast has room for besides; g_free. */
static char *
short_name (CwClip *clip)
{
  const char *name = cw_clip_get_name (clip), *end = g_utf8_strlen (name, -1) > NAME_MAX_CHARS ? g_utf8_offset_to_pointer (name, NAME_MAX_CHARS) : NULL;
  g_autofree char *start = end ? g_strndup (name, (gsize) (end - name)) : NULL;

  return end ? g_strconcat (start, "…", NULL) : g_strdup (name);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow           *window = data;
  GListModel         *model = cw_clip_list_get_model (window->clips);
  g_autoptr (CwClip)  clip = window->shown ? g_object_ref (window->shown) : NULL, next = NULL;
  g_autofree char    *name = NULL, *text = NULL;
  AdwToast           *toast;

  (void) action;
  (void) parameter;
  if (!clip)
    return;
  if (cw_window_plays_shown (window))
    cw_player_stop (window->player);
  if (!cw_clip_is_finished (clip))
    cw_maker_stop (window->maker, clip);
  window->deleted_place = cw_clip_list_remove (window->clips, clip);
  g_set_object (&window->deleted, clip);
  if (g_list_model_get_n_items (model))
    next = g_list_model_get_item (model, MIN (window->deleted_place, g_list_model_get_n_items (model) - 1));
  cw_window_select_clip (window, next);

  cw_window_say (window, NULL);
  name = short_name (clip);
  text = g_strdup_printf (_ ("“%s” deleted"), name);
  toast = cw_toast_new (GTK_WIDGET (window->toasts), text);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_action_name (toast, "win.undo-delete");
  adw_toast_set_timeout (toast, 10);
  g_set_weak_pointer (&window->deleted_toast, toast);
  adw_toast_overlay_add_toast (window->toasts, toast);
}

static void
on_reuse (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow        *window = data;
  const CwRecipe  *recipe;
  g_autofree char *digits = NULL;

  (void) action;
  (void) parameter;
  if (!window->shown)
    return;
  recipe = cw_clip_get_recipe (window->shown);
  cw_model_chooser_choose (window->model_chooser, recipe->model_name);
  digits = g_strdup_printf ("%" G_GUINT64_FORMAT, recipe->seed);
  gtk_editable_set_text (GTK_EDITABLE (window->prompt), recipe->prompt);
  gtk_editable_set_text (GTK_EDITABLE (window->seed), digits);
  gtk_toggle_button_set_active (window->keep_seed, TRUE);
  if (recipe->duration_s > 0.0)
    gtk_spin_button_set_value (window->duration, recipe->duration_s);
  if (recipe->guidance >= 1.0f) { /* a file from elsewhere has none of these */
    gtk_spin_button_set_value (window->guidance, recipe->guidance);
    gtk_spin_button_set_value (window->temperature, recipe->temperature);
    gtk_spin_button_set_value (window->top_k, recipe->top_k);
    gtk_spin_button_set_value (window->top_p, recipe->top_p);
  }
  cw_magnet_settings_show (window->magnet, recipe);
  cw_starts_show (window->starts, recipe);
  gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
}

/* Where the list lies over the wave, it makes way for it. */
static void
uncover_wave (CwWindow *window)
{
  if (adw_flap_get_folded (window->flap))
    adw_flap_set_reveal_flap (window->flap, FALSE);
}

static void
on_row_action (CwClipRow *row, const char *name, CwWindow *window)
{
  cw_window_select_clip (window, cw_clip_row_get_clip (row));
  uncover_wave (window);
  if (strcmp (name, "play") == 0)
    cw_window_play_shown (window, 0.0);
  else
    g_action_group_activate_action (G_ACTION_GROUP (window), name, NULL);
}

static void
on_row_activated (GtkListBox *box, GtkListBoxRow *row, CwWindow *window)
{
  (void) box;
  cw_window_select_clip (window, cw_clip_row_get_clip (CW_CLIP_ROW (row)));
  uncover_wave (window);
  cw_window_play_shown (window, 0.0);
}

static GtkWidget *
make_row (gpointer clip, gpointer window)
{
  GtkWidget *row = cw_clip_row_new (clip);

  g_signal_connect (row, "action", G_CALLBACK (on_row_action), window);
  return row;
}

/* ---- opening files --------------------------------------------------------------------------------------------------- */

static void
on_opened (CwClip *clip, const char *problem, gpointer owner)
{
  CwWindow *window = owner;
  g_autoptr (GPtrArray) clips = g_ptr_array_new_with_free_func (g_object_unref);

  if (!clip) {
    cw_window_say (window, problem);
    return;
  }
  g_ptr_array_add (clips, clip);
  cw_clip_list_set_exported (window->clips, clip); /* it lies in a file already */
  cw_clip_list_add (window->clips, clips);
  cw_window_select_clip (window, clip);
}

void
cw_window_open_file (CwWindow *window, GFile *file)
{
  cw_open_sound_file (file, on_opened, window);
}

static void
on_file_chosen (GFile *file, gpointer window)
{
  cw_window_open_file (window, file);
}

static void
on_open (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  (void) action;
  (void) parameter;
  cw_choose_sound_file (GTK_WINDOW (data), _ ("Open Sound File"), _ ("_Open"), on_file_chosen, data);
}

void
cw_window_set_up_clips (CwWindow *window)
{
  g_autoptr (GPropertyAction) show_clips = g_property_action_new ("show-clips", window->flap, "reveal-flap");
  static const GActionEntry actions[] = {
    { .name = "export", .activate = on_export }, { .name = "rename", .activate = on_rename },
    { .name = "delete", .activate = on_delete }, { .name = "undo-delete", .activate = on_undo_delete },
    { .name = "reuse", .activate = on_reuse }, { .name = "open", .activate = on_open },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (window), actions, G_N_ELEMENTS (actions), window);
  g_action_map_add_action (G_ACTION_MAP (window), G_ACTION (show_clips));
  window->clips = cw_clip_list_new ();
  g_signal_connect (window->clip_box, "row-activated", G_CALLBACK (on_row_activated), window);
  gtk_list_box_bind_model (window->clip_box, cw_clip_list_get_model (window->clips), make_row, window, NULL);
}
