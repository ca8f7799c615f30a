/* SPDX-License-Identifier: MIT
 *
 * tsan-glib.c: what ThreadSanitizer must be told of GLib, which Debian builds without it: its locks and queues are futexes that the sanitizer
 *     does not see. Linked into the tests of a build with -Db_sanitize=thread; their calls, not GLib's own, come through here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>

void        __tsan_acquire (void *address);
void        __tsan_release (void *address);
const char *__tsan_default_suppressions (void);

#define REAL(name) __typeof__ (&name) real = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name)

/* What GLib itself allocates and frees on another thread, behind atomics of its own; PulseAudio's mutexes, below PortAudio. */
const char *
__tsan_default_suppressions (void)
{
  return "called_from_lib:libglib-2.0.so.0\nrace:libpulsecommon\n";
}

void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock);

  real (mutex);
  __tsan_acquire (mutex);
}

void
g_mutex_unlock (GMutex *mutex)
{
  REAL (g_mutex_unlock);

  __tsan_release (mutex);
  real (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  REAL (g_cond_wait);

  __tsan_release (mutex);
  real (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  REAL (g_cond_wait_until);
  gboolean woken;

  __tsan_release (mutex);
  woken = real (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return woken;
}

void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  REAL (g_async_queue_push);

  __tsan_release (queue);
  real (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  REAL (g_async_queue_pop);
  gpointer data = real (queue);

  __tsan_acquire (queue);
  return data;
}

gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  REAL (g_async_queue_timeout_pop);
  gpointer data = real (queue, timeout);

  __tsan_acquire (queue);
  return data;
}

typedef struct {
  GSourceFunc    function;
  gpointer       data;
  GDestroyNotify notify;
} Idle;

static gboolean
run_idle (gpointer data)
{
  Idle *idle = data;

  __tsan_acquire (idle);
  return idle->function (idle->data);
}

static void
free_idle (gpointer data)
{
  Idle *idle = data;

  if (idle->notify)
    idle->notify (idle->data);
  g_free (idle);
}

guint
g_idle_add_full (gint priority, GSourceFunc function, gpointer data, GDestroyNotify notify)
{
  REAL (g_idle_add_full);
  Idle *idle = g_new (Idle, 1);

  *idle = (Idle){ function, data, notify };
  __tsan_release (idle);
  return real (priority, run_idle, idle, free_idle);
}
