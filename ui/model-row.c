/* SPDX-License-Identifier: MIT
 *
 * model-row.c: see model-row.h.
 */
#include "model-row.h"

#include <glib/gi18n.h>

#include "clip-row.h"

struct _CwModelRow {
  AdwPreferencesRow parent;

  CwModelItem    *item;
  GtkLabel       *name, *facts;
  GtkProgressBar *bar;
  GtkWidget      *here, *pause, *cancel, *remove;
  GtkButton      *get;
};

G_DEFINE_FINAL_TYPE (CwModelRow, cw_model_row, ADW_TYPE_PREFERENCES_ROW)

static guint action_signal;

/* "Text to stereo music.\n32 kHz stereo · needs 1.1 GB of memory"; where no licence stands by the name, that. */
static char *
say_facts (const CwModelRecord *record, const char *licence)
{
  const CwCatalogueEntry *entry = record->entry;
  g_autoptr (GPtrArray)   facts = g_ptr_array_new_with_free_func (g_free);
  g_autofree char        *joined = NULL;
  const guint64           memory = entry ? cw_catalogue_memory (entry, CW_PRECISION_INT8) : 0;

  if (record->state == CW_MODEL_STARTER)
    g_ptr_array_add (facts, g_strdup (_ ("comes with Clipwright")));
  if (record->rate_hz)
    g_ptr_array_add (facts, g_strdup_printf (record->n_channels == 2 ? _ ("%g kHz stereo") : _ ("%g kHz mono"), record->rate_hz / 1000.0));
  if (memory)
    g_ptr_array_add (facts, g_strdup_printf (_ ("needs %.1f GB of memory"), (double) memory / 1e9));
  if (record->n_bytes) {
    g_autofree char *size = g_format_size ((guint64) record->n_bytes);

    g_ptr_array_add (facts, g_strdup_printf (record->state == CW_MODEL_PARTIAL ? _ ("%s came, paused") : _ ("%s on disk"), size));
  }
  if (!licence) /* which stands by the name else */
    g_ptr_array_add (facts, g_strdup (_ ("licence: see its model card")));
  g_ptr_array_add (facts, NULL);
  joined = g_strjoinv (" · ", (char **) facts->pdata);
  return g_strconcat (entry ? entry->what : "", entry ? "\n" : "", joined, NULL);
}

/* Below what it is: "t5-base: 120 MB of 2.4 GB · 12 MB/s · 3 min left" */
static char *
say_progress (CwModelItem *item, const CwCatalogueEntry *entry, const CwDownloadProgress *progress)
{
  const gboolean   along = g_strcmp0 (cw_model_item_get_coming (item), cw_model_item_get_record (item)->name) != 0;
  g_autofree char *here = g_format_size ((guint64) MAX (progress->n_bytes, 0)), *total = g_format_size ((guint64) progress->n_bytes_total);
  g_autofree char *rate = g_format_size ((guint64) progress->bytes_per_s), *left = NULL, *line = NULL;

  if (progress->stage == CW_DOWNLOAD_STAGE_LOCKED) {
    line = g_strdup (_ ("Another Clipwright downloads it; waiting"));
  } else if (progress->stage != CW_DOWNLOAD_STAGE_LOADING) {
    line = g_strdup (progress->stage == CW_DOWNLOAD_STAGE_ASKING ? _ ("Asking the hub…") : _ ("Done"));
  } else if (progress->bytes_per_s <= 0.0) {
    line = g_strdup_printf (_ ("%s of %s"), here, total);
  } else {
    left = cw_say_seconds (MAX (progress->remaining_s, 0.0));
    line = g_strdup_printf (_ ("%s of %s · %s/s · %s left"), here, total, rate, left);
  }
  return g_strconcat (entry ? entry->what : "", entry ? "\n" : "", along ? cw_model_item_get_coming (item) : "", along ? ": " : "", line, NULL);
}

/* Shows @button or not; TRUE when it was hidden while the keyboard was on it. */
static gboolean
show_button (GtkWidget *button, gboolean shown)
{
  const gboolean lost = !shown && gtk_widget_is_focus (button);

  gtk_widget_set_visible (button, shown);
  return lost;
}

