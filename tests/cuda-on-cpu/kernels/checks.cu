/* SPDX-License-Identifier: MIT
 *
 * checks.cu: kernels with one fault each, and their twins without it. test-checks.c runs them all in every order: the finding has to be
 * made whatever the order, since a fault that shows only with luck is not found.
 */
#include "cuda/cuda-launch.h"

#include <cuda_fp16.h>
#include <cuda_pipeline.h>

#include "checks.h"

#define KERNEL(name) static __global__ void name (float *o, float *p)
#define T ((int) threadIdx.x)

constexpr unsigned full = 0xffffffffu;

/* ---- nothing to find */
KERNEL (copies) { o[T] = p[T]; }

KERNEL (barrier_between)
{
  __shared__ float a[128];
  a[T] = p[T];
  __syncthreads ();
  o[blockIdx.x * 128 + T] = a[127 - T];
}

KERNEL (syncwarp_between)
{
  __shared__ float a[32];
  a[T] = (float) T;
  __syncwarp ();
  o[T] = a[T ^ 1];
}

KERNEL (half_warps)
{
  __shared__ float a[32];
  const unsigned mine = T < 16 ? 0xffffu : 0xffff0000u;
  a[T] = (float) T;
  __syncwarp (mine);
  o[T] = a[T ^ 1];
}

KERNEL (halves_of_a_word)
{
  __shared__ __half a[128];
  a[T] = __float2half ((float) T);
  __syncthreads ();
  o[T] = __half2float (a[127 - T]);
}

KERNEL (bytes_of_a_word)
{
  ((signed char *) o)[T] = (signed char) T;
}

KERNEL (atomics_meet)
{
  atomicAdd (&o[0], 1.0f);
  atomicMax ((int *) &o[1], T);
}

/* The last block to come adds up what the others published. */
template <bool BEFORE, bool AFTER>
KERNEL (last_block)
{
  __shared__ bool last;
  if (T == 0) {
    p[blockIdx.x] = 1;
    if (BEFORE)
      __threadfence ();
    last = atomicAdd ((unsigned *) &o[255], 1u) == gridDim.x - 1;
    if (AFTER)
      __threadfence ();
  }
  __syncthreads ();
  if (last && T < (int) gridDim.x)
    o[T] = p[T];
}

KERNEL (whole_warp_leaves)
{
  if (T < 32)
    return;
  o[T] = __shfl_xor_sync (full, p[T], 1);
}

KERNEL (waits_for_copy)
{
  __shared__ __align__ (16) float a[32];
  __pipeline_memcpy_async (&a[T], &p[T], 4);
  __pipeline_commit ();
  __pipeline_wait_prior (0);
  o[T] = a[T];
}

static __constant__ float constants[4] = { 1, 2, 3, 4 };
static __device__ float   table[4] = { 5, 6, 7, 8 };
KERNEL (reads_constants) { o[T] = constants[T & 3] + table[T & 3]; }

/* A table stays readable however many barriers pass: the epochs of race.h wrap around. */
KERNEL (many_barriers)
{
  __shared__ float a[64];
  a[T] = p[T];
  __syncthreads ();
  float sum = 0;
  for (int i = 0; i < 5000; i++) {
    sum += a[(T + i) & 63];
    __syncthreads ();
  }
  o[T] = sum;
}

KERNEL (local_array)
{
  float a[64];
  for (int i = 0; i < 64; i++)
    a[(i + T) & 63] = p[i];
  o[T] = a[T & 63];
}

template <int N>
KERNEL (of_a_template)
{
  __shared__ float a[N];
  a[T] = p[T];
  __syncthreads ();
  o[T] = a[N - 1 - T];
}

/* ---- RACE */
KERNEL (no_barrier)
{
  __shared__ float a[128];
  a[T] = p[T];
  o[T] = a[127 - T];
}

KERNEL (no_syncwarp)
{
  __shared__ float a[32];
  a[T] = (float) T;
  o[T] = a[T ^ 1];
}

