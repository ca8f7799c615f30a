/* SPDX-License-Identifier: MIT
 *
 * preferences.c: see preferences.h.
 */
#include "preferences.h"

struct _CwPreferences {
  AdwPreferencesWindow parent;

  AdwPreferencesPage *page;
  AdwComboRow        *device_row, *precision_row;
  GtkSpinButton      *vram, *unload;
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
cw_preferences_class_init (CwPreferencesClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/preferences.ui");
#define BIND(name) gtk_widget_class_bind_template_child (widget_class, CwPreferences, name)
  BIND (page);
  BIND (device_row);
  BIND (precision_row);
  BIND (vram);
  BIND (unload);
#undef BIND
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
cw_preferences_init (CwPreferences *preferences)
{
  gtk_widget_init_template (GTK_WIDGET (preferences));
}

GtkWidget *
cw_preferences_new (GtkWindow *parent, GSettings *settings)
{
  CwPreferences *preferences = g_object_new (CW_TYPE_PREFERENCES, "transient-for", parent, "destroy-with-parent", TRUE, NULL);

  gtk_widget_set_sensitive (GTK_WIDGET (preferences->page), settings != NULL);
  if (!settings)
    return GTK_WIDGET (preferences);
  bind_list (settings, "device", preferences->device_row, devices);
  bind_list (settings, "precision", preferences->precision_row, precisions);
  g_settings_bind (settings, "vram-gib", preferences->vram, "value", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "unload-minutes", preferences->unload, "value", G_SETTINGS_BIND_DEFAULT);
  return GTK_WIDGET (preferences);
}
