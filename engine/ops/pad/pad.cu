/* SPDX-License-Identifier: MIT
 *
 * pad.cu: a convolution's padding: see pad.h.
 */
#include "cuda/kernel.cuh"

#define THREADS 64

static __global__ void __launch_bounds__ (THREADS) pad (const __grid_constant__ cw_gpu_pad a)
{
  const uint32_t i = blockIdx.x * THREADS + threadIdx.x, column = i % a.n;

  if (i >= a.rows * a.n)
    return;
  float        *row = a.x + (size_t) (i / a.n) * a.ld;
  const int64_t from = cw_pad_source (a.mode, a.first + column, a.n_signal, a.extended);

  row[a.column + column] = from < 0 ? 0.0f : row[a.origin + from];
}

cudaError_t
cw_cuda_pad (cudaStream_t stream, const cw_gpu_pad *a)
{
  if (a->n == 0)
    return cudaSuccess;
  return CW_LAUNCH (pad, pieces_of ((size_t) a->rows * a->n, THREADS), THREADS, 0, stream, *a);
}
