/* SPDX-License-Identifier: MIT
 *
 * sample.cu: guidance, top-k or top-p, and the draw: the rule of sampling/sampler.h, token for token what the processor draws, because
 *     weights are added up as integers. A block is one codebook of one take, or one frame of a MAGNeT's clip.
 *
 * Nothing is sorted: a key is the bits of a weight, which for positive numbers are in the numbers' order, and the key at which the sum of
 * what stands before it, from the largest down, reaches a goal is found 8 bits at a time. With goal k - 1 and everything counted once
 * that is the k-th largest; with weights it is where top-p cuts, and which token a draw in descending order meets.
 */
#include "cuda/kernel.cuh"
#include "sampling/philox.h"
#include "sampling/sampler.h"

#define THREADS 256
#define WARPS   (THREADS / CW_WARP)
#define BINS    256 /* of one pass: 8 bits */
#define BINS_A_LANE (BINS / CW_WARP)

typedef unsigned long long sum_type;

typedef struct {
  sum_type bins[BINS];
  sum_type warps[WARPS];
  sum_type before; /* what stands in front of the key */
  unsigned prefix; /* of the key, found so far */
  float    largest[WARPS];
  int      best[WARPS];
  int      token;
} shared_state;

/* The tokens first … end - 1 are this thread's, here and in every pass. */
typedef struct {
  float   *weights;
  uint32_t first, end;
} share;

static __device__ __forceinline__ sum_type
scan_warp (sum_type value)
{
  const unsigned lane = threadIdx.x % CW_WARP;

  for (unsigned distance = 1; distance < CW_WARP; distance *= 2) {
    const sum_type other = __shfl_up_sync (CW_FULL_MASK, value, distance);
    if (lane >= distance)
      value += other;
  }
  return value;
}

/* Sum of @value over the threads in front of this one; *total over all. */
static __device__ __forceinline__ sum_type
scan_block (sum_type value, shared_state *s, sum_type *total)
{
  const sum_type inclusive = scan_warp (value);
  sum_type       before = 0;

  __syncthreads ();
  if (threadIdx.x % CW_WARP == CW_WARP - 1)
    s->warps[threadIdx.x / CW_WARP] = inclusive;
  __syncthreads ();
  *total = 0;
  for (unsigned w = 0; w < WARPS; w++) {
    if (w == threadIdx.x / CW_WARP)
      before = *total;
    *total += s->warps[w];
  }
  return before + inclusive - value;
}

/* The bits of the weight at which the sum over larger ones (of 1 each, or of their weights) first exceeds @goal; s->before: the sum in
 * front of it. */
static __device__ __forceinline__ unsigned
find_key (share own, sum_type goal, bool weighted, shared_state *s)
{
  __syncthreads ();
  if (threadIdx.x == 0) {
    s->prefix = 0;
    s->before = 0;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    s->bins[threadIdx.x] = 0;
    __syncthreads ();
    const unsigned prefix = s->prefix, known = shift == 24 ? 0 : 0xffffffffu << (shift + 8);
    const sum_type before = s->before;

    for (uint32_t i = own.first; i < own.end; i++) {
      const unsigned key = __float_as_uint (own.weights[i]);
      if ((key & known) == prefix)
        atomicAdd (&s->bins[key >> shift & (BINS - 1)], weighted ? (sum_type) cw_sampler_fixed (own.weights[i]) : 1);
    }
    __syncthreads ();
    if (threadIdx.x < CW_WARP) {
      const unsigned top = BINS - 1 - threadIdx.x * BINS_A_LANE;
      sum_type       sum = 0, front;

      for (unsigned i = 0; i < BINS_A_LANE; i++)
        sum += s->bins[top - i];
      front = before + scan_warp (sum) - sum;
      if (front <= goal && goal < front + sum) {
        unsigned bin = top;
        while (front + s->bins[bin] <= goal)
          front += s->bins[bin--];
        s->prefix = prefix | bin << shift;
        s->before = front;
      }
    }
    __syncthreads ();
  }
  return s->prefix;
}

