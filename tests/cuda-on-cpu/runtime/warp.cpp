/* SPDX-License-Identifier: MIT
 *
 * warp.cpp: calls in which lanes of a warp meet: shuffle, vote, match, reduce, __syncwarp. A call completes when every live lane of its
 * mask waits in it with the same call and the same mask. Whoever completes it works out the results of all, so that no lane can run
 * ahead and spoil another's source. Only __syncwarp orders memory (lane clocks); shuffles do not, as CUDA says.
 */
#include "runtime.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "coc/warp.h"

namespace coc {

enum {
  call_shuffle = 0, /* + how */
  call_ballot = 16,
  call_sync,
  call_match,
  call_tree = 32, /* + operation */
  call_reduce = 48,
  call_reduce_signed = 64
};

static void
finish_shuffle (Fiber *lanes, uint32_t mask, uint32_t active)
{
  for (uint32_t left = active; left; left &= left - 1) {
    const int l = __builtin_ctz (left), width = lanes[l].width, argument = lanes[l].argument, first = l & ~(width - 1);
    int source = l;
    switch (lanes[l].call) {
    case COC_SHFL:
      source = first + (argument & (width - 1));
      break;
    case COC_SHFL_UP:
      source = l - argument < first ? l : l - argument;
      break;
    case COC_SHFL_DOWN:
      source = l + argument >= first + width ? l : l + argument;
      break;
    default: /* the xor may go to an earlier group of @width lanes, not to a later one */
      source = (l ^ argument) >= first + width ? l : l ^ argument;
    }
    lanes[l].wrong = source > 31 || !(mask >> source & 1) ? "the shuffle reads a lane that is not in the mask"
                     : !(active >> source & 1)            ? "the shuffle reads a lane that has ended"
                                                          : nullptr;
    lanes[l].result = lanes[l].wrong ? 0xDEADBEEFDEADBEEFull : lanes[source].value;
  }
}

static void
finish_sync (Fiber *lanes, uint32_t active)
{
  uint32_t joined[warp_size] = { 0 };
  for (uint32_t left = active; left; left &= left - 1)
    for (int i = 0; i < warp_size; i++)
      joined[i] = std::max (joined[i], lanes[__builtin_ctz (left)].clock[i]);
  for (uint32_t left = active; left; left &= left - 1) {
    const int l = __builtin_ctz (left);
    memcpy (lanes[l].clock, joined, sizeof joined);
    lanes[l].clock[l]++;
  }
}

static uint32_t
reduce (uint32_t a, uint32_t b, int operation, bool is_signed)
{
  const bool less = is_signed ? (int32_t) a < (int32_t) b : a < b;
  switch (operation) {
  case COC_ADD:
    return a + b;
  case COC_MIN:
    return less ? a : b;
  case COC_MAX:
    return less ? b : a;
  case COC_AND:
    return a & b;
  case COC_OR:
    return a | b;
  default:
    return a ^ b;
  }
}

static void
finish_tree (Fiber *lanes, int operation)
{
  float x[warp_size], y[warp_size];
  for (int l = 0; l < warp_size; l++)
    memcpy (&x[l], &lanes[l].value, sizeof x[l]);
  for (int step = 16; step; step >>= 1) {
    for (int l = 0; l < warp_size; l++)
      y[l] = operation == COC_ADD ? x[l] + x[l ^ step] : fmaxf (x[l], x[l ^ step]);
    memcpy (x, y, sizeof x);
  }
  for (int l = 0; l < warp_size; l++) {
    lanes[l].result = 0;
    memcpy (&lanes[l].result, &x[l], sizeof x[l]);
  }
}

static void
finish (int warp, uint32_t mask, int call)
{
  Fiber *lanes = fibers + warp * warp_size;
  const uint32_t active = mask & block.waiting[warp];
  if (call < call_ballot) {
    finish_shuffle (lanes, mask, active);
  } else if (call == call_sync) {
    finish_sync (lanes, active);
  } else if (call >= call_tree && call < call_reduce) {
    finish_tree (lanes, call - call_tree);
  } else {
    for (uint32_t left = active; left; left &= left - 1) {
      Fiber &lane = lanes[__builtin_ctz (left)];
      lane.result = call >= call_reduce ? lane.value : 0;
      for (uint32_t others = active; others; others &= others - 1) {
        const int o = __builtin_ctz (others);
        if (call == call_ballot || call == call_match)
          lane.result |= (uint32_t) (call == call_ballot ? lanes[o].value != 0 : lanes[o].value == lane.value) << o;
        else if (&lanes[o] != &lane)
          lane.result = reduce ((uint32_t) lane.result, (uint32_t) lanes[o].value, call & 15, call >= call_reduce_signed);
      }
    }
  }
  for (uint32_t left = active; left; left &= left - 1)
    lanes[__builtin_ctz (left)].state = State::ready;
  block.waiting[warp] &= ~active;
  block.ready[warp] |= active;
}

static bool
is_complete (int warp, uint32_t mask, int call)
{
  if (mask & ~(block.waiting[warp] | block.done[warp]))
    return false;
  for (uint32_t left = mask & block.waiting[warp]; left; left &= left - 1) {
    const Fiber &lane = fibers[warp * warp_size + __builtin_ctz (left)];
    if (lane.mask != mask || lane.call != call)
      return false;
  }
  return true;
}

void
warp_thread_done (int warp)
{
  for (uint32_t left = block.waiting[warp]; left; left &= left - 1) {
    const Fiber &lane = fibers[warp * warp_size + __builtin_ctz (left)];
    if (lane.state == State::at_warp_call && is_complete (warp, lane.mask, lane.call))
      finish (warp, lane.mask, lane.call);
  }
}

static void
meet (uint32_t mask, int call, void *pc)
{
  Fiber *fiber = current;
  const int warp = fiber->warp, n_lanes = std::min (warp_size, block.n_threads - warp * warp_size);
  if (!(mask >> fiber->lane & 1)) {
    report ("WARP-MASK", pc, "the calling lane %d is not in its own mask %08x", fiber->lane, mask);
    launch_wrong ();
  }
  if (n_lanes < warp_size && mask >> n_lanes) {
    report ("WARP-MASK", pc, "the mask %08x names lanes that the block does not have: its last warp has %d", mask, n_lanes);
    launch_wrong ();
  }
  fiber->mask = mask;
  fiber->call = call;
  fiber->state = State::at_warp_call;
  block.waiting[warp] |= 1u << fiber->lane;
  block.ready[warp] &= ~(1u << fiber->lane);
  if (is_complete (warp, mask, call))
    finish (warp, mask, call);
  else
    fiber_yield ();
}

} // namespace coc

