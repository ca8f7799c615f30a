/* SPDX-License-Identifier: MIT
 *
 * async-copy.h: cp.async. The bytes arrive when the thread waits for their group, not before: a read that does not wait is caught as
 * uninitialised (runtime/async-copy.cpp).
 */
#pragma once

#include <cstddef>

extern "C" {
void coc_copy_async (void *to, const void *from, size_t size, size_t n_zeros);
void coc_copy_commit (void);
void coc_copy_wait (int n_groups_left);
}

static inline void
__pipeline_memcpy_async (void *shared, const void *global, size_t size, size_t n_zeros = 0)
{
  coc_copy_async (shared, global, size, n_zeros);
}
static inline void __pipeline_commit () { coc_copy_commit (); }
static inline void __pipeline_wait_prior (int n) { coc_copy_wait (n); }