KERNEL (syncwarp_of_the_other_half)
{
  __shared__ float a[32];
  a[T] = (float) T;
  __syncwarp (T < 16 ? 0xffffu : 0xffff0000u);
  o[T] = a[T ^ 16];
}

KERNEL (shuffle_for_a_barrier)
{
  __shared__ float a[32];
  a[T] = (float) T;
  const float other = __shfl_xor_sync (full, p[T], 1);
  o[T] = a[T ^ 1] + other;
}

KERNEL (blocks_write_one_cell) { o[T] = (float) blockIdx.x; }
KERNEL (block_reads_anothers)
{
  if (blockIdx.x == 0)
    o[T] = 1;
  else
    p[T] = o[T];
}
KERNEL (plain_add) { o[0] += 1.0f; }
KERNEL (atomic_and_plain)
{
  if (T < 32)
    atomicAdd (&o[0], 1.0f);
  else
    p[T] = o[0];
}

/* Four warps read, then the first writes without waiting: two readers are remembered, all must be minded. */
KERNEL (writes_what_many_read)
{
  __shared__ float a[4];
  if (T < 4)
    a[T] = p[T];
  __syncthreads ();
  o[T] = a[0];
  __syncwarp ();
  if (T == 0)
    a[0] = 2;
}

KERNEL (half_of_a_word)
{
  __shared__ __half a[64];
  if (T < 64)
    a[T] = __float2half (1.0f);
  if (T >= 64)
    o[T] = __half2float (a[T - 64]);
}

/* ---- OUT-OF-BOUNDS, ARRAY-INDEX */
KERNEL (reads_past_the_end) { o[T] = p[T + 129]; }
KERNEL (writes_before_the_start) { o[T - 1] = 1; }
KERNEL (last_byte)
{
  char *bytes = (char *) p;
  bytes[T + 1024 - 127] = 1;
}
KERNEL (prefetches) { CW_PREFETCH (p + 2 * T); }
KERNEL (prefetches_past_the_end) { CW_PREFETCH (p + 129 + T); }
KERNEL (past_dynamic)
{
  CW_DYN_SHARED (float, a);
  a[T] = p[T];
  __syncthreads ();
  o[T] = a[T + 1];
}
KERNEL (past_static)
{
  __shared__ float a[17];
  float *at = a;
  if (T < 18)
    at[T] = p[T];
  __syncthreads ();
  o[T] = T < 17 ? a[T] : 0;
}
KERNEL (past_an_array)
{
  __shared__ float a[16];
  if (T < 17)
    a[T] = p[T];
  __syncthreads ();
  o[T] = T < 16 ? a[T] : 0;
}
KERNEL (anothers_stack)
{
  __shared__ float *where;
  float mine[4] = { p[T], 0, 0, 0 };
  if (T == 0)
    where = mine;
  __syncthreads ();
  o[T] = where[T & 3];
}

/* ---- UNINITIALISED */
KERNEL (shared_never_written)
{
  __shared__ float a[128];
  if (T < 127)
    a[T] = p[T];
  __syncthreads ();
  o[T] = a[T];
}
KERNEL (shared_of_the_block_before)
{
  __shared__ float a[128];
  if (blockIdx.x == 0)
    a[T] = p[T];
  __syncthreads ();
  o[blockIdx.x * 128 + T] = a[T];
}
KERNEL (does_not_wait_for_copy)
{
  __shared__ __align__ (16) float a[32];
  __pipeline_memcpy_async (&a[T], &p[T], 4);
  __pipeline_commit ();
  o[T] = a[T];
}
KERNEL (waits_for_one_copy_of_two)
{
  __shared__ __align__ (16) float a[64];
  __pipeline_memcpy_async (&a[T], &p[T], 4);
  __pipeline_commit ();
  __pipeline_memcpy_async (&a[T + 32], &p[T + 32], 4);
  __pipeline_commit ();
  __pipeline_wait_prior (1);
  o[T] = a[T] + a[T + 32];
}

