/* SPDX-License-Identifier: MIT
 *
 * deadline.c: see deadline.h. A thread waits beside the call: no main loop runs where downloads do.
 */
#include "deadline.h"

struct _CwDeadline {
  GCancellable *cancellable, *parent; /* parent: or NULL */
  gulong        connection;
  GThread      *thread;
  GMutex        lock; /* of what follows */
  GCond         ended;
  gint64        until;
  gboolean      over, passed;
};

static gpointer
wait_until (gpointer data)
{
  CwDeadline *deadline = data;

  g_mutex_lock (&deadline->lock);
  while (!deadline->over && !deadline->passed)
    deadline->passed = !g_cond_wait_until (&deadline->ended, &deadline->lock, deadline->until);
  deadline->passed = deadline->passed && !deadline->over;
  g_mutex_unlock (&deadline->lock);
  if (deadline->passed)
    g_cancellable_cancel (deadline->cancellable);
  return NULL;
}

static void
on_parent (GCancellable *parent, gpointer cancellable)
{
  (void) parent;
  g_cancellable_cancel (cancellable);
}

CwDeadline *
cw_deadline_new (double seconds, GCancellable *parent)
{
  CwDeadline *deadline = g_new0 (CwDeadline, 1);

  g_mutex_init (&deadline->lock);
  g_cond_init (&deadline->ended);
  deadline->until = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  deadline->cancellable = g_cancellable_new ();
  if (parent) {
    deadline->parent = g_object_ref (parent);
    deadline->connection = g_cancellable_connect (parent, G_CALLBACK (on_parent), deadline->cancellable, NULL);
  }
  deadline->thread = g_thread_new ("deadline", wait_until, deadline);
  return deadline;
}

GCancellable *
cw_deadline_get_cancellable (CwDeadline *deadline)
{
  return deadline->cancellable;
}

gboolean
cw_deadline_free (CwDeadline *deadline)
{
  gboolean passed;

  g_mutex_lock (&deadline->lock);
  deadline->over = TRUE;
  g_cond_signal (&deadline->ended);
  g_mutex_unlock (&deadline->lock);
  g_thread_join (deadline->thread);
  passed = deadline->passed;
  if (deadline->parent)
    g_cancellable_disconnect (deadline->parent, deadline->connection);
  g_clear_object (&deadline->parent);
  g_object_unref (deadline->cancellable);
  g_mutex_clear (&deadline->lock);
  g_cond_clear (&deadline->ended);
  g_free (deadline);
  return passed;
}
