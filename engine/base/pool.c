/* SPDX-License-Identifier: MIT
 *
 * pool.c: see pool.h. One job at a time. A job is announced by a new number in `job`; each worker takes pieces from its own range of
 *     the tasks, one after the other, so that memory is read in long runs, and then helps the others with theirs until none is left. The caller may return only when every worker that could still look at the job has left it (`busy` is 0).
 */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* About 20 us on a 3 GHz core: longer than the gap between two ops of a step, shorter than anyone notices. */
#define SPINS 4000

/* A thread's share of the tasks; on a line of the processor's cache of its own. */
typedef struct {
  _Alignas (64) atomic_size_t next;
  size_t end;
} range;

struct cw_pool {
  unsigned        n_threads;
  range          *ranges;  /* [n_threads] */
  pthread_t      *threads; /* [n_threads - 1] */
  cw_task         task;
  void           *arg;
  size_t          grain;
  atomic_uint     job;      /* number of the current job; odd bit patterns mean nothing, only change does */
  atomic_uint     busy;     /* workers that have not finished the current job */
  atomic_uint     sleepers; /* workers in pthread_cond_wait, or about to be */
  atomic_bool     caller_sleeps;
  atomic_bool     quit;
  pthread_mutex_t lock; /* guards nothing but the two conditions */
  pthread_cond_t  wake, done;
};

typedef struct {
  cw_pool *pool;
  unsigned index;
} worker;

static inline void
relax (void)
{
#if defined(__x86_64__)
  __builtin_ia32_pause ();
#endif
}

static void
take_pieces (cw_pool *pool, unsigned thread)
{
  const size_t grain = pool->grain;

  for (unsigned i = 0; i < pool->n_threads; i++) {
    range       *from = &pool->ranges[(thread + i) % pool->n_threads];
    const size_t end = from->end;
    size_t       begin;

    while ((begin = atomic_fetch_add_explicit (&from->next, grain, memory_order_relaxed)) < end)
      pool->task (pool->arg, begin, begin + grain < end ? begin + grain : end, thread);
  }
}

static bool
wait_for_job (cw_pool *pool, unsigned seen)
{
  for (unsigned i = 0; i < SPINS; i++) {
    if (atomic_load_explicit (&pool->job, memory_order_acquire) != seen)
      return true;
    if (atomic_load_explicit (&pool->quit, memory_order_relaxed))
      return false;
    relax ();
  }

  pthread_mutex_lock (&pool->lock);
  atomic_fetch_add (&pool->sleepers, 1);
  while (atomic_load (&pool->job) == seen && !atomic_load (&pool->quit))
    pthread_cond_wait (&pool->wake, &pool->lock);
  atomic_fetch_sub (&pool->sleepers, 1);
  pthread_mutex_unlock (&pool->lock);
  return !atomic_load (&pool->quit);
}

static void *
work (void *data)
{
  worker   me = *(worker *) data;
  cw_pool *pool = me.pool;
  unsigned seen = 0;

  free (data);
  while (wait_for_job (pool, seen)) {
    seen = atomic_load_explicit (&pool->job, memory_order_acquire);
    take_pieces (pool, me.index);
    if (atomic_fetch_sub (&pool->busy, 1) == 1 && atomic_load (&pool->caller_sleeps)) {
      pthread_mutex_lock (&pool->lock);
      pthread_cond_signal (&pool->done);
      pthread_mutex_unlock (&pool->lock);
    }
  }
  return NULL;
}

