/* SPDX-License-Identifier: MIT
 *
 * pairs-avx512.h: sum + products of 16-bit pairs, with AVX-512 VNNI or without; the same integers either way.
 */
#pragma once

#include <immintrin.h>

#ifdef __AVX512VNNI__
#define TWIN(name) name##_vnni
#else
#define TWIN(name) name##_avx512
#endif

static inline __attribute__ ((always_inline)) __m512i
add_pairs (__m512i sum, __m512i a, __m512i b)
{
#ifdef __AVX512VNNI__
  /* gcc 12 copies the sum before the intrinsic's instruction, and again behind it */
  __asm__ ("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "vm"(b));
  return sum;
#else
  return _mm512_add_epi32 (sum, _mm512_madd_epi16 (a, b));
#endif
}
