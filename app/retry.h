/* SPDX-License-Identifier: MIT
 *
 * retry.h: whether, and after how long, to ask the hub again.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  guint n_failures; /* in a row, without progress between them */
  guint n_told;     /* times that the server itself said when to come back */
} CwRetry;

/* Waits and returns TRUE when what failed with @problem is worth another try. @retry_after_s: what the server asked for, < 0: nothing.
 * FALSE at once when it is not, when it failed too often, when the server wants more than five minutes, or when cancelled. */
gboolean cw_retry_wait (CwRetry *retry, const GError *problem, double retry_after_s, GCancellable *cancellable);
/* Some of it came: failures count from here. */
void     cw_retry_progressed (CwRetry *retry);
/* Sleeps; FALSE when cancelled meanwhile. */
gboolean cw_retry_sleep (double seconds, GCancellable *cancellable);
