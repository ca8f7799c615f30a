/* SPDX-License-Identifier: MIT
 *
 * model-shelf.c: see model-shelf.h.
 *
 *     page ── download ──▶ thread: cw_download_run ── progress, newest only ──▶ idle ──▶ "changed"
 */
#include "model-shelf.h"

#include <glib/gi18n.h>
#include <string.h>

#include "model-folder.h"
#include "model-trash.h"

struct _CwModelItem {
  GObject             parent;

  CwModelShelf       *shelf; /* weak: items do not outlive it in the list, but threads keep them */
  CwModelRecord      *record;
  char               *failure, *agreed; /* agreed: id, or NULL: none was stated */
  gboolean            was_agreed;
  GCancellable       *cancellable; /* of what is under way, or NULL */
  gboolean            remove_after; /* the download that is being cancelled */
  CwDownloadProgress  progress;
  const char         *coming;

  GMutex              lock; /* of what the thread hands over: */
  CwDownloadProgress  newest;
  const char         *newest_coming;
  char               *hub_licence;
  gboolean            hub_said;
  guint               idle;
};

G_DEFINE_FINAL_TYPE (CwModelItem, cw_model_item, G_TYPE_OBJECT)

struct _CwModelShelf {
  GObject     parent;

  GListStore *items;
  GPtrArray  *removed; /* of CwModelTrash: can be brought back */
};

G_DEFINE_FINAL_TYPE (CwModelShelf, cw_model_shelf, G_TYPE_OBJECT)

static guint item_changed_signal, models_changed_signal, removed_signal;

/* ---- an item --------------------------------------------------------------------------------------------------------- */

static void
item_changed (CwModelItem *item)
{
  g_signal_emit (item, item_changed_signal, 0);
}

static void
cw_model_item_finalize (GObject *object)
{
  CwModelItem *item = CW_MODEL_ITEM (object);

  g_clear_weak_pointer (&item->shelf);
  cw_model_record_free (item->record);
  g_free (item->failure);
  g_free (item->agreed);
  g_free (item->hub_licence);
  g_clear_object (&item->cancellable);
  g_mutex_clear (&item->lock);
  G_OBJECT_CLASS (cw_model_item_parent_class)->finalize (object);
}

