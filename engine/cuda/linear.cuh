/* SPDX-License-Identifier: MIT
 *
 * linear.cuh: what stands before and behind the product of every linear kernel, whatever the weights' type.
 *
 *     block x   CW_ROWS rows of one of the layers       block y   COLS columns
 *     prologue  the columns as they are, or their layer norm, or put together from an attention's pieces; quantised where the
 *               weights are: each block does it anew for its columns, which costs less than a launch
 *     epilogue  bias, activation, addend; or the place in the cache of keys and values
 *
 * Dynamic shared memory: [weights of the pieces][columns, f32][columns, 16 bits][the kernel's own]; see linear_room.
 */
#ifndef CW_CUDA_LINEAR_CUH
#define CW_CUDA_LINEAR_CUH

#include "cuda/kernel.cuh"
#include "ops/gelu/gelu.h"
#include "ops/quantise/quantise.h"

#define CW_THREADS  128
#define CW_ROWS     8            /* of a block */
#define CW_COLS_MAX 4
#define CW_SHARED_BYTES (44 * 1024) /* dynamic, of a block: with what is static it stays below the 48 KB that every card gives */

/* Where in the dynamic shared memory things stand, in bytes. */
typedef struct {
  uint32_t columns, quantised, own, total;
} cw_linear_room;

static __host__ __device__ __forceinline__ uint32_t
padded (uint32_t n)
{
  return (n + CW_PAD - 1) / CW_PAD * CW_PAD;
}

static __host__ __device__ inline cw_linear_room
linear_room (const cw_gpu_linear *a, uint32_t cols, bool quantised, uint32_t own_bytes)
{
  const uint32_t n_in = a->layers[0].n_in;
  const bool     staged = a->prologue == CW_GPU_MERGE || (a->prologue != CW_GPU_AS_IS && !quantised);
  cw_linear_room room;

  room.columns = a->prologue == CW_GPU_MERGE ? cols * a->pieces.heads * CW_GPU_SPLITS * (uint32_t) sizeof (float) : 0;
  room.quantised = room.columns + (staged ? cols * (n_in + 3) / 4 * 4 * (uint32_t) sizeof (float) : 0);
  room.quantised = (room.quantised + 15) / 16 * 16;
  room.own = room.quantised + (quantised ? cols * padded (n_in) * (uint32_t) sizeof (int16_t) : 0);
  room.total = room.own + own_bytes;
  return room;
}

/* ---- the prologue ------------------------------------------------------------------------------------------------------ */

/* The weights of every piece in its query's result: e^(its largest - the largest) / sum, 0 for those that saw no key. */
static __device__ __forceinline__ void
merge_weights (const cw_gpu_pieces &pieces, uint32_t first, uint32_t cols, float *weights)
{
  for (uint32_t i = threadIdx.x; i < cols * pieces.heads; i += CW_THREADS) {
    const size_t at = ((size_t) first * pieces.heads + i) * CW_GPU_SPLITS;
    float        largest = -INFINITY, total = 0.0f;

    for (unsigned s = 0; s < CW_GPU_SPLITS; s++)
      if (pieces.sums[at + s] > 0.0f)
        largest = fmaxf (largest, pieces.largest[at + s]);
    for (unsigned s = 0; s < CW_GPU_SPLITS; s++) {
      const float weight = pieces.sums[at + s] > 0.0f ? cw_expf (pieces.largest[at + s] - largest) : 0.0f;

      weights[i * CW_GPU_SPLITS + s] = weight;
      total = fmaf (weight, pieces.sums[at + s], total);
    }
    for (unsigned s = 0; s < CW_GPU_SPLITS; s++)
      weights[i * CW_GPU_SPLITS + s] /= total;
  }
}

