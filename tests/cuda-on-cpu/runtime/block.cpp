/* SPDX-License-Identifier: MIT
 *
 * block.cpp: one block from its first thread to its last. A warp keeps its turn until none of its lanes can go on, then the next warp
 * gets one; in which order is `order`: forward, reverse, or drawn anew at each turn from a seed. Threads change only where CUDA lets
 * them wait (barriers and warp calls), which is why races are found by the shadow, not by bad luck.
 */
#include "runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "coc/threads.h"
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace coc {

BlockState block;
coc_order  order = COC_FORWARD;

static uint32_t random_state = 1;
static struct {
  int any, all, count;
} votes, result; /* of __syncthreads_or, _and, _count: being collected, and of the barrier that was passed */

uint32_t
random_below (uint32_t n)
{
  random_state ^= random_state << 13; /* xorshift32, Marsaglia 2003 */
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return (uint32_t) ((uint64_t) random_state * n >> 32);
}

/* One of the lanes in @ready, which is not empty. Forward goes round from the lane after @last. */
static int
choose_lane (uint32_t ready, int last)
{
  if (order == COC_REVERSE)
    return 31 - __builtin_clz (ready);
  if (order == COC_RANDOM)
    for (uint32_t n = random_below ((uint32_t) __builtin_popcount (ready)); n; n--)
      ready &= ready - 1;
  else if (last < 31 && ready >> (last + 1))
    ready &= ~0u << (last + 1);
  return __builtin_ctz (ready);
}

/* The running thread cannot go on, or is done: to a lane of the same warp if there is one, else back to block_run. */
void
fiber_yield (void)
{
  Fiber *fiber = current;
  const uint32_t ready = block.ready[fiber->warp];
  if (ready && !block.given_up) {
    Fiber *next = &fibers[fiber->warp * warp_size + choose_lane (ready, fiber->lane)];
    if (next != fiber)
      fiber_switch (fiber, next);
  } else {
    fiber_leave (fiber);
  }
}

static void
set_ready (Fiber *fiber)
{
  fiber->state = State::ready;
  block.ready[fiber->warp] |= 1u << fiber->lane;
}

static void
pass_barrier (void)
{
  result = votes;
  votes = { 0, 1, 0 };
  block.n_at_barrier = 0;
  shadow_barrier ();
  for (int i = 0; i < block.n_threads; i++)
    if (fibers[i].state == State::at_barrier)
      set_ready (&fibers[i]);
}

static void
thread_done (Fiber *fiber)
{
  fiber->state = State::done;
  block.ready[fiber->warp] &= ~(1u << fiber->lane);
  block.done[fiber->warp] |= 1u << fiber->lane;
  block.n_alive--;
  statistics[COC_THREADS]++;
  if (block.n_alive && block.n_at_barrier == block.n_alive) {
    report ("BARRIER", nullptr, "threads ended while others wait at __syncthreads");
    pass_barrier ();
  }
  warp_thread_done (fiber->warp);
}

/* Every fiber runs this for ever, once round for each thread that it is. */
static void
run_threads (void)
{
  for (;;) {
    launch->run (launch->arguments.data ());
    thread_done (current);
    fiber_yield ();
  }
}

static void
start_threads (void)
{
  fiber_main = run_threads;
  fibers_start ();
  const dim3 size = launch->block;
  block.n_threads = block.n_alive = (int) (size.x * size.y * size.z);
  block.n_at_barrier = 0;
  block.given_up = false;
  votes = { 0, 1, 0 };
  memset (block.ready, 0, sizeof block.ready);
  memset (block.waiting, 0, sizeof block.waiting);
  memset (block.done, 0, sizeof block.done);
  for (int i = 0; i < block.n_threads; i++) {
    Fiber *fiber = &fibers[i];
    fiber->id = i;
    fiber->lane = i % warp_size;
    fiber->warp = i / warp_size;
    fiber->index = { (unsigned) i % size.x, (unsigned) i / size.x % size.y, (unsigned) i / (size.x * size.y) };
    fiber->fenced = false;
    fiber->copy_group = 0;
    set_ready (fiber);
  }
  async_copies_forget ();
  shadow_block ();
}

static const char *
waits_at (const Fiber &fiber)
{
  return fiber.state == State::at_barrier ? "__syncthreads" : fiber.state == State::at_warp_call ? "a warp call" : "nothing";
}

static void
report_deadlock (void)
{
  for (int i = 0; i < block.n_threads; i++) {
    Fiber &fiber = fibers[i];
    if (fiber.state == State::done)
      continue;
    const Fiber *other = &fiber;
    for (int j = 0; j < block.n_threads && other == &fiber; j++)
      if (fibers[j].state != State::done
          && (fibers[j].state != fiber.state
              || (fiber.state == State::at_warp_call && (fibers[j].mask != fiber.mask || fibers[j].call != fiber.call))))
        other = &fibers[j];
    current = &fiber;
    report ("DEADLOCK", nullptr, "this thread waits at %s (mask %08x), thread %d at %s (mask %08x)", waits_at (fiber), fiber.mask, other->id,
            waits_at (*other), other->mask);
    current = nullptr;
    return;
  }
}

bool
block_run (uint3 index)
{
  block.index = index;
  start_threads ();
  int warps[max_threads / warp_size];
  const int n_warps = (block.n_threads + warp_size - 1) / warp_size;
  for (int i = 0; i < n_warps; i++)
    warps[i] = order == COC_REVERSE ? n_warps - 1 - i : i;
  while (block.n_alive) {
    bool went_on = false;
    for (int i = 0; i < n_warps; i++) {
      if (order == COC_RANDOM)
        std::swap (warps[i], warps[i + (int) random_below ((uint32_t) (n_warps - i))]);
      while (block.ready[warps[i]]) {
        went_on = true;
        fiber_enter (&fibers[warps[i] * warp_size + choose_lane (block.ready[warps[i]], 31)]);
        current = nullptr;
        if (block.given_up)
          return false;
      }
    }
    if (!went_on) {
      report_deadlock ();
      return false;
    }
  }
  return true;
}

} // namespace coc

