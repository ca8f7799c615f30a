/* SPDX-License-Identifier: MIT
 *
 * norm.cu: layer norm by itself; in front of a linear layer it is that layer's prologue (cuda/linear.cuh).
 */
#include "cuda/kernel.cuh"

#define THREADS 128
#define ROWS    (THREADS / CW_LANES)

static __global__ void __launch_bounds__ (THREADS) layer_norm (float *y, const float *x, uint32_t n, uint32_t c, const float *gamma,
                                                               const float *beta, float eps)
{
  const uint32_t lane = threadIdx.x % CW_LANES, row = blockIdx.x * ROWS + threadIdx.x / CW_LANES;
  const size_t   at = (size_t) (row < n ? row : n - 1) * c;
  float          mean, scale;

  norm_of (x + at, c, eps, lane, false, &mean, &scale);
  if (row < n)
    for (uint32_t i = lane; i < c; i += CW_LANES)
      y[at + i] = fmaf ((x[at + i] - mean) * scale, gamma[i], beta ? beta[i] : 0.0f);
}

cudaError_t
cw_cuda_layer_norm (cudaStream_t stream, float *y, const float *x, uint32_t n, uint32_t c, const float *gamma, const float *beta, float eps)
{
  return CW_LAUNCH (layer_norm, pieces_of (n, ROWS), THREADS, 0, stream, y, x, n, c, gamma, beta, eps);
}
