/* SPDX-License-Identifier: MIT
 *
 * attend-q8-c.c: the definition of one head's attention over keys and values of 8 bits. See attend-q8.h.
 */
#include "ops/attend-q8/attend-q8.h"

#include "ops/lanes.h"

void
cw_attend_q8_c (float *y, const int16_t *q, float q_scale, const int8_t *k, const float *k_scales, const int8_t *v,
                const float *v_scales, size_t n_keys, size_t d, float *scores)
{
  const size_t stride = cw_key_bytes (d);
  float        highest = -INFINITY, total[CW_LANES] = { 0 }, inverse;

  for (size_t p = 0; p < n_keys; p++) {
    int32_t sum = 0;

    for (size_t c = 0; c < d; c++)
      sum += q[c] * k[p * stride + c];
    scores[p] = (float) sum * (k_scales[p] * q_scale);
    if (scores[p] > highest)
      highest = scores[p];
  }
  for (size_t p = 0; p < n_keys; p++) {
    const float weight = cw_expf (scores[p] - highest);

    total[p % CW_LANES] += weight;
    scores[p] = weight * v_scales[p];
  }
  inverse = 1.0f / cw_lanes_sum (total);

  for (size_t c = 0; c < d; c++)
    y[c] = 0.0f;
  for (size_t p = 0; p < n_keys; p++)
    for (size_t c = 0; c < d; c++)
      y[c] = fmaf (scores[p], (float) v[p * stride + c], y[c]);
  for (size_t c = 0; c < d; c++)
    y[c] *= inverse;
}
