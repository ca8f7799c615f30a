/* SPDX-License-Identifier: MIT
 *
 * elu-avx2.c: see elu.h and elu-c.c.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/elu/elu.h"

#include "ops/lanes-avx2.h"

void
cw_elu_avx2 (float *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  v = _mm256_maskload_ps (x + i, mask);
    __m256        power, e = exp_parts (v, &power);
    e = _mm256_fmadd_ps (power, e, _mm256_sub_ps (power, _mm256_set1_ps (1.0f)));
    e = _mm256_blendv_ps (e, v, _mm256_cmp_ps (v, _mm256_setzero_ps (), _CMP_GT_OQ));
    _mm256_maskstore_ps (y + i, mask, e);
  }
}
