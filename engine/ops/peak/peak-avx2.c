/* SPDX-License-Identifier: MIT
 *
 * peak-avx2.c: see peak-c.c; as many chains at once as hide a multiply-add's latency and fit the registers.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/peak/peak.h"

#include "ops/lanes-avx2.h"

#define AT_ONCE 12

float
cw_peak_avx2 (size_t n)
{
  const __m256 times = _mm256_set1_ps (CW_PEAK_TIMES), plus = _mm256_set1_ps (CW_PEAK_PLUS);
  float lane[CW_LANES] = { 0 };

  for (size_t first = 0; first < CW_PEAK_CHAINS; first += AT_ONCE * 8) {
    float  start[AT_ONCE * 8];
    __m256 value[AT_ONCE];

    for (size_t i = 0; i < AT_ONCE * 8; i++)
      start[i] = CW_PEAK_START (first + i);
    _Pragma ("GCC unroll 24")
    for (size_t i = 0; i < AT_ONCE; i++)
      value[i] = _mm256_loadu_ps (start + 8 * i);
    for (size_t k = 0; k < n; k++)
      _Pragma ("GCC unroll 24")
      for (size_t i = 0; i < AT_ONCE; i++)
        value[i] = _mm256_fmadd_ps (value[i], times, plus);
    _Pragma ("GCC unroll 24")
    for (size_t i = 0; i < AT_ONCE; i++)
      _mm256_storeu_ps (start + 8 * i, value[i]);
    for (size_t i = 0; i < AT_ONCE * 8; i++)
      lane[(first + i) % CW_LANES] += start[i];
  }
  return cw_lanes_sum (lane);
}