static __device__ __forceinline__ void
merge (const cw_gpu_pieces &pieces, uint32_t first, uint32_t cols, const float *weights, float *columns)
{
  const uint32_t width = pieces.heads * pieces.d;

  for (uint32_t i = threadIdx.x; i < cols * width; i += CW_THREADS) {
    const uint32_t query_head = i / pieces.d, c = i % pieces.d; /* width = heads d: [cols, heads] and [cols, width] are the same order */
    const float   *values = pieces.values + ((size_t) first * pieces.heads + query_head) * CW_GPU_SPLITS * pieces.d + c;
    float          sum = 0.0f;

    for (unsigned s = 0; s < CW_GPU_SPLITS; s++)
      if (weights[query_head * CW_GPU_SPLITS + s] > 0.0f)
        sum = fmaf (weights[query_head * CW_GPU_SPLITS + s], values[s * pieces.d], sum);
    columns[i] = sum;
  }
}

static __device__ __forceinline__ bool
is_norm (cw_gpu_prologue prologue)
{
  return prologue == CW_GPU_NORM || prologue == CW_GPU_RMS;
}

/* Element @i of column @j of this block, as it goes into the product or is quantised. */
typedef struct {
  const float *x, *gamma, *beta;
  uint32_t     ld;
  float        mean, scale;
  bool         norm;
} cw_column;

static __device__ __forceinline__ float
column_at (const cw_column &column, uint32_t i)
{
  const float value = column.x[i];

  return column.norm ? fmaf ((value - column.mean) * column.scale, column.gamma[i], column.beta ? column.beta[i] : 0.0f) : value;
}

/* The largest of all threads' numbers, to all of them. */
static __device__ __forceinline__ float
block_max (float largest, float *largest_of_warp)
{
  largest = warp_max (largest);
  if (threadIdx.x % CW_WARP == 0)
    largest_of_warp[threadIdx.x / CW_WARP] = largest;
  __syncthreads ();
  for (unsigned w = 0; w < CW_THREADS / CW_WARP; w++)
    largest = fmaxf (largest, largest_of_warp[w]);
  __syncthreads ();
  return largest;
}

/* One column to 15 bits and a scale: ops/quantise/quantise-c.c. All threads. */
static __device__ __forceinline__ float
quantise_column (const cw_column &column, uint32_t n_in, int16_t *q, float *largest_of_warp)
{
  float largest = 0.0f, factor;

  for (uint32_t i = threadIdx.x; i < n_in; i += CW_THREADS)
    largest = fmaxf (largest, fabsf (column_at (column, i)));
  largest = block_max (largest, largest_of_warp);
  factor = largest > 1e-30f ? CW_QUANTISE_MAX / largest : 0.0f;
  for (uint32_t i = threadIdx.x; i < padded (n_in); i += CW_THREADS)
    q[i] = i < n_in ? (int16_t) rintf (column_at (column, i) * factor) : (int16_t) 0;
  return factor > 0.0f ? largest / CW_QUANTISE_MAX : 0.0f;
}

/* Prepares the columns @first … of this block. Returns where they stand as f32, and *ld apart; not for quantised weights, whose columns
 * go to @q [COLS, padded n_in] and their scales to @scales [COLS], shared. */
template <int COLS, bool QUANTISED>
static __device__ __forceinline__ const float *
linear_prologue (const cw_gpu_linear &a, uint32_t first, uint32_t cols, unsigned char *shared, uint32_t *ld, int16_t *q, float *scales)
{
  __shared__ float     mean[CW_COLS_MAX], deviation[CW_COLS_MAX], largest[CW_THREADS / CW_WARP];
  const uint32_t       n_in = a.layers[0].n_in;
  const cw_linear_room room = linear_room (&a, COLS, QUANTISED, 0);
  float               *columns = (float *) (shared + room.columns);
  const float         *x = a.x + (size_t) first * a.ld_x;

  *ld = a.ld_x;
  if (a.prologue == CW_GPU_MERGE) {
    merge_weights (a.pieces, first, cols, (float *) shared);
    __syncthreads ();
    merge (a.pieces, first, cols, (const float *) shared, columns);
    __syncthreads ();
    x = columns;
    *ld = n_in;
  }
  if (is_norm (a.prologue)) {
    const unsigned group = threadIdx.x / CW_LANES, j = group < cols ? group : cols - 1;
    float          m, d;

    norm_of (x + (size_t) j * a.ld_x, n_in, a.eps, threadIdx.x % CW_LANES, a.prologue == CW_GPU_RMS, &m, &d);
    if (group < cols && threadIdx.x % CW_LANES == 0) {
      mean[group] = m;
      deviation[group] = d;
    }
    __syncthreads ();
  }
  if (!QUANTISED && !is_norm (a.prologue))
    return x;

  for (uint32_t j = 0; j < COLS; j++) {
    const uint32_t  k = j < cols ? j : cols - 1;
    const bool      norm = is_norm (a.prologue);
    const cw_column column = { x + (size_t) k * *ld, a.gamma, a.beta, *ld, norm ? mean[k] : 0.0f, norm ? deviation[k] : 0.0f, norm };

    if (QUANTISED) {
      const float scale = quantise_column (column, n_in, q + j * padded (n_in), largest);
      if (threadIdx.x == 0)
        scales[j] = scale;
    } else
      for (uint32_t i = threadIdx.x; i < n_in; i += CW_THREADS)
        columns[j * n_in + i] = column_at (column, i);
  }
  __syncthreads ();
  *ld = n_in;
  return columns;
}

