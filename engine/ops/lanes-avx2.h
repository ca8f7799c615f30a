/* SPDX-License-Identifier: MIT
 *
 * lanes-avx2.h: lanes.h in AVX2: the same constants, the same order; low holds lanes 0 to 7, high 8 to 15.
 */
#pragma once

#include <immintrin.h>

#include "ops/lanes.h"

/* Ones in the first @n of 8 lanes, for maskload and maskstore. */
static inline __attribute__ ((always_inline)) __m256i
first_lanes (size_t n)
{
  return _mm256_cmpgt_epi32 (_mm256_set1_epi32 (n < 8 ? (int) n : 8), _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __attribute__ ((always_inline)) float
lanes_sum (__m256 low, __m256 high)
{
  __m256 a = _mm256_add_ps (low, high);
  __m128 b = _mm_add_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  __m128 c = _mm_add_ps (b, _mm_movehl_ps (b, b));

  return _mm_cvtss_f32 (_mm_add_ss (c, _mm_movehdup_ps (c)));
}

static inline __attribute__ ((always_inline)) __m256
exp_parts (__m256 x, __m256 *power)
{
  __m256 n, r, q;

  x = _mm256_max_ps (_mm256_min_ps (x, _mm256_set1_ps (CW_EXP_MAX)), _mm256_set1_ps (CW_EXP_MIN));
  n = _mm256_round_ps (_mm256_mul_ps (x, _mm256_set1_ps (CW_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  r = _mm256_fnmadd_ps (n, _mm256_set1_ps (CW_LN2_HIGH), x);
  r = _mm256_fnmadd_ps (n, _mm256_set1_ps (CW_LN2_LOW), r);
  q = _mm256_set1_ps (CW_EXP_C7);
  q = _mm256_fmadd_ps (q, r, _mm256_set1_ps (CW_EXP_C6));
  q = _mm256_fmadd_ps (q, r, _mm256_set1_ps (CW_EXP_C5));
  q = _mm256_fmadd_ps (q, r, _mm256_set1_ps (CW_EXP_C4));
  q = _mm256_fmadd_ps (q, r, _mm256_set1_ps (CW_EXP_C3));
  q = _mm256_fmadd_ps (q, r, _mm256_set1_ps (CW_EXP_C2));
  q = _mm256_fmadd_ps (_mm256_mul_ps (q, r), r, r);
  *power = _mm256_castsi256_ps (
    _mm256_slli_epi32 (_mm256_add_epi32 (_mm256_cvtps_epi32 (n), _mm256_set1_epi32 (127)), 23));
  return q;
}
