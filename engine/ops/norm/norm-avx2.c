/* SPDX-License-Identifier: MIT
 *
 * norm-avx2.c: see norm-c.c; sums [0] holds lanes 0 to 7, sums [1] 8 to 15.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/norm/norm.h"

#include "ops/lanes-avx2.h"

void
cw_layer_norm_avx2 (float *y, const float *x, size_t n, const float *gamma, const float *beta, float eps)
{
  __m256 sums[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () };
  __m256 squares[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () }, mean, scale;

  for (size_t i = 0; i < n; i += 8)
    sums[i / 8 % 2] = _mm256_add_ps (sums[i / 8 % 2], _mm256_maskload_ps (x + i, first_lanes (n - i)));
  mean = _mm256_set1_ps (lanes_sum (sums[0], sums[1]) / (float) n);
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  difference =
      _mm256_and_ps (_mm256_sub_ps (_mm256_maskload_ps (x + i, mask), mean), _mm256_castsi256_ps (mask));
    squares[i / 8 % 2] = _mm256_fmadd_ps (difference, difference, squares[i / 8 % 2]);
  }
  scale = _mm256_set1_ps (1.0f / sqrtf (lanes_sum (squares[0], squares[1]) / (float) n + eps));
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  unit = _mm256_mul_ps (_mm256_sub_ps (_mm256_maskload_ps (x + i, mask), mean), scale);
    const __m256  offset = beta ? _mm256_maskload_ps (beta + i, mask) : _mm256_setzero_ps ();
    _mm256_maskstore_ps (y + i, mask, _mm256_fmadd_ps (unit, _mm256_maskload_ps (gamma + i, mask), offset));
  }
}

void
cw_rms_norm_avx2 (float *y, const float *x, size_t n, const float *gamma, float eps)
{
  __m256 squares[2] = { _mm256_setzero_ps (), _mm256_setzero_ps () }, scale;

  for (size_t i = 0; i < n; i += 8) {
    const __m256 v = _mm256_maskload_ps (x + i, first_lanes (n - i));
    squares[i / 8 % 2] = _mm256_fmadd_ps (v, v, squares[i / 8 % 2]);
  }
  scale = _mm256_set1_ps (1.0f / sqrtf (lanes_sum (squares[0], squares[1]) / (float) n + eps));
  for (size_t i = 0; i < n; i += 8) {
    const __m256i mask = first_lanes (n - i);
    const __m256  v = _mm256_mul_ps (_mm256_maskload_ps (x + i, mask), scale);
    _mm256_maskstore_ps (y + i, mask, _mm256_mul_ps (_mm256_maskload_ps (gamma + i, mask), v));
  }
}