/* ---- MISALIGNED, ASYNC-COPY */
KERNEL (vector_at_4) { *(float4 *) (o + 4 * T) = *(const float4 *) (p + 4 * T + 1); }
KERNEL (pair_at_2)
{
  const __half2 two = *(const __half2 *) ((const __half *) p + 2 * T + 1);
  o[T] = __low2float (two);
}
KERNEL (atomic_at_2) { atomicAdd ((float *) ((char *) o + 2), 1.0f); }
KERNEL (copy_of_3)
{
  __shared__ __align__ (16) float a[32];
  __pipeline_memcpy_async (&a[T], &p[T], 3);
  __pipeline_commit ();
  __pipeline_wait_prior (0);
}

/* ---- WARP-MASK, BARRIER, DEADLOCK */
KERNEL (not_in_its_mask) { o[T] = __shfl_xor_sync (0xffffu, p[T], 1); }
KERNEL (from_outside_the_mask) { o[T] = __shfl_xor_sync (T < 16 ? 0xffffu : 0xffff0000u, p[T], 16); }
KERNEL (lanes_that_do_not_exist) { o[T] = __shfl_xor_sync (full, p[T], 1); }
KERNEL (from_a_lane_that_left)
{
  if (T == 1)
    return;
  o[T] = __shfl_sync (full, p[T], 1);
}
KERNEL (odd_width) { o[T] = __shfl_sync (full, p[T], 1, 24); }
KERNEL (barrier_after_leaving)
{
  if (T >= 100)
    return;
  __syncthreads ();
  o[T] = 1;
}
KERNEL (barrier_in_a_branch)
{
  if (T < 64)
    __syncthreads ();
  else
    while (__any_sync (full, T < 0))
      ;
  o[T] = 1;
}
KERNEL (barrier_against_warp_call)
{
  if (T < 16)
    __syncthreads ();
  else
    __syncwarp ();
  o[T] = 1;
}
KERNEL (shuffle_in_a_branch)
{
  if (T < 31)
    o[T] = __shfl_xor_sync (full, p[T], 1);
  else
    __syncthreads ();
}

/* ---- the rest */
KERNEL (writes_a_constant) { *(float *) &constants[T & 3] = p[T]; }
KERNEL (shifts_too_far) { o[T] = (float) (1 << (T + 20)); }
KERNEL (divides_by_zero) { o[T] = (float) (100 / T); }
KERNEL (traps)
{
  if (p[T] < 1e9f)
    __trap ();
}
static __device__ __noinline__ float
deeper (float x, int n)
{
  volatile float a[256];
  a[n & 255] = x;
  return n ? deeper (a[n & 255], n - 1) + a[n & 255] : x;
}
KERNEL (large_stack) { o[T] = deeper (p[T], 1000); }

#define CASE(kernel, finding, grid, block, bytes)                                                                              \
  {                                                                                                                            \
    #kernel, finding, [] (float *o, float *p, cudaStream_t s) -> cudaError_t { return CW_LAUNCH (kernel, grid, block, bytes, s, o, p); } \
  }
#define LAST_BLOCK(before, after, finding)                                                                                     \
  {                                                                                                                            \
    "last_block, fence before: " #before ", after: " #after, finding, [] (float *o, float *p, cudaStream_t s) -> cudaError_t { \
      cudaMemsetAsync (o, 0, 1024, s);                                                                                         \
      return CW_LAUNCH ((last_block<before, after>), 4, 64, 0, s, o, p);                                                       \
    }                                                                                                                          \
  }
