/* SPDX-License-Identifier: MIT
 *
 * threads.h: CUDA's qualifiers, where a thread is in the grid, barriers and fences.
 *
 *   __shared__    is a static variable: one block runs at a time, and the shadow of the module's data (runtime/shadow.cpp) is what
 *                 makes it the block's own. 64 bytes apart, so that a step over the end of an array falls into a gap.
 *   __constant__  is a variable in a section of its own, which kernels may not write.
 *   __device__    says nothing about a function; a variable with it is global memory that was initialised.
 */
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__ ((always_inline))
#define __noinline__ __attribute__ ((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__ ((aligned (n)))
#define __shared__ static __attribute__ ((aligned (64)))
#define __constant__ __attribute__ ((section ("coc_constant")))

/* Pure: what they answer never changes within a thread. */
#define COC_PURE __attribute__ ((const))

extern "C" {
uint3 coc_thread_index (void) COC_PURE;
uint3 coc_block_index (void) COC_PURE;
dim3  coc_block_size (void) COC_PURE;
dim3  coc_grid_size (void) COC_PURE;
void *coc_dynamic_shared (void) COC_PURE;
int   coc_lane (void) COC_PURE;

enum { COC_BARRIER, COC_BARRIER_OR, COC_BARRIER_AND, COC_BARRIER_COUNT };
int  coc_syncthreads (int what, int predicate);
void coc_fence (int system_wide);
void coc_prefetch (const void *address); /* changes nothing; what is asked for must be a buffer's */
void coc_trap (const char *what) __attribute__ ((noreturn));
}

#define threadIdx (coc_thread_index ())
#define blockIdx (coc_block_index ())
#define blockDim (coc_block_size ())
#define gridDim (coc_grid_size ())
static const int warpSize = 32;

static inline void __syncthreads () { coc_syncthreads (COC_BARRIER, 0); }
static inline int __syncthreads_or (int p) { return coc_syncthreads (COC_BARRIER_OR, p); }
static inline int __syncthreads_and (int p) { return coc_syncthreads (COC_BARRIER_AND, p); }
static inline int __syncthreads_count (int p) { return coc_syncthreads (COC_BARRIER_COUNT, p); }
static inline void __threadfence () { coc_fence (1); }
static inline void __threadfence_system () { coc_fence (1); }
static inline void __threadfence_block () { coc_fence (0); }
static inline void __trap () { coc_trap ("__trap"); }
