/* SPDX-License-Identifier: MIT
 *
 * gelu-avx512.c: see gelu-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/gelu/gelu.h"

#include "ops/lanes-avx512.h"

void
cw_gelu_avx512 (float *x, size_t n)
{
  const __m512 sign = _mm512_set1_ps (-0.0f), one = _mm512_set1_ps (1.0f);

  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    v = _mm512_maskz_loadu_ps (mask, x + i), half = _mm512_mul_ps (v, _mm512_set1_ps (0.5f));
    const __m512    z = _mm512_mul_ps (v, _mm512_set1_ps (CW_SQRT_HALF));
    const __m512    size = _mm512_min_ps (_mm512_abs_ps (z), _mm512_set1_ps (CW_ERF_LARGE));
    const __m512    square = _mm512_mul_ps (size, size);
    __m512          p = _mm512_setzero_ps (), q = _mm512_setzero_ps (), power, erf;

#define STEP_P(c) p = _mm512_fmadd_ps (p, square, _mm512_set1_ps (c));
#define STEP_Q(c) q = _mm512_fmadd_ps (q, size, _mm512_set1_ps (c));
    CW_ERF_P (STEP_P)
    CW_ERF_Q (STEP_Q)
    q = exp_parts (q, &power);
    q = _mm512_sub_ps (_mm512_setzero_ps (), _mm512_fmadd_ps (power, q, _mm512_sub_ps (power, one)));
    erf = _mm512_mask_blend_ps (_mm512_cmp_ps_mask (size, one, _CMP_LT_OQ), q, _mm512_fmadd_ps (p, size, size));
    erf = _mm512_or_ps (_mm512_abs_ps (erf), _mm512_and_ps (sign, z));
    _mm512_mask_storeu_ps (x + i, mask, _mm512_fmadd_ps (half, erf, half));
  }
}
