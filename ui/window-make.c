/* SPDX-License-Identifier: MIT
 *
 * window-make.c: from the prompt and what stands around it to clips that are being made.
 */
#include "window-private.h"

#include <glib/gi18n.h>
#include <math.h>

/* A clip that continues a sound of @seconds is longer than that. */
static void
make_longer (CwWindow *window, double seconds)
{
  if (gtk_spin_button_get_value (window->duration) <= seconds)
    gtk_spin_button_set_value (window->duration, ceil (seconds) + 8.0);
}

/* The microphone shall not hear the loudspeaker. */
static void
on_recording (CwWindow *window, gboolean recording)
{
  if (recording)
    cw_player_pause (window->player);
  else
    gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
  cw_window_show_all (window);
}

/* The seed in the entry if it is to be kept, else a new one, which is then shown. FALSE when what stands there is none. */
static gboolean
choose_seed (CwWindow *window, guint64 *seed)
{
  const char      *text = gtk_editable_get_text (GTK_EDITABLE (window->seed));
  g_autofree char *digits = NULL;

  if (gtk_toggle_button_get_active (window->keep_seed) && *text)
    return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, seed, NULL);
  *seed = g_random_int ();
  digits = g_strdup_printf ("%" G_GUINT64_FORMAT, *seed);
  gtk_editable_set_text (GTK_EDITABLE (window->seed), digits);
  return TRUE;
}

/* The list has no room for a sentence. */
static void
on_clip_state (CwClip *clip, GParamSpec *spec, CwWindow *window)
{
  (void) spec;
  if (window->closing)
    return;
  if (cw_clip_get_state (clip) == CW_CLIP_FAILED)
    cw_window_say (window, cw_clip_get_failure (clip));
  cw_window_show_all (window);
}

/* It has no length, then. */
static void
on_endless (CwWindow *window)
{
  gtk_widget_set_sensitive (GTK_WIDGET (window->duration), !cw_starts_is_endless (window->starts));
}

/* What was typed into a number and is still being edited counts, too. */
static void
take_typed_numbers (CwWindow *window)
{
  GtkSpinButton *const numbers[] = { window->duration, window->takes, window->guidance, window->temperature, window->top_k, window->top_p };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    gtk_spin_button_update (numbers[i]);
}

static void
on_generate (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow             *window = data;
  const CwModelPlace   *place = cw_model_chooser_get_place (window->model_chooser);
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) clips = NULL;
  CwRecipe              recipe;

  (void) action;
  (void) parameter;
  if (!window->facts || !place)
    return;
  take_typed_numbers (window);
  recipe = (CwRecipe){
    .prompt = (char *) gtk_editable_get_text (GTK_EDITABLE (window->prompt)),
    .model_folder = place->folder,
    .model_name = place->name,
    .model_hash = window->facts->info.hash,
    .licence = place->licence,
    .duration_s = gtk_spin_button_get_value (window->duration),
    .guidance = (float) gtk_spin_button_get_value (window->guidance),
    .temperature = (float) gtk_spin_button_get_value (window->temperature),
    .top_p = (float) gtk_spin_button_get_value (window->top_p),
    .top_k = gtk_spin_button_get_value_as_int (window->top_k),
  };
  cw_starts_fill (window->starts, &recipe);
  cw_magnet_settings_fill (window->magnet, &recipe);
  if (!choose_seed (window, &recipe.seed)) {
    cw_window_say (window, _ ("The seed is a whole number from 0 to 18446744073709551615."));
    gtk_widget_grab_focus (GTK_WIDGET (window->seed));
    return;
  }
  clips = cw_maker_make (window->maker, window->facts, &recipe, (guint) gtk_spin_button_get_value_as_int (window->takes), &error);
  if (!clips) {
    cw_window_say (window, error->message);
    gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
    return;
  }
  for (guint i = 0; i < clips->len; i++)
    g_signal_connect_object (g_ptr_array_index (clips, i), "notify::state", G_CALLBACK (on_clip_state), window, 0);
  cw_clip_list_add (window->clips, clips);
  cw_window_say (window, NULL);
  cw_window_select_clip (window, g_ptr_array_index (clips, 0));
  cw_window_play_shown (window, 0.0);
}

static void
on_stop (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;
  CwClip   *clip = window->shown && !cw_clip_is_finished (window->shown) ? window->shown : cw_clip_list_find_unfinished (window->clips);

  (void) action;
  (void) parameter;
  if (clip)
    cw_maker_stop (window->maker, clip);
}

static void
on_prompt (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
}

static void
on_prompt_entered (GtkEntry *entry, CwWindow *window)
{
  (void) entry;
  g_action_group_activate_action (G_ACTION_GROUP (window), "generate", NULL);
}

static void
on_suggestion (GtkButton *button, CwWindow *window)
{
  gtk_editable_set_text (GTK_EDITABLE (window->prompt), gtk_button_get_label (button));
  g_action_group_activate_action (G_ACTION_GROUP (window), "generate", NULL);
}

static void
add_suggestions (CwWindow *window)
{
  const char *const prompts[] = { _ ("happy piano melody"), _ ("rock drums"), _ ("heavy rain"), _ ("police siren") };

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++) {
    GtkWidget *button = gtk_button_new_with_label (prompts[i]);

    gtk_widget_add_css_class (button, "pill");
    g_signal_connect (button, "clicked", G_CALLBACK (on_suggestion), window);
    cw_wrap_box_append (window->suggestions, button);
  }
}

void
cw_window_set_up_make (CwWindow *window)
{
  static const GActionEntry actions[] = {
    { .name = "generate", .activate = on_generate }, { .name = "stop", .activate = on_stop },
    { .name = "prompt", .activate = on_prompt },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (window), actions, G_N_ELEMENTS (actions), window);
  g_signal_connect (window->prompt, "activate", G_CALLBACK (on_prompt_entered), window);
  g_signal_connect_swapped (window->starts, "problem", G_CALLBACK (cw_window_say), window);
  g_signal_connect_swapped (window->starts, "sound", G_CALLBACK (make_longer), window);
  g_signal_connect_swapped (window->starts, "endless", G_CALLBACK (on_endless), window);
  g_signal_connect_swapped (window->starts, "recording", G_CALLBACK (on_recording), window);
  cw_starts_set_window (window->starts, GTK_WIDGET (window));
  add_suggestions (window);
}
