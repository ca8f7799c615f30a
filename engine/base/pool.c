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
#include <time.h>
#include <unistd.h>

#include "base/error.h"

/* Longer than the gap between two ops of a step, shorter than anyone notices. A pause takes 4 to 140 cycles, depending on the processor: the
 * clock is asked after some of them. */
#define SPIN_NS     50000
#define SPIN_PAUSES 16

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
  bool            spins;    /* false where there are more threads than processors: one that spins would keep another from working */
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

static int64_t
now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Looks at @value until it is @wanted, or is not any more (@equal false); false when the time is over before. */
static bool
spin_until (const cw_pool *pool, atomic_uint *value, unsigned wanted, bool equal)
{
  const int64_t end = pool->spins ? now_ns () + SPIN_NS : 0;

  do {
    for (unsigned i = 0; i < SPIN_PAUSES; i++) {
      if ((atomic_load_explicit (value, memory_order_acquire) == wanted) == equal)
        return true;
      relax ();
    }
  } while (pool->spins && now_ns () < end);
  return false;
}

/* False: the pool is to end. */
static bool
wait_for_job (cw_pool *pool, unsigned seen)
{
  if (spin_until (pool, &pool->job, seen, false))
    return true;
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
cw_pool_share (const cw_pool *pool, size_t n_tasks, unsigned thread, size_t *begin, size_t *end)
{
  const size_t share = n_tasks / pool->n_threads, more = n_tasks % pool->n_threads;

  *begin = thread * share + (thread < more ? thread : more);
  *end = *begin + share + (thread < more);
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
    size_t begin;

    cw_pool_share (pool, n_tasks, i, &begin, &pool->ranges[i].end);
    atomic_store_explicit (&pool->ranges[i].next, begin, memory_order_relaxed);
  }
  atomic_store (&pool->busy, pool->n_threads - 1);
  atomic_fetch_add (&pool->job, 1);
  if (atomic_load (&pool->sleepers) > 0) {
    pthread_mutex_lock (&pool->lock);
    pthread_cond_broadcast (&pool->wake);
    pthread_mutex_unlock (&pool->lock);
  }

  take_pieces (pool, 0);

  if (spin_until (pool, &pool->busy, 0, true))
    return;
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

static unsigned
n_processors (void)
{
  cpu_set_t set;

  return sched_getaffinity (0, sizeof set, &set) == 0 ? (unsigned) CPU_COUNT (&set) : 1;
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
  pool->spins = n_threads <= n_processors ();
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
