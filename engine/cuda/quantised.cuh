/* SPDX-License-Identifier: MIT
 *
 * quantised.cuh: what the kernels for 8- and 4-bit weights share. A block has CW_ROWS rows, two fours of the tiles in ops/kernels.h; two
 *     warps share a four, taking its 512-byte chunks in turns; each thread reads 16 bytes, which are of one row and of 8 of the lanes
 *     of the sum. The integers of all threads that hold the same row and lane are added exactly, so their order does not matter;
 *     only then they become f32, run by run, as in the plain C definition.
 *
 * A type of weights, W, says how its tiles look, and adds the products of 16 bytes:
 *     W::RUN         columns whose integers may be added before they become f32
 *     W::ROW_BYTES   of one row in a tile of CW_PAD columns
 *     W::UNROLL      chunks whose reads are on their way at a time
 *     W (matrix, four, n, row), add (lanes, weights, tile, q, n)
 * Its file launches with launch_quantised<W>.
 */
#ifndef CW_CUDA_QUANTISED_CUH
#define CW_CUDA_QUANTISED_CUH

#include "cuda/linear.cuh"

#define CW_HALF_LANES (CW_LANES / 2)

/* a + the products of the two 16-bit numbers of @x with the low (or high) two bytes of @w. */
static __device__ __forceinline__ int32_t
dot_low (int32_t x, int32_t w, int32_t a)
{
  return __dp2a_lo (x, w, a);
}

static __device__ __forceinline__ int32_t
dot_high (int32_t x, int32_t w, int32_t a)
{
  return __dp2a_hi (x, w, a);
}

/* Adds this thread's integers of 8 lanes up over the threads whose number differs in the bits of @other only, and puts them to
 * sums [COLS] of CW_SUMS_BYTES, for one run. @half: which 8 of the 16 lanes. */
template <int COLS>
static __device__ __forceinline__ void
put_sums (int32_t (&lanes)[COLS][CW_HALF_LANES], unsigned other, unsigned row, unsigned half, int32_t *sums)
{
  const unsigned warp = threadIdx.x / CW_WARP;

  CW_GPU_UNROLL (4)
  for (int j = 0; j < COLS; j++)
    CW_GPU_UNROLL (8)
    for (int i = 0; i < CW_HALF_LANES; i++) {
      int32_t sum = lanes[j][i];

      for (unsigned bit = 1; bit < CW_WARP; bit *= 2)
        if (other & bit)
          sum += __shfl_xor_sync (CW_FULL_MASK, sum, bit);
      if ((threadIdx.x % CW_WARP & other) == 0)
        sums[((j * CW_FOURS * CW_PARTS + warp) * CW_TILE_ROWS + row) * CW_LANES + half * CW_HALF_LANES + i] = sum;
    }
}

/* The f32 sums of one row and column, on the threads below CW_ROWS COLS: adds a run's integers to them. */
template <int COLS>
static __device__ __forceinline__ void
add_run (float (&total)[CW_LANES], const int32_t *sums)
{
  const unsigned row = threadIdx.x % CW_ROWS, j = threadIdx.x / CW_ROWS;

  if (j >= COLS)
    return;
  for (unsigned i = 0; i < CW_LANES; i++) {
    int32_t sum = 0;

    for (unsigned part = 0; part < CW_PARTS; part++)
      sum += sums[((j * CW_FOURS * CW_PARTS + row / CW_TILE_ROWS * CW_PARTS + part) * CW_TILE_ROWS + row % CW_TILE_ROWS) * CW_LANES + i];
    total[i] += (float) sum;
  }
}

/* Behind the last run: the thread's row and column, times their scales. */
static __device__ __forceinline__ void
finish_sums (const cw_gpu_linear &a, uint32_t l, uint32_t first_row, uint32_t first, uint32_t cols, float (&total)[CW_LANES],
             const float *scales)
{
  const unsigned row = first_row + threadIdx.x % CW_ROWS, j = threadIdx.x / CW_ROWS;

  if (j < cols && row < a.layers[l].n_out)
    linear_epilogue (a, l, row, first + j, cw_lanes_sum (total) * a.layers[l].scales[row] * scales[j]);
}

/* Thread t of a warp reads 16 bytes of the warp's chunk, which lies tile by tile, row by row: those of the columns 16 (t % each) … of
 * their tile, which are lanes 0 … 7 of the sum when t is even and 8 … 15 when it is odd. (Of 4 bits see dot-q4.cu.)
 *
 * Told how many blocks a multiprocessor must hold, ptxas spills nothing; left alone, or with the loop unrolled by its own choice, it does. */
