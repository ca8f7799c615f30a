/* SPDX-License-Identifier: MIT
 *
 * preferences.c: see preferences.h.
 */
#include "preferences.h"

#include <glib/gi18n.h>

#include "choose-folder.h"
#include "hub-token.h"
#include "hub.h"
#include "models.h"
#include "toast.h"

struct _CwPreferences {
  AdwPreferencesWindow parent;

  AdwPreferencesPage *page;
  AdwComboRow        *device_row, *precision_row;
  GtkSpinButton      *vram, *unload;
  AdwActionRow       *folder_row;
  AdwPasswordEntryRow *token_row;
  GtkSwitch          *offline_switch;
  GSettings          *settings; /* or NULL */
};

G_DEFINE_FINAL_TYPE (CwPreferences, cw_preferences, ADW_TYPE_PREFERENCES_WINDOW)

/* What the lines of the two lists stand for, in preferences.ui's order. */
static const char *const devices[] = { "auto", "cpu", "cuda:0", "cuda:1", NULL };
static const char *const precisions[] = { "auto", "f32", "bf16", "f16", "int8", "int4", NULL };

/* A value that is not in the list, of another version or made by hand, is shown as the first, and stays until another is chosen. */
static gboolean
to_line (GValue *line, GVariant *value, gpointer list)
{
  const char *const *values = list;

  g_value_set_uint (line, 0);
  for (guint i = 0; values[i]; i++)
    if (g_str_equal (values[i], g_variant_get_string (value, NULL)))
      g_value_set_uint (line, i);
  return TRUE;
}

static GVariant *
from_line (const GValue *line, const GVariantType *type, gpointer list)
{
  const char *const *values = list;
  const guint        i = g_value_get_uint (line);

  (void) type;
  return i < g_strv_length ((char **) values) ? g_variant_new_string (values[i]) : NULL;
}

static void
bind_list (GSettings *settings, const char *key, AdwComboRow *row, const char *const *values)
{
  g_settings_bind_with_mapping (settings, key, row, "selected", G_SETTINGS_BIND_DEFAULT, to_line, from_line, (gpointer) values, NULL);
}

static void
say (CwPreferences *preferences, const char *text)
{
  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (preferences), cw_toast_new (GTK_WIDGET (preferences), text));
}

/* ---- where models lie ------------------------------------------------------------------------------------------------- */

static void
show_folder (CwPreferences *preferences)
{
  g_autofree char *folder = cw_models_get_folder (), *shown = g_filename_display_name (folder), *escaped = g_markup_escape_text (shown, -1);

  adw_action_row_set_subtitle (preferences->folder_row, escaped);
}

static void
on_folder_chosen (GtkNativeDialog *dialog, int response, CwPreferences *preferences)
{
  g_autofree char *path = cw_take_folder (dialog, response);

  if (path && preferences->settings) {
    g_settings_set_string (preferences->settings, "models-folder", path);
    say (preferences, _ ("Models that were in the old folder stay there."));
  }
}

static void
on_folder (GSimpleAction *action, GVariant *parameter, gpointer preferences)
{
  (void) action;
  (void) parameter;
  cw_choose_folder (GTK_WINDOW (preferences), _ ("Folder for Models"), _ ("_Choose"), G_CALLBACK (on_folder_chosen), preferences);
}

/* ---- the token ------------------------------------------------------------------------------------------------------- */

static void
store_in_thread (GTask *task, gpointer source, gpointer token, GCancellable *cancellable)
{
  g_autofree char *endpoint = cw_hub_default_endpoint ();
  GError          *error = NULL;

  (void) source;
  (void) cancellable;
  if (cw_hub_token_store (endpoint, token, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_token_stored (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  (void) data;
  say (CW_PREFERENCES (source), g_task_propagate_boolean (G_TASK (result), &error) ? _ ("The keyring has it") : error->message);
}

/* An empty one forgets. The entry does not keep what the keyring keeps. */
static void
on_token (CwPreferences *preferences)
{
  g_autoptr (GTask) task = g_task_new (preferences, NULL, on_token_stored, NULL);
  const char       *text = gtk_editable_get_text (GTK_EDITABLE (preferences->token_row));

  if (*text && !cw_hub_token_is_valid (text)) {
    say (preferences, _ ("That is no token; they are one word, like hf_…"));
    return;
  }
  g_task_set_task_data (task, *text ? g_strdup (text) : NULL, (GDestroyNotify) cw_hub_token_free);
  g_task_run_in_thread (task, store_in_thread);
  gtk_editable_set_text (GTK_EDITABLE (preferences->token_row), "");
}

/* ---- the window ------------------------------------------------------------------------------------------------------ */

static void
cw_preferences_dispose (GObject *object)
{
  CwPreferences *preferences = CW_PREFERENCES (object);

  if (preferences->settings)
    g_signal_handlers_disconnect_by_data (preferences->settings, preferences);
  g_clear_object (&preferences->settings);
  G_OBJECT_CLASS (cw_preferences_parent_class)->dispose (object);
}

static void
cw_preferences_class_init (CwPreferencesClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_preferences_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/preferences.ui");
#define BIND(name) gtk_widget_class_bind_template_child (widget_class, CwPreferences, name)
  BIND (page);
  BIND (device_row);
  BIND (precision_row);
  BIND (vram);
  BIND (unload);
  BIND (folder_row);
  BIND (token_row);
  BIND (offline_switch);
#undef BIND
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
cw_preferences_init (CwPreferences *preferences)
{
  static const GActionEntry actions[] = { { .name = "folder", .activate = on_folder } };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), actions, G_N_ELEMENTS (actions), preferences);
  gtk_widget_insert_action_group (GTK_WIDGET (preferences), "preferences", G_ACTION_GROUP (group));
  gtk_widget_init_template (GTK_WIDGET (preferences));
  g_signal_connect_swapped (preferences->token_row, "apply", G_CALLBACK (on_token), preferences);
}

GtkWidget *
cw_preferences_new (GtkWindow *parent, GSettings *settings)
{
  CwPreferences *preferences = g_object_new (CW_TYPE_PREFERENCES, "transient-for", parent, "destroy-with-parent", TRUE, NULL);

  gtk_widget_set_sensitive (GTK_WIDGET (preferences->page), settings != NULL);
  show_folder (preferences);
  if (!settings)
    return GTK_WIDGET (preferences);
  preferences->settings = g_object_ref (settings);
  g_signal_connect_swapped (settings, "changed::models-folder", G_CALLBACK (show_folder), preferences);
  g_settings_bind (settings, "offline", preferences->offline_switch, "active", G_SETTINGS_BIND_DEFAULT);
  bind_list (settings, "device", preferences->device_row, devices);
  bind_list (settings, "precision", preferences->precision_row, precisions);
  g_settings_bind (settings, "vram-gib", preferences->vram, "value", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "unload-minutes", preferences->unload, "value", G_SETTINGS_BIND_DEFAULT);
  return GTK_WIDGET (preferences);
}
