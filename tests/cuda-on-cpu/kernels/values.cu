/* SPDX-License-Identifier: MIT
 *
 * values.cu: intrinsics whose values test-values.c knows.
 */
#include "cuda/cuda-launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "values.h"

constexpr unsigned full = 0xffffffffu;

static __global__ void
shuffle (unsigned *y, int how, int argument, int width)
{
  const unsigned mine = 100 + threadIdx.x;
  y[threadIdx.x] = how == 0   ? __shfl_sync (full, mine, argument, width)
                   : how == 1 ? __shfl_up_sync (full, mine, argument, width)
                   : how == 2 ? __shfl_down_sync (full, mine, argument, width)
                              : __shfl_xor_sync (full, mine, argument, width);
}

cudaError_t
values_shuffle (unsigned *y, int how, int argument, int width, cudaStream_t stream)
{
  return CW_LAUNCH (shuffle, 1, 32, 0, stream, y, how, argument, width);
}

static __global__ void
votes (unsigned *y, const unsigned *x)
{
  const unsigned mine = x[threadIdx.x];
  float sum = (float) mine;
  for (int step = 16; step; step >>= 1)
    sum += __shfl_xor_sync (full, sum, step);
  const unsigned results[9] = {
    __ballot_sync (full, mine & 1),       (unsigned) __any_sync (full, mine == 3), (unsigned) __all_sync (full, mine < 1000),
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    __reduce_add_sync (full, mine),       __reduce_min_sync (full, mine),          __reduce_max_sync (full, mine),
    __reduce_xor_sync (full, mine),
#else
    0, 0, 0, 0,
#endif
    __match_any_sync (full, mine & 3),    __float_as_uint (sum),
  };
  for (int i = 0; i < 9; i++)
    y[i * 32 + threadIdx.x] = results[i];
}

cudaError_t
values_votes (unsigned *y, const unsigned *x, cudaStream_t stream)
{
  return CW_LAUNCH (votes, 1, 32, 0, stream, y, x);
}

static __global__ void
narrow (float *y, uint16_t *bits, const float *x, int n, int how)
{
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= n)
    return;
  if (how == 0) {
    const __half h = __float2half (x[i]);
    y[i] = __half2float (h);
    bits[i] = __half_as_ushort (h);
  } else {
    const __nv_bfloat16 b = __float2bfloat16 (x[i]);
    y[i] = __bfloat162float (b);
    bits[i] = __bfloat16_as_ushort (b);
  }
}

cudaError_t
values_narrow (float *y, uint16_t *bits, const float *x, int n, int how, cudaStream_t stream)
{
  return CW_LAUNCH (narrow, (n + 255) / 256, 256, 0, stream, y, bits, x, n, how);
}

template <class H>
static __device__ H
operate (H a, H b, H c, int op)
{
  return op == 0 ? __hadd (a, b) : op == 1 ? __hmul (a, b) : __hfma (a, b, c);
}

static __global__ void
arithmetic (uint16_t *y, const uint16_t *a, const uint16_t *b, const uint16_t *c, int n, int op)
{
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= n)
    return;
  if (op < 4)
    y[i] = __half_as_ushort (operate (__ushort_as_half (a[i]), __ushort_as_half (b[i]), __ushort_as_half (c[i]), op));
  else
    y[i] = __bfloat16_as_ushort (operate (__ushort_as_bfloat16 (a[i]), __ushort_as_bfloat16 (b[i]), __ushort_as_bfloat16 (c[i]), op - 4));
}

cudaError_t
values_arithmetic (uint16_t *y, const uint16_t *a, const uint16_t *b, const uint16_t *c, int n, int op, cudaStream_t stream)
{
  return CW_LAUNCH (arithmetic, (n + 255) / 256, 256, 0, stream, y, a, b, c, n, op);
}

static __global__ void
integers (unsigned *y, unsigned a, unsigned b, unsigned c)
{
  const int odd = __syncthreads_count (threadIdx.x & 1);
  if (threadIdx.x)
    return;
  y[0] = (unsigned) __dp4a ((int) a, (int) b, (int) c);
  y[1] = __byte_perm (a, b, c);
  y[2] = __brev (a);
  y[3] = (unsigned) __popc (a);
  y[4] = (unsigned) __clz ((int) (a >> 5));
  y[5] = __umulhi (a, b);
  y[6] = __funnelshift_l (a, b, c);
  y[7] = (unsigned) odd;
}

cudaError_t
values_integers (unsigned *y, unsigned a, unsigned b, unsigned c, cudaStream_t stream)
{
  return CW_LAUNCH (integers, 1, 50, 0, stream, y, a, b, c);
}