static void
show (CwModelRow *row)
{
  const CwModelRecord      *record = cw_model_item_get_record (row->item);
  const CwDownloadProgress *progress = cw_model_item_get_progress (row->item);
  const char               *failure = cw_model_item_get_failure (row->item), *licence = cw_model_item_get_licence (row->item);
  const gboolean            installed = record->state == CW_MODEL_INSTALLED, partial = record->state == CW_MODEL_PARTIAL;
  const gboolean            wanted = !progress && record->repo && (record->state == CW_MODEL_AVAILABLE || partial);
  g_autofree char          *title = NULL, *subtitle = NULL;
  gboolean                  lost;

  title = g_markup_printf_escaped (licence ? "%s <small>(%s)</small>" : "%s", cw_model_record_get_title (record),
                                   cw_licence_title (licence));
  if (progress)
    subtitle = say_progress (row->item, record->entry, progress);
  else if (failure)
    subtitle = g_strdup (failure);
  else if (record->state == CW_MODEL_NOT_YET)
    subtitle = g_strdup_printf (_ ("Not yet: %s"), record->entry->not_yet);
  else
    subtitle = say_facts (record, licence);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  gtk_label_set_markup (row->name, title);
  gtk_label_set_text (row->facts, subtitle);
  gtk_widget_set_tooltip_text (GTK_WIDGET (row), failure ? failure : record->folder);
  if (failure && !progress)
    gtk_widget_add_css_class (GTK_WIDGET (row), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (row), "error");

  gtk_widget_set_visible (GTK_WIDGET (row->bar), progress != NULL);
  if (progress && progress->n_bytes_total > 0)
    gtk_progress_bar_set_fraction (row->bar, CLAMP ((double) progress->n_bytes / (double) progress->n_bytes_total, 0.0, 1.0));
  else if (progress)
    gtk_progress_bar_set_fraction (row->bar, 0.0);
  gtk_widget_set_visible (row->here, installed || record->state == CW_MODEL_STARTER);
  gtk_button_set_label (row->get, failure ? _ ("Try Again") : partial ? _ ("Resume") : _ ("Get"));
  lost = show_button (GTK_WIDGET (row->get), wanted);
  lost = show_button (row->pause, progress != NULL) || lost;
  lost = show_button (row->cancel, progress != NULL) || lost;
  lost = show_button (row->remove, !progress && (installed || partial)) || lost;
  if (lost) /* the keyboard stays in the row */
    gtk_widget_grab_focus (progress ? row->pause : wanted ? GTK_WIDGET (row->get) : row->remove);
}

static void
on_action (GSimpleAction *action, GVariant *parameter, gpointer row)
{
  (void) parameter;
  g_signal_emit (row, action_signal, 0, g_action_get_name (G_ACTION (action)));
}

static void
cw_model_row_dispose (GObject *object)
{
  CwModelRow *row = CW_MODEL_ROW (object);

  if (row->item)
    g_signal_handlers_disconnect_by_data (row->item, row);
  g_clear_object (&row->item);
  G_OBJECT_CLASS (cw_model_row_parent_class)->dispose (object);
}

static void
cw_model_row_class_init (CwModelRowClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_model_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/model-row.ui");
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, name);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, facts);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, bar);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, here);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, get);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, pause);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, cancel);
  gtk_widget_class_bind_template_child (widget_class, CwModelRow, remove);
  action_signal = g_signal_new ("action", CW_TYPE_MODEL_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
cw_model_row_init (CwModelRow *row)
{
  static const GActionEntry entries[] = {
    { .name = "get", .activate = on_action },    { .name = "pause", .activate = on_action },
    { .name = "cancel", .activate = on_action }, { .name = "remove", .activate = on_action },
  };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), entries, G_N_ELEMENTS (entries), row);
  gtk_widget_insert_action_group (GTK_WIDGET (row), "model", G_ACTION_GROUP (group));
  gtk_widget_init_template (GTK_WIDGET (row));
}

GtkWidget *
cw_model_row_new (CwModelItem *item)
{
  CwModelRow *row = g_object_new (CW_TYPE_MODEL_ROW, NULL);

  row->item = g_object_ref (item);
  g_signal_connect_swapped (item, "changed", G_CALLBACK (show), row);
  show (row);
  return GTK_WIDGET (row);
}

CwModelItem *
cw_model_row_get_item (CwModelRow *row)
{
  return row->item;
}
