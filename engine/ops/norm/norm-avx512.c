/* SPDX-License-Identifier: MIT
 *
 * norm-avx512.c: see norm-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/norm/norm.h"

#include "ops/lanes-avx512.h"

void
cw_layer_norm_avx512 (float *y, const float *x, size_t n, const float *gamma, const float *beta, float eps)
{
  __m512 sum = _mm512_setzero_ps (), squares = _mm512_setzero_ps (), mean, scale;

  for (size_t i = 0; i < n; i += 16)
    sum = _mm512_add_ps (sum, _mm512_maskz_loadu_ps (first_lanes (n - i), x + i));
  mean = _mm512_set1_ps (lanes_sum (sum) / (float) n);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    difference = _mm512_sub_ps (_mm512_maskz_loadu_ps (mask, x + i), mean);
    squares = _mm512_mask3_fmadd_ps (difference, difference, squares, mask);
  }
  scale = _mm512_set1_ps (1.0f / sqrtf (lanes_sum (squares) / (float) n + eps));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    unit = _mm512_mul_ps (_mm512_sub_ps (_mm512_maskz_loadu_ps (mask, x + i), mean), scale);
    const __m512    offset = beta ? _mm512_maskz_loadu_ps (mask, beta + i) : _mm512_setzero_ps ();
    _mm512_mask_storeu_ps (y + i, mask, _mm512_fmadd_ps (unit, _mm512_maskz_loadu_ps (mask, gamma + i), offset));
  }
}

void
cw_rms_norm_avx512 (float *y, const float *x, size_t n, const float *gamma, float eps)
{
  __m512 squares = _mm512_setzero_ps (), scale;

  for (size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps (first_lanes (n - i), x + i);
    squares = _mm512_fmadd_ps (v, v, squares);
  }
  scale = _mm512_set1_ps (1.0f / sqrtf (lanes_sum (squares) / (float) n + eps));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    const __m512    v = _mm512_mul_ps (_mm512_maskz_loadu_ps (mask, x + i), scale);
    _mm512_mask_storeu_ps (y + i, mask, _mm512_mul_ps (_mm512_maskz_loadu_ps (mask, gamma + i), v));
  }
}
