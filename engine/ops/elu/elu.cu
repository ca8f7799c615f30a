/* SPDX-License-Identifier: MIT
 *
 * elu.cu: ELU: see elu-c.c.
 */
#include "cuda/kernel.cuh"

#define THREADS 128

static __global__ void __launch_bounds__ (THREADS) elu (float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t n)
{
  const uint32_t i = blockIdx.x * THREADS + threadIdx.x;

  if (i < n) {
    const float value = x[(size_t) blockIdx.y * ld_x + i];
    y[(size_t) blockIdx.y * ld_y + i] = value > 0.0f ? value : cw_expm1f (value);
  }
}

cudaError_t
cw_cuda_elu (cudaStream_t stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n)
{
  if (n == 0)
    return cudaSuccess;
  return CW_LAUNCH (elu, dim3 (pieces_of (n, THREADS), c), THREADS, 0, stream, y, ld_y, x, ld_x, n);
}