using namespace coc;

COC_HIDDEN uint3 coc_thread_index (void) { return current->index; }
COC_HIDDEN uint3 coc_block_index (void) { return block.index; }
COC_HIDDEN dim3  coc_block_size (void) { return launch->block; }
COC_HIDDEN dim3  coc_grid_size (void) { return launch->grid; }
COC_HIDDEN int   coc_lane (void) { return current->lane; }
COC_HIDDEN void *coc_dynamic_shared (void) { return dynamic_shared; }

COC_HIDDEN int
coc_syncthreads (int what, int predicate)
{
  if (block.n_alive != block.n_threads)
    report ("BARRIER", COC_CALLER, "__syncthreads after some threads of the block have ended");
  votes.any |= !!predicate;
  votes.all &= !!predicate;
  votes.count += !!predicate;
  Fiber *fiber = current;
  if (++block.n_at_barrier == block.n_alive) {
    pass_barrier ();
  } else {
    fiber->state = State::at_barrier;
    block.ready[fiber->warp] &= ~(1u << fiber->lane);
    fiber_yield ();
  }
  return what == COC_BARRIER_OR ? result.any : what == COC_BARRIER_AND ? result.all : result.count;
}

COC_HIDDEN void
coc_fence (int device_wide)
{
  if (device_wide)
    shadow_fence ();
}

COC_HIDDEN void
coc_trap (const char *what)
{
  report ("TRAP", COC_CALLER, "%s", what);
  launch_wrong ();
  __builtin_unreachable ();
}

void
coc_set_order (enum coc_order new_order, unsigned seed)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  order = new_order;
  random_state = seed ? seed : 1;
}