/* The @nth token, in the vocabulary's order, whose weight's bits are @key. */
static __device__ __forceinline__ void
pick_equal (share own, unsigned key, sum_type nth, shared_state *s)
{
  sum_type count = 0, total, before;

  for (uint32_t i = own.first; i < own.end; i++)
    count += __float_as_uint (own.weights[i]) == key;
  before = scan_block (count, s, &total);
  if (before <= nth && nth < before + count)
    for (uint32_t i = own.first; i < own.end; i++)
      if (__float_as_uint (own.weights[i]) == key && before++ == nth)
        s->token = (int) i;
}

/* In descending order, those that stay by top-p of all @total. */
static __device__ __forceinline__ void
draw_top_p (share own, sum_type total, float top_p, double uniform, shared_state *s)
{
  const sum_type limit = cw_sampler_part (total, (double) top_p);
  unsigned       key = find_key (own, limit, true, s);
  sum_type       weight = cw_sampler_fixed (__uint_as_float (key)), equals = 0, all_equals, goal;

  for (uint32_t i = own.first; i < own.end; i++)
    equals += __float_as_uint (own.weights[i]) == key;
  scan_block (equals, s, &all_equals);
  equals = (limit - s->before) / weight + 1;
  goal = cw_sampler_part (s->before + (equals < all_equals ? equals : all_equals) * weight, uniform);
  key = find_key (own, goal, true, s);
  weight = cw_sampler_fixed (__uint_as_float (key));
  pick_equal (own, key, (goal - s->before) / weight, s);
}

/* In the vocabulary's order, those whose bits are at least @lowest, whose sum it returns. */
static __device__ __forceinline__ sum_type
draw_in_order (share own, unsigned lowest, double uniform, shared_state *s)
{
  sum_type sum = 0, total, before, goal;

  for (uint32_t i = own.first; i < own.end; i++)
    if (__float_as_uint (own.weights[i]) >= lowest)
      sum += cw_sampler_fixed (own.weights[i]);
  before = scan_block (sum, s, &total);
  goal = cw_sampler_part (total, uniform);
  if (before <= goal && goal < before + sum)
    for (uint32_t i = own.first; i < own.end; i++) {
      if (__float_as_uint (own.weights[i]) >= lowest)
        before += cw_sampler_fixed (own.weights[i]);
      if (before > goal) {
        s->token = (int) i;
        break;
      }
    }
  return total;
}

/* Guides the logits in place and returns the largest; s->token is its place, the first of equals. */
static __device__ __forceinline__ float
guide (share own, const float *null_branch, float guidance, shared_state *s)
{
  float largest = -INFINITY;
  int   best = (int) own.first;

  for (uint32_t i = own.first; i < own.end; i++) {
    if (null_branch)
      own.weights[i] = cw_sampler_guide (own.weights[i], null_branch[i], guidance);
    if (own.weights[i] > largest) {
      largest = own.weights[i];
      best = (int) i;
    }
  }
  for (unsigned distance = 1; distance < CW_WARP; distance *= 2) {
    const float value = __shfl_xor_sync (CW_FULL_MASK, largest, distance);
    const int   place = __shfl_xor_sync (CW_FULL_MASK, best, distance);
    if (value > largest || (value == largest && place < best)) {
      largest = value;
      best = place;
    }
  }
  if (threadIdx.x % CW_WARP == 0) {
    s->largest[threadIdx.x / CW_WARP] = largest;
    s->best[threadIdx.x / CW_WARP] = best;
  }
  __syncthreads ();
  largest = s->largest[0];
  best = s->best[0];
  for (unsigned w = 1; w < WARPS; w++)
    if (s->largest[w] > largest) {
      largest = s->largest[w];
      best = s->best[w];
    }
  if (threadIdx.x == 0)
    s->token = best;
  __syncthreads ();
  return largest;
}

/* Makes weights of the logits; returns the sum of this thread's. */
static __device__ __forceinline__ sum_type
weigh (share own, float largest, float temperature)
{
  const float highest = largest / temperature;
  sum_type    sum = 0;

  for (uint32_t i = own.first; i < own.end; i++) {
    own.weights[i] = cw_sampler_weight (own.weights[i], highest, temperature);
    sum += cw_sampler_fixed (own.weights[i]);
  }
  return sum;
}

