/* SPDX-License-Identifier: MIT
 *
 * lanes-avx512.h: lanes.h in AVX-512: the same constants, the same order.
 */
#pragma once

#include <immintrin.h>

#include "ops/lanes.h"

static inline __attribute__ ((always_inline)) __mmask16
first_lanes (size_t n)
{
  return n >= 16 ? 0xffff : (__mmask16) ((1u << n) - 1);
}

static inline __attribute__ ((always_inline)) float
lanes_sum (__m512 v)
{
  __m256 a = _mm256_add_ps (_mm512_castps512_ps256 (v), _mm512_extractf32x8_ps (v, 1));
  __m128 b = _mm_add_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  __m128 c = _mm_add_ps (b, _mm_movehl_ps (b, b));

  return _mm_cvtss_f32 (_mm_add_ss (c, _mm_movehdup_ps (c)));
}

/* Of four at once: lanes_sum of each. */
static inline __attribute__ ((always_inline)) __m128
lanes_sums (const __m512 v[4])
{
  const __m512 a = _mm512_add_ps (_mm512_shuffle_f32x4 (v[0], v[1], 0x44), _mm512_shuffle_f32x4 (v[0], v[1], 0xee));
  const __m512 b = _mm512_add_ps (_mm512_shuffle_f32x4 (v[2], v[3], 0x44), _mm512_shuffle_f32x4 (v[2], v[3], 0xee));
  const __m512 c = _mm512_add_ps (_mm512_shuffle_f32x4 (a, b, 0x88), _mm512_shuffle_f32x4 (a, b, 0xdd));
  const __m512 d = _mm512_add_ps (c, _mm512_permute_ps (c, 0x4e)), e = _mm512_add_ps (d, _mm512_permute_ps (d, 0xb1));

  return _mm512_castps512_ps128 (_mm512_maskz_compress_ps (0x1111, e));
}

static inline __attribute__ ((always_inline)) __m512
exp_parts (__m512 x, __m512 *power)
{
  __m512 n, r, q;

  x = _mm512_max_ps (_mm512_min_ps (x, _mm512_set1_ps (CW_EXP_MAX)), _mm512_set1_ps (CW_EXP_MIN));
  n = _mm512_roundscale_ps (_mm512_mul_ps (x, _mm512_set1_ps (CW_LOG2E)),
                            _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  r = _mm512_fnmadd_ps (n, _mm512_set1_ps (CW_LN2_HIGH), x);
  r = _mm512_fnmadd_ps (n, _mm512_set1_ps (CW_LN2_LOW), r);
  q = _mm512_set1_ps (CW_EXP_C7);
  q = _mm512_fmadd_ps (q, r, _mm512_set1_ps (CW_EXP_C6));
  q = _mm512_fmadd_ps (q, r, _mm512_set1_ps (CW_EXP_C5));
  q = _mm512_fmadd_ps (q, r, _mm512_set1_ps (CW_EXP_C4));
  q = _mm512_fmadd_ps (q, r, _mm512_set1_ps (CW_EXP_C3));
  q = _mm512_fmadd_ps (q, r, _mm512_set1_ps (CW_EXP_C2));
  q = _mm512_fmadd_ps (_mm512_mul_ps (q, r), r, r);
  *power = _mm512_castsi512_ps (
    _mm512_slli_epi32 (_mm512_add_epi32 (_mm512_cvtps_epi32 (n), _mm512_set1_epi32 (127)), 23));
  return q;
}
