/* SPDX-License-Identifier: MIT
 *
 * nearest.cu: code vectors to their codes (residual vector quantisation, Défossez et al. 2022, section 3.2): see the op of that name in
 *     backend/backend.h. A block has some frames and goes with them through all books, as what one leaves over is what the next one sees; a thread
 *     measures whole code vectors, in the order of the processor's sums, and each number of one that it reads serves all of the block's frames.
 */
#include "cuda/kernel.cuh"

#define THREADS 128
#define WARPS   (THREADS / CW_WARP)
#define FRAMES  4

/* The nearest that was met, of one frame. */
typedef struct {
  float    distance;
  uint32_t code;
} found;

static __device__ __forceinline__ found
nearer (found a, found b)
{
  return b.distance < a.distance || (b.distance == a.distance && b.code < a.code) ? b : a;
}

static __device__ __forceinline__ found
warp_nearest (found own)
{
  for (int half = CW_WARP / 2; half > 0; half /= 2) {
    const found other = { __shfl_xor_sync (CW_FULL_MASK, own.distance, half), __shfl_xor_sync (CW_FULL_MASK, own.code, half) };
    own = nearer (own, other);
  }
  return own;
}

/* Of each of the block's frames, whose vectors are @rest [FRAMES, c], the nearest of this thread's share of the book. */
static __device__ __forceinline__ void
search (const float *book, uint32_t v, uint32_t c, const float *rest, found own[FRAMES])
{
  for (uint32_t code = threadIdx.x; code < v; code += THREADS) {
    const float *vector = book + (size_t) code * c;
    float        distance[FRAMES] = {};

    CW_GPU_UNROLL (4)
    for (uint32_t i = 0; i < c; i++) {
      const float number = vector[i];

      CW_GPU_UNROLL (4)
      for (unsigned f = 0; f < FRAMES; f++) {
        const float difference = rest[f * c + i] - number;
        distance[f] = fmaf (difference, difference, distance[f]);
      }
    }
    CW_GPU_UNROLL (4)
    for (unsigned f = 0; f < FRAMES; f++)
      if (distance[f] < own[f].distance)
        own[f] = { distance[f], code };
  }
}

static __global__ void __launch_bounds__ (THREADS) nearest (const __grid_constant__ cw_gpu_nearest a)
{
  CW_DYN_SHARED (float, rest);
  __shared__ found of_warp[FRAMES][WARPS];
  const uint32_t   first = blockIdx.x * FRAMES, n = a.n - first < FRAMES ? a.n - first : FRAMES;

  for (uint32_t i = threadIdx.x; i < FRAMES * a.c; i += THREADS)
    rest[i] = i / a.c < n ? a.x[(size_t) (i % a.c) * a.ld_x + first + i / a.c] : 0.0f;
  for (uint32_t k = 0; k < a.n_books; k++) {
    const float *book = a.books[k];
    found        own[FRAMES];

    for (unsigned f = 0; f < FRAMES; f++)
      own[f] = { INFINITY, 0 };
    __syncthreads ();
    search (book, a.v, a.c, rest, own);
    for (unsigned f = 0; f < FRAMES; f++) {
      own[f] = warp_nearest (own[f]);
      if (threadIdx.x % CW_WARP == 0)
        of_warp[f][threadIdx.x / CW_WARP] = own[f];
    }
    __syncthreads ();
    for (unsigned f = 0; f < n; f++) {
      found best = of_warp[f][0];

      for (unsigned w = 1; w < WARPS; w++)
        best = nearer (best, of_warp[f][w]);
      if (threadIdx.x == 0)
        a.codes[(size_t) k * a.ld_codes + first + f] = (int32_t) best.code;
      for (uint32_t i = threadIdx.x; i < a.c; i += THREADS)
        rest[f * a.c + i] -= book[(size_t) best.code * a.c + i];
    }
  }
}

cudaError_t
cw_cuda_nearest (cudaStream_t stream, const cw_gpu_nearest *a)
{
  if (a->n == 0)
    return cudaSuccess;
  if (a->c > CW_GPU_LATENT_MAX)
    return cudaErrorInvalidConfiguration;
  return CW_LAUNCH (nearest, pieces_of (a->n, FRAMES), THREADS, FRAMES * a->c * sizeof (float), stream, *a);
}
