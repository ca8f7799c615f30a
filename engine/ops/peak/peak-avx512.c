/* SPDX-License-Identifier: MIT
 *
 * peak-avx512.c: see peak-c.c; as many chains at once as hide a multiply-add's latency and fit the registers.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/peak/peak.h"

#include "ops/lanes-avx512.h"

#define AT_ONCE 24

float
cw_peak_avx512 (size_t n)
{
  const __m512 times = _mm512_set1_ps (CW_PEAK_TIMES), plus = _mm512_set1_ps (CW_PEAK_PLUS);
  float lane[CW_LANES] = { 0 };

  for (size_t first = 0; first < CW_PEAK_CHAINS; first += AT_ONCE * 16) {
    float  start[AT_ONCE * 16];
    __m512 value[AT_ONCE];

    for (size_t i = 0; i < AT_ONCE * 16; i++)
      start[i] = CW_PEAK_START (first + i);
    _Pragma ("GCC unroll 24")
    for (size_t i = 0; i < AT_ONCE; i++)
      value[i] = _mm512_loadu_ps (start + 16 * i);
    for (size_t k = 0; k < n; k++)
      _Pragma ("GCC unroll 24")
      for (size_t i = 0; i < AT_ONCE; i++)
        value[i] = _mm512_fmadd_ps (value[i], times, plus);
    _Pragma ("GCC unroll 24")
    for (size_t i = 0; i < AT_ONCE; i++)
      _mm512_storeu_ps (start + 16 * i, value[i]);
    for (size_t i = 0; i < AT_ONCE * 16; i++)
      lane[(first + i) % CW_LANES] += start[i];
  }
  return cw_lanes_sum (lane);
}
