/* SPDX-License-Identifier: MIT
 *
 * attend-c.c: the definition of one head's attention. See attend.h.
 */
#include "ops/attend/attend.h"

#include "ops/lanes.h"

static float
at_f32 (const void *cache, size_t i)
{
  return ((const float *) cache)[i];
}

static float
at_f16 (const void *cache, size_t i)
{
  return cw_f16_widen (((const uint16_t *) cache)[i]);
}

static inline __attribute__ ((always_inline)) void
attend (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride, size_t n_keys,
        size_t d, float scale, const float *bias, float *scores, float (*at) (const void *, size_t))
{
  float highest = -INFINITY, total[CW_LANES] = { 0 }, inverse;

  for (size_t p = 0; p < n_keys; p++) {
    float lane[CW_LANES] = { 0 };
    for (size_t c = 0; c < d; c++)
      lane[c % CW_LANES] = fmaf (q[c], at (k, p * k_stride + c), lane[c % CW_LANES]);
    scores[p] = cw_lanes_sum (lane) * scale + (bias ? bias[p] : 0.0f);
    if (scores[p] > highest)
      highest = scores[p];
  }
  for (size_t p = 0; p < n_keys; p++) {
    scores[p] = cw_expf (scores[p] - highest);
    total[p % CW_LANES] += scores[p];
  }
  inverse = 1.0f / cw_lanes_sum (total);

  for (size_t c = 0; c < d; c++)
    y[c] = 0.0f;
  for (size_t p = 0; p < n_keys; p++)
    for (size_t c = 0; c < d; c++)
      y[c] = fmaf (scores[p], at (v, p * v_stride + c), y[c]);
  for (size_t c = 0; c < d; c++)
    y[c] *= inverse;
}

void
cw_attend_f32_c (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                 size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, k_stride, v, v_stride, n_keys, d, scale, bias, scores, at_f32);
}

void
cw_attend_f16_c (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                 size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, k_stride, v, v_stride, n_keys, d, scale, bias, scores, at_f16);
}
