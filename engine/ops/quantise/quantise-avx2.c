/* SPDX-License-Identifier: MIT
 *
 * quantise-avx2.c: see quantise-c.c.
 */
#ifndef __AVX2__
#error built without -mavx2
#endif
#include "ops/quantise/quantise.h"

#include "ops/lanes-avx2.h"

static inline float
largest_of (const float *x, size_t n)
{
  const __m256 sign = _mm256_set1_ps (-0.0f);
  __m256       most = _mm256_setzero_ps ();
  __m128       four;

  for (size_t i = 0; i < n; i += 8)
    most = _mm256_max_ps (most, _mm256_andnot_ps (sign, _mm256_maskload_ps (x + i, first_lanes (n - i))));
  four = _mm_max_ps (_mm256_castps256_ps128 (most), _mm256_extractf128_ps (most, 1));
  four = _mm_max_ps (four, _mm_movehl_ps (four, four));
  return _mm_cvtss_f32 (_mm_max_ss (four, _mm_movehdup_ps (four)));
}

/* 16 elements from @i on, zeros behind the first @n of @x, as 16 bits in order. */
static inline __attribute__ ((always_inline)) __m256i
to_integers (const float *x, size_t i, size_t n, __m256 times)
{
  const __m256  low = _mm256_maskload_ps (x + (i < n ? i : 0), first_lanes (n > i ? n - i : 0));
  const __m256  high = _mm256_maskload_ps (x + (i < n ? i + 8 : 0), first_lanes (n > i + 8 ? n - i - 8 : 0));
  const __m256i both = _mm256_packs_epi32 (_mm256_cvtps_epi32 (_mm256_mul_ps (low, times)),
                                           _mm256_cvtps_epi32 (_mm256_mul_ps (high, times)));

  return _mm256_permute4x64_epi64 (both, 0xd8);
}

float
cw_quantise_avx2 (int16_t *q, const float *x, size_t n)
{
  const size_t padded = (n + CW_PAD - 1) / CW_PAD * CW_PAD;
  const float  largest = largest_of (x, n), factor = largest > 1e-30f ? CW_QUANTISE_MAX / largest : 0.0f;
  const __m256 times = _mm256_set1_ps (factor);

  for (size_t i = 0; i < padded; i += 16)
    _mm256_storeu_si256 ((__m256i *) (q + i), to_integers (x, i, n, times));
  return factor > 0.0f ? largest / CW_QUANTISE_MAX : 0.0f;
}

float
cw_quantise_key_avx2 (int8_t *q, const float *x, size_t n)
{
  const float  largest = largest_of (x, n), factor = largest > 1e-30f ? CW_KEY_QUANTISE_MAX / largest : 0.0f;
  const __m256 times = _mm256_set1_ps (factor);

  for (size_t i = 0; i < n; i += 16) {
    const __m256i wide = to_integers (x, i, n, times);
    _mm_storeu_si128 ((__m128i *) (q + i), _mm_packs_epi16 (_mm256_castsi256_si128 (wide), _mm256_extracti128_si256 (wide, 1)));
  }
  return factor > 0.0f ? largest / CW_KEY_QUANTISE_MAX : 0.0f;
}
