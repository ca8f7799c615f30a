/* SPDX-License-Identifier: MIT
 *
 * operations.cu: a known number of each operation that the counting build counts, and of what it does not count.
 */
#include "cuda/cuda-launch.h"

#include <math.h>

#include "coc/operations.h"
#include "operations.h"

static __device__ float
once (float x, int operation)
{
  switch (operation) {
  case COC_F32:
    return x - 1.5f;
  case COC_FMA:
    return fmaf (x, 0.5f, 0.25f);
  case COC_COMPARE:
    return x < 0.5f ? -x : fabsf (x); /* signs cost nothing */
  case COC_DIVIDE:
    return x / 3.0f;
  case COC_CONVERT:
    return (float) __float_as_int (x);
  case COC_FUNCTION:
    return tanhf (x);
  case COC_DP2A:
    return __int_as_float (__dp2a_lo (__float_as_int (x), 0x01020304, 5));
  case COC_DP4A:
    return __int_as_float (__dp4a (__float_as_int (x), 0x01020304, 5));
  default:
    return x;
  }
}

static __global__ void
repeat (float *y, int operation, int n)
{
  float  x = __int_as_float ((int) threadIdx.x << 20);
  double wide = 0.5;

  for (int i = 0; i < n; i++) /* integers: not counted */
    if (operation == COC_F64)
      wide = wide * 1.5;
    else
      x = once (x, operation);
  y[blockIdx.x * 32 + threadIdx.x] = operation == COC_F64 && wide < 0.0 ? 0.0f : x; /* one f64 comparison a thread */
}

cudaError_t
operations_repeat (float *y, int operation, int n, unsigned blocks, cudaStream_t stream)
{
  return CW_LAUNCH (repeat, blocks, 32, 0, stream, y, operation, n);
}

static __global__ void
values (float *y, float scale)
{
  __shared__ float shared[32];
  const int        lane = threadIdx.x;
  const float4     four = { (float) lane, ldexpf (1.0f, lane), scale, -0.0f };
  float            sum = 0.0f, parts[2] = {};
  union {
    float    value;
    unsigned bits;
  } raw;

  shared[31 - lane] = four.x * four.z;
  __syncthreads ();
  parts[1] = shared[lane] + four.x / four.z;
  for (int half = 16; half > 0; half /= 2)
    sum += __shfl_xor_sync (0xffffffffu, parts[1], half);
  raw.value = fmaxf (sum, four.y) + four.w;
  raw.bits ^= 1;
  y[lane] = (float) ((double) raw.value / 3.0) + (float) (int) rintf (sqrtf (parts[1])) + copysignf (parts[0], -scale);
}

cudaError_t
operations_values (float *y, float scale, cudaStream_t stream)
{
  return CW_LAUNCH (values, 1, 32, 0, stream, y, scale);
}
