/* SPDX-License-Identifier: MIT
 *
 * attend-avx2.c: see attend.h and attend-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/attend/attend.h"

#include "ops/lanes-avx2.h"

static inline __attribute__ ((always_inline)) void
score (float *out, const float *q, const float *k, size_t k_stride, size_t d, size_t n)
{
  __m256 acc[4][2];

  for (size_t i = 0; i < n; i++)
    acc[i][0] = acc[i][1] = _mm256_setzero_ps ();
  for (size_t c = 0; c < d; c += 16) {
    const __m256i low = first_lanes (d - c), high = first_lanes (d - c > 8 ? d - c - 8 : 0);
    const __m256  q_low = _mm256_maskload_ps (q + c, low), q_high = _mm256_maskload_ps (q + c + 8, high);
    for (size_t i = 0; i < n; i++) {
      acc[i][0] = _mm256_fmadd_ps (q_low, _mm256_maskload_ps (k + i * k_stride + c, low), acc[i][0]);
      acc[i][1] = _mm256_fmadd_ps (q_high, _mm256_maskload_ps (k + i * k_stride + c + 8, high), acc[i][1]);
    }
  }
  for (size_t i = 0; i < n; i++)
    out[i] = lanes_sum (acc[i][0], acc[i][1]);
}

void
cw_attend_avx2 (float *y, const float *q, const float *k, size_t k_stride, const float *v, size_t v_stride,
                size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  float  highest = -INFINITY, inverse;
  __m256 total[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () };
  size_t p = 0;

  for (; p + 4 <= n_keys; p += 4)
    score (scores + p, q, k + p * k_stride, k_stride, d, 4);
  for (; p < n_keys; p++)
    score (scores + p, q, k + p * k_stride, k_stride, d, 1);
  for (p = 0; p < n_keys; p++) {
    scores[p] = scores[p] * scale + (bias ? bias[p] : 0.0f);
    if (scores[p] > highest)
      highest = scores[p];
  }
  for (p = 0; p < n_keys; p += 8) {
    const __m256i mask = first_lanes (n_keys - p);
    __m256        power, e;
    e = exp_parts (_mm256_sub_ps (_mm256_maskload_ps (scores + p, mask), _mm256_set1_ps (highest)), &power);
    e = _mm256_and_ps (_mm256_fmadd_ps (power, e, power), _mm256_castsi256_ps (mask));
    total[p / 8 % 2] = _mm256_add_ps (total[p / 8 % 2], e);
    _mm256_maskstore_ps (scores + p, mask, e);
  }
  inverse = 1.0f / lanes_sum (total[0], total[1]);

  for (size_t c = 0; c < d; c += 32) {
    __m256  acc[4] = { _mm256_setzero_ps (), _mm256_setzero_ps (), _mm256_setzero_ps (), _mm256_setzero_ps () };
    __m256i mask[4];
    for (unsigned i = 0; i < 4; i++)
      mask[i] = first_lanes (d > c + 8 * i ? d - c - 8 * i : 0);
    for (p = 0; p < n_keys; p++) {
      const __m256 weight = _mm256_set1_ps (scores[p]);
      const float *row = v + p * v_stride + c;
      for (unsigned i = 0; i < 4; i++)
        acc[i] = _mm256_fmadd_ps (weight, _mm256_maskload_ps (row + 8 * i, mask[i]), acc[i]);
    }
    for (unsigned i = 0; i < 4; i++)
      _mm256_maskstore_ps (y + c + 8 * i, mask[i], _mm256_mul_ps (acc[i], _mm256_set1_ps (inverse)));
  }
}
