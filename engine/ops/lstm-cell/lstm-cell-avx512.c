/* SPDX-License-Identifier: MIT
 *
 * lstm-cell-avx512.c: see lstm-cell-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/lstm-cell/lstm-cell.h"

#include "ops/lanes-avx512.h"

static inline __attribute__ ((always_inline)) __m512
sigmoid (__m512 x)
{
  const __m512 one = _mm512_set1_ps (1.0f);
  __m512       power, e = exp_parts (_mm512_xor_ps (x, _mm512_set1_ps (-0.0f)), &power);

  return _mm512_div_ps (one, _mm512_add_ps (one, _mm512_fmadd_ps (power, e, power)));
}

static inline __attribute__ ((always_inline)) __m512
hyperbolic_tangent (__m512 x)
{
  __m512 power, e = exp_parts (_mm512_add_ps (x, x), &power);

  e = _mm512_fmadd_ps (power, e, _mm512_sub_ps (power, _mm512_set1_ps (1.0f)));
  return _mm512_div_ps (e, _mm512_add_ps (e, _mm512_set1_ps (2.0f)));
}

void
cw_lstm_cell_avx512 (float *hidden, int16_t *q, float *cell, const float *gates, size_t ld, size_t n)
{
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    input = sigmoid (_mm512_maskz_loadu_ps (mask, gates + i));
    const __m512    forget = sigmoid (_mm512_maskz_loadu_ps (mask, gates + ld + i));
    const __m512    candidate = hyperbolic_tangent (_mm512_maskz_loadu_ps (mask, gates + 2 * ld + i));
    const __m512    output = sigmoid (_mm512_maskz_loadu_ps (mask, gates + 3 * ld + i));
    const __m512    kept = _mm512_mul_ps (forget, _mm512_maskz_loadu_ps (mask, cell + i));
    const __m512    now = _mm512_add_ps (kept, _mm512_mul_ps (input, candidate));
    const __m512    out = _mm512_mul_ps (output, hyperbolic_tangent (now));

    _mm512_mask_storeu_ps (cell + i, mask, now);
    _mm512_mask_storeu_ps (hidden + i, mask, out);
    if (q)
      _mm256_mask_storeu_epi16 (q + i, mask,
                                _mm512_cvtepi32_epi16 (_mm512_cvtps_epi32 (_mm512_mul_ps (out, _mm512_set1_ps (CW_UNIT)))));
  }
}
