/* SPDX-License-Identifier: MIT
 *
 * window-play.c: the clip that is in the wave view, what is said of it, and playing it.
 */
#include "window-private.h"

#include <glib/gi18n.h>
#include <string.h>

#include "clip-row.h"

#define ZOOM_STEP 1.5

static void
enable (CwWindow *window, const char *action, gboolean enabled)
{
  GAction *found = g_action_map_lookup_action (G_ACTION_MAP (window), action);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (found), enabled);
}

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

gboolean
cw_window_plays_shown (CwWindow *window)
{
  return window->shown && cw_player_get_clip (window->player) == window->shown &&
         cw_player_get_state (window->player) != CW_PLAYER_STOPPED;
}

static void
show_clock (CwWindow *window)
{
  const CwPlayerState state = cw_window_plays_shown (window) ? cw_player_get_state (window->player) : CW_PLAYER_STOPPED;
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
  gtk_widget_set_visible (GTK_WIDGET (window->making), text != NULL);
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

void
cw_window_show_all (CwWindow *window)
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
  if (cw_window_plays_shown (window))
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
    g_signal_handlers_disconnect_by_func (window->shown, cw_window_show_all, window);
  g_set_object (&window->shown, clip);
  if (clip)
    g_signal_connect_swapped (clip, "grew", G_CALLBACK (cw_window_show_all), window);
  window->rest_s = 0.0;
  cw_wave_view_set_clip (window->wave, clip);
  gtk_stack_set_visible_child_name (window->stage, clip ? "wave" : "empty");
  need_tick (window);
  cw_window_show_all (window);
}

void
cw_window_select_clip (CwWindow *window, CwClip *clip)
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

void
cw_window_play_shown (CwWindow *window, double start_s)
{
  if (!window->shown || !cw_player_get_device (window->player))
    return;
  cw_player_play (window->player, window->shown, start_s);
  need_tick (window);
  cw_window_show_all (window);
}

static void
on_play (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  if (!cw_window_plays_shown (window))
    cw_window_play_shown (window, window->rest_s);
  else if (cw_player_get_state (window->player) == CW_PLAYER_PAUSED)
    cw_player_resume (window->player);
  else
    cw_player_pause (window->player);
  need_tick (window);
  cw_window_show_all (window);
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
  if (cw_window_plays_shown (window))
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
  cw_window_show_all (window);
}

static void
on_retry_sound (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwWindow *window = data;

  (void) action;
  (void) parameter;
  cw_player_retry (window->player);
}

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

void
cw_window_set_up_play (CwWindow *window)
{
  static const GActionEntry actions[] = {
    { .name = "play", .activate = on_play }, { .name = "start-now", .activate = on_start_now },
    { .name = "retry-sound", .activate = on_retry_sound }, { .name = "zoom-in", .activate = on_zoom },
    { .name = "zoom-out", .activate = on_zoom }, { .name = "zoom-fit", .activate = on_zoom },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (window), actions, G_N_ELEMENTS (actions), window);
  window->player = cw_player_new ();
  g_signal_connect (window->player, "changed", G_CALLBACK (on_player_changed), window);
  g_signal_connect (window->wave, "seek", G_CALLBACK (on_seek), window);
  g_signal_connect (window->clip_box, "row-selected", G_CALLBACK (on_row_selected), window);
}
