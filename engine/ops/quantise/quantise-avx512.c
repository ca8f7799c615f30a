/* SPDX-License-Identifier: MIT
 *
 * quantise-avx512.c: see quantise-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/quantise/quantise.h"

#include "ops/lanes-avx512.h"

static inline float
largest_of (const float *x, size_t n)
{
  __m512 most = _mm512_setzero_ps ();

  for (size_t i = 0; i < n; i += 16)
    most = _mm512_max_ps (most, _mm512_abs_ps (_mm512_maskz_loadu_ps (first_lanes (n - i), x + i)));
  return _mm512_reduce_max_ps (most);
}

float
cw_quantise_avx512 (int16_t *q, const float *x, size_t n)
{
  const size_t padded = (n + CW_PAD - 1) / CW_PAD * CW_PAD;
  const float  largest = largest_of (x, n);
  __m512       times;
  float        factor;

  factor = largest > 1e-30f ? CW_QUANTISE_MAX / largest : 0.0f;
  times = _mm512_set1_ps (factor);
  for (size_t i = 0; i < padded; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps (n > i ? first_lanes (n - i) : 0, x + i);
    _mm256_storeu_si256 ((__m256i *) (q + i), _mm512_cvtepi32_epi16 (_mm512_cvtps_epi32 (_mm512_mul_ps (v, times))));
  }
  return factor > 0.0f ? largest / CW_QUANTISE_MAX : 0.0f;
}

float
cw_quantise_key_avx512 (int8_t *q, const float *x, size_t n)
{
  const float  largest = largest_of (x, n), factor = largest > 1e-30f ? CW_KEY_QUANTISE_MAX / largest : 0.0f;
  const __m512 times = _mm512_set1_ps (factor);

  for (size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps (first_lanes (n - i), x + i);
    _mm_storeu_si128 ((__m128i *) (q + i), _mm512_cvtepi32_epi8 (_mm512_cvtps_epi32 (_mm512_mul_ps (v, times))));
  }
  return factor > 0.0f ? largest / CW_KEY_QUANTISE_MAX : 0.0f;
}
