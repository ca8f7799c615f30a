/* SPDX-License-Identifier: MIT
 *
 * books.cu: codes to the sum of their code vectors (residual vector quantisation, Défossez et al. 2022, section 3.2), added up book by book
 *     as models/encodec.c does; and a matrix turned around, on the way into and out of the LSTM.
 */
#include "cuda/kernel.cuh"

#define THREADS 128

static __global__ void __launch_bounds__ (THREADS) sum_books (const __grid_constant__ cw_gpu_books a)
{
  const uint32_t t = blockIdx.x * THREADS + threadIdx.x, c = blockIdx.y, signal = blockIdx.z;
  const int32_t *codes = a.codes + (size_t) signal * a.n_books * a.ld_codes;
  float          sum = 0.0f;

  if (t >= a.n)
    return;
  for (uint32_t k = 0; k < a.n_books; k++)
    sum += a.books[k][(size_t) codes[(size_t) k * a.ld_codes + t] * a.c + c];
  a.y[((size_t) signal * a.c + c) * a.ld_y + t] = sum;
}

cudaError_t
cw_cuda_books (cudaStream_t stream, const cw_gpu_books *a)
{
  return CW_LAUNCH (sum_books, dim3 (pieces_of (a->n, THREADS), a->c, a->n_signals), THREADS, 0, stream, *a);
}

#define SIDE 16

static __global__ void __launch_bounds__ (SIDE *SIDE)
  turn (float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n, const float *addend, uint32_t ld_addend)
{
  __shared__ float tile[SIDE][SIDE + 1]; /* a column more: no two threads of a warp meet in one bank */
  const uint32_t   column = threadIdx.x % SIDE, row = threadIdx.x / SIDE;
  const uint32_t   from_row = blockIdx.y * SIDE + row, from_column = blockIdx.x * SIDE + column;
  const uint32_t   to_row = blockIdx.x * SIDE + row, to_column = blockIdx.y * SIDE + column;

  if (from_row < c && from_column < n)
    tile[row][column] = x[(size_t) from_row * ld_x + from_column];
  __syncthreads ();
  if (to_row < n && to_column < c)
    y[(size_t) to_row * ld_y + to_column] = tile[column][row] + (addend ? addend[(size_t) to_row * ld_addend + to_column] : 0.0f);
}

cudaError_t
cw_cuda_transpose (cudaStream_t stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n, const float *addend,
                   uint32_t ld_addend)
{
  return CW_LAUNCH (turn, dim3 (pieces_of (n, SIDE), pieces_of (c, SIDE)), SIDE * SIDE, 0, stream, y, ld_y, x, ld_x, c, n, addend,
                    ld_addend);
}