using namespace coc;

COC_HIDDEN uint64_t
coc_shuffle (unsigned mask, uint64_t value, int how, int argument, int width)
{
  Fiber *fiber = current;
  if (width < 1 || width > warp_size || (width & (width - 1))) {
    report ("WARP-MASK", COC_CALLER, "the width of a shuffle is %d: a power of two up to 32 was expected", width);
    launch_wrong ();
  }
  fiber->value = value;
  fiber->argument = argument;
  fiber->width = width;
  fiber->wrong = nullptr;
  meet (mask, call_shuffle + how, COC_CALLER);
  if (fiber->wrong)
    report ("WARP-MASK", COC_CALLER, "%s %08x", fiber->wrong, mask);
  return fiber->result;
}

COC_HIDDEN unsigned
coc_ballot (unsigned mask, int predicate)
{
  current->value = predicate != 0;
  meet (mask, call_ballot, COC_CALLER);
  return (unsigned) current->result;
}

COC_HIDDEN void
coc_syncwarp (unsigned mask)
{
  meet (mask, call_sync, COC_CALLER);
}

COC_HIDDEN uint32_t
coc_reduce (unsigned mask, uint32_t value, int operation, int is_signed)
{
  if (arch ().sm < 80)
    report ("ARCH", COC_CALLER, "__reduce_…_sync needs sm_80; this is sm_%d", arch ().sm);
  current->value = value;
  meet (mask, (is_signed ? call_reduce_signed : call_reduce) + operation, COC_CALLER);
  return (uint32_t) current->result;
}

COC_HIDDEN unsigned
coc_match (unsigned mask, uint64_t value, int)
{
  current->value = value;
  meet (mask, call_match, COC_CALLER);
  return (unsigned) current->result;
}

COC_HIDDEN float
coc_warp_tree (float value, int operation)
{
  current->value = 0;
  memcpy (&current->value, &value, sizeof value);
  meet (~0u, call_tree + operation, COC_CALLER);
  memcpy (&value, &current->result, sizeof value);
  return value;
}
