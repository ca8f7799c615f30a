/* SPDX-License-Identifier: MIT
 *
 * window.c: joins what the person does to the maker, the player and the list of clips.
 *
 *     prompt ── generate ──▶ maker ──▶ clips ──▶ list, wave view
 *                                        └─────▶ player, at once: it waits itself until it will not run dry
 */
#include "window.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "clip-list.h"
#include "clip-row.h"
#include "export.h"
#include "exporter.h"
#include "magnet-settings.h"
#include "maker.h"
#include "model-chooser.h"
#include "model-shelf.h"
#include "models-page.h"
#include "open-file.h"
#include "player.h"
#include "settings.h"
#include "starts.h"
#include "wave-view.h"

#define ZOOM_STEP 1.5

struct _CwWindow {
  AdwApplicationWindow parent;

  CwMaker        *maker;
  CwPlayer       *player;
  CwClipList     *clips;
  CwModelShelf   *shelf;
  GtkWidget      *models_page; /* while it is open; weak */
  CwModelFacts   *facts;  /* of the chosen model, NULL while it loads or when it does not */
  guint           n_loads; /* asked for so far: an older one's answer is dropped */
  GSettings      *settings; /* or NULL */
  CwClip         *shown;  /* in the wave view; owned */
  CwClip         *deleted; /* the last one; owned */
  guint           deleted_place;
  AdwToast       *deleted_toast; /* on screen, or NULL; weak */
  guint           tick;
  double          rest_s; /* where the playhead rests while nothing plays */
  gboolean        closing;

  GtkInfoBar     *sound_bar, *model_bar;
  GtkLabel       *sound_problem, *model_problem, *clock, *making;
  AdwToastOverlay *toasts;
  GtkStack       *stage;
  GtkBox         *suggestions;
  CwWaveView     *wave;
  CwStarts       *starts;
  CwMagnetSettings *magnet;
  GtkButton      *play_button;
  GtkWidget      *start_now, *stop_button;
  GtkEntry       *prompt, *seed;
  CwModelChooser *model_chooser;
  GtkToggleButton *keep_seed;
  GtkSpinButton  *duration, *takes, *guidance, *temperature, *top_k, *top_p;
  GtkListBox     *clip_box;
};

G_DEFINE_FINAL_TYPE (CwWindow, cw_window, ADW_TYPE_APPLICATION_WINDOW)

static void
say (CwWindow *window, const char *text)
{
  AdwToast *toast = adw_toast_new ("");
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_toast_set_title (toast, escaped);
  adw_toast_set_timeout (toast, 6);
  adw_toast_overlay_add_toast (window->toasts, toast);
}

static void
enable (CwWindow *window, const char *action, gboolean enabled)
{
  GAction *found = g_action_map_lookup_action (G_ACTION_MAP (window), action);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (found), enabled);
}

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

static gboolean
plays_shown (CwWindow *window)
{
  return window->shown && cw_player_get_clip (window->player) == window->shown &&
         cw_player_get_state (window->player) != CW_PLAYER_STOPPED;
}

static void
show_clock (CwWindow *window)
{
  const CwPlayerState state = plays_shown (window) ? cw_player_get_state (window->player) : CW_PLAYER_STOPPED;
  const gboolean      waits = state == CW_PLAYER_WAITING;
  g_autofree char    *text = NULL, *soon = NULL;

  if (!window->shown) {
    text = g_strdup ("");
  } else if (waits) {
    const double starts_in = cw_player_get_starts_in (window->player);

    soon = starts_in >= 0.0 ? cw_say_seconds (MAX (starts_in, 1.0)) : NULL;
    text = soon ? g_strdup_printf (_ ("Starts in %s"), soon) : g_strdup (_ ("Starts as soon as there is sound"));
  } else {
    const double position_s = state == CW_PLAYER_STOPPED ? window->rest_s : cw_player_get_position (window->player);

    text = g_strdup_printf (_ ("%.1f / %.1f s"), position_s, (double) cw_clip_get_n_ready (window->shown) / cw_clip_get_rate (window->shown));
  }
  gtk_label_set_text (window->clock, text);
  gtk_widget_set_visible (window->start_now, waits && cw_clip_get_n_ready (window->shown) > 0);
  gtk_button_set_icon_name (window->play_button, state == CW_PLAYER_PLAYING || waits ? "media-playback-pause-symbolic"
                                                                                     : "media-playback-start-symbolic");
}

