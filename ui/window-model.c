/* SPDX-License-Identifier: MIT
 *
 * window-model.c: the model that clips are made with, what it can do and how it runs, and the page of all models.
 */
#include "window-private.h"

#include <glib/gi18n.h>
#include <math.h>

#include "models-page.h"
#include "preferences.h"
#include "toast.h"

#define RELOAD_AFTER_MS 500 /* what is set: a person steps through values */

static void
show_defaults (CwWindow *window)
{
  const cw_model_info *info = &window->facts->info;

  gtk_spin_button_set_value (window->guidance, info->guidance);
  gtk_spin_button_set_value (window->temperature, info->temperature);
  gtk_spin_button_set_value (window->top_k, info->top_k);
  gtk_spin_button_set_value (window->top_p, info->top_p);
  cw_magnet_settings_set_info (window->magnet, info);
}

static void
on_defaults (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (window->facts)
    show_defaults (window);
}

static void
fail_model (CwWindow *window, const char *sentence)
{
  gtk_label_set_text (window->model_problem, sentence);
  gtk_info_bar_set_revealed (window->model_bar, TRUE);
  cw_window_show_all (window);
}

typedef struct {
  CwWindow *window; /* owned */
  guint     number;
} Load;

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  Load     *load = data;
  CwWindow *window = load->window;
  g_autoptr (GError)       error = NULL;
  g_autoptr (CwModelFacts) facts = cw_maker_load_finish (CW_MAKER (source), result, &error);

  if (load->number == window->n_loads && !window->closing) {
    if (!facts) {
      fail_model (window, error->message);
    } else if (!facts->info.can_generate) {
      g_autofree char *text = g_strdup_printf (_ ("“%s” is a codec alone: it turns sound into codes and back, but makes none from words. "
                                                  "Choose another model."), facts->name);
      fail_model (window, text);
    } else {
      window->facts = g_steal_pointer (&facts);
      gtk_spin_button_set_range (window->duration, 0.5, floor (2.0 * window->facts->info.max_duration_s) / 2.0);
      show_defaults (window);
      cw_starts_set_info (window->starts, &window->facts->info);
    }
    cw_window_show_all (window);
  }
  g_object_unref (window);
  g_free (load);
}

static void
on_model_chosen (CwWindow *window)
{
  const CwModelPlace *place = cw_model_chooser_get_place (window->model_chooser);
  g_autoptr (GError)  error = NULL;
  Load               *load;

  g_clear_pointer (&window->facts, cw_model_facts_free);
  cw_starts_set_info (window->starts, NULL);
  gtk_info_bar_set_revealed (window->model_bar, FALSE);
  if (place) {
    load = g_new (Load, 1);
    *load = (Load){ g_object_ref (window), ++window->n_loads };
    cw_maker_load_async (window->maker, place->folder, on_loaded, load);
    if (window->settings)
      g_settings_set_string (window->settings, "model", place->starter ? "" : place->name);
  } else {
    cw_model_place_free (cw_models_find (NULL, &error));
    fail_model (window, error ? error->message : _ ("There is no model."));
  }
  cw_window_show_all (window);
}

static void
on_models_changed (CwWindow *window)
{
  cw_model_chooser_list (window->model_chooser, NULL);
}

static void
on_models (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (!window->models_page)
    g_set_weak_pointer (&window->models_page, cw_models_page_new (GTK_WINDOW (window), window->shelf));
  gtk_window_present (GTK_WINDOW (window->models_page));
}

static void
on_choose_model (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  gtk_widget_grab_focus (GTK_WIDGET (window->model_chooser));
}

static void
on_more_models (CwWindow *window)
{
  on_models (NULL, NULL, window);
}

/* ---- how it runs ----------------------------------------------------------------------------------------------------- */

/* What the settings say of the engine; a precision that this version does not know is auto. */
static void
follow_settings (CwWindow *window)
{
  g_autofree char *device = g_settings_get_string (window->settings, "device"), *name = g_settings_get_string (window->settings, "precision");
  CwMakerHow       how = { .device = device, .vram_bytes = (size_t) (g_settings_get_double (window->settings, "vram-gib") * 1073741824.0) };

  if (!cw_precision_from_name (name, &how.precision))
    how.precision = CW_PRECISION_AUTO;
  cw_maker_set_how (window->maker, &how);
  cw_maker_set_unload_after (window->maker, 60 * g_settings_get_uint (window->settings, "unload-minutes"));
}

static gboolean
reload (gpointer data)
{
  CwWindow *window = data;

  window->reload = 0;
  if (!window->closing)
    on_model_chosen (window);
  return G_SOURCE_REMOVE;
}

/* The model is loaded in another way from now on; what is being made goes on first. */
static void
on_how_changed (CwWindow *window)
{
  follow_settings (window);
  g_clear_handle_id (&window->reload, g_source_remove);
  window->reload = g_timeout_add (RELOAD_AFTER_MS, reload, window);
}

/* The page of models says what is the matter with it, when it is open. */
static void
on_folder_changed (CwWindow *window)
{
  g_free (cw_model_shelf_refresh (window->shelf));
}

static void
follow_maker (CwWindow *window)
{
  if (!window->settings)
    return;
  follow_settings (window);
  g_signal_connect_swapped (window->settings, "changed::device", G_CALLBACK (on_how_changed), window);
  g_signal_connect_swapped (window->settings, "changed::vram-gib", G_CALLBACK (on_how_changed), window);
  g_signal_connect_swapped (window->settings, "changed::precision", G_CALLBACK (on_how_changed), window);
  g_signal_connect_swapped (window->settings, "changed::models-folder", G_CALLBACK (on_folder_changed), window);
  g_signal_connect_swapped (window->settings, "changed::unload-minutes", G_CALLBACK (follow_settings), window);
}

/* Each is read to its end, one behind the other: none takes another's place. */
static void
on_notice (CwWindow *window, const char *sentence)
{
  if (!window->closing)
    adw_toast_overlay_add_toast (window->toasts, cw_toast_new (GTK_WIDGET (window->toasts), sentence));
}

static void
on_preferences (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (!window->preferences)
    g_set_weak_pointer (&window->preferences, cw_preferences_new (GTK_WINDOW (window), window->settings));
  gtk_window_present (GTK_WINDOW (window->preferences));
}

void
cw_window_set_up_model (CwWindow *window)
{
  static const GActionEntry actions[] = {
    { .name = "defaults", .activate = on_defaults }, { .name = "models", .activate = on_models },
    { .name = "choose-model", .activate = on_choose_model }, { .name = "preferences", .activate = on_preferences },
  };
  g_autofree char *last = window->settings ? g_settings_get_string (window->settings, "model") : NULL;

  g_action_map_add_action_entries (G_ACTION_MAP (window), actions, G_N_ELEMENTS (actions), window);
  follow_maker (window);
  g_signal_connect_swapped (window->maker, "notice", G_CALLBACK (on_notice), window);
  window->shelf = cw_model_shelf_new ();
  g_signal_connect_swapped (window->shelf, "models-changed", G_CALLBACK (on_models_changed), window);
  g_signal_connect_swapped (window->model_chooser, "chosen", G_CALLBACK (on_model_chosen), window);
  g_signal_connect_swapped (window->model_chooser, "more", G_CALLBACK (on_more_models), window);
  cw_model_chooser_list (window->model_chooser, last);
}
