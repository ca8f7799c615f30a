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
  return _mm512_dpwssd_epi32 (sum, a, b);
#else
  return _mm512_add_epi32 (sum, _mm512_madd_epi16 (a, b));
#endif
}
