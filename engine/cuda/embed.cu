/* SPDX-License-Identifier: MIT
 *
 * embed.cu: the first and the last kernel of a step: x = sum of the codebooks' embeddings + position, and *step += n. The ids come from
 *     the run's table of columns, where the delay pattern already stands. Several columns of a row are fed in one go.
 */
#include "cuda/kernel.cuh"

#define THREADS 128

static __global__ void __launch_bounds__ (THREADS) embed (const __grid_constant__ cw_gpu_embedding e)
{
  const uint32_t c = blockIdx.x * THREADS + threadIdx.x, item = blockIdx.y, row = item / e.each;
  const uint32_t step = (uint32_t) *e.step + item % e.each;
  float          sum = 0.0f;

  if (c >= e.width)
    return;
  if (e.vectors) {
    sum = e.vectors[(size_t) item * e.width + c];
  } else {
    const int32_t *ids = e.columns.ids + ((size_t) (row % e.columns.n_takes) * e.columns.n_columns + (step - e.columns.first)) * e.columns.k;

    for (uint32_t k = 0; k < e.columns.k; k++)
      sum += widen_at (e.tables[k], (size_t) ids[k] * e.width + c, e.dtype);
  }
  if (step < e.n_positions)
    sum += widen_at (e.positions, (size_t) step * e.width + c, e.positions_dtype);
  else if (e.later)
    sum += e.later[(size_t) (step - e.n_positions) * e.width + c];
  e.x[(size_t) item * e.width + c] = sum;
}

cudaError_t
cw_cuda_embed (cudaStream_t stream, const cw_gpu_embedding *e)
{
  return CW_LAUNCH (embed, dim3 (pieces_of (e->width, THREADS), e->n_rows * e->each), THREADS, 0, stream, *e);
}

static __global__ void __launch_bounds__ (CW_WARP) advance (int32_t *step, uint32_t n)
{
  if (threadIdx.x == 0)
    *step += (int32_t) n;
}

cudaError_t
cw_cuda_advance (cudaStream_t stream, int32_t *step, uint32_t n)
{
  return CW_LAUNCH (advance, 1, CW_WARP, 0, stream, step, n);
}
