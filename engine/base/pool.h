/* SPDX-License-Identifier: MIT
 *
 * pool.h: the threads that share one op. The caller is one of them. Between the ops of a decoder step the others spin for some
 *     microseconds, then sleep, so that an idle program uses no processor time.
 */
#pragma once

#include <stddef.h>

#include "engine.h"

typedef struct cw_pool cw_pool;

/* @n_threads >= 1, the caller included. NULL when a thread cannot be made. */
cw_pool *cw_pool_new (unsigned n_threads, cw_error *error);
void     cw_pool_free (cw_pool *pool);
unsigned cw_pool_n_threads (const cw_pool *pool);

/* Work on tasks [begin, end). @thread < n_threads tells which scratch memory is this thread's. */
typedef void (*cw_task) (void *arg, size_t begin, size_t end, unsigned thread);

/* Runs @task over [0, n_tasks), split into pieces of @grain. Which thread gets which piece is not fixed: a task must not
 * depend on it, so that results are the same for any number of threads. Returns when all are done. */
void cw_pool_run (cw_pool *pool, size_t n_tasks, size_t grain, cw_task task, void *arg);

/* The tasks [*begin, *end) of @n_tasks that @thread takes first, in order, before it helps the others. */
void cw_pool_share (const cw_pool *pool, size_t n_tasks, unsigned thread, size_t *begin, size_t *end);

/* Physical cores that this process may use, at least 1. */
unsigned cw_physical_cores (void);
