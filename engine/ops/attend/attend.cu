/* SPDX-License-Identifier: MIT
 *
 * attend.cu: attention of one query a row over many keys, split so that a few long rows fill a card. A block takes one piece of the keys of
 *     one head of one query, in tiles, with a running maximum (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
 *     arXiv:2205.14135); the layer behind it puts the pieces together (cuda/linear.cuh), so that no block waits for another.
 *
 * Scores have the order of attend-c.c; the weights and the values are added up piece by piece, so results differ from it by rounding.
 */
#include "cuda/kernel.cuh"

#define THREADS  128
#define TILE     64             /* keys */
#define GROUPS   (THREADS / CW_LANES)
#define D_MAX    512
/* that a multiprocessor must hold: told so ptxas spills nothing; left alone it keeps to 32 registers on sm_90, and does */
#if defined __CUDA_ARCH__ && __CUDA_ARCH__ < 800
#define BLOCKS   8              /* 1024 threads are all it can */
#else
#define BLOCKS   12
#endif
#define OWN_MAX  (D_MAX / THREADS) /* numbers of y a thread has, when a head is wider than a block */

/* The keys of one head of one query: key p at p * stride, with bias[p] added to its score unless that is NULL. */
typedef struct {
  const void  *keys, *values;
  const float *bias;
  size_t       stride;
  uint32_t     n;
} sight;

static __device__ __forceinline__ sight
look (const cw_gpu_attention &a, uint32_t query, uint32_t head)
{
  const uint32_t row = query / a.each, column = query % a.each;

  if (a.cache.keys) {
    const size_t at = ((size_t) row * a.heads + head) * a.cache.max_steps * a.d, size = a.cache.dtype == CW_F16 ? 2 : 4;

    return { (const char *) a.cache.keys + at * size, (const char *) a.cache.values + at * size, NULL, a.d, (uint32_t) *a.step + column + 1 };
  }
  const cw_gpu_text text = a.texts[row];
  const uint32_t    first = a.near && column > a.reach ? column - a.reach : 0;
  const uint32_t    end = a.near && a.reach < text.n - 1 - column ? column + a.reach + 1 : text.n;
  const size_t      width = (size_t) a.heads * a.d, at = (a.layer * text.n + first) * width + head * a.d;

  return { text.keys + at, text.values + at, a.bias ? a.bias + (size_t) head * (2 * a.each - 1) + a.each - 1 - column + first : NULL, width,
           end - first };
}

template <typename T>
static __global__ void __launch_bounds__ (THREADS, BLOCKS) attend (const __grid_constant__ cw_gpu_attention a)
{
  __shared__ float scores[TILE], weights[TILE], added[THREADS];
  const uint32_t   head = blockIdx.x, query = blockIdx.y, d = a.d, thread = threadIdx.x, lane = thread % CW_LANES, w = thread % CW_WARP;
  const sight      see = look (a, query, head);
  const uint32_t   piece = (see.n + CW_GPU_SPLITS * CW_LANES - 1) / (CW_GPU_SPLITS * CW_LANES) * CW_LANES;
  const uint32_t   begin = blockIdx.z * piece < see.n ? blockIdx.z * piece : see.n, end = see.n - begin < piece ? see.n : begin + piece;
  const uint32_t   own = d < THREADS ? 1 : (d + THREADS - 1) / THREADS, groups = d < THREADS ? THREADS / d : 1;
  const uint32_t   group = d < THREADS ? thread / d : 0, first = d < THREADS ? thread % d : thread;
  const size_t     at = ((size_t) query * a.heads + head) * CW_GPU_SPLITS + blockIdx.z;
  const float     *q = a.q + ((size_t) query * a.heads + head) * d;
  const T         *keys = (const T *) see.keys, *values = (const T *) see.values;
  float            largest = -INFINITY, total = 0.0f, y[OWN_MAX] = {};

  if (!a.cache.keys) /* a text is soon read */
    ask_ahead (a.ahead);
  for (uint32_t tile = begin; tile < end; tile += TILE) {
    const uint32_t n = end - tile < TILE ? end - tile : TILE;

    for (uint32_t p = thread / CW_LANES; p < TILE; p += GROUPS) {
      const T *key = keys + (size_t) (tile + (p < n ? p : n - 1)) * see.stride;
      float    sum = 0.0f;

      CW_GPU_UNROLL (4)
      for (uint32_t c = lane; c < d; c += CW_LANES)
        sum = fmaf (q[c], widen (key[c]), sum);
      sum = lanes_sum (sum);
      if (lane == 0)
        scores[p] = p < n ? sum * a.scale + (see.bias ? see.bias[tile + p] : 0.0f) : -INFINITY;
    }
    __syncthreads ();
    const float low = scores[w], high = scores[w + CW_WARP], before = largest;
    largest = fmaxf (largest, warp_max (fmaxf (low, high)));
    const float weight_low = low > -INFINITY ? cw_expf (low - largest) : 0.0f, weight_high = high > -INFINITY ? cw_expf (high - largest) : 0.0f;
    const float shrink = before > -INFINITY ? cw_expf (before - largest) : 0.0f;
    total = fmaf (total, shrink, warp_sum (weight_low + weight_high));
    if (thread < CW_WARP) {
      weights[w] = weight_low;
      weights[w + CW_WARP] = weight_high;
    }
    __syncthreads ();
    for (uint32_t i = 0; i < OWN_MAX && i < own; i++) {
      const uint32_t c = first + i * THREADS;

      y[i] *= shrink;
      if (c < d && group < groups)
        CW_GPU_UNROLL (4)
        for (uint32_t p = group; p < n; p += groups)
          y[i] = fmaf (weights[p], widen (values[(size_t) (tile + p) * see.stride + c]), y[i]);
    }
  }

  if (a.cache.keys)
    ask_ahead (a.ahead);
  added[thread] = y[0];
  __syncthreads ();
  if (thread == 0) {
    a.pieces.sums[at] = total;
    a.pieces.largest[at] = largest;
  }
  if (group == 0 && begin < end)
    for (uint32_t i = 0; i < OWN_MAX && i < own; i++) {
      const uint32_t c = first + i * THREADS;
      float          sum = y[i];

      for (uint32_t g = 1; g < groups; g++)
        sum += added[g * d + c];
      if (c < d)
        a.pieces.values[at * d + c] = sum;
    }
}

cudaError_t
cw_cuda_attend (cudaStream_t stream, const cw_gpu_attention *a)
{
  const dim3 grid (a->heads, a->n, CW_GPU_SPLITS);

  if (a->d > D_MAX)
    return cudaErrorInvalidConfiguration;
  if (a->cache.keys && a->cache.dtype == CW_F16)
    return CW_LAUNCH (attend<__half>, grid, THREADS, 0, stream, *a);
  return CW_LAUNCH (attend<float>, grid, THREADS, 0, stream, *a);
}