template <typename W, int COLS>
static __global__ void __launch_bounds__ (CW_THREADS, COLS > 2 ? 4 : 5) dot_quantised (const __grid_constant__ cw_gpu_linear a)
{
  constexpr uint32_t read = sizeof (int4); /* bytes, and apart in columns */
  constexpr uint32_t each = W::ROW_BYTES / read, tiles = CW_WARP / CW_TILE_ROWS / each; /* threads of a row; tiles of a chunk */
  constexpr uint32_t tile_bytes = CW_TILE_ROWS * W::ROW_BYTES, stride = tiles * CW_PARTS;
  CW_DYN_SHARED (unsigned char, shared);
  const uint32_t       first = blockIdx.y * COLS, cols = a.n - first < COLS ? a.n - first : COLS;
  const uint32_t       n = padded (a.layers[0].n_in), t = threadIdx.x % CW_WARP, warp = threadIdx.x / CW_WARP;
  const uint32_t       row_of_four = t / each % CW_TILE_ROWS, own_tile = warp % CW_PARTS * tiles + t / (CW_WARP / tiles);
  const cw_linear_room room = linear_room (&a, COLS, true);
  int16_t             *q = (int16_t *) (shared + room.quantised);
  int32_t             *sums = (int32_t *) (shared + room.sums);
  __shared__ float     scales[COLS];
  float                total[CW_LANES] = {};
  uint32_t             ld, row;

  const uint32_t l = linear_layer (a, blockIdx.x, &row), last_four = (a.layers[l].n_out - 1) / CW_TILE_ROWS;
  const uint32_t own_four = row / CW_TILE_ROWS + warp / CW_PARTS, four = own_four < last_four ? own_four : last_four;
  const uint8_t *w = (const uint8_t *) a.layers[l].w + (size_t) four * (n / CW_PAD) * tile_bytes + t % (CW_WARP / tiles) * read;
  const W        weights (a.layers[l], four, n, row_of_four);

  ask_for_rows (a, l, row, true);
  linear_prologue<COLS, true> (a, first, cols, shared, &ld, q, scales);
  for (uint32_t run = 0; run < n; run += W::RUN) {
    const uint32_t end = (n - run < W::RUN ? n : run + W::RUN) / CW_PAD;
    int32_t        lanes[COLS][CW_HALF_LANES] = {};

    CW_GPU_UNROLL (1)
    for (uint32_t tile = run / CW_PAD + own_tile; tile < end; tile += W::UNROLL * stride) {
      int4 bytes[W::UNROLL];

      CW_GPU_UNROLL (4)
      for (uint32_t i = 0; i < W::UNROLL; i++)
        bytes[i] = tile + i * stride < end ? *(const int4 *) (w + (size_t) (tile + i * stride) * tile_bytes) : int4 {};
      CW_GPU_UNROLL (4)
      for (uint32_t i = 0; i < W::UNROLL; i++)
        if (tile + i * stride < end)
          weights.add (lanes, bytes[i], tile + i * stride, q + (tile + i * stride) * CW_PAD + t % each * read, n);
    }
    put_sums<COLS> (lanes, (CW_WARP - 1) & ~((CW_TILE_ROWS - 1) * each | 1), row_of_four, t % 2, sums);
    __syncthreads ();
    add_run<COLS> (total, sums);
    __syncthreads ();
  }
  ask_ahead (a.ahead);
  finish_sums (a, l, row, first, cols, total, scales);
}

template <typename W>
static cudaError_t
launch_quantised (cudaStream_t stream, const cw_gpu_linear *a)
{
  const unsigned cols = linear_cols (a, true), bytes = cols ? linear_room (a, cols, true).total : 0;
  const dim3     grid (linear_blocks (a), cols ? pieces_of (a->n, cols) : 0);

  switch (cols) {
  case 4:
    return CW_LAUNCH ((dot_quantised<W, 4>), grid, CW_THREADS, bytes, stream, *a);
  case 2:
    return CW_LAUNCH ((dot_quantised<W, 2>), grid, CW_THREADS, bytes, stream, *a);
  case 1:
    return CW_LAUNCH ((dot_quantised<W, 1>), grid, CW_THREADS, bytes, stream, *a);
  default:
    return cudaErrorInvalidConfiguration;
  }
}

#endif