/* @sum: of this thread's weights. Returns what the token's weight is a part of for cw_sample_scored: all with top-p, else those that stay. */
static __device__ __forceinline__ sum_type
draw (share own, sum_type sum, const cw_gpu_choice &choice, double uniform, uint32_t v, shared_state *s)
{
  sum_type total;
  unsigned lowest = 0;

  if (choice.top_p > 0.0f) {
    scan_block (sum, s, &total);
    draw_top_p (own, total, choice.top_p, uniform, s);
    return total;
  }
  if (choice.top_k > 0 && (uint32_t) choice.top_k < v)
    lowest = find_key (own, (sum_type) choice.top_k - 1, false, s);
  return draw_in_order (own, lowest, uniform, s);
}

/* This thread's tokens of a vocabulary of @v. */
static __device__ __forceinline__ share
share_of (float *logits, uint32_t v)
{
  const uint32_t each = (v + THREADS - 1) / THREADS, first = threadIdx.x * each;

  return { logits, first < v ? first : v, first + each < v ? first + each : v };
}

/* One block of a multiprocessor will do, as there are few: else ptxas holds the registers to what six can share, and spills. */
static __global__ void __launch_bounds__ (THREADS, 1) sample (const __grid_constant__ cw_gpu_sample a)
{
  __shared__ shared_state s;
  const cw_gpu_choice     choice = *a.choice;
  const uint32_t          k = blockIdx.x, take = blockIdx.y, n_k = a.columns.k, v = a.columns.v, column = (uint32_t) *a.step - a.columns.first;
  const bool              guided = a.n_rows > a.columns.n_takes;
  float                  *logits = a.logits + ((size_t) take * n_k + k) * v;
  const float            *null_branch = guided ? logits + (size_t) a.columns.n_takes * n_k * v : NULL;
  int32_t                *place = a.columns.ids + ((size_t) take * a.columns.n_columns + column + 1) * n_k + k;
  const share             own = share_of (logits, v);

  if (column + 1 >= a.columns.n_columns)
    return;
  const bool  wanted = *place == CW_GPU_TO_DRAW;
  const float largest = guide (own, null_branch, choice.guidance, &s);

  if (wanted && choice.temperature > 0.0f)
    draw (own, weigh (own, largest, choice.temperature), choice, cw_philox_uniform (choice.seed, choice.first_take + take, choice.first_step + column, k), v, &s);
  __syncthreads ();
  if (threadIdx.x == 0) {
    if (wanted)
      *place = s.token;
    a.tokens[take * n_k + k] = *place;
  }
}

cudaError_t
cw_cuda_sample (cudaStream_t stream, const cw_gpu_sample *a)
{
  return CW_LAUNCH (sample, dim3 (a->columns.k, a->columns.n_takes), THREADS, 0, stream, *a);
}

/* A block is one frame. */
static __global__ void __launch_bounds__ (THREADS, 1) sample_scored (const __grid_constant__ cw_gpu_scored a)
{
  __shared__ shared_state s;
  const uint32_t          frame = blockIdx.x;
  const double            uniform = a.uniforms[frame];
  float                  *logits = a.logits + (size_t) frame * a.v;
  const share             own = share_of (logits, a.v);
  sum_type                total;

  if (uniform < 0.0) {
    if (threadIdx.x == 0) {
      a.tokens[frame] = -1;
      a.sure[frame] = 0.0f;
    }
    return;
  }
  const float    largest = guide (own, a.null_branch ? a.null_branch + (size_t) frame * a.v : NULL, a.choice.guidance, &s);
  const sum_type sum = weigh (own, largest, a.choice.temperature);

  if (a.greedy)
    scan_block (sum, &s, &total);
  else
    total = draw (own, sum, a.choice, uniform, a.v, &s);
  __syncthreads ();
  if (threadIdx.x == 0) {
    a.tokens[frame] = s.token;
    a.sure[frame] = (float) ((double) cw_sampler_fixed (logits[s.token]) / (double) total);
  }
}

cudaError_t
cw_cuda_sample_scored (cudaStream_t stream, const cw_gpu_scored *a)
{
  return CW_LAUNCH (sample_scored, dim3 (a->n), THREADS, 0, stream, *a);
}
