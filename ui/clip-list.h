/* SPDX-License-Identifier: MIT
 *
 * clip-list.h: the clips of this session, newest first, without any widget: what is there, what was exported, and the
 * way back from a deletion.
 */
#pragma once

#include <gio/gio.h>

#include "clip.h"

typedef struct CwClipList CwClipList;

CwClipList *cw_clip_list_new (void);
void        cw_clip_list_free (CwClipList *list);
GListModel *cw_clip_list_get_model (CwClipList *list); /* of CwClip; owned by the list */
/* At the top; of several takes the first is topmost. */
void        cw_clip_list_add (CwClipList *list, GPtrArray *clips);
/* Takes @clip out and remembers its place; returns the place for cw_clip_list_put_back. */
guint       cw_clip_list_remove (CwClipList *list, CwClip *clip);
void        cw_clip_list_put_back (CwClipList *list, CwClip *clip, guint place);
void        cw_clip_list_set_exported (CwClipList *list, CwClip *clip);
/* Clips that hold sound made here and lie in no file. */
guint       cw_clip_list_count_unsaved (CwClipList *list);
/* The first that is being made or waits, or NULL; borrowed. */
CwClip     *cw_clip_list_find_unfinished (CwClipList *list);