extern "C" const struct check_case check_cases[] = {
  CASE (copies, nullptr, 1, 128, 0),
  CASE (barrier_between, nullptr, 2, 128, 0),
  CASE (syncwarp_between, nullptr, 1, 32, 0),
  CASE (half_warps, nullptr, 1, 32, 0),
  CASE (halves_of_a_word, nullptr, 1, 128, 0),
  CASE (bytes_of_a_word, nullptr, 1, 128, 0),
  CASE (atomics_meet, nullptr, 3, 64, 0),
  LAST_BLOCK (true, true, nullptr),
  CASE (whole_warp_leaves, nullptr, 1, 128, 0),
  CASE (waits_for_copy, nullptr, 1, 32, 0),
  CASE (reads_constants, nullptr, 1, 128, 0),
  CASE (many_barriers, nullptr, 1, 64, 0),
  CASE (local_array, nullptr, 1, 128, 0),
  CASE (of_a_template<96>, nullptr, 1, 96, 0),
  CASE (no_barrier, "RACE", 1, 128, 0),
  CASE (no_syncwarp, "RACE", 1, 32, 0),
  CASE (syncwarp_of_the_other_half, "RACE", 1, 32, 0),
  CASE (shuffle_for_a_barrier, "RACE", 1, 32, 0),
  CASE (blocks_write_one_cell, "RACE", 2, 64, 0),
  CASE (block_reads_anothers, "RACE", 2, 64, 0),
  CASE (plain_add, "RACE", 1, 64, 0),
  CASE (atomic_and_plain, "RACE", 1, 64, 0),
  CASE (writes_what_many_read, "RACE", 1, 128, 0),
  CASE (half_of_a_word, "RACE", 1, 128, 0),
  LAST_BLOCK (false, false, "RACE"),
  LAST_BLOCK (true, false, "RACE"),
  LAST_BLOCK (false, true, "RACE"),
  CASE (reads_past_the_end, "OUT-OF-BOUNDS", 1, 128, 0),
  CASE (writes_before_the_start, "OUT-OF-BOUNDS", 1, 128, 0),
  CASE (last_byte, "OUT-OF-BOUNDS", 1, 128, 0),
  CASE (prefetches, nullptr, 1, 128, 0),
  CASE (prefetches_past_the_end, "OUT-OF-BOUNDS", 1, 128, 0),
  CASE (past_dynamic, "OUT-OF-BOUNDS", 1, 128, 512),
  CASE (past_static, "OUT-OF-BOUNDS", 1, 128, 0),
  CASE (past_an_array, "ARRAY-INDEX", 1, 128, 0),
  CASE (anothers_stack, "OUT-OF-BOUNDS", 1, 32, 0),
  CASE (shared_never_written, "UNINITIALISED", 1, 128, 0),
  CASE (shared_of_the_block_before, "UNINITIALISED", 2, 128, 0),
  CASE (does_not_wait_for_copy, "UNINITIALISED", 1, 32, 0),
  CASE (waits_for_one_copy_of_two, "UNINITIALISED", 1, 32, 0),
  CASE (vector_at_4, "MISALIGNED", 1, 16, 0),
  CASE (pair_at_2, "MISALIGNED", 1, 32, 0),
  CASE (atomic_at_2, "MISALIGNED", 1, 1, 0),
  CASE (copy_of_3, "ASYNC-COPY", 1, 32, 0),
  CASE (not_in_its_mask, "WARP-MASK", 1, 32, 0),
  CASE (from_outside_the_mask, "WARP-MASK", 1, 32, 0),
  CASE (lanes_that_do_not_exist, "WARP-MASK", 1, 48, 0),
  CASE (from_a_lane_that_left, "WARP-MASK", 1, 32, 0),
  CASE (odd_width, "WARP-MASK", 1, 32, 0),
  CASE (barrier_after_leaving, "BARRIER", 1, 128, 0),
  CASE (barrier_in_a_branch, "BARRIER", 1, 128, 0),
  CASE (barrier_against_warp_call, "DEADLOCK", 1, 32, 0),
  CASE (shuffle_in_a_branch, "DEADLOCK", 1, 32, 0),
  CASE (writes_a_constant, "CONSTANT-WRITE", 1, 4, 0),
  CASE (shifts_too_far, "SHIFT", 1, 32, 0),
  CASE (divides_by_zero, "DIVIDE", 1, 32, 0),
  CASE (traps, "TRAP", 1, 32, 0),
  { nullptr, nullptr, nullptr },
};

/* Ends the program. */
extern "C" const struct check_case check_stack = CASE (large_stack, "STACK", 1, 32, 0);