static void
cw_model_item_class_init (CwModelItemClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cw_model_item_finalize;
  item_changed_signal = g_signal_new ("changed", CW_TYPE_MODEL_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
cw_model_item_init (CwModelItem *item)
{
  g_mutex_init (&item->lock);
}

const CwModelRecord *
cw_model_item_get_record (CwModelItem *item)
{
  return item->record;
}

const CwDownloadProgress *
cw_model_item_get_progress (CwModelItem *item)
{
  return item->cancellable ? &item->progress : NULL;
}

const char *
cw_model_item_get_coming (CwModelItem *item)
{
  return item->coming ? item->coming : item->record->name;
}

const char *
cw_model_item_get_failure (CwModelItem *item)
{
  return item->failure;
}

const char *
cw_model_item_get_licence (CwModelItem *item)
{
  const char *licence;

  g_mutex_lock (&item->lock);
  licence = item->hub_said ? item->hub_licence : item->record->licence;
  g_mutex_unlock (&item->lock);
  return licence;
}

gboolean
cw_model_item_get_agreed (CwModelItem *item)
{
  return item->was_agreed && g_strcmp0 (item->agreed, cw_model_item_get_licence (item)) == 0;
}

/* ---- downloading: the thread ----------------------------------------------------------------------------------------- */

static gboolean
show_newest (gpointer data)
{
  CwModelItem *item = data;

  g_mutex_lock (&item->lock);
  item->progress = item->newest;
  item->coming = item->newest_coming;
  item->idle = 0;
  g_mutex_unlock (&item->lock);
  item_changed (item);
  return G_SOURCE_REMOVE;
}

/* What a thread works on: copies, for the item's record is replaced whenever the folders are read again. */
typedef struct {
  char                   *repo, *name;
  const CwCatalogueEntry *entry; /* or NULL */
} Order;

static void
order_free (gpointer data)
{
  Order *order = data;

  g_free (order->repo);
  g_free (order->name);
  g_free (order);
}

typedef struct {
  CwModelItem            *item;
  const CwCatalogueEntry *entry;  /* that is coming; NULL: not of the catalogue */
  gboolean                covered; /* it only comes along */
} Part;

static void
on_progress (const CwDownloadProgress *progress, gpointer data)
{
  const Part  *part = data;
  CwModelItem *item = part->item;

  g_mutex_lock (&item->lock);
  item->newest = *progress;
  item->newest_coming = part->entry ? part->entry->id : NULL;
  if (!item->idle)
    item->idle = g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, show_newest, g_object_ref (item), g_object_unref);
  g_mutex_unlock (&item->lock);
}

static gboolean
on_agree (const char *licence, gint64 n_bytes, gpointer data)
{
  const Part  *part = data;
  CwModelItem *item = part->item;

  (void) n_bytes;
  if (part->covered && cw_licence_is_free (licence))
    return TRUE;
  g_mutex_lock (&item->lock);
  if (!item->hub_said) {
    item->hub_licence = g_strdup (licence);
    item->hub_said = TRUE;
  }
  g_mutex_unlock (&item->lock);
  return licence && item->agreed ? g_ascii_strcasecmp (licence, item->agreed) == 0 : !licence && !item->agreed;
}

static void
download_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  CwModelItem            *item = source;
  const Order            *wanted = data;
  const CwCatalogue      *catalogue = cw_catalogue_get (NULL);
  const CwCatalogueEntry *entry = wanted->entry;
  GError                 *error = NULL;
  gboolean                good = TRUE;

  for (guint i = 0; good && entry && entry->needs[i]; i++) {
    const CwCatalogueEntry *needed = cw_catalogue_find (catalogue, entry->needs[i]);
    Part                    part = { item, needed, TRUE };
    const CwDownloadOrder   order = { needed->repo, NULL, needed->id, needed, 0, on_agree, on_progress, &part };

    good = cw_download_run (&order, NULL, cancellable, &error);
  }
  if (good) {
    Part                  part = { item, entry, FALSE };
    const CwDownloadOrder order = { wanted->repo, NULL, wanted->name, entry, 0, on_agree, on_progress, &part };

    good = cw_download_run (&order, NULL, cancellable, &error);
  }
  if (good)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* ---- downloading: the main thread ------------------------------------------------------------------------------------ */

static void
on_downloaded (GObject *source, GAsyncResult *result, gpointer data)
{
  CwModelItem       *item = CW_MODEL_ITEM (source);
  g_autoptr (GError) error = NULL;
  const gboolean     good = g_task_propagate_boolean (G_TASK (result), &error);
  const gboolean     remove = item->remove_after;

  (void) data;
  g_clear_object (&item->cancellable);
  item->remove_after = FALSE;
  item->coming = NULL;
  if (!good && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    item->failure = g_strdup (error->message);
  if (remove)
    cw_model_item_remove (item);
  else if (item->shelf)
    g_free (cw_model_shelf_refresh (item->shelf));
  item_changed (item);
}

void
cw_model_item_download (CwModelItem *item, const char *licence)
{
  g_autoptr (GTask) task = NULL;
  Order            *order;

  if (item->cancellable || !item->record->repo)
    return;
  order = g_new (Order, 1);
  *order = (Order){ g_strdup (item->record->repo), g_strdup (item->record->name), item->record->entry };
  g_clear_pointer (&item->failure, g_free);
  g_free (item->agreed);
  item->agreed = g_strdup (licence);
  item->was_agreed = TRUE;
  item->cancellable = g_cancellable_new ();
  item->progress = (CwDownloadProgress){ .stage = CW_DOWNLOAD_STAGE_ASKING, .remaining_s = -1.0 };
  task = g_task_new (item, item->cancellable, on_downloaded, NULL);
  g_task_set_source_tag (task, cw_model_item_download);
  g_task_set_task_data (task, order, order_free);
  g_task_run_in_thread (task, download_in_thread);
  item_changed (item);
}

void
cw_model_item_pause (CwModelItem *item)
{
  if (item->cancellable)
    g_cancellable_cancel (item->cancellable);
}

/* ---- removing -------------------------------------------------------------------------------------------------------- */

/* A removal that can be undone as long as it is on the shelf's list. */
static CwModelTrash *
steal_removed (CwModelShelf *shelf, const char *name)
{
  for (guint i = 0; i < shelf->removed->len; i++)
    if (strcmp (cw_model_trash_get_name (g_ptr_array_index (shelf->removed, i)), name) == 0)
      return g_ptr_array_steal_index (shelf->removed, i);
  return NULL;
}

void
cw_model_item_remove (CwModelItem *item)
{
  g_autoptr (GError) error = NULL;
  CwModelShelf      *shelf = item->shelf;
  CwModelTrash      *trash;

  if (item->cancellable) {
    item->remove_after = TRUE;
    g_cancellable_cancel (item->cancellable);
    return;
  }
  if (!shelf)
    return;
  cw_model_shelf_settle (shelf, item->record->name);
  g_object_ref (item);
  g_clear_pointer (&item->failure, g_free);
  if ((trash = cw_model_trash_put (item->record->name, &error))) {
    g_autofree char *title = g_strdup (cw_model_record_get_title (item->record));

    g_ptr_array_add (shelf->removed, trash);
    g_free (cw_model_shelf_refresh (shelf));
    g_signal_emit (shelf, removed_signal, 0, cw_model_trash_get_name (trash), title);
  } else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
    item->failure = g_strdup (error->message);
  }
  item_changed (item);
  g_object_unref (item);
}

char *
cw_model_shelf_bring_back (CwModelShelf *shelf, const char *name)
{
  g_autoptr (GError) error = NULL;
  CwModelTrash      *trash = steal_removed (shelf, name);

  if (!trash)
    return NULL;
  if (!cw_model_trash_take_back (trash, &error)) {
    g_ptr_array_add (shelf->removed, trash);
    return g_strdup (error->message);
  }
  cw_model_trash_delete (trash, NULL); /* the empty folder */
  g_free (cw_model_shelf_refresh (shelf));
  return NULL;
}

static void
delete_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  (void) source;
  (void) cancellable;
  if (data)
    cw_model_trash_delete (data, NULL); /* what fails is tried again at the next start */
  else
    cw_model_trash_empty ();
  g_task_return_boolean (task, TRUE);
}

