/* SPDX-License-Identifier: MIT
 *
 * samples.cu: small kernels in the manner of the engine's, on which the shim is proven: test-samples.c compares them with plain C, and
 * mutants.py plants faults in them that must be caught. What each computes is in samples.h.
 */
#include "cuda/cuda-launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>

#include "samples.h"

constexpr unsigned full = 0xffffffffu;

static __device__ __forceinline__ float
warp_sum (float v)
{
#ifdef CW_FUSED_REDUCE
  return coc_warp_sum (v);
#else
  for (int step = 16; step; step >>= 1)
    v += __shfl_xor_sync (full, v, step);
  return v;
#endif
}

/* The sum over a block of @N warps, in every thread. */
template <int N>
static __device__ float
block_sum (float v)
{
  __shared__ float part[N];
  v = warp_sum (v);
  if (threadIdx.x % 32 == 0)
    part[threadIdx.x / 32] = v;
  __syncthreads ();
  float sum = 0;
  for (int i = 0; i < N; i++)
    sum += part[i];
  __syncthreads ();
  return sum;
}

static __global__ void __launch_bounds__ (128)
norm (float *y, const float *x, const __nv_bfloat16 *g, int n, float epsilon)
{
  x += (size_t) blockIdx.x * n;
  y += (size_t) blockIdx.x * n;
  float sum = 0, squares = 0;
  for (int i = threadIdx.x; i < n; i += 128)
    sum += x[i];
  const float mean = block_sum<4> (sum) / n;
  for (int i = threadIdx.x; i < n; i += 128)
    squares += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / sqrtf (block_sum<4> (squares) / n + epsilon);
  for (int i = threadIdx.x; i < n; i += 128)
    y[i] = (x[i] - mean) * scale * __bfloat162float (g[i]);
}

cudaError_t
sample_norm (float *y, const float *x, const uint16_t *g, int n_rows, int n, float epsilon, cudaStream_t stream)
{
  return CW_LAUNCH (norm, n_rows, 128, 0, stream, y, x, (const __nv_bfloat16 *) g, n, epsilon);
}

/* One warp an output; x in shared memory; 8 weights a load. */
template <int COLUMNS>
static __global__ void __launch_bounds__ (128)
gemv (float *y, const __half *w, const float *x, int n_out, int n_in)
{
  CW_DYN_SHARED (float, columns);
  for (int i = threadIdx.x; i < COLUMNS * n_in; i += 128)
    columns[i] = x[i];
  __syncthreads ();
  const int out = blockIdx.x * 4 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (out >= n_out)
    return;
  float sums[COLUMNS] = {};
  for (int i = lane * 8; i < n_in; i += 32 * 8) {
    const uint4 eight = *(const uint4 *) (w + (size_t) out * n_in + i);
    const unsigned pairs[4] = { eight.x, eight.y, eight.z, eight.w };
    for (int p = 0; p < 4; p++) {
      __half2 pair;
      memcpy (&pair, &pairs[p], 4);
      const float2 two = __half22float2 (pair);
      for (int c = 0; c < COLUMNS; c++)
        sums[c] += two.x * columns[c * n_in + i + p * 2] + two.y * columns[c * n_in + i + p * 2 + 1];
    }
  }
  for (int c = 0; c < COLUMNS; c++) {
    const float sum = warp_sum (sums[c]);
    if (lane == 0)
      y[(size_t) c * n_out + out] = sum;
  }
}

cudaError_t
sample_gemv (float *y, const uint16_t *w, const float *x, int n_columns, int n_out, int n_in, cudaStream_t stream)
{
  const size_t bytes = (size_t) n_columns * n_in * sizeof (float);
  if (n_columns == 1)
    return CW_LAUNCH (gemv<1>, (n_out + 3) / 4, 128, bytes, stream, y, (const __half *) w, x, n_out, n_in);
  return CW_LAUNCH (gemv<2>, (n_out + 3) / 4, 128, bytes, stream, y, (const __half *) w, x, n_out, n_in);
}

