/* SPDX-License-Identifier: MIT
 *
 * gelu-avx2.c: see gelu-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/gelu/gelu.h"

#include "ops/lanes-avx2.h"

void
cw_gelu_avx2 (float *x, size_t n)
{
  const __m256 sign = _mm256_set1_ps (-0.0f), one = _mm256_set1_ps (1.0f);

  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  v = _mm256_maskload_ps (x + i, mask), half = _mm256_mul_ps (v, _mm256_set1_ps (0.5f));
    const __m256  z = _mm256_mul_ps (v, _mm256_set1_ps (CW_SQRT_HALF));
    const __m256  size = _mm256_min_ps (_mm256_andnot_ps (sign, z), _mm256_set1_ps (CW_ERF_LARGE));
    const __m256  square = _mm256_mul_ps (size, size);
    __m256        p = _mm256_setzero_ps (), q = _mm256_setzero_ps (), power, erf;

#define STEP_P(c) p = _mm256_fmadd_ps (p, square, _mm256_set1_ps (c));
#define STEP_Q(c) q = _mm256_fmadd_ps (q, size, _mm256_set1_ps (c));
    CW_ERF_P (STEP_P)
    CW_ERF_Q (STEP_Q)
    q = exp_parts (q, &power);
    q = _mm256_sub_ps (_mm256_setzero_ps (), _mm256_fmadd_ps (power, q, _mm256_sub_ps (power, one)));
    erf = _mm256_blendv_ps (q, _mm256_fmadd_ps (p, size, size), _mm256_cmp_ps (size, one, _CMP_LT_OQ));
    erf = _mm256_or_ps (_mm256_andnot_ps (sign, erf), _mm256_and_ps (sign, z));
    _mm256_maskstore_ps (x + i, mask, _mm256_fmadd_ps (half, erf, half));
  }
}
