/* SPDX-License-Identifier: MIT
 *
 * dot-q8.cu: linear layers with 8-bit weights: see cuda/quantised.cuh, and dot-q8-c.c for what is computed.
 *
 * A chunk is two tiles of 64 columns. Thread t of a warp reads 16 bytes: tile t / 16, row t / 4 % 4, columns 16 (t % 4) … of the tile,
 * which are lanes 0 … 7 of the sum when t is even and 8 … 15 when it is odd.
 */
#include "cuda/quantised.cuh"

template <int COLS>
static __global__ void __launch_bounds__ (CW_THREADS) dot_q8 (const __grid_constant__ cw_gpu_linear a)
{
  CW_DYN_SHARED (unsigned char, shared);
  const uint32_t       first = blockIdx.y * COLS, cols = a.n - first < COLS ? a.n - first : COLS;
  const uint32_t       n = padded (a.layers[0].n_in), t = threadIdx.x % CW_WARP, warp = threadIdx.x / CW_WARP;
  const cw_linear_room room = linear_room (&a, COLS, true, 0);
  int16_t             *q = (int16_t *) (shared + room.quantised);
  int32_t             *sums = (int32_t *) (shared + room.own);
  __shared__ float     scales[COLS];
  float                total[CW_LANES] = {};
  uint32_t             ld, row;

  linear_prologue<COLS, true> (a, first, cols, shared, &ld, q, scales);
  const uint32_t l = linear_layer (a, blockIdx.x, &row), last_four = (a.layers[l].n_out - 1) / CW_TILE_ROWS;
  const uint32_t four = row / CW_TILE_ROWS + warp / CW_PARTS;
  const int8_t  *w = (const int8_t *) a.layers[l].w + (size_t) (four < last_four ? four : last_four) * CW_TILE_ROWS * n;

  for (uint32_t run = 0; run < n; run += CW_Q8_RUN) {
    const uint32_t end = n - run < CW_Q8_RUN ? n : run + CW_Q8_RUN;
    int32_t        lanes[COLS][CW_HALF_LANES] = {};

    CW_GPU_UNROLL (4)
    for (uint32_t tile = run / CW_PAD + 2 * (warp % CW_PARTS) + t / 16; tile < end / CW_PAD; tile += 2 * CW_PARTS) {
      const int4     weights = *(const int4 *) (w + (size_t) tile * CW_PAD * CW_TILE_ROWS + t % 16 * 16);
      const uint32_t c = tile * CW_PAD + t % 4 * 16;

      CW_GPU_UNROLL (4)
      for (int j = 0; j < COLS; j++) {
        const int4 x = *(const int4 *) (q + j * n + c), y = *(const int4 *) (q + j * n + c + 8);

        lanes[j][0] = dot_low (x.x, weights.x, lanes[j][0]);
        lanes[j][1] = dot_high (x.y, weights.x, lanes[j][1]);
        lanes[j][2] = dot_low (x.z, weights.y, lanes[j][2]);
        lanes[j][3] = dot_high (x.w, weights.y, lanes[j][3]);
        lanes[j][4] = dot_low (y.x, weights.z, lanes[j][4]);
        lanes[j][5] = dot_high (y.y, weights.z, lanes[j][5]);
        lanes[j][6] = dot_low (y.z, weights.w, lanes[j][6]);
        lanes[j][7] = dot_high (y.w, weights.w, lanes[j][7]);
      }
    }
    put_sums<COLS> (lanes, 16 | 2, t / 4 % 4, t % 2, sums);
    __syncthreads ();
    add_run<COLS> (total, sums);
    __syncthreads ();
  }
  finish_sums (a, l, row, first, cols, total, scales);
}

cudaError_t
cw_cuda_dot_q8 (cudaStream_t stream, const cw_gpu_linear *a)
{
  const unsigned cols = linear_cols (a, true, CW_SUMS_BYTES);
  const unsigned bytes = cols ? linear_room (a, cols, true, cols * CW_SUMS_BYTES).total : 0;
  const dim3     grid (linear_blocks (a), cols ? pieces_of (a->n, cols) : 0);

  switch (cols) {
  case 4:
    return CW_LAUNCH (dot_q8<4>, grid, CW_THREADS, bytes, stream, *a);
  case 2:
    return CW_LAUNCH (dot_q8<2>, grid, CW_THREADS, bytes, stream, *a);
  case 1:
    return CW_LAUNCH (dot_q8<1>, grid, CW_THREADS, bytes, stream, *a);
  default:
    return cudaErrorInvalidConfiguration;
  }
}
