/* SPDX-License-Identifier: MIT
 *
 * group-norm.cu: group norm with one group, as models/conv.c has it for the 48 kHz codec: mean and deviation over all channels and all time, in
 *     double precision. One block a signal, which reads it three times: chunks are a second long, and steps do not wait for it.
 */
#include "cuda/kernel.cuh"

#define THREADS 512

/* The sum of all threads' numbers, to all of them. */
static __device__ double
block_sum (double value, double *sums)
{
  sums[threadIdx.x] = value;
  __syncthreads ();
  for (unsigned half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half)
      sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads ();
  }
  value = sums[0];
  __syncthreads ();
  return value;
}

static __global__ void __launch_bounds__ (THREADS) group_norm (const __grid_constant__ cw_gpu_group_norm a)
{
  __shared__ double sums[THREADS];
  float            *y = a.y + (size_t) blockIdx.x * a.c * a.ld_y;
  const float      *addend = a.addend ? a.addend + (size_t) blockIdx.x * a.c * a.ld_addend : NULL;
  const double      count = (double) a.c * (double) a.n;
  double            sum = 0.0, squares = 0.0;

  for (uint32_t i = 0; i < a.c; i++)
    for (uint32_t t = threadIdx.x; t < a.n; t += THREADS)
      sum += (double) y[(size_t) i * a.ld_y + t];
  const double mean = block_sum (sum, sums) / count;
  for (uint32_t i = 0; i < a.c; i++)
    for (uint32_t t = threadIdx.x; t < a.n; t += THREADS) {
      const double rest = (double) y[(size_t) i * a.ld_y + t] - mean;
      squares += rest * rest;
    }
  const double scale = 1.0 / sqrt (block_sum (squares, sums) / count + (double) a.eps);
  for (uint32_t i = 0; i < a.c; i++)
    for (uint32_t t = threadIdx.x; t < a.n; t += THREADS) {
      float value = (float) (((double) y[(size_t) i * a.ld_y + t] - mean) * scale) * a.gamma[i] + a.beta[i];

      if (addend)
        value += addend[(size_t) i * a.ld_addend + t];
      y[(size_t) i * a.ld_y + t] = !a.elu || value > 0.0f ? value : cw_expm1f (value);
    }
}

cudaError_t
cw_cuda_group_norm (cudaStream_t stream, const cw_gpu_group_norm *a)
{
  if (a->n == 0)
    return cudaSuccess;
  return CW_LAUNCH (group_norm, a->n_signals, THREADS, 0, stream, *a);
}