/* A head a block; its two warps take every second key with online softmax, and are merged. */
static __global__ void __launch_bounds__ (64)
attend (float *y, const float *q, const float *k, const float *v, const int *n_keys, int room)
{
  __shared__ float largest[2], total[2], sums[2][32];
  const int head = blockIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32, n = *n_keys;
  const float query = q[head * 32 + lane];
  float m = -INFINITY, l = 0, sum = 0;
  for (int t = warp; t < n; t += 2) {
    const size_t at = ((size_t) head * room + t) * 32 + lane;
    const float score = warp_sum (query * k[at]) * 0.17677669f, next = fmaxf (m, score), shrink = expf (m - next), e = expf (score - next);
    l = l * shrink + e;
    sum = sum * shrink + e * v[at];
    m = next;
  }
  if (lane == 0) {
    largest[warp] = m;
    total[warp] = l;
  }
  sums[warp][lane] = sum;
  __syncthreads ();
  if (warp == 0) {
    const float both = fmaxf (largest[0], largest[1]), a = expf (largest[0] - both), b = expf (largest[1] - both);
    y[head * 32 + lane] = (sums[0][lane] * a + sums[1][lane] * b) / (total[0] * a + total[1] * b);
  }
}

cudaError_t
sample_attend (float *y, const float *q, const float *k, const float *v, const int *n_keys, int n_heads, int room, cudaStream_t stream)
{
  return CW_LAUNCH (attend, n_heads, 64, 0, stream, y, q, k, v, n_keys, room);
}

static __global__ void __launch_bounds__ (256)
histogram (unsigned *result, const unsigned *x, int n)
{
  __shared__ unsigned bins[256];
  bins[threadIdx.x] = 0;
  __syncthreads ();
  for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += gridDim.x * 256)
    atomicAdd (&bins[x[i] >> 24], 1u);
  __syncthreads ();
  if (bins[threadIdx.x])
    atomicAdd (&result[threadIdx.x], bins[threadIdx.x]);
}

cudaError_t
sample_histogram (unsigned *result, const unsigned *x, int n, cudaStream_t stream)
{
  return CW_LAUNCH (histogram, 3, 256, 0, stream, result, x, n);
}

/* The block that is last to finish adds the blocks' sums: fence, counter, fence. */
static __global__ void __launch_bounds__ (64)
sum_all (float *result, float *partial, unsigned *counter, const float *x, int n)
{
  __shared__ bool is_last;
  float mine = 0;
  for (int i = blockIdx.x * 256 + threadIdx.x; i < min (n, (int) (blockIdx.x + 1) * 256); i += 64)
    mine += x[i];
  mine = block_sum<2> (mine);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = mine;
    __threadfence ();
    is_last = atomicAdd (counter, 1u) == gridDim.x - 1;
    __threadfence ();
  }
  __syncthreads ();
  if (!is_last)
    return;
  mine = 0;
  for (int i = threadIdx.x; i < (int) gridDim.x; i += 64)
    mine += partial[i];
  mine = block_sum<2> (mine);
  if (threadIdx.x == 0) {
    *result = mine;
    atomicExch (counter, 0u);
  }
}

cudaError_t
sample_sum (float *sum, float *partial, unsigned *counter, const float *x, int n, cudaStream_t stream)
{
  return CW_LAUNCH (sum_all, (n + 255) / 256, 64, 0, stream, sum, partial, counter, x, n);
}

static __constant__ int conv_width = 7;

static __global__ void __launch_bounds__ (64)
conv (float *y, const float *x, const float *w, int n_out)
{
  __shared__ __align__ (16) float tile[64 + 6];
  __shared__ float taps[7];
  const int first = blockIdx.x * 64, n = min (64, n_out - first);
  for (int i = threadIdx.x; i < n + 6; i += 64)
    __pipeline_memcpy_async (&tile[i], x + first + i, 4);
  __pipeline_commit ();
  if (threadIdx.x < 7)
    taps[threadIdx.x] = w[threadIdx.x];
  __pipeline_wait_prior (0);
  __syncthreads ();
  if ((int) threadIdx.x >= n)
    return;
  float sum = 0;
  for (int i = 0; i < conv_width; i++)
    sum += tile[threadIdx.x + i] * taps[i];
  y[first + threadIdx.x] = sum;
}

cudaError_t
sample_conv (float *y, const float *x, const float *w, int n_out, cudaStream_t stream)
{
  return CW_LAUNCH (conv, (n_out + 63) / 64, 64, 0, stream, y, x, w, n_out);
}

static __global__ void
advance (int *step, float *value, const float *table)
{
  *step += 1;
  *value = table[*step % 4];
}

cudaError_t
sample_advance (int *step, float *value, const float *table, cudaStream_t stream)
{
  return CW_LAUNCH (advance, 1, 1, 0, stream, step, value, table);
}
