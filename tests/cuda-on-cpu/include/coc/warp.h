/* SPDX-License-Identifier: MIT
 *
 * warp.h: shuffles, votes and warp barriers, exact and with their masks checked (runtime/warp.cpp).
 * There is no __activemask: what it answers is not defined where threads diverge, and code that needs it is wrong on some GPU.
 */
#pragma once

#include <cstdint>

extern "C" {
enum { COC_SHFL, COC_SHFL_UP, COC_SHFL_DOWN, COC_SHFL_XOR };
uint64_t coc_shuffle (unsigned mask, uint64_t value, int how, int argument, int width);
unsigned coc_ballot (unsigned mask, int predicate);
void     coc_syncwarp (unsigned mask);
enum { COC_ADD, COC_MIN, COC_MAX, COC_AND, COC_OR, COC_XOR };
uint32_t coc_reduce (unsigned mask, uint32_t value, int operation, int is_signed);
unsigned coc_match (unsigned mask, uint64_t value, int size);
float    coc_warp_tree (float value, int operation);
}

template <class T>
static inline T
coc_shuffle_value (unsigned mask, T value, int how, int argument, int width)
{
  static_assert (sizeof (T) == 2 || sizeof (T) == 4 || sizeof (T) == 8, "CUDA shuffles values of 2, 4 or 8 bytes");
  uint64_t bits = 0;
  __builtin_memcpy (&bits, &value, sizeof value);
  bits = coc_shuffle (mask, bits, how, argument, width);
  __builtin_memcpy (&value, &bits, sizeof value);
  return value;
}

template <class T> static inline T
__shfl_sync (unsigned mask, T value, int lane, int width = 32)
{
  return coc_shuffle_value (mask, value, COC_SHFL, lane, width);
}

template <class T> static inline T
__shfl_up_sync (unsigned mask, T value, unsigned delta, int width = 32)
{
  return coc_shuffle_value (mask, value, COC_SHFL_UP, (int) delta, width);
}

template <class T> static inline T
__shfl_down_sync (unsigned mask, T value, unsigned delta, int width = 32)
{
  return coc_shuffle_value (mask, value, COC_SHFL_DOWN, (int) delta, width);
}

template <class T> static inline T
__shfl_xor_sync (unsigned mask, T value, int lane_mask, int width = 32)
{
  return coc_shuffle_value (mask, value, COC_SHFL_XOR, lane_mask, width);
}

static inline void __syncwarp (unsigned mask = 0xffffffffu) { coc_syncwarp (mask); }
static inline unsigned __ballot_sync (unsigned mask, int p) { return coc_ballot (mask, p); }
static inline int __any_sync (unsigned mask, int p) { return coc_ballot (mask, p) != 0; }
static inline int __all_sync (unsigned mask, int p) { return coc_ballot (mask, !p) == 0; }

/* sm_80 and later, as on the device */
static inline int __reduce_add_sync (unsigned m, int v) { return (int) coc_reduce (m, (uint32_t) v, COC_ADD, 1); }
static inline int __reduce_min_sync (unsigned m, int v) { return (int) coc_reduce (m, (uint32_t) v, COC_MIN, 1); }
static inline int __reduce_max_sync (unsigned m, int v) { return (int) coc_reduce (m, (uint32_t) v, COC_MAX, 1); }
static inline unsigned __reduce_add_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_ADD, 0); }
static inline unsigned __reduce_min_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_MIN, 0); }
static inline unsigned __reduce_max_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_MAX, 0); }
static inline unsigned __reduce_and_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_AND, 0); }
static inline unsigned __reduce_or_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_OR, 0); }
static inline unsigned __reduce_xor_sync (unsigned m, unsigned v) { return coc_reduce (m, v, COC_XOR, 0); }

template <class T> static inline unsigned
__match_any_sync (unsigned mask, T value)
{
  static_assert (sizeof (T) == 4 || sizeof (T) == 8, "CUDA matches values of 4 or 8 bytes");
  uint64_t bits = 0;
  __builtin_memcpy (&bits, &value, sizeof value);
  return coc_match (mask, bits, sizeof value);
}

/* The xor tree of 16, 8, 4, 2, 1 lanes in one exchange, with the additions (or maxima) in the same order as the shuffles have them.
 * For the fast build only, where kernels may use them under #ifdef CW_FUSED_REDUCE; the checked build runs the real shuffles. */
static inline float coc_warp_sum (float value) { return coc_warp_tree (value, COC_ADD); }
static inline float coc_warp_max (float value) { return coc_warp_tree (value, COC_MAX); }
