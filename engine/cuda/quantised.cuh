/* SPDX-License-Identifier: MIT
 *
 * quantised.cuh: what the kernels for 8- and 4-bit weights share. A block has CW_ROWS rows, two fours of the tiles in ops/kernels.h; two
 *     warps share a four, taking its 512-byte chunks in turns; each thread reads 16 bytes, which are of one row and of 8 of the lanes
 *     of the sum. The integers of all threads that hold the same row and lane are added exactly, so their order does not matter;
 *     only then they become f32, run by run, as in the plain C definition.
 */
#ifndef CW_CUDA_QUANTISED_CUH
#define CW_CUDA_QUANTISED_CUH

#include "cuda/linear.cuh"

#define CW_FOURS (CW_ROWS / CW_TILE_ROWS)
#define CW_PARTS (CW_THREADS / CW_WARP / CW_FOURS) /* warps that share a four */
#define CW_CHUNK 512                               /* bytes that a warp reads at a time */
#define CW_HALF_LANES (CW_LANES / 2)

/* [fours, parts, rows of a four, lanes] of one column */
#define CW_SUMS_BYTES (CW_FOURS * CW_PARTS * CW_TILE_ROWS * CW_LANES * (uint32_t) sizeof (int32_t))

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

#endif
