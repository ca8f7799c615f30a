/* SPDX-License-Identifier: MIT
 *
 * retry.c: see retry.h.
 */
#include "retry.h"

#include "hub.h"

#define MAX_FAILURES      4
#define MAX_TOLD          8
#define MAX_RETRY_AFTER_S 300.0
#define FIRST_WAIT_S      0.5

gboolean
cw_retry_sleep (double seconds, GCancellable *cancellable)
{
  GPollFD  poll;
  gboolean watched = g_cancellable_make_pollfd (cancellable, &poll);

  g_poll (&poll, watched ? 1 : 0, (int) (seconds * 1000.0));
  if (watched)
    g_cancellable_release_fd (cancellable);
  return !g_cancellable_is_cancelled (cancellable);
}

gboolean
cw_retry_wait (CwRetry *retry, const GError *problem, double retry_after_s, GCancellable *cancellable)
{
  if (!g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY) || retry_after_s > MAX_RETRY_AFTER_S)
    return FALSE;
  if (retry_after_s >= 0.0)
    return ++retry->n_told < MAX_TOLD && cw_retry_sleep (MAX (retry_after_s, 0.1), cancellable);
  if (++retry->n_failures >= MAX_FAILURES)
    return FALSE;
  return cw_retry_sleep (FIRST_WAIT_S * (1 << (retry->n_failures - 1)), cancellable);
}

void
cw_retry_progressed (CwRetry *retry)
{
  *retry = (CwRetry){ 0 };
}
