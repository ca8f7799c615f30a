/* SPDX-License-Identifier: MIT
 *
 * linear.cuh: what stands before and behind the product of every linear kernel, whatever the weights' type.
 *
 *     block x   CW_ROWS rows of one of the layers       block y   COLS columns
 *     prologue  the columns as they are, or their layer norm, or put together from an attention's pieces; quantised where the
 *               weights are: each block does it anew for its columns, which costs less than a launch, while its weights
 *               come to the second-level cache
 *     epilogue  bias, activation, addend; or the place in the cache of keys and values
 *
 * Dynamic shared memory: [weights of the pieces][columns, f32][columns, 16 bits][the sums of quantised.cuh]; see linear_room.
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

/* Quantised weights: a block's rows in fours, warps that share a four, and the integers of one column, [fours, parts, rows of a four,
 * lanes] */
#define CW_FOURS (CW_ROWS / CW_TILE_ROWS)
#define CW_PARTS (CW_THREADS / CW_WARP / CW_FOURS)
#define CW_SUMS_BYTES (CW_FOURS * CW_PARTS * CW_TILE_ROWS * CW_LANES * (uint32_t) sizeof (int32_t))

/* Where in the dynamic shared memory things stand, in bytes. @staged: the columns stand there as f32, with their norm. */
typedef struct {
  uint32_t columns, quantised, sums, total;
  bool     staged;
} cw_linear_room;

static __host__ __device__ __forceinline__ uint32_t
padded (uint32_t n)
{
  return (n + CW_PAD - 1) / CW_PAD * CW_PAD;
}

static __host__ __device__ __forceinline__ bool
is_norm (cw_gpu_prologue prologue)
{
  return prologue == CW_GPU_NORM || prologue == CW_GPU_RMS;
}

