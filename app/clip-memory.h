/* SPDX-License-Identifier: MIT
 *
 * clip-memory.h: where a clip's samples and peaks lie: in memory, or, of an endless clip, in a file without a name in the cache folder,
 *     so that hours of it need disk, not memory: the system writes out and drops what nobody looks at.
 *
 * Parts have their full size from the start and never move. In memory, pages that are not written yet take none. In the file, space is
 * taken step by step by cw_clip_memory_reach: a full disk is found there, not by a signal when a page is written.
 */
#pragma once

#include <glib.h>

typedef struct _CwClipMemory CwClipMemory;

/* @sizes [n] in bytes; all zeros. NULL when there is not enough memory, or no file can be made. */
CwClipMemory *cw_clip_memory_new (gboolean in_file, const gsize *sizes, guint n);
void          cw_clip_memory_free (CwClipMemory *memory);
void         *cw_clip_memory_get (const CwClipMemory *memory, guint part);
/* Before the first @n_bytes of @part are written. FALSE: there is no room for them. */
gboolean      cw_clip_memory_reach (CwClipMemory *memory, guint part, gsize n_bytes);
