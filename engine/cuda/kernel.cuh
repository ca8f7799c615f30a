/* SPDX-License-Identifier: MIT
 *
 * kernel.cuh: what the kernels share: widening, and sums in the order of ops/lanes.h.
 *
 * A sum of 16 lanes is made by 16 neighbouring threads, each one chain; the butterfly below then adds the same pairs as
 * cw_lanes_sum, so all 16 threads hold its result to the bit. All 32 threads of a warp must take part.
 */
#ifndef CW_CUDA_KERNEL_CUH
#define CW_CUDA_KERNEL_CUH

#include "cuda/cuda-launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#include "cuda/launchers.h"
#include "ops/lanes.h"

#define CW_WARP      32
#define CW_FULL_MASK 0xffffffffu

#ifdef CUDA_ON_CPU
#define CW_GPU_UNROLL(n)
#ifndef __grid_constant__
#define __grid_constant__
#endif
#else
#define CW_GPU_PRAGMA(text) _Pragma (#text)
#define CW_GPU_UNROLL(n)    CW_GPU_PRAGMA (unroll n)
#endif

static __device__ __forceinline__ float
widen (float w)
{
  return w;
}

static __device__ __forceinline__ float
widen (__half w)
{
  return __half2float (w);
}

static __device__ __forceinline__ float
widen (__nv_bfloat16 w)
{
  return __bfloat162float (w);
}

/* Element @i of an array of type @dtype: F32, F16 or BF16. */
static __device__ __forceinline__ float
widen_at (const void *array, size_t i, int dtype)
{
  return dtype == CW_F32   ? ((const float *) array)[i]
         : dtype == CW_F16 ? widen (((const __half *) array)[i])
                           : widen (((const __nv_bfloat16 *) array)[i]);
}

static __device__ __forceinline__ float
lanes_sum (float lane)
{
  for (int half = CW_LANES / 2; half > 0; half /= 2)
    lane += __shfl_xor_sync (CW_FULL_MASK, lane, half);
  return lane;
}

static __device__ __forceinline__ float
warp_max (float value)
{
  for (int half = CW_WARP / 2; half > 0; half /= 2)
    value = fmaxf (value, __shfl_xor_sync (CW_FULL_MASK, value, half));
  return value;
}

static __device__ __forceinline__ float
warp_sum (float value)
{
  for (int half = CW_WARP / 2; half > 0; half /= 2)
    value += __shfl_xor_sync (CW_FULL_MASK, value, half);
  return value;
}

/* Mean and 1 / deviation of x [n], by 16 threads: ops/norm/norm-c.c. @rms: the mean is taken for 0. */
static __device__ __forceinline__ void
norm_of (const float *x, unsigned n, float eps, unsigned lane, bool rms, float *mean, float *scale)
{
  float sum = 0.0f, squares = 0.0f;

  CW_GPU_UNROLL (8)
  for (unsigned i = lane; i < n && !rms; i += CW_LANES)
    sum += x[i];
  *mean = lanes_sum (sum) / (float) n;
  CW_GPU_UNROLL (8)
  for (unsigned i = lane; i < n; i += CW_LANES) {
    const float rest = x[i] - *mean;

    squares = fmaf (rest, rest, squares);
  }
  *scale = 1.0f / sqrtf (lanes_sum (squares) / (float) n + eps);
}

/* This block's part of what is read behind this launch: see cw_gpu_ahead. */
static __device__ __forceinline__ void
ask_ahead (const cw_gpu_ahead &ahead)
{
  const uint32_t n_blocks = gridDim.x * gridDim.y * gridDim.z, block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const uint32_t each = (ahead.n / CW_GPU_SECTOR + n_blocks - 1) / n_blocks * CW_GPU_SECTOR, begin = block * each;

  for (uint32_t at = begin + threadIdx.x * CW_GPU_SECTOR; at < begin + each && at < ahead.n; at += blockDim.x * CW_GPU_SECTOR)
    CW_PREFETCH ((const unsigned char *) ahead.bytes + at);
}

static inline unsigned
pieces_of (size_t n, size_t size)
{
  return (unsigned) ((n + size - 1) / size);
}

#endif
