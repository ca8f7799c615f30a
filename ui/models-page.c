/* SPDX-License-Identifier: MIT
 *
 * models-page.c: see models-page.h. Four lists over the shelf's one, by what a model is and whether it is here.
 */
#include "models-page.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/statvfs.h>

#include "choose-folder.h"
#include "hub.h"
#include "model-row.h"
#include "settings.h"
#include "toast.h"

struct _CwModelsPage {
  AdwWindow        parent;

  CwModelShelf    *shelf;
  GSettings       *settings; /* or NULL */
  GtkInfoBar      *offline_bar, *problem_bar;
  GtkLabel        *offline_label, *problem_label;
  AdwToastOverlay *toasts;
  AdwPreferencesGroup *here_group, *music_group, *effects_group, *parts_group;
  GtkListBox      *here_box, *music_box, *effects_box, *parts_box;
  AdwToast        *removed_toast; /* the last one, while it is to be seen; weak */
};

G_DEFINE_FINAL_TYPE (CwModelsPage, cw_models_page, ADW_TYPE_WINDOW)

static void
say (CwModelsPage *page, const char *text)
{
  adw_toast_overlay_add_toast (page->toasts, cw_toast_new (GTK_WIDGET (page->toasts), text));
}

/* ---- getting --------------------------------------------------------------------------------------------------------- */

typedef struct {
  CwModelItem *item;
  char        *licence; /* that was shown, or NULL */
} Agreement;

static void
on_agreed (AdwMessageDialog *dialog, const char *response, Agreement *agreement)
{
  (void) dialog;
  if (strcmp (response, "get") == 0)
    cw_model_item_download (agreement->item, agreement->licence);
  g_object_unref (agreement->item);
  g_free (agreement->licence);
  g_free (agreement);
}

/* The licence, in words, and the way to its text. */
static char *
say_licence (const CwModelRecord *record, const char *id)
{
  const CwCatalogue *catalogue = cw_catalogue_get (NULL);
  const CwLicence   *licence = catalogue ? cw_catalogue_find_licence (catalogue, id) : NULL;
  g_autofree char   *page = cw_hub_default_endpoint (), *card = g_strdup_printf ("%s/%s", page, record->repo);

  if (licence)
    return g_markup_printf_escaped (_ ("It is under the licence <a href=\"%s\">%s</a>. %s"), licence->url, licence->title, licence->summary);
  if (id)
    return g_markup_printf_escaped (_ ("It is under the licence “%s”. Read it on <a href=\"%s\">the model's page</a>."), id, card);
  return g_markup_printf_escaped (_ ("Its licence is not known here. Read <a href=\"%s\">its model card</a> before you use it."), card);
}

/* Another model that is got along with the one that is asked for. */
static void
add_need (GString *needs, const char *id)
{
  const CwCatalogueEntry *entry = cw_catalogue_find (cw_catalogue_get (NULL), id);

  if (entry && entry->licence)
    g_string_append_printf (needs, _ ("\n\nWith it comes %s (%s), which it needs."), entry->title, cw_licence_title (entry->licence));
  else
    g_string_append_printf (needs, _ ("\n\nWith it comes %s, which it needs."), entry ? entry->title : id);
}

