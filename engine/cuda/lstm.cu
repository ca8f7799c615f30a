/* SPDX-License-Identifier: MIT
 *
 * lstm.cu: one frame of one LSTM layer: see the lstm op in backend/backend.h. 16 threads a row of w_hh, as in ops/dot/dot.cu; a block has
 *     the four gates of UNITS units.
 */
#include "cuda/kernel.cuh"

#define THREADS 128
#define GATES   4
#define UNITS   (THREADS / CW_LANES / GATES)

template <typename W>
static __global__ void __launch_bounds__ (THREADS) lstm (const __grid_constant__ cw_gpu_lstm a)
{
  __shared__ float gates[UNITS][GATES];
  const uint32_t   lane = threadIdx.x % CW_LANES, gate = threadIdx.x / CW_LANES % GATES, own = threadIdx.x / CW_LANES / GATES;
  const uint32_t   unit = blockIdx.x * UNITS + own, row = gate * a.c + (unit < a.c ? unit : a.c - 1);
  const W         *w = (const W *) a.w_hh.w + (size_t) row * a.c;
  float            sum = 0.0f;

  CW_GPU_UNROLL (8)
  for (uint32_t i = lane; i < a.c; i += CW_LANES)
    sum = fmaf (widen (w[i]), a.hidden_in[i], sum);
  sum = lanes_sum (sum);
  if (lane == 0)
    gates[own][gate] = sum + a.gates[row];
  __syncthreads ();
  if (lane == 0 && gate == 0 && unit < a.c) {
    const float input = cw_sigmoidf (gates[own][0]), forget = cw_sigmoidf (gates[own][1]);
    const float candidate = cw_tanhf (gates[own][2]), output = cw_sigmoidf (gates[own][3]);
    const float cell = forget * a.cell[unit] + input * candidate, hidden = output * cw_tanhf (cell);

    a.cell[unit] = cell;
    a.hidden_out[unit] = hidden;
    a.y[unit] = hidden;
  }
}

cudaError_t
cw_cuda_lstm (cudaStream_t stream, const cw_gpu_lstm *a)
{
  const unsigned blocks = pieces_of (a->c, UNITS);

  switch (a->w_hh.dtype) {
  case CW_F32:
    return CW_LAUNCH (lstm<float>, blocks, THREADS, 0, stream, *a);
  case CW_F16:
    return CW_LAUNCH (lstm<__half>, blocks, THREADS, 0, stream, *a);
  case CW_BF16:
    return CW_LAUNCH (lstm<__nv_bfloat16>, blocks, THREADS, 0, stream, *a);
  default:
    return cudaErrorInvalidValue;
  }
}
