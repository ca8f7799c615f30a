/* SPDX-License-Identifier: MIT
 *
 * dot.cu: linear layers with f32, f16 and bf16 weights. 16 threads a row, each one of the lanes of ops/lanes.h, so that the sums are
 *     those of dot-c.c; two rows of a warp read 32 or 64 bytes side by side each, and many reads are on their way at a time.
 */
#include "cuda/linear.cuh"

template <typename W, int COLS>
static __global__ void __launch_bounds__ (CW_THREADS) dot_rows (const __grid_constant__ cw_gpu_linear a)
{
  CW_DYN_SHARED (unsigned char, shared);
  const uint32_t first = blockIdx.y * COLS, cols = a.n - first < COLS ? a.n - first : COLS, lane = threadIdx.x % CW_LANES;
  uint32_t       ld, row;
  const uint32_t l = linear_layer (a, blockIdx.x, &row), n_in = a.layers[0].n_in, n_out = a.layers[l].n_out;

  if (a.prologue != CW_GPU_AS_IS)
    ask_for_rows (a, l, row, false);
  const float *x = linear_prologue<COLS, false> (a, first, cols, shared, &ld, NULL, NULL);
  row += threadIdx.x / CW_LANES;
  const W *w = (const W *) a.layers[l].w + (size_t) (row < n_out ? row : n_out - 1) * n_in;
  float    sums[COLS] = {};

  CW_GPU_UNROLL (8)
  for (uint32_t c = lane; c < n_in; c += CW_LANES) {
    const float weight = widen (w[c]);

    CW_GPU_UNROLL (4)
    for (uint32_t j = 0; j < COLS; j++)
      sums[j] = fmaf (weight, x[(size_t) (j < cols ? j : cols - 1) * ld + c], sums[j]);
  }
  ask_ahead (a.ahead);
  CW_GPU_UNROLL (4)
  for (uint32_t j = 0; j < COLS; j++) {
    const float sum = lanes_sum (sums[j]);

    if (row < n_out && j < cols && lane == j)
      linear_epilogue (a, l, row, first + j, sum);
  }
}

template <typename W>
static cudaError_t
launch (cudaStream_t stream, const cw_gpu_linear *a)
{
  const unsigned cols = linear_cols (a, false), bytes = cols ? linear_room (a, cols, false).total : 0;
  const dim3     grid (linear_blocks (a), cols ? pieces_of (a->n, cols) : 0);

  switch (cols) {
  case 4:
    return CW_LAUNCH ((dot_rows<W, 4>), grid, CW_THREADS, bytes, stream, *a);
  case 2:
    return CW_LAUNCH ((dot_rows<W, 2>), grid, CW_THREADS, bytes, stream, *a);
  case 1:
    return CW_LAUNCH ((dot_rows<W, 1>), grid, CW_THREADS, bytes, stream, *a);
  default:
    return cudaErrorInvalidConfiguration;
  }
}

cudaError_t
cw_cuda_dot_rows (cudaStream_t stream, const cw_gpu_linear *linear)
{
  switch (linear->layers[0].dtype) {
  case CW_F32:
    return launch<float> (stream, linear);
  case CW_F16:
    return launch<__half> (stream, linear);
  case CW_BF16:
    return launch<__nv_bfloat16> (stream, linear);
  default:
    return cudaErrorInvalidValue;
  }
}