static void
ask_for (CwModelsPage *page, CwModelItem *item)
{
  const CwModelRecord *record = cw_model_item_get_record (item);
  const char          *licence = cw_model_item_get_licence (item);
  g_autofree char     *heading = g_strdup_printf (_ ("Get %s?"), cw_model_record_get_title (record)), *terms = say_licence (record, licence), *body = NULL;
  g_autoptr (GString)  needs = g_string_new (NULL);
  Agreement           *agreement;
  GtkWidget           *dialog;

  for (guint i = 0; record->entry && record->entry->needs[i]; i++)
    add_need (needs, record->entry->needs[i]);
  body = g_strconcat (terms, needs->str, NULL);
  dialog = adw_message_dialog_new (GTK_WINDOW (page), heading, NULL);
  adw_message_dialog_set_body_use_markup (ADW_MESSAGE_DIALOG (dialog), TRUE);
  adw_message_dialog_set_body (ADW_MESSAGE_DIALOG (dialog), body);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "get", _ ("_Agree and Get"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "get", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "get");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  agreement = g_new (Agreement, 1);
  *agreement = (Agreement){ g_object_ref (item), g_strdup (licence) };
  g_signal_connect (dialog, "response", G_CALLBACK (on_agreed), agreement);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* ---- removing -------------------------------------------------------------------------------------------------------- */

static void
bring_back (CwModelsPage *page, const char *name)
{
  g_autofree char *problem = cw_model_shelf_bring_back (page->shelf, name);

  if (problem)
    say (page, problem);
}

static const char *
removed_name (AdwToast *toast)
{
  return g_object_get_data (G_OBJECT (toast), "name");
}

static void
on_undo_clicked (AdwToast *toast, CwModelsPage *page)
{
  bring_back (page, removed_name (toast));
}

static void
on_toast_gone (AdwToast *toast, CwModelsPage *page)
{
  if (page->removed_toast == toast)
    g_clear_weak_pointer (&page->removed_toast);
  cw_model_shelf_settle (page->shelf, removed_name (toast)); /* if it was not brought back */
}

static void
on_removed (CwModelsPage *page, const char *name, const char *title)
{
  g_autofree char *text = g_strdup_printf (_ ("“%s” removed"), title);
  AdwToast        *toast = cw_toast_new (GTK_WIDGET (page->toasts), text);

  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  adw_toast_set_timeout (toast, 10);
  g_object_set_data_full (G_OBJECT (toast), "name", g_strdup (name), g_free);
  g_signal_connect_object (toast, "button-clicked", G_CALLBACK (on_undo_clicked), page, 0);
  g_signal_connect_object (toast, "dismissed", G_CALLBACK (on_toast_gone), page, 0);
  g_set_weak_pointer (&page->removed_toast, toast);
  adw_toast_overlay_add_toast (page->toasts, toast);
}

static void
on_undo (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwModelsPage        *page = data;
  g_autoptr (AdwToast) toast = page->removed_toast ? g_object_ref (page->removed_toast) : NULL;

  (void) action;
  (void) parameter;
  if (!toast)
    return;
  bring_back (page, removed_name (toast));
  adw_toast_dismiss (toast);
}

static void
on_remove_answer (AdwMessageDialog *dialog, const char *response, CwModelItem *item)
{
  (void) dialog;
  if (strcmp (response, "remove") == 0)
    cw_model_item_remove (item);
  g_object_unref (item);
}

/* What the hub has can be got again, and the toast brings it back at once; what is the person's own is asked for. */
static void
ask_to_remove (CwModelsPage *page, CwModelItem *item)
{
  const CwModelRecord *record = cw_model_item_get_record (item);
  g_autofree char     *heading = NULL, *size = NULL, *body = NULL;
  GtkWidget           *dialog;

  if (record->repo) {
    cw_model_item_remove (item);
    return;
  }
  heading = g_strdup_printf (_ ("Remove %s?"), cw_model_record_get_title (record));
  size = g_format_size ((guint64) record->n_bytes);
  body = g_strdup_printf (_ ("%s will be free again. It is your own: nobody else may have it."), size);
  dialog = adw_message_dialog_new (GTK_WINDOW (page), heading, body);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "remove", _ ("_Remove"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "remove", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect (dialog, "response", G_CALLBACK (on_remove_answer), g_object_ref (item));
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_row_action (CwModelRow *row, const char *name, CwModelsPage *page)
{
  CwModelItem *item = cw_model_row_get_item (row);

  if (strcmp (name, "get") == 0 && cw_model_item_get_record (item)->state == CW_MODEL_PARTIAL && !cw_model_item_get_failure (item) &&
      cw_model_item_get_agreed (item))
    cw_model_item_download (item, cw_model_item_get_licence (item)); /* paused a moment ago: agreed to already */
  else if (strcmp (name, "get") == 0)
    ask_for (page, item);
  else if (strcmp (name, "pause") == 0)
    cw_model_item_pause (item);
  else if (strcmp (name, "cancel") == 0)
    cw_model_item_remove (item);
  else
    ask_to_remove (page, item);
}

/* ---- the lists ------------------------------------------------------------------------------------------------------- */

static GtkWidget *
make_row (gpointer item, gpointer page)
{
  GtkWidget *row = cw_model_row_new (item);

  g_signal_connect (row, "action", G_CALLBACK (on_row_action), page);
  return row;
}

typedef enum { LIST_HERE, LIST_MUSIC, LIST_EFFECTS, LIST_PARTS } List;

static List
list_of (CwModelItem *item)
{
  const CwModelRecord *record = cw_model_item_get_record (item);

  if (record->state == CW_MODEL_STARTER || record->state == CW_MODEL_INSTALLED || !record->entry)
    return LIST_HERE;
  return record->entry->kind == CW_KIND_MUSIC ? LIST_MUSIC : record->entry->kind == CW_KIND_EFFECTS ? LIST_EFFECTS : LIST_PARTS;
}

static gboolean
is_of_list (gpointer item, gpointer list)
{
  return list_of (item) == (List) GPOINTER_TO_INT (list);
}

static void
show_empty (GListModel *model, guint position, guint removed, guint added, AdwPreferencesGroup *group)
{
  (void) position;
  (void) removed;
  (void) added;
  gtk_widget_set_visible (GTK_WIDGET (group), g_list_model_get_n_items (model) > 0);
}

static void
look_again (GtkFilter *filter)
{
  gtk_filter_changed (filter, GTK_FILTER_CHANGE_DIFFERENT);
}

/* A model that came or went moves to another list: the filters must look again. */
static void
bind_list (CwModelsPage *page, GtkListBox *box, AdwPreferencesGroup *group, List list)
{
  GtkFilter          *filter = GTK_FILTER (gtk_custom_filter_new (is_of_list, GINT_TO_POINTER (list), NULL));
  GtkFilterListModel *model = gtk_filter_list_model_new (g_object_ref (cw_model_shelf_get_items (page->shelf)), filter);

  g_signal_connect_object (page->shelf, "models-changed", G_CALLBACK (look_again), filter, G_CONNECT_SWAPPED);
  gtk_list_box_bind_model (box, G_LIST_MODEL (model), make_row, page, NULL);
  g_signal_connect_object (model, "items-changed", G_CALLBACK (show_empty), group, 0);
  show_empty (G_LIST_MODEL (model), 0, 0, 0, group);
  g_object_unref (model);
}

static void
show_disk (CwModelsPage *page)
{
  g_autofree char *folder = cw_models_get_folder (), *used = NULL, *there = NULL, *text = NULL;
  GListModel      *items = cw_model_shelf_get_items (page->shelf);
  gint64           n_used = 0;
  struct statvfs   disk;

  for (guint i = 0; i < g_list_model_get_n_items (items); i++) {
    g_autoptr (CwModelItem) item = g_list_model_get_item (items, i);
    const CwModelRecord    *record = cw_model_item_get_record (item);

    n_used += record->n_bytes;
  }
  used = g_format_size ((guint64) n_used);
  there = g_format_size (statvfs (folder, &disk) == 0 ? (guint64) disk.f_bavail * disk.f_frsize : 0);
  text = g_strdup_printf (_ ("Models take %s; %s are free."), used, there);
  adw_preferences_group_set_description (page->here_group, text);
}

static void
show_offline (CwModelsPage *page)
{
  g_autoptr (GError) error = NULL;
  CwHub             *hub = cw_hub_new (&error);

  if (error)
    gtk_label_set_text (page->offline_label, error->message);
  gtk_info_bar_set_revealed (page->offline_bar, hub == NULL);
  cw_hub_free (hub);
}

static void
refresh (CwModelsPage *page)
{
  g_autofree char *problem = cw_model_shelf_refresh (page->shelf);

  if (problem)
    gtk_label_set_text (page->problem_label, problem);
  gtk_info_bar_set_revealed (page->problem_bar, problem != NULL);
  show_disk (page);
}

/* ---- actions --------------------------------------------------------------------------------------------------------- */

static void
on_refresh (GSimpleAction *action, GVariant *parameter, gpointer page)
{
  (void) action;
  (void) parameter;
  refresh (page);
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  CwModelsPage      *page = data;
  g_autoptr (GError) error = NULL;
  g_autofree char   *name = cw_model_shelf_import_finish (CW_MODEL_SHELF (source), result, &error);
  g_autofree char   *text = name ? g_strdup_printf (_ ("“%s” was imported"), name) : g_strdup (error->message);

  say (page, text);
  g_object_unref (page);
}

static void
on_import_chosen (GtkNativeDialog *dialog, int response, CwModelsPage *page)
{
  g_autofree char *path = cw_take_folder (dialog, response);

  if (path)
    cw_model_shelf_import_async (page->shelf, path, on_imported, g_object_ref (page));
}

static void
on_import (GSimpleAction *action, GVariant *parameter, gpointer page)
{
  (void) action;
  (void) parameter;
  cw_choose_folder (GTK_WINDOW (page), _ ("Import a Model’s Folder"), _ ("_Import"), G_CALLBACK (on_import_chosen), page);
}

/* ---- the page -------------------------------------------------------------------------------------------------------- */

static void
cw_models_page_dispose (GObject *object)
{
  CwModelsPage *page = CW_MODELS_PAGE (object);

  if (page->shelf) {
    g_signal_handlers_disconnect_by_data (page->shelf, page);
    cw_model_shelf_settle (page->shelf, NULL); /* its toasts are gone */
  }
  g_clear_weak_pointer (&page->removed_toast);
  if (page->settings)
    g_signal_handlers_disconnect_by_data (page->settings, page);
  g_clear_object (&page->shelf);
  g_clear_object (&page->settings);
  G_OBJECT_CLASS (cw_models_page_parent_class)->dispose (object);
}

static void
cw_models_page_class_init (CwModelsPageClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_models_page_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/models-page.ui");
#define BIND(name) gtk_widget_class_bind_template_child (widget_class, CwModelsPage, name)
  BIND (offline_bar);
  BIND (offline_label);
  BIND (problem_bar);
  BIND (problem_label);
  BIND (toasts);
  BIND (here_group);
  BIND (music_group);
  BIND (effects_group);
  BIND (parts_group);
  BIND (here_box);
  BIND (music_box);
  BIND (effects_box);
  BIND (parts_box);
#undef BIND
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_z, GDK_CONTROL_MASK, "page.undo", NULL);
}

static void
cw_models_page_init (CwModelsPage *page)
{
  static const GActionEntry actions[] = {
    { .name = "import", .activate = on_import }, { .name = "refresh", .activate = on_refresh },
    { .name = "undo", .activate = on_undo },
  };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), actions, G_N_ELEMENTS (actions), page);
  gtk_widget_insert_action_group (GTK_WIDGET (page), "page", G_ACTION_GROUP (group));
  gtk_widget_init_template (GTK_WIDGET (page));
  page->settings = cw_settings_new ();
  if (page->settings) {
    g_signal_connect_swapped (page->settings, "changed::offline", G_CALLBACK (show_offline), page);
    g_signal_connect_swapped (page->settings, "changed::models-folder", G_CALLBACK (refresh), page);
  }
}

GtkWidget *
cw_models_page_new (GtkWindow *parent, CwModelShelf *shelf)
{
  CwModelsPage *page = g_object_new (CW_TYPE_MODELS_PAGE, "transient-for", parent, "destroy-with-parent", TRUE, NULL);

  page->shelf = g_object_ref (shelf);
  refresh (page);
  bind_list (page, page->here_box, page->here_group, LIST_HERE);
  bind_list (page, page->music_box, page->music_group, LIST_MUSIC);
  bind_list (page, page->effects_box, page->effects_group, LIST_EFFECTS);
  bind_list (page, page->parts_box, page->parts_group, LIST_PARTS);
  g_signal_connect_swapped (shelf, "models-changed", G_CALLBACK (show_disk), page);
  g_signal_connect_swapped (shelf, "removed", G_CALLBACK (on_removed), page);
  show_offline (page);
  return GTK_WIDGET (page);
}
