/* SPDX-License-Identifier: MIT
 *
 * record-bar.c: see record-bar.h.
 */
#include "record-bar.h"

#include <glib/gi18n.h>
#include <math.h>

#include "engine.h"
#include "recorder.h"

#define LEVEL_FLOOR_DB -60.0
#define TOO_LOUD       0.97 /* of the bar: the last 2 dB */

struct _CwRecordBar {
  GtkBox       parent;

  CwRecorder  *recorder;
  guint        tick;
  GtkLevelBar *level;
  GtkLabel    *time;
  GtkWidget   *stop;
};

G_DEFINE_FINAL_TYPE (CwRecordBar, cw_record_bar, GTK_TYPE_BOX)

static guint recording_signal, recorded_signal, problem_signal;

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *frames, gpointer data)
{
  CwRecordBar     *bar = CW_RECORD_BAR (widget);
  const double     level_db = 20.0 * log10 (MAX (cw_recorder_get_level (bar->recorder), 1e-6));
  const guint      seconds = (guint) cw_recorder_get_seconds (bar->recorder);
  g_autofree char *text = g_strdup_printf ("%u:%02u", seconds / 60, seconds % 60);

  (void) frames;
  (void) data;
  gtk_level_bar_set_value (bar->level, CLAMP (1.0 - level_db / LEVEL_FLOOR_DB, 0.0, 1.0));
  gtk_label_set_text (bar->time, text);
  return G_SOURCE_CONTINUE;
}

static void
show (CwRecordBar *bar, gboolean recording)
{
  if (recording && !bar->tick)
    bar->tick = gtk_widget_add_tick_callback (GTK_WIDGET (bar), on_tick, NULL, NULL);
  if (!recording && bar->tick) {
    gtk_widget_remove_tick_callback (GTK_WIDGET (bar), bar->tick);
    bar->tick = 0;
  }
  gtk_level_bar_set_value (bar->level, 0.0);
  gtk_widget_set_visible (GTK_WIDGET (bar), recording);
  g_signal_emit (bar, recording_signal, 0, recording);
}

static void
on_finished (CwRecordBar *bar, const char *path, const char *problem)
{
  show (bar, FALSE);
  if (path)
    g_signal_emit (bar, recorded_signal, 0, path);
  if (problem)
    g_signal_emit (bar, problem_signal, 0, problem);
}

void
cw_record_bar_toggle (CwRecordBar *bar)
{
  if (cw_record_bar_is_recording (bar)) {
    cw_recorder_stop (bar->recorder);
    return;
  }
  cw_recorder_start (bar->recorder, NULL, CW_DURATION_MAX_S);
  show (bar, TRUE);
  gtk_widget_grab_focus (bar->stop);
}

gboolean
cw_record_bar_is_recording (CwRecordBar *bar)
{
  return cw_recorder_is_active (bar->recorder);
}

void
cw_record_bar_shut_down (CwRecordBar *bar)
{
  cw_recorder_shut_down (bar->recorder);
}

static void
on_stop (GSimpleAction *action, GVariant *parameter, gpointer bar)
{
  (void) action;
  (void) parameter;
  cw_recorder_stop (CW_RECORD_BAR (bar)->recorder);
}

static void
on_cancel (GSimpleAction *action, GVariant *parameter, gpointer bar)
{
  (void) action;
  (void) parameter;
  cw_recorder_cancel (CW_RECORD_BAR (bar)->recorder);
}

static void
cw_record_bar_dispose (GObject *object)
{
  CwRecordBar *bar = CW_RECORD_BAR (object);

  if (bar->recorder) {
    g_signal_handlers_disconnect_by_data (bar->recorder, bar);
    cw_recorder_shut_down (bar->recorder);
  }
  g_clear_object (&bar->recorder);
  G_OBJECT_CLASS (cw_record_bar_parent_class)->dispose (object);
}

static void
cw_record_bar_class_init (CwRecordBarClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_record_bar_dispose;
  recording_signal = g_signal_new ("recording", CW_TYPE_RECORD_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_BOOLEAN);
  recorded_signal = g_signal_new ("recorded", CW_TYPE_RECORD_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  problem_signal = g_signal_new ("problem", CW_TYPE_RECORD_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/record-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, CwRecordBar, level);
  gtk_widget_class_bind_template_child (widget_class, CwRecordBar, time);
  gtk_widget_class_bind_template_child (widget_class, CwRecordBar, stop);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "record.cancel", NULL);
}

static void
cw_record_bar_init (CwRecordBar *bar)
{
  static const GActionEntry actions[] = { { .name = "stop", .activate = on_stop }, { .name = "cancel", .activate = on_cancel } };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), actions, G_N_ELEMENTS (actions), bar);
  gtk_widget_insert_action_group (GTK_WIDGET (bar), "record", G_ACTION_GROUP (group));
  gtk_widget_init_template (GTK_WIDGET (bar));
  gtk_level_bar_add_offset_value (bar->level, GTK_LEVEL_BAR_OFFSET_LOW, 0.4);
  gtk_level_bar_add_offset_value (bar->level, GTK_LEVEL_BAR_OFFSET_HIGH, TOO_LOUD);
  bar->recorder = cw_recorder_new ();
  g_signal_connect_swapped (bar->recorder, "finished", G_CALLBACK (on_finished), bar);
}
