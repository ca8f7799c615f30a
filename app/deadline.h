/* SPDX-License-Identifier: MIT
 *
 * deadline.h: a cancellable that is also cancelled at a time, for calls that block and know no such limit of their own.
 */
#pragma once

#include <gio/gio.h>

typedef struct _CwDeadline CwDeadline;

/* In @seconds, or when @parent, which may be NULL, is cancelled. */
CwDeadline   *cw_deadline_new (double seconds, GCancellable *parent);
GCancellable *cw_deadline_get_cancellable (CwDeadline *deadline);
/* Ends it. TRUE when the time had come: what the call failed with is this, then. */
gboolean      cw_deadline_free (CwDeadline *deadline);
