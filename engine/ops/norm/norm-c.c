/* SPDX-License-Identifier: MIT
 *
 * norm-c.c: the definition of both norms. See kernels.h.
 */
#include "ops/norm/norm.h"

#include "ops/lanes.h"

void
cw_layer_norm_c (float *y, const float *x, size_t n, const float *gamma, const float *beta, float eps)
{
  float sum[CW_LANES] = { 0 }, squares[CW_LANES] = { 0 }, mean, scale;

  for (size_t i = 0; i < n; i++)
    sum[i % CW_LANES] += x[i];
  mean = cw_lanes_sum (sum) / (float) n;
  for (size_t i = 0; i < n; i++)
    squares[i % CW_LANES] = fmaf (x[i] - mean, x[i] - mean, squares[i % CW_LANES]);
  scale = 1.0f / sqrtf (cw_lanes_sum (squares) / (float) n + eps);
  for (size_t i = 0; i < n; i++)
    y[i] = fmaf ((x[i] - mean) * scale, gamma[i], beta ? beta[i] : 0.0f);
}

void
cw_rms_norm_c (float *y, const float *x, size_t n, const float *gamma, float eps)
{
  float squares[CW_LANES] = { 0 }, scale;

  for (size_t i = 0; i < n; i++)
    squares[i % CW_LANES] = fmaf (x[i], x[i], squares[i % CW_LANES]);
  scale = 1.0f / sqrtf (cw_lanes_sum (squares) / (float) n + eps);
  for (size_t i = 0; i < n; i++)
    y[i] = gamma[i] * (x[i] * scale);
}
