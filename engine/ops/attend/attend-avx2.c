/* SPDX-License-Identifier: MIT
 *
 * attend-avx2.c: see attend.h and attend-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error built without -mavx2 -mfma -mf16c
#endif
#include "ops/attend/attend.h"

#include <string.h>

#include "ops/lanes-avx2.h"

/* The first @n (at most 8) elements of a row of the cache from @i on, widened, zeros behind. */
static inline __attribute__ ((always_inline)) __m256
load_f32 (const char *row, size_t i, size_t n)
{
  return _mm256_maskload_ps ((const float *) row + i, first_lanes (n));
}

static inline __attribute__ ((always_inline)) __m256
load_f16 (const char *row, size_t i, size_t n)
{
  const uint16_t *from = (const uint16_t *) row + i;
  uint16_t        rest[8] = { 0 };

  if (n >= 8)
    return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) from));
  memcpy (rest, from, n * sizeof *rest);
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) rest));
}

typedef __m256 (*load_fn) (const char *, size_t, size_t);

static inline __attribute__ ((always_inline)) void
score (float *out, const float *q, const char *k, size_t k_bytes, size_t d, size_t n, load_fn load)
{
  __m256 acc[4][2];

  for (size_t i = 0; i < n; i++)
    acc[i][0] = acc[i][1] = _mm256_setzero_ps ();
  for (size_t c = 0; c < d; c += 16) {
    const size_t low = d - c < 8 ? d - c : 8, high = d - c > 16 ? 8 : d - c - low;
    const __m256 q_low = _mm256_maskload_ps (q + c, first_lanes (low));
    const __m256 q_high = _mm256_maskload_ps (q + c + 8, first_lanes (high));
    for (size_t i = 0; i < n; i++) {
      acc[i][0] = _mm256_fmadd_ps (q_low, load (k + i * k_bytes, c, low), acc[i][0]);
      acc[i][1] = _mm256_fmadd_ps (q_high, load (k + i * k_bytes, c + 8, high), acc[i][1]);
    }
  }
  for (size_t i = 0; i < n; i++)
    out[i] = lanes_sum (acc[i][0], acc[i][1]);
}

static inline __attribute__ ((always_inline)) void
attend (float *y, const float *q, const char *k, size_t k_bytes, const char *v, size_t v_bytes, size_t n_keys,
        size_t d, float scale, const float *bias, float *scores, load_fn load)
{
  float  highest = -INFINITY, inverse;
  __m256 total[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () };
  size_t p = 0;

  for (; p + 4 <= n_keys; p += 4)
    score (scores + p, q, k + p * k_bytes, k_bytes, d, 4, load);
  for (; p < n_keys; p++)
    score (scores + p, q, k + p * k_bytes, k_bytes, d, 1, load);
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
    __m256 acc[4] = { _mm256_setzero_ps (), _mm256_setzero_ps (), _mm256_setzero_ps (), _mm256_setzero_ps () };
    size_t n[4];
    for (unsigned i = 0; i < 4; i++)
      n[i] = d <= c + 8 * i ? 0 : d - c - 8 * i < 8 ? d - c - 8 * i : 8;
    for (p = 0; p < n_keys; p++) {
      const __m256 weight = _mm256_set1_ps (scores[p]);
      const char  *row = v + p * v_bytes;
      for (unsigned i = 0; i < 4; i++)
        acc[i] = _mm256_fmadd_ps (weight, load (row, c + 8 * i, n[i]), acc[i]);
    }
    for (unsigned i = 0; i < 4; i++)
      _mm256_maskstore_ps (y + c + 8 * i, first_lanes (n[i]), _mm256_mul_ps (acc[i], _mm256_set1_ps (inverse)));
  }
}

void
cw_attend_f32_avx2 (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                    size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, sizeof (float) * k_stride, v, sizeof (float) * v_stride, n_keys, d, scale, bias, scores, load_f32);
}

void
cw_attend_f16_avx2 (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                    size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, sizeof (uint16_t) * k_stride, v, sizeof (uint16_t) * v_stride, n_keys, d, scale, bias, scores, load_f16);
}