/* ---- the epilogue ------------------------------------------------------------------------------------------------------ */

static __device__ __forceinline__ float
activate (float x, cw_gpu_activation activation)
{
  const float half = 0.5f * x;

  switch (activation) {
  case CW_GPU_RELU:
    return x > 0.0f ? x : 0.0f;
  case CW_GPU_GELU:
    return fmaf (half, cw_erff (x * CW_SQRT_HALF), half);
  case CW_GPU_GELU_TANH:
    return half * (1.0f + tanhf (0.79788456080286535588f * (x + 0.044715f * x * x * x)));
  default:
    return x;
  }
}

/* @sum is row @row of layer @l times column @j. */
static __device__ __forceinline__ void
linear_epilogue (const cw_gpu_linear &a, uint32_t l, uint32_t row, uint32_t j, float sum)
{
  if (a.layers[l].bias)
    sum += a.layers[l].bias[row];
  sum = activate (sum, a.activation);
  if (a.gate)
    sum *= a.gate[(size_t) j * a.ld_y + row];
  if (a.addend)
    sum += a.addend[(size_t) j * a.ld_y + row];
  if (a.cache.keys && l > 0) {
    const size_t head = (size_t) (j / a.each) * a.cache.heads + row / a.cache.d;
    const size_t at = (head * a.cache.max_steps + (uint32_t) *a.step + j % a.each) * a.cache.d + row % a.cache.d;
    void        *cache = l == 1 ? a.cache.keys : a.cache.values;

    if (a.cache.dtype == CW_F16)
      ((__half *) cache)[at] = __float2half_rn (sum);
    else
      ((float *) cache)[at] = sum;
  } else {
    a.y[l][(size_t) j * a.ld_y + row] = sum;
  }
}

/* ---- which rows ---------------------------------------------------------------------------------------------------------- */

/* The layer and its first row of block @block. */
static __device__ __forceinline__ uint32_t
linear_layer (const cw_gpu_linear &a, uint32_t block, uint32_t *row)
{
  uint32_t l = 0;

  for (; l + 1 < a.n_layers && block >= (a.layers[l].n_out + CW_ROWS - 1) / CW_ROWS; l++)
    block -= (a.layers[l].n_out + CW_ROWS - 1) / CW_ROWS;
  *row = block * CW_ROWS;
  return l;
}

static inline unsigned
linear_blocks (const cw_gpu_linear *a)
{
  unsigned n = 0;

  for (uint32_t l = 0; l < a->n_layers; l++)
    n += pieces_of (a->layers[l].n_out, CW_ROWS);
  return n;
}

/* Columns of a block: as many as there are, or as the shared memory holds; 0 when it does not hold one. */
static inline unsigned
linear_cols (const cw_gpu_linear *a, bool quantised, uint32_t own_bytes_a_column)
{
  unsigned cols = a->n >= 3 ? 4 : a->n;

  while (cols > 0 && linear_room (a, cols, quantised, cols * own_bytes_a_column).total > CW_SHARED_BYTES)
    cols /= 2;
  return cols;
}

#endif