static __host__ __device__ inline cw_linear_room
linear_room (const cw_gpu_linear *a, uint32_t cols, bool quantised)
{
  const uint32_t n_in = a->layers[0].n_in, f32_bytes = (cols * n_in * (uint32_t) sizeof (float) + 15) / 16 * 16;
  cw_linear_room room;

  room.columns = a->prologue == CW_GPU_MERGE ? cols * a->pieces.heads * CW_GPU_SPLITS * (uint32_t) sizeof (float) : 0;
  room.quantised = (room.columns + 15) / 16 * 16;
  room.sums = room.quantised + (quantised ? cols * padded (n_in) * (uint32_t) sizeof (int16_t) : 0);
  room.total = room.sums + (quantised ? cols * CW_SUMS_BYTES : 0);
  /* A norm that is to be quantised does without, where it would leave room for fewer columns. */
  room.staged = a->prologue == CW_GPU_MERGE || (is_norm (a->prologue) && (!quantised || room.total + f32_bytes <= CW_SHARED_BYTES));
  if (room.staged) {
    room.quantised += f32_bytes;
    room.sums += f32_bytes;
    room.total += f32_bytes;
  }
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

/* Element @i of column @j of this block, as it goes into the product or is quantised. */
typedef struct {
  const float *x, *gamma, *beta;
  float        mean, scale;
  bool         norm;
} cw_column;

static __device__ __forceinline__ float
column_at (const cw_column &column, uint32_t i)
{
  const float value = column.x[i];

  return column.norm ? fmaf ((value - column.mean) * column.scale, column.gamma[i], column.beta ? column.beta[i] : 0.0f) : value;
}

/* Asks the second-level cache for this block's rows of layer @l, from @row on, so that they come while the prologue works. */
static __device__ __forceinline__ void
ask_for_rows (const cw_gpu_linear &a, uint32_t l, uint32_t row, bool quantised)
{
  const cw_gpu_matrix &m = a.layers[l];
  const uint32_t       n_out = quantised ? (m.n_out + CW_TILE_ROWS - 1) / CW_TILE_ROWS * CW_TILE_ROWS : m.n_out;
  const uint32_t       rows = n_out - row < CW_ROWS ? n_out - row : CW_ROWS;
  const size_t         row_bytes = m.dtype == CW_F32  ? (size_t) m.n_in * 4
                                   : m.dtype == CW_I8 ? padded (m.n_in)
                                   : m.dtype == CW_U8 ? padded (m.n_in) / 2
                                                      : (size_t) m.n_in * 2;
  const unsigned char *w = (const unsigned char *) m.w + row * row_bytes;

  for (size_t at = threadIdx.x * CW_GPU_SECTOR; at < rows * row_bytes; at += CW_THREADS * CW_GPU_SECTOR)
    CW_PREFETCH (w + at);
}

/* The largest of all threads' numbers, of each column, to all of them. */
template <int COLS>
static __device__ __forceinline__ void
block_max (float (&largest)[COLS])
{
  __shared__ float of_warp[COLS][CW_THREADS / CW_WARP];

  CW_GPU_UNROLL (4)
  for (int j = 0; j < COLS; j++) {
    largest[j] = warp_max (largest[j]);
    if (threadIdx.x % CW_WARP == 0)
      of_warp[j][threadIdx.x / CW_WARP] = largest[j];
  }
  __syncthreads ();
  for (int j = 0; j < COLS; j++)
    for (unsigned w = 0; w < CW_THREADS / CW_WARP; w++)
      largest[j] = fmaxf (largest[j], of_warp[j][w]);
}

/* The columns to 15 bits and a scale: ops/quantise/quantise-c.c. All threads, each the numbers that it has staged. */
template <int COLS>
static __device__ __forceinline__ void
quantise_columns (const cw_column (&columns)[COLS], float (&largest)[COLS], uint32_t n_in, int16_t *q, float *scales)
{
  const uint32_t n = padded (n_in);
  float          factor[COLS];

  block_max<COLS> (largest);
  CW_GPU_UNROLL (4)
  for (int j = 0; j < COLS; j++) {
    factor[j] = largest[j] > 1e-30f ? CW_QUANTISE_MAX / largest[j] : 0.0f;
    if (threadIdx.x == 0)
      scales[j] = factor[j] > 0.0f ? largest[j] / CW_QUANTISE_MAX : 0.0f;
  }
  CW_GPU_UNROLL (4)
  for (uint32_t i = threadIdx.x; i < n; i += CW_THREADS)
    CW_GPU_UNROLL (4)
    for (int j = 0; j < COLS; j++)
      q[j * n + i] = i < n_in ? (int16_t) rintf (column_at (columns[j], i) * factor[j]) : (int16_t) 0;
}

/* Prepares the columns @first … of this block. Returns where they stand as f32, and *ld apart; not for quantised weights, whose columns
 * go to @q [COLS, padded n_in] and their scales to @scales [COLS], shared. */
template <int COLS, bool QUANTISED>
static __device__ __forceinline__ const float *
linear_prologue (const cw_gpu_linear &a, uint32_t first, uint32_t cols, unsigned char *shared, uint32_t *ld, int16_t *q, float *scales)
{
  __shared__ float     mean[CW_COLS_MAX], deviation[CW_COLS_MAX];
  const uint32_t       n_in = a.layers[0].n_in;
  const cw_linear_room room = linear_room (&a, COLS, QUANTISED);
  const bool           norm = is_norm (a.prologue);
  float               *staged = (float *) (shared + room.columns);
  const float         *x = a.x + (size_t) first * a.ld_x;
  cw_column            columns[COLS];
  float                largest[COLS] = {};

  *ld = a.ld_x;
  if (!QUANTISED && a.prologue == CW_GPU_AS_IS)
    return x;
  if (a.prologue == CW_GPU_MERGE) {
    merge_weights (a.pieces, first, cols, (float *) shared);
    __syncthreads ();
    merge (a.pieces, first, cols, (const float *) shared, staged);
    __syncthreads ();
    x = staged;
    *ld = n_in;
  }
  CW_GPU_UNROLL (4)
  for (uint32_t j = 0; j < COLS; j++)
    columns[j] = { x + (size_t) (j < cols ? j : cols - 1) * *ld, a.gamma, a.beta, 0.0f, 0.0f, norm };
  if (norm && room.staged) {
    CW_GPU_UNROLL (4)
    for (uint32_t i = threadIdx.x; i < n_in; i += CW_THREADS)
      CW_GPU_UNROLL (4)
      for (uint32_t j = 0; j < COLS; j++)
        staged[j * n_in + i] = columns[j].x[i];
    x = staged;
    *ld = n_in;
    __syncthreads ();
  }
  if (norm) {
    const unsigned group = threadIdx.x / CW_LANES, j = group < cols ? group : cols - 1;
    float          m, d;

    norm_of (x + (size_t) j * *ld, n_in, a.eps, threadIdx.x % CW_LANES, a.prologue == CW_GPU_RMS, &m, &d);
    if (group < cols && threadIdx.x % CW_LANES == 0) {
      mean[group] = m;
      deviation[group] = d;
    }
    __syncthreads ();
    CW_GPU_UNROLL (4)
    for (uint32_t j = 0; j < COLS; j++) {
      columns[j].mean = mean[j < cols ? j : cols - 1];
      columns[j].scale = deviation[j < cols ? j : cols - 1];
    }
  }
  CW_GPU_UNROLL (4)
  for (uint32_t i = threadIdx.x; i < n_in && (norm || QUANTISED); i += CW_THREADS)
    CW_GPU_UNROLL (4)
    for (uint32_t j = 0; j < COLS; j++) {
      const float value = column_at (columns[j], i);

      largest[j] = fmaxf (largest[j], fabsf (value));
      if (norm && room.staged)
        staged[j * n_in + i] = value;
    }
  if (QUANTISED) {
    CW_GPU_UNROLL (4)
    for (uint32_t j = 0; j < COLS && room.staged && norm; j++)
      columns[j] = { staged + j * n_in, NULL, NULL, 0.0f, 0.0f, false };
    quantise_columns<COLS> (columns, largest, n_in, q, scales);
  }
  __syncthreads ();
  return staged;
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
linear_cols (const cw_gpu_linear *a, bool quantised)
{
  unsigned cols = a->n >= 3 ? 4 : a->n;

  while (cols > 0 && linear_room (a, cols, quantised).total > CW_SHARED_BYTES)
    cols /= 2;
  return cols;
}

#endif
