/* SPDX-License-Identifier: MIT
 *
 * atomics.h: atomic read-modify-write. Threads run one at a time, so that the operation itself is plain; coc_atomic checks the
 * address (bounds, alignment, initialised) and remembers it as atomic: atomics do not race with each other, plain accesses do with them.
 */
#pragma once

#include <cstdint>

#include "vector-types.h"

extern "C" void coc_atomic (const void *address, int size);

#define COC_UNCHECKED __attribute__ ((no_sanitize ("thread"), noinline))

/* f (old) gives the new value. Returns the old one, as CUDA's atomics do. */
template <class T, class F>
COC_UNCHECKED static T
coc_atomic_update (T *address, F f)
{
  coc_atomic (address, sizeof (T));
  T old = *address;
  *address = f (old);
  return old;
}

#define COC_ATOMIC(name, type, expression)                                                                                     \
  static inline type name (type *address, type value)                                                                          \
  {                                                                                                                            \
    return coc_atomic_update (address, [=] (type old) COC_UNCHECKED -> type { (void) old; return expression; });                           \
  }
#define COC_ATOMICS_INTEGER(type)                                                                                              \
  COC_ATOMIC (atomicAdd, type, (type) (old + value))                                                                           \
  COC_ATOMIC (atomicMin, type, old < value ? old : value)                                                                      \
  COC_ATOMIC (atomicMax, type, old > value ? old : value)                                                                      \
  COC_ATOMIC (atomicAnd, type, old & value)                                                                                    \
  COC_ATOMIC (atomicOr, type, old | value)                                                                                     \
  COC_ATOMIC (atomicXor, type, old ^ value)                                                                                    \
  COC_ATOMIC (atomicExch, type, value)                                                                                         \
  static inline type atomicCAS (type *address, type expected, type value)                                                      \
  {                                                                                                                            \
    return coc_atomic_update (address, [=] (type old) COC_UNCHECKED -> type { return old == expected ? value : old; });        \
  }
COC_ATOMICS_INTEGER (int)
COC_ATOMICS_INTEGER (unsigned)
COC_ATOMICS_INTEGER (unsigned long long)
COC_ATOMIC (atomicAdd, float, old + value)
COC_ATOMIC (atomicAdd, double, old + value)
COC_ATOMIC (atomicExch, float, value)
COC_ATOMIC (atomicSub, int, old - value)
COC_ATOMIC (atomicSub, unsigned, old - value)
COC_ATOMIC (atomicInc, unsigned, old >= value ? 0 : old + 1)
COC_ATOMIC (atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
