/* SPDX-License-Identifier: MIT
 *
 * taps.cu: a convolution as a product over taps: see taps-c.c and models/conv.h. A thread makes one column of a panel of CW_PANEL rows: each
 *     sample it reads serves all of them, and the weights are the same for the whole block.
 */
#include "cuda/kernel.cuh"
#include "ops/kernels.h"

#define THREADS 64

static __global__ void __launch_bounds__ (THREADS) conv (const __grid_constant__ cw_gpu_conv a)
{
  const uint32_t column = blockIdx.x * THREADS + threadIdx.x, m = blockIdx.y * CW_PANEL, signal = blockIdx.z;
  const float   *panel = a.panels + (size_t) m * a.c_in * a.kernel;
  float          sums[CW_PANEL];

  if (column >= a.n)
    return;
  CW_GPU_UNROLL (8)
  for (unsigned i = 0; i < CW_PANEL; i++)
    sums[i] = a.bias[m + i];
  for (uint32_t c = 0; c < a.c_in; c++) {
    const float *x = a.x + ((size_t) signal * a.c_in + c) * a.ld_x + (a.first + (int64_t) column * a.stride);

    for (uint32_t tap = 0; tap < a.kernel; tap++, panel += CW_PANEL) {
      const float  value = x[(int64_t) tap * a.dilation];
      const float4 low = ((const float4 *) panel)[0], high = ((const float4 *) panel)[1];

      sums[0] = fmaf (low.x, value, sums[0]);
      sums[1] = fmaf (low.y, value, sums[1]);
      sums[2] = fmaf (low.z, value, sums[2]);
      sums[3] = fmaf (low.w, value, sums[3]);
      sums[4] = fmaf (high.x, value, sums[4]);
      sums[5] = fmaf (high.y, value, sums[5]);
      sums[6] = fmaf (high.z, value, sums[6]);
      sums[7] = fmaf (high.w, value, sums[7]);
    }
  }
  CW_GPU_UNROLL (8)
  for (unsigned i = 0; i < CW_PANEL; i++) {
    const size_t  row = (size_t) signal * (a.m / a.phases) + (m + i) / a.phases;
    const int64_t at = (int64_t) column * a.phases + (m + i) % a.phases - a.skip;

    if (m + i < a.m && at >= 0 && at < a.n_out) {
      const float value = sums[i] + (a.addend ? a.addend[row * a.ld_addend + at] : 0.0f);
      a.y[row * a.ld_y + at] = !a.elu || value > 0.0f ? value : cw_expm1f (value);
    }
  }
}

cudaError_t
cw_cuda_conv (cudaStream_t stream, const cw_gpu_conv *a)
{
  if (a->n == 0)
    return cudaSuccess;
  return CW_LAUNCH (conv, dim3 (pieces_of (a->n, THREADS), pieces_of (a->m, CW_PANEL), a->n_signals), THREADS, 0, stream, *a);
}
