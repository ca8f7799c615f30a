/* SPDX-License-Identifier: MIT
 *
 * lstm-cell-avx2.c: see lstm-cell-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/lstm-cell/lstm-cell.h"

#include <string.h>

#include "ops/lanes-avx2.h"

static inline __attribute__ ((always_inline)) __m256
sigmoid (__m256 x)
{
  const __m256 one = _mm256_set1_ps (1.0f);
  __m256       power, e = exp_parts (_mm256_xor_ps (x, _mm256_set1_ps (-0.0f)), &power);

  return _mm256_div_ps (one, _mm256_add_ps (one, _mm256_fmadd_ps (power, e, power)));
}

static inline __attribute__ ((always_inline)) __m256
hyperbolic_tangent (__m256 x)
{
  __m256 power, e = exp_parts (_mm256_add_ps (x, x), &power);

  e = _mm256_fmadd_ps (power, e, _mm256_sub_ps (power, _mm256_set1_ps (1.0f)));
  return _mm256_div_ps (e, _mm256_add_ps (e, _mm256_set1_ps (2.0f)));
}

/* The first @n (at most 8) of @x in 16 bits. */
static inline __attribute__ ((always_inline)) void
store_q (int16_t *q, __m256 x, size_t n)
{
  const __m256i wide = _mm256_cvtps_epi32 (_mm256_mul_ps (x, _mm256_set1_ps (CW_UNIT)));
  int16_t       narrow[8];

  _mm_storeu_si128 ((__m128i *) narrow, _mm_packs_epi32 (_mm256_castsi256_si128 (wide), _mm256_extracti128_si256 (wide, 1)));
  memcpy (q, narrow, (n < 8 ? n : 8) * sizeof *q);
}

void
cw_lstm_cell_avx2 (float *hidden, int16_t *q, float *cell, const float *gates, size_t ld, size_t n)
{
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  input = sigmoid (_mm256_maskload_ps (gates + i, mask));
    const __m256  forget = sigmoid (_mm256_maskload_ps (gates + ld + i, mask));
    const __m256  candidate = hyperbolic_tangent (_mm256_maskload_ps (gates + 2 * ld + i, mask));
    const __m256  output = sigmoid (_mm256_maskload_ps (gates + 3 * ld + i, mask));
    const __m256  kept = _mm256_mul_ps (forget, _mm256_maskload_ps (cell + i, mask));
    const __m256  now = _mm256_add_ps (kept, _mm256_mul_ps (input, candidate));
    const __m256  out = _mm256_mul_ps (output, hyperbolic_tangent (now));

    _mm256_maskstore_ps (cell + i, mask, now);
    _mm256_maskstore_ps (hidden + i, mask, out);
    if (q)
      store_q (q + i, out, n - i);
  }
}