static void
show_making (CwWindow *window)
{
  CwClip          *clip = cw_clip_list_find_unfinished (window->clips);
  g_autofree char *text = NULL, *left = NULL;

  gtk_widget_set_visible (window->stop_button, clip != NULL);
  enable (window, "stop", clip != NULL);
  if (clip) {
    const double remaining_s = cw_clip_get_remaining (clip);

    left = remaining_s >= 0.0 && !cw_clip_get_recipe (clip)->endless ? cw_say_seconds (remaining_s) : NULL;
    text = left ? g_strdup_printf (_ ("Making, %s left"), left) : g_strdup (_ ("Making…"));
  } else if (!window->facts && !gtk_info_bar_get_revealed (window->model_bar)) {
    text = g_strdup (_ ("Loading the model…"));
  }
  gtk_label_set_text (window->making, text ? text : "");
}

static void
show_actions (CwWindow *window)
{
  const gboolean any = window->shown != NULL, sound = any && cw_clip_get_n_ready (window->shown) > 0;

  enable (window, "play", any && cw_player_get_device (window->player) && (sound || !cw_clip_is_finished (window->shown)));
  enable (window, "export", sound);
  for (guint i = 0; i < 6; i++)
    enable (window, ((const char *[]){ "rename", "delete", "reuse", "zoom-in", "zoom-out", "zoom-fit" })[i], any);
  enable (window, "generate", window->facts != NULL);
  enable (window, "undo-delete", window->deleted != NULL);
}

static void
show_all (CwWindow *window)
{
  show_clock (window);
  show_making (window);
  show_actions (window);
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *frames, gpointer data)
{
  CwWindow *window = CW_WINDOW (widget);
  const CwPlayerState state = cw_player_get_state (window->player);

  (void) frames;
  (void) data;
  if (plays_shown (window))
    cw_wave_view_set_position (window->wave, cw_player_get_position (window->player), state == CW_PLAYER_PLAYING);
  else
    cw_wave_view_set_position (window->wave, window->shown ? window->rest_s : -1.0, FALSE);
  show_clock (window);
  if (state == CW_PLAYER_PLAYING || state == CW_PLAYER_WAITING)
    return G_SOURCE_CONTINUE;
  window->tick = 0;
  return G_SOURCE_REMOVE;
}

static void
need_tick (CwWindow *window)
{
  if (!window->tick)
    window->tick = gtk_widget_add_tick_callback (GTK_WIDGET (window), on_tick, NULL, NULL);
}

static void
show_clip (CwWindow *window, CwClip *clip)
{
  if (clip == window->shown)
    return;
  if (window->shown)
    g_signal_handlers_disconnect_by_func (window->shown, show_all, window);
  g_set_object (&window->shown, clip);
  if (clip)
    g_signal_connect_swapped (clip, "grew", G_CALLBACK (show_all), window);
  window->rest_s = 0.0;
  cw_wave_view_set_clip (window->wave, clip);
  gtk_stack_set_visible_child_name (window->stage, clip ? "wave" : "empty");
  need_tick (window);
  show_all (window);
}

static void
select_clip (CwWindow *window, CwClip *clip)
{
  GListModel *model = cw_clip_list_get_model (window->clips);
  guint       place;

  if (clip && g_list_store_find (G_LIST_STORE (model), clip, &place))
    gtk_list_box_select_row (window->clip_box, gtk_list_box_get_row_at_index (window->clip_box, (int) place));
  show_clip (window, clip);
}

static void
on_row_selected (GtkListBox *box, GtkListBoxRow *row, CwWindow *window)
{
  (void) box;
  if (row)
    show_clip (window, cw_clip_row_get_clip (CW_CLIP_ROW (row)));
}

/* ---- playing --------------------------------------------------------------------------------------------------------- */

static void
play_shown (CwWindow *window, double start_s)
{
  if (!window->shown || !cw_player_get_device (window->player))
    return;
  cw_player_play (window->player, window->shown, start_s);
  need_tick (window);
  show_all (window);
}

static void
on_play (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (!plays_shown (window))
    play_shown (window, window->rest_s);
  else if (cw_player_get_state (window->player) == CW_PLAYER_PAUSED)
    cw_player_resume (window->player);
  else
    cw_player_pause (window->player);
  need_tick (window);
  show_all (window);
}

static void
on_start_now (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  cw_player_start_now (window->player);
}

static void
on_seek (CwWaveView *view, double position_s, CwWindow *window)
{
  (void) view;
  window->rest_s = position_s;
  if (plays_shown (window))
    cw_player_seek (window->player, position_s);
  need_tick (window);
}

