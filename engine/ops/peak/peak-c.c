/* SPDX-License-Identifier: MIT
 *
 * peak-c.c: the definition of the chains of multiply-adds. See kernels.h.
 */
#include "ops/peak/peak.h"

#include "ops/lanes.h"

float
cw_peak_c (size_t n)
{
  float lane[CW_LANES] = { 0 };

  for (size_t i = 0; i < CW_PEAK_CHAINS; i++) {
    float value = CW_PEAK_START (i);

    for (size_t k = 0; k < n; k++)
      value = fmaf (value, CW_PEAK_TIMES, CW_PEAK_PLUS);
    lane[i % CW_LANES] += value;
  }
  return cw_lanes_sum (lane);
}
