/* SPDX-License-Identifier: MIT
 *
 * clip-list.c: see clip-list.h.
 */
#include "clip-list.h"

struct CwClipList {
  GListStore *store;
  GHashTable *exported; /* set of CwClip, owned */
};

CwClipList *
cw_clip_list_new (void)
{
  CwClipList *list = g_new (CwClipList, 1);

  list->store = g_list_store_new (CW_TYPE_CLIP);
  list->exported = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  return list;
}

void
cw_clip_list_free (CwClipList *list)
{
  if (!list)
    return;
  g_object_unref (list->store);
  g_hash_table_unref (list->exported);
  g_free (list);
}

GListModel *
cw_clip_list_get_model (CwClipList *list)
{
  return G_LIST_MODEL (list->store);
}

void
cw_clip_list_add (CwClipList *list, GPtrArray *clips)
{
  g_list_store_splice (list->store, 0, 0, clips->pdata, clips->len);
}

guint
cw_clip_list_remove (CwClipList *list, CwClip *clip)
{
  guint place = 0;

  if (g_list_store_find (list->store, clip, &place))
    g_list_store_remove (list->store, place);
  return place;
}

void
cw_clip_list_put_back (CwClipList *list, CwClip *clip, guint place)
{
  g_list_store_insert (list->store, MIN (place, g_list_model_get_n_items (G_LIST_MODEL (list->store))), clip);
}

void
cw_clip_list_set_exported (CwClipList *list, CwClip *clip)
{
  g_hash_table_add (list->exported, g_object_ref (clip));
}

guint
cw_clip_list_count_unsaved (CwClipList *list)
{
  guint n_unsaved = 0;

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (list->store)); i++) {
    g_autoptr (CwClip) clip = g_list_model_get_item (G_LIST_MODEL (list->store), i);

    n_unsaved += cw_clip_get_n_ready (clip) > 0 && !g_hash_table_contains (list->exported, clip);
  }
  return n_unsaved;
}

CwClip *
cw_clip_list_find_unfinished (CwClipList *list)
{
  CwClip *found = NULL;

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (list->store)); i++) {
    g_autoptr (CwClip) clip = g_list_model_get_item (G_LIST_MODEL (list->store), i);

    if (!cw_clip_is_finished (clip) && (!found || cw_clip_get_state (clip) == CW_CLIP_MAKING))
      found = clip;
  }
  return found;
}