static void
on_player_changed (CwPlayer *player, CwWindow *window)
{
  const char      *problem = cw_player_get_problem (player);
  g_autofree char *text = problem ? g_strconcat (problem, " ", _ ("Clips can be made and exported all the same."), NULL) : NULL;

  if (text)
    gtk_label_set_text (window->sound_problem, text);
  gtk_info_bar_set_revealed (window->sound_bar, text != NULL);
  need_tick (window);
  show_all (window);
}

static void
on_retry_sound (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  cw_player_retry (window->player);
}

/* ---- models ---------------------------------------------------------------------------------------------------------- */

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
  show_all (window);
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
    show_all (window);
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
  show_all (window);
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

static void
set_up_models (CwWindow *window)
{
  g_autofree char *last = window->settings ? g_settings_get_string (window->settings, "model") : NULL;

  window->shelf = cw_model_shelf_new ();
  g_signal_connect_swapped (window->shelf, "models-changed", G_CALLBACK (on_models_changed), window);
  g_signal_connect_swapped (window->model_chooser, "chosen", G_CALLBACK (on_model_chosen), window);
  g_signal_connect_swapped (window->model_chooser, "more", G_CALLBACK (on_more_models), window);
  cw_model_chooser_list (window->model_chooser, last);
}

/* A clip that continues a sound of @seconds is longer than that. */
static void
make_longer (CwWindow *window, double seconds)
{
  if (gtk_spin_button_get_value (window->duration) <= seconds)
    gtk_spin_button_set_value (window->duration, ceil (seconds) + 8.0);
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

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
    say (window, _ ("The seed is a whole number from 0 to 18446744073709551615."));
    gtk_widget_grab_focus (GTK_WIDGET (window->seed));
    return;
  }
  clips = cw_maker_make (window->maker, window->facts, &recipe, (guint) gtk_spin_button_get_value_as_int (window->takes), &error);
  if (!clips) {
    say (window, error->message);
    gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
    return;
  }
  for (guint i = 0; i < clips->len; i++)
    g_signal_connect_object (g_ptr_array_index (clips, i), "notify::state", G_CALLBACK (show_all), window, G_CONNECT_SWAPPED);
  cw_clip_list_add (window->clips, clips);
  select_clip (window, g_ptr_array_index (clips, 0));
  play_shown (window, 0.0);
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

/* ---- clips ----------------------------------------------------------------------------------------------------------- */

