/* SPDX-License-Identifier: MIT
 *
 * lstm.cu: one frame of one LSTM layer: see the lstm op in backend/backend.h. 16 threads a row of w_hh, each one of the lanes of
 *     ops/lanes.h; a block has the four gates of UNITS units of one signal.
 */
#include "cuda/kernel.cuh"
#include "ops/kernels.h"

#define THREADS 128
#define GATES   4
#define UNITS   (THREADS / CW_LANES / GATES)

/* One lane's part of row @row of @w times @x [c]. */
template <typename W>
static __device__ __forceinline__ float
lane_of (const W *w, uint32_t row, const float *x, uint32_t c, uint32_t lane)
{
  float sum = 0.0f;

  CW_GPU_UNROLL (8)
  for (uint32_t i = lane; i < c; i += CW_LANES)
    sum = fmaf (widen (w[(size_t) row * c + i]), x[i], sum);
  return sum;
}

/* 8 bits take the hidden states in steps of 1 / CW_UNIT; the lane's integers are exact: ops/dot-q8/dot-q8-c.c. */
static __device__ __forceinline__ float
lane_of (const int8_t *w, uint32_t row, const float *x, uint32_t c, uint32_t lane)
{
  const uint32_t n = (c + CW_PAD - 1) / CW_PAD * CW_PAD;
  float          sum = 0.0f;

  for (uint32_t run = 0; run < n; run += CW_Q8_RUN) {
    const uint32_t end = n - run < CW_Q8_RUN ? n : run + CW_Q8_RUN;
    int32_t        integers = 0;

    CW_GPU_UNROLL (8)
    for (uint32_t i = run + 2 * lane; i < end; i += 2 * CW_LANES) {
      const char2 weights = *(const char2 *) (w + cw_tiled (row, i, n));

      if (i < c)
        integers += weights.x * (int32_t) rintf (x[i] * CW_UNIT);
      if (i + 1 < c)
        integers += weights.y * (int32_t) rintf (x[i + 1] * CW_UNIT);
    }
    sum += (float) integers;
  }
  return sum;
}

template <typename W>
static __global__ void __launch_bounds__ (THREADS) lstm (const __grid_constant__ cw_gpu_lstm a)
{
  __shared__ float gates[UNITS][GATES];
  const uint32_t   lane = threadIdx.x % CW_LANES, gate = threadIdx.x / CW_LANES % GATES, own = threadIdx.x / CW_LANES / GATES;
  const uint32_t   unit = blockIdx.x * UNITS + own, row = gate * a.c + (unit < a.c ? unit : a.c - 1);
  const size_t     first = (size_t) blockIdx.y * a.c;
  float            sum = lanes_sum (lane_of ((const W *) a.w_hh.w, row, a.hidden_in + first, a.c, lane));

  if (a.w_hh.scales)
    sum = sum * a.w_hh.scales[row] * (1.0f / CW_UNIT);
  if (lane == 0)
    gates[own][gate] = sum + a.gates[4 * first + row];
  __syncthreads ();
  if (lane == 0 && gate == 0 && unit < a.c) {
    const float input = cw_sigmoidf (gates[own][0]), forget = cw_sigmoidf (gates[own][1]);
    const float candidate = cw_tanhf (gates[own][2]), output = cw_sigmoidf (gates[own][3]);
    const float cell = forget * a.cell[first + unit] + input * candidate;

    a.cell[first + unit] = cell;
    a.y[first + unit] = output * cw_tanhf (cell);
  }
}

cudaError_t
cw_cuda_lstm (cudaStream_t stream, const cw_gpu_lstm *a)
{
  const dim3 blocks (pieces_of (a->c, UNITS), a->n);

  switch (a->w_hh.dtype) {
  case CW_F32:
    return CW_LAUNCH (lstm<float>, blocks, THREADS, 0, stream, *a);
  case CW_F16:
    return CW_LAUNCH (lstm<__half>, blocks, THREADS, 0, stream, *a);
  case CW_BF16:
    return CW_LAUNCH (lstm<__nv_bfloat16>, blocks, THREADS, 0, stream, *a);
  case CW_I8:
    return CW_LAUNCH (lstm<int8_t>, blocks, THREADS, 0, stream, *a);
  default:
    return cudaErrorInvalidValue;
  }
}
