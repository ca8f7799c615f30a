/* SPDX-License-Identifier: MIT
 *
 * elu-avx512.c: see elu.h and elu-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/elu/elu.h"

#include "ops/lanes-avx512.h"

void
cw_elu_avx512 (float *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    v = _mm512_maskz_loadu_ps (mask, x + i);
    __m512          power, e = exp_parts (v, &power);
    e = _mm512_fmadd_ps (power, e, _mm512_sub_ps (power, _mm512_set1_ps (1.0f)));
    e = _mm512_mask_mov_ps (e, _mm512_cmp_ps_mask (v, _mm512_setzero_ps (), _CMP_GT_OQ), v);
    _mm512_mask_storeu_ps (y + i, mask, e);
  }
}