void
cw_pool_run (cw_pool *pool, size_t n_tasks, size_t grain, cw_task task, void *arg)
{
  if (n_tasks == 0)
    return;
  if (grain == 0)
    grain = 1;
  if (pool->n_threads == 1 || n_tasks <= grain) {
    task (arg, 0, n_tasks, 0);
    return;
  }

  pool->task = task;
  pool->arg = arg;
  pool->grain = grain;
  for (unsigned i = 0; i < pool->n_threads; i++) {
    const size_t share = n_tasks / pool->n_threads, more = n_tasks % pool->n_threads;
    const size_t begin = i * share + (i < more ? i : more);

    atomic_store_explicit (&pool->ranges[i].next, begin, memory_order_relaxed);
    pool->ranges[i].end = begin + share + (i < more);
  }
  atomic_store (&pool->busy, pool->n_threads - 1);
  atomic_fetch_add (&pool->job, 1);
  if (atomic_load (&pool->sleepers) > 0) {
    pthread_mutex_lock (&pool->lock);
    pthread_cond_broadcast (&pool->wake);
    pthread_mutex_unlock (&pool->lock);
  }

  take_pieces (pool, 0);

  for (unsigned i = 0; i < SPINS; i++) {
    if (atomic_load_explicit (&pool->busy, memory_order_acquire) == 0)
      return;
    relax ();
  }
  pthread_mutex_lock (&pool->lock);
  atomic_store (&pool->caller_sleeps, true);
  while (atomic_load (&pool->busy) != 0)
    pthread_cond_wait (&pool->done, &pool->lock);
  atomic_store (&pool->caller_sleeps, false);
  pthread_mutex_unlock (&pool->lock);
}

static void
stop (cw_pool *pool, unsigned n_started)
{
  pthread_mutex_lock (&pool->lock);
  atomic_store (&pool->quit, true);
  pthread_cond_broadcast (&pool->wake);
  pthread_mutex_unlock (&pool->lock);
  for (unsigned i = 0; i < n_started; i++)
    pthread_join (pool->threads[i], NULL);
}

cw_pool *
cw_pool_new (unsigned n_threads, cw_error *error)
{
  cw_pool *pool = calloc (1, sizeof *pool);
  unsigned n_started = 0;

  if (!pool || !(pool->threads = calloc (n_threads, sizeof *pool->threads)) ||
      !(pool->ranges = aligned_alloc (64, n_threads * sizeof *pool->ranges))) {
    if (pool)
      free (pool->threads);
    free (pool);
    cw_fail_memory (error, "the engine's threads", n_threads * sizeof (pthread_t));
    return NULL;
  }
  pool->n_threads = n_threads;
  pthread_mutex_init (&pool->lock, NULL);
  pthread_cond_init (&pool->wake, NULL);
  pthread_cond_init (&pool->done, NULL);

  for (unsigned i = 1; i < n_threads; i++) {
    worker *me = malloc (sizeof *me);
    if (me)
      *me = (worker){ pool, i };
    if (!me || pthread_create (&pool->threads[n_started], NULL, work, me) != 0) {
      free (me);
      stop (pool, n_started);
      pool->n_threads = 1;
      cw_pool_free (pool);
      cw_fail (error, CW_ERROR_MEMORY, "The system gave only %u of %u threads for the engine.", i, n_threads);
      return NULL;
    }
    n_started++;
  }
  return pool;
}

void
cw_pool_free (cw_pool *pool)
{
  if (!pool)
    return;
  stop (pool, pool->n_threads - 1);
  pthread_mutex_destroy (&pool->lock);
  pthread_cond_destroy (&pool->wake);
  pthread_cond_destroy (&pool->done);
  free (pool->threads);
  free (pool->ranges);
  free (pool);
}

unsigned
cw_pool_n_threads (const cw_pool *pool)
{
  return pool->n_threads;
}

/* Counts processors of our affinity mask that are the first of their core's siblings. */
unsigned
cw_physical_cores (void)
{
  cpu_set_t set;
  unsigned  n = 0;

  if (sched_getaffinity (0, sizeof set, &set) != 0)
    return 1;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    char  path[96];
    FILE *file;
    int   first = cpu;

    if (!CPU_ISSET (cpu, &set))
      continue;
    snprintf (path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if ((file = fopen (path, "r"))) {
      if (fscanf (file, "%d", &first) != 1)
        first = cpu;
      fclose (file);
    }
    /* a sibling outside our mask does not count against this one */
    if (first == cpu || first < 0 || first >= CPU_SETSIZE || !CPU_ISSET (first, &set))
      n++;
  }
  return n ? n : 1;
}
