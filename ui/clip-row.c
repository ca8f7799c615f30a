/* SPDX-License-Identifier: MIT
 *
 * clip-row.c: see clip-row.h.
 */
#include "clip-row.h"

#include <glib/gi18n.h>
#include <math.h>

struct _CwClipRow {
  GtkListBoxRow parent;

  CwClip       *clip;
  GtkWidget    *play_button;
  GtkLabel     *name, *status;
};

G_DEFINE_FINAL_TYPE (CwClipRow, cw_clip_row, GTK_TYPE_LIST_BOX_ROW)

static guint action_signal;

char *
cw_say_seconds (double seconds)
{
  if (seconds < 59.5)
    return g_strdup_printf (_ ("%.0f s"), ceil (seconds));
  return g_strdup_printf (_ ("%.0f min"), ceil (seconds / 60.0));
}

static void
show_status (CwClipRow *row)
{
  CwClip      *clip = row->clip;
  const gsize  n_ready = cw_clip_get_n_ready (clip);
  const double ready_s = (double) n_ready / cw_clip_get_rate (clip);
  const int    percent = (int) (100 * n_ready / MAX (cw_clip_get_n_samples_total (clip), 1));
  const double remaining_s = cw_clip_get_remaining (clip);
  g_autofree char *text = NULL, *left = NULL;

  switch (cw_clip_get_state (clip)) {
  case CW_CLIP_WAITING:
    text = g_strdup (_ ("Waits for its turn"));
    break;
  case CW_CLIP_MAKING:
    left = remaining_s >= 0.0 ? cw_say_seconds (remaining_s) : NULL;
    if (cw_clip_get_recipe (clip)->endless)
      text = g_strdup_printf (_ ("%.1f s so far"), ready_s);
    else
      text = left ? g_strdup_printf (_ ("%d %%, %s left"), percent, left) : g_strdup_printf (_ ("%d %%"), percent);
    break;
  case CW_CLIP_DONE:
    text = g_strdup_printf (_ ("%.1f s · seed %" G_GUINT64_FORMAT), ready_s, cw_clip_get_recipe (clip)->seed);
    break;
  case CW_CLIP_STOPPED:
    text = n_ready ? g_strdup_printf (_ ("Stopped at %.1f s"), ready_s) : g_strdup (_ ("Stopped before there was any sound"));
    break;
  case CW_CLIP_FAILED:
    text = g_strdup_printf (_ ("Failed: %s"), cw_clip_get_failure (clip));
    break;
  }
  gtk_label_set_text (row->status, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (row->status), text);
}

static void
show_name (CwClipRow *row)
{
  gtk_label_set_text (row->name, cw_clip_get_name (row->clip));
  gtk_widget_set_tooltip_text (GTK_WIDGET (row->name), cw_clip_get_recipe (row->clip)->prompt);
}

static void
on_action (GSimpleAction *action, GVariant *parameter, gpointer row)
{
  (void) parameter;
  g_signal_emit (row, action_signal, 0, g_action_get_name (G_ACTION (action)));
}

static void
cw_clip_row_dispose (GObject *object)
{
  CwClipRow *row = CW_CLIP_ROW (object);

  if (row->clip)
    g_signal_handlers_disconnect_by_data (row->clip, row);
  g_clear_object (&row->clip);
  G_OBJECT_CLASS (cw_clip_row_parent_class)->dispose (object);
}

static void
cw_clip_row_class_init (CwClipRowClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_clip_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/clip-row.ui");
  gtk_widget_class_bind_template_child (widget_class, CwClipRow, play_button);
  gtk_widget_class_bind_template_child (widget_class, CwClipRow, name);
  gtk_widget_class_bind_template_child (widget_class, CwClipRow, status);
  action_signal = g_signal_new ("action", CW_TYPE_CLIP_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
cw_clip_row_init (CwClipRow *row)
{
  static const GActionEntry entries[] = {
    { .name = "play", .activate = on_action },   { .name = "export", .activate = on_action }, { .name = "rename", .activate = on_action },
    { .name = "reuse", .activate = on_action }, { .name = "delete", .activate = on_action },
  };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), entries, G_N_ELEMENTS (entries), row);
  gtk_widget_insert_action_group (GTK_WIDGET (row), "clip", G_ACTION_GROUP (group));
  gtk_widget_init_template (GTK_WIDGET (row));
}

GtkWidget *
cw_clip_row_new (CwClip *clip)
{
  CwClipRow *row = g_object_new (CW_TYPE_CLIP_ROW, NULL);

  row->clip = g_object_ref (clip);
  g_signal_connect_swapped (clip, "grew", G_CALLBACK (show_status), row);
  g_signal_connect_swapped (clip, "notify::name", G_CALLBACK (show_name), row);
  show_name (row);
  show_status (row);
  return GTK_WIDGET (row);
}

CwClip *
cw_clip_row_get_clip (CwClipRow *row)
{
  return row->clip;
}
