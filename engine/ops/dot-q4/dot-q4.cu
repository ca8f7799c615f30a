/* SPDX-License-Identifier: MIT
 *
 * dot-q4.cu: linear layers with 4-bit weights: see cuda/quantised.cuh, and dot-q4-c.c for what is computed.
 *
 * A chunk is four tiles of 64 columns. Thread t of a warp reads 16 bytes: tile t / 8, row t / 2 % 4, bytes 16 (t % 2) … of the row's 32.
 * Their low halves are 16 columns of the first 32, their high halves the same of the others: lanes 0 … 7 of the sum when t is even,
 * 8 … 15 when it is odd. A half shifted to the top of its byte is 16 times the weight, exactly.
 */
#include "cuda/quantised.cuh"

/* The products of 16 halves, at the top of the bytes of @w, with columns q …, times the group's scale. */
static __device__ __forceinline__ void
add_group (int32_t (&lanes)[CW_HALF_LANES], int4 w, const int16_t *q, int32_t group)
{
  const int4 x = *(const int4 *) q, y = *(const int4 *) (q + 8);

  lanes[0] += (dot_low (x.x, w.x, 0) >> 4) * group;
  lanes[1] += (dot_high (x.y, w.x, 0) >> 4) * group;
  lanes[2] += (dot_low (x.z, w.y, 0) >> 4) * group;
  lanes[3] += (dot_high (x.w, w.y, 0) >> 4) * group;
  lanes[4] += (dot_low (y.x, w.z, 0) >> 4) * group;
  lanes[5] += (dot_high (y.y, w.z, 0) >> 4) * group;
  lanes[6] += (dot_low (y.z, w.w, 0) >> 4) * group;
  lanes[7] += (dot_high (y.w, w.w, 0) >> 4) * group;
}

static __device__ __forceinline__ int4
top_halves (int4 w, bool low)
{
  const unsigned mask = 0xf0f0f0f0u;
  const unsigned shift = low ? 4 : 0;
  int4           top;

  top.x = (int) (((unsigned) w.x << shift) & mask);
  top.y = (int) (((unsigned) w.y << shift) & mask);
  top.z = (int) (((unsigned) w.z << shift) & mask);
  top.w = (int) (((unsigned) w.w << shift) & mask);
  return top;
}

template <int COLS>
static __global__ void __launch_bounds__ (CW_THREADS) dot_q4 (const __grid_constant__ cw_gpu_linear a)
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
  const uint32_t own_four = row / CW_TILE_ROWS + warp / CW_PARTS, four = own_four < last_four ? own_four : last_four;
  const uint8_t *w = (const uint8_t *) a.layers[l].w + (size_t) four * CW_TILE_ROWS * n / 2;
  const int8_t  *groups = a.layers[l].groups + (size_t) (four * CW_TILE_ROWS + t / 2 % 4) * (n / CW_Q4_GROUP);

  for (uint32_t run = 0; run < n; run += CW_Q4_RUN) {
    const uint32_t end = n - run < CW_Q4_RUN ? n : run + CW_Q4_RUN;
    int32_t        lanes[COLS][CW_HALF_LANES] = {};

    CW_GPU_UNROLL (2)
    for (uint32_t tile = run / CW_PAD + 4 * (warp % CW_PARTS) + t / 8; tile < end / CW_PAD; tile += 4 * CW_PARTS) {
      const int4     weights = *(const int4 *) (w + (size_t) tile * CW_PAD * CW_TILE_ROWS / 2 + t % 8 * 16);
      const int4     low = top_halves (weights, true), high = top_halves (weights, false);
      const uint32_t c = tile * CW_PAD + t % 2 * 16;

      CW_GPU_UNROLL (4)
      for (int j = 0; j < COLS; j++) {
        add_group (lanes[j], low, q + j * n + c, groups[2 * tile]);
        add_group (lanes[j], high, q + j * n + c + CW_Q4_GROUP, groups[2 * tile + 1]);
      }
    }
    put_sums<COLS> (lanes, 16 | 8, t / 2 % 4, t % 2, sums);
    __syncthreads ();
    add_run<COLS> (total, sums);
    __syncthreads ();
  }
  finish_sums (a, l, row, first, cols, total, scales);
}

cudaError_t
cw_cuda_dot_q4 (cudaStream_t stream, const cw_gpu_linear *a)
{
  const unsigned cols = linear_cols (a, true, CW_SUMS_BYTES);
  const unsigned bytes = cols ? linear_room (a, cols, true, cols * CW_SUMS_BYTES).total : 0;
  const dim3     grid (linear_blocks (a), cols ? pieces_of (a->n, cols) : 0);

  switch (cols) {
  case 4:
    return CW_LAUNCH (dot_q4<4>, grid, CW_THREADS, bytes, stream, *a);
  case 2:
    return CW_LAUNCH (dot_q4<2>, grid, CW_THREADS, bytes, stream, *a);
  case 1:
    return CW_LAUNCH (dot_q4<1>, grid, CW_THREADS, bytes, stream, *a);
  default:
    return cudaErrorInvalidConfiguration;
  }
}