/* NULL: what earlier processes left. */
static void
delete_later (CwModelTrash *trash)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  g_task_set_task_data (task, trash, NULL);
  g_task_run_in_thread (task, delete_in_thread);
}

void
cw_model_shelf_settle (CwModelShelf *shelf, const char *name)
{
  CwModelTrash *trash;

  if (name && (trash = steal_removed (shelf, name)))
    delete_later (trash);
  while (!name && shelf->removed->len)
    delete_later (g_ptr_array_steal_index (shelf->removed, 0));
}

/* ---- the shelf ------------------------------------------------------------------------------------------------------- */

static void
cw_model_shelf_finalize (GObject *object)
{
  CwModelShelf *shelf = CW_MODEL_SHELF (object);

  cw_model_shelf_stop (shelf);
  g_ptr_array_free (shelf->removed, TRUE);
  g_clear_object (&shelf->items);
  G_OBJECT_CLASS (cw_model_shelf_parent_class)->finalize (object);
}

static void
cw_model_shelf_class_init (CwModelShelfClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cw_model_shelf_finalize;
  models_changed_signal = g_signal_new ("models-changed", CW_TYPE_MODEL_SHELF, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  removed_signal = g_signal_new ("removed", CW_TYPE_MODEL_SHELF, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
cw_model_shelf_init (CwModelShelf *shelf)
{
  shelf->items = g_list_store_new (CW_TYPE_MODEL_ITEM);
  shelf->removed = g_ptr_array_new ();
  delete_later (NULL);
}

CwModelShelf *
cw_model_shelf_new (void)
{
  return g_object_new (CW_TYPE_MODEL_SHELF, NULL);
}

GListModel *
cw_model_shelf_get_items (CwModelShelf *shelf)
{
  return G_LIST_MODEL (shelf->items);
}

/* The item of @name in the list, and its place; borrowed. */
static CwModelItem *
find_item (CwModelShelf *shelf, const char *name, guint *place)
{
  const guint n = g_list_model_get_n_items (G_LIST_MODEL (shelf->items));

  for (guint i = 0; i < n; i++) {
    g_autoptr (CwModelItem) item = g_list_model_get_item (G_LIST_MODEL (shelf->items), i);

    if (strcmp (item->record->name, name) == 0) {
      *place = i;
      return item;
    }
  }
  return NULL;
}

static gboolean
is_here (const CwModelRecord *record)
{
  return record && (record->state == CW_MODEL_INSTALLED || record->state == CW_MODEL_STARTER);
}

/* Takes @record: into the item of its name, or into a new one at @place. TRUE when a model came or went. */
static gboolean
take_record (CwModelShelf *shelf, CwModelRecord *record, guint place)
{
  guint        old_place;
  CwModelItem *item = find_item (shelf, record->name, &old_place);
  gboolean     changed;

  if (item) {
    changed = is_here (item->record) != is_here (record);
    if (!record->repo)
      record->repo = g_strdup (item->record->repo); /* of one that is not in the catalogue, and was begun here */
    cw_model_record_free (item->record);
    item->record = record;
    item_changed (item);
    return changed;
  }
  item = g_object_new (CW_TYPE_MODEL_ITEM, NULL);
  item->record = record;
  g_set_weak_pointer (&item->shelf, shelf);
  g_list_store_insert (shelf->items, MIN (place, g_list_model_get_n_items (G_LIST_MODEL (shelf->items))), item);
  g_object_unref (item);
  return is_here (record);
}

char *
cw_model_shelf_refresh (CwModelShelf *shelf)
{
  g_autoptr (GError)     error = NULL;
  g_autoptr (GPtrArray)  records = cw_model_records_list (&error);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean               changed = FALSE;

  if (!records)
    return g_strdup (error->message);
  for (guint i = 0; i < records->len; i++)
    g_hash_table_add (names, g_strdup (((CwModelRecord *) g_ptr_array_index (records, i))->name));
  for (guint i = g_list_model_get_n_items (G_LIST_MODEL (shelf->items)); i-- > 0;) {
    g_autoptr (CwModelItem) item = g_list_model_get_item (G_LIST_MODEL (shelf->items), i);

    if (!g_hash_table_contains (names, item->record->name) && !item->cancellable) {
      changed = changed || is_here (item->record);
      g_list_store_remove (shelf->items, i);
    }
  }
  for (guint i = 0; records->len > 0; i++)
    changed = take_record (shelf, g_ptr_array_steal_index (records, 0), i) || changed;
  if (changed)
    g_signal_emit (shelf, models_changed_signal, 0);
  return NULL;
}

void
cw_model_shelf_stop (CwModelShelf *shelf)
{
  const guint n = g_list_model_get_n_items (G_LIST_MODEL (shelf->items));

  for (guint i = 0; i < n; i++) {
    g_autoptr (CwModelItem) item = g_list_model_get_item (G_LIST_MODEL (shelf->items), i);

    cw_model_item_pause (item);
  }
  while (shelf->removed->len)
    cw_model_trash_delete (g_ptr_array_steal_index (shelf->removed, 0), NULL);
}

/* ---- importing ------------------------------------------------------------------------------------------------------- */

static void
import_in_thread (GTask *task, gpointer source, gpointer folder, GCancellable *cancellable)
{
  GError *error = NULL;
  char   *path = cw_model_folder_import (folder, NULL, FALSE, cancellable, &error);

  (void) source;
  if (path)
    g_task_return_pointer (task, g_path_get_basename (path), g_free);
  else
    g_task_return_error (task, error);
  g_free (path);
}

void
cw_model_shelf_import_async (CwModelShelf *shelf, const char *folder, GAsyncReadyCallback done, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (shelf, NULL, done, data);

  g_task_set_task_data (task, g_strdup (folder), g_free);
  g_task_run_in_thread (task, import_in_thread);
}

char *
cw_model_shelf_import_finish (CwModelShelf *shelf, GAsyncResult *result, GError **error)
{
  char *name = g_task_propagate_pointer (G_TASK (result), error);

  if (name)
    g_free (cw_model_shelf_refresh (shelf));
  return name;
}