static void
on_exported (CwClip *clip, const char *path, const char *problem, gpointer data)
{
  CwWindow *window = data;

  if (path && !window->closing) {
    g_autofree char *shown = g_filename_display_basename (path), *text = g_strdup_printf (_ ("Exported to “%s”"), shown);

    cw_clip_list_set_exported (window->clips, clip);
    say (window, text);
  } else if (problem && !window->closing) {
    say (window, problem);
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
  select_clip (window, clip);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow           *window = data;
  GListModel         *model = cw_clip_list_get_model (window->clips);
  g_autoptr (CwClip)  clip = window->shown ? g_object_ref (window->shown) : NULL, next = NULL;
  g_autofree char    *text = NULL, *escaped = NULL;
  AdwToast           *toast;

  (void) action;
  (void) parameter;
  if (!clip)
    return;
  if (plays_shown (window))
    cw_player_stop (window->player);
  if (!cw_clip_is_finished (clip))
    cw_maker_stop (window->maker, clip);
  window->deleted_place = cw_clip_list_remove (window->clips, clip);
  g_set_object (&window->deleted, clip);
  if (g_list_model_get_n_items (model))
    next = g_list_model_get_item (model, MIN (window->deleted_place, g_list_model_get_n_items (model) - 1));
  select_clip (window, next);

  text = g_strdup_printf (_ ("“%s” deleted"), cw_clip_get_name (clip));
  escaped = g_markup_escape_text (text, -1);
  toast = adw_toast_new (escaped);
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

static void
on_row_action (CwClipRow *row, const char *name, CwWindow *window)
{
  select_clip (window, cw_clip_row_get_clip (row));
  if (strcmp (name, "play") == 0)
    play_shown (window, 0.0);
  else
    g_action_group_activate_action (G_ACTION_GROUP (window), name, NULL);
}

static void
on_row_activated (GtkListBox *box, GtkListBoxRow *row, CwWindow *window)
{
  (void) box;
  select_clip (window, cw_clip_row_get_clip (CW_CLIP_ROW (row)));
  play_shown (window, 0.0);
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
    say (window, problem);
    return;
  }
  g_ptr_array_add (clips, clip);
  cw_clip_list_set_exported (window->clips, clip); /* it lies in a file already */
  cw_clip_list_add (window->clips, clips);
  select_clip (window, clip);
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

/* ---- the window ------------------------------------------------------------------------------------------------------ */

static void
on_zoom (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow   *window = data;
  const char *name = g_action_get_name (G_ACTION (action));

  (void) parameter;
  if (strcmp (name, "zoom-fit") == 0)
    cw_wave_view_fit (window->wave);
  else
    cw_wave_view_zoom (window->wave, strcmp (name, "zoom-in") == 0 ? ZOOM_STEP : 1.0 / ZOOM_STEP);
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
  cw_player_shut_down (window->player);
  cw_maker_shut_down (window->maker);
}

static void
cw_window_dispose (GObject *object)
{
  CwWindow *window = CW_WINDOW (object);

  if (window->shown)
    g_signal_handlers_disconnect_by_func (window->shown, show_all, window);
  if (window->player)
    g_signal_handlers_disconnect_by_data (window->player, window);
  g_clear_weak_pointer (&window->deleted_toast);
  g_clear_object (&window->shown);
  g_clear_object (&window->deleted);
  g_clear_object (&window->player);
  g_clear_object (&window->maker);
  if (window->shelf)
    g_signal_handlers_disconnect_by_data (window->shelf, window);
  g_clear_object (&window->shelf);
  g_clear_weak_pointer (&window->models_page);
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

static void
add_suggestions (CwWindow *window)
{
  const char *const prompts[] = { _ ("happy piano melody"), _ ("rock drums"), _ ("heavy rain"), _ ("police siren") };

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++) {
    GtkWidget *button = gtk_button_new_with_label (prompts[i]);

    gtk_widget_add_css_class (button, "pill");
    g_signal_connect (button, "clicked", G_CALLBACK (on_suggestion), window);
    gtk_box_append (window->suggestions, button);
  }
}

/* What the settings say of the engine; a precision that this version does not know is auto. */
static void
set_up_maker (CwWindow *window)
{
  g_autofree char *name = NULL;
  cw_precision     precision;

  if (!window->settings)
    return;
  name = g_settings_get_string (window->settings, "precision");
  if (cw_precision_from_name (name, &precision))
    cw_maker_set_precision (window->maker, precision);
  cw_maker_set_unload_after (window->maker, 60 * g_settings_get_uint (window->settings, "unload-minutes"));
}

static void
cw_window_init (CwWindow *window)
{
  static const GActionEntry actions[] = {
    { .name = "generate", .activate = on_generate }, { .name = "stop", .activate = on_stop },
    { .name = "play", .activate = on_play },         { .name = "start-now", .activate = on_start_now },
    { .name = "export", .activate = on_export },     { .name = "rename", .activate = on_rename },
    { .name = "delete", .activate = on_delete },     { .name = "undo-delete", .activate = on_undo_delete },
    { .name = "reuse", .activate = on_reuse },       { .name = "open", .activate = on_open },
    { .name = "zoom-in", .activate = on_zoom },      { .name = "zoom-out", .activate = on_zoom },
    { .name = "zoom-fit", .activate = on_zoom },     { .name = "prompt", .activate = on_prompt },
    { .name = "defaults", .activate = on_defaults }, { .name = "retry-sound", .activate = on_retry_sound },
    { .name = "models", .activate = on_models },     { .name = "choose-model", .activate = on_choose_model },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (window), actions, G_N_ELEMENTS (actions), window);
  gtk_widget_init_template (GTK_WIDGET (window));
  window->settings = cw_settings_new ();
  window->clips = cw_clip_list_new ();
  window->maker = cw_maker_new ();
  set_up_maker (window);
  window->player = cw_player_new ();
  g_signal_connect (window->player, "changed", G_CALLBACK (on_player_changed), window);
  g_signal_connect (window->wave, "seek", G_CALLBACK (on_seek), window);
  g_signal_connect (window->clip_box, "row-selected", G_CALLBACK (on_row_selected), window);
  g_signal_connect (window->clip_box, "row-activated", G_CALLBACK (on_row_activated), window);
  g_signal_connect (window->prompt, "activate", G_CALLBACK (on_prompt_entered), window);
  g_signal_connect_swapped (window->starts, "problem", G_CALLBACK (say), window);
  g_signal_connect_swapped (window->starts, "sound", G_CALLBACK (make_longer), window);
  cw_starts_set_window (window->starts, GTK_WIDGET (window));
  gtk_list_box_bind_model (window->clip_box, cw_clip_list_get_model (window->clips), make_row, window, NULL);
  add_suggestions (window);
  recall (window);
  set_up_models (window);
  gtk_widget_grab_focus (GTK_WIDGET (window->prompt));
}

GtkWidget *
cw_window_new (AdwApplication *application)
{
  return g_object_new (CW_TYPE_WINDOW, "application", application, NULL);
}
