/* SPDX-License-Identifier: MIT
 *
 * attend-q8-avx2.c: see attend-q8.h and attend-q8-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/attend-q8/attend-q8.h"

#include "ops/lanes-avx2.h"

/* The sums of the products of q with four keys, as f32; @n of them are stored. */
static inline __attribute__ ((always_inline)) void
score (float *out, const int16_t *q, const int8_t *k, size_t stride, const size_t n)
{
  __m256i acc[4] = { _mm256_setzero_si256 (), _mm256_setzero_si256 (), _mm256_setzero_si256 (), _mm256_setzero_si256 () };
  __m256i both;
  __m128  four;

  for (size_t c = 0; c < stride; c += 16) {
    const __m256i query = _mm256_loadu_si256 ((const __m256i *) (q + c));

    CW_UNROLL
    for (size_t i = 0; i < n; i++) {
      const __m256i key = _mm256_cvtepi8_epi16 (_mm_loadu_si128 ((const __m128i *) (k + i * stride + c)));
      acc[i] = _mm256_add_epi32 (acc[i], _mm256_madd_epi16 (key, query));
    }
  }
  both = _mm256_hadd_epi32 (_mm256_hadd_epi32 (acc[0], acc[1]), _mm256_hadd_epi32 (acc[2], acc[3]));
  four = _mm_cvtepi32_ps (_mm_add_epi32 (_mm256_castsi256_si128 (both), _mm256_extracti128_si256 (both, 1)));
  if (n == 4)
    _mm_storeu_ps (out, four);
  else
    out[0] = _mm_cvtss_f32 (four);
}

/* 16 columns of y. */
static inline __attribute__ ((always_inline)) void
mix (float *y, const int8_t *v, size_t stride, size_t n_keys, size_t d, const float *weights, float inverse, const size_t vectors)
{
  __m256 acc[8];

  CW_UNROLL
  for (size_t i = 0; i < vectors; i++)
    acc[i] = _mm256_setzero_ps ();
  for (size_t p = 0; p < n_keys; p++) {
    const __m256  weight = _mm256_broadcast_ss (weights + p);
    const int8_t *row = v + p * stride;

    CW_UNROLL
    for (size_t i = 0; i < vectors; i++) {
      const __m256i wide = _mm256_cvtepi8_epi32 (_mm_loadl_epi64 ((const __m128i *) (row + 8 * i)));
      acc[i] = _mm256_fmadd_ps (weight, _mm256_cvtepi32_ps (wide), acc[i]);
    }
  }
  CW_UNROLL
  for (size_t i = 0; i < vectors; i++)
    if (8 * i < d)
      _mm256_maskstore_ps (y + 8 * i, first_lanes (d - 8 * i), _mm256_mul_ps (acc[i], _mm256_set1_ps (inverse)));
}

void
cw_attend_q8_avx2 (float *y, const int16_t *q, float q_scale, const int8_t *k, const float *k_scales, const int8_t *v,
                   const float *v_scales, size_t n_keys, size_t d, float *scores)
{
  const size_t stride = cw_key_bytes (d);
  float        highest = -INFINITY, inverse;
  __m256       total[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () };
  size_t       p = 0, c = 0;

  for (; p + 4 <= n_keys; p += 4)
    score (scores + p, q, k + p * stride, stride, 4);
  for (; p < n_keys; p++)
    score (scores + p, q, k + p * stride, stride, 1);
  for (p = 0; p < n_keys; p++) {
    scores[p] *= k_scales[p] * q_scale;
    if (scores[p] > highest)
      highest = scores[p];
  }
  for (p = 0; p < n_keys; p += 8) {
    const __m256i mask = first_lanes (n_keys - p);
    __m256        power, e;
    e = exp_parts (_mm256_sub_ps (_mm256_maskload_ps (scores + p, mask), _mm256_set1_ps (highest)), &power);
    e = _mm256_and_ps (_mm256_fmadd_ps (power, e, power), _mm256_castsi256_ps (mask));
    total[p / 8 % 2] = _mm256_add_ps (total[p / 8 % 2], e);
    _mm256_maskstore_ps (scores + p, mask, _mm256_mul_ps (e, _mm256_maskload_ps (v_scales + p, mask)));
  }
  inverse = 1.0f / lanes_sum (total[0], total[1]);
  for (; c + 48 < d; c += 64)
    mix (y + c, v + c, stride, n_keys, d - c, scores, inverse, 8);
  for (; c < d; c += 16)
    mix (y + c, v + c, stride, n_keys, d - c, scores, inverse, 2);
}
