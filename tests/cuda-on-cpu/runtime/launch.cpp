/* SPDX-License-Identifier: MIT
 *
 * launch.cpp: a kernel from its launch to its last block. The launch is checked and queued by coc_enqueue; when its stream is waited
 * for, launch_run takes the blocks one after another, in the order asked for.
 */
#include "runtime.h"

#include <cstring>
#include <algorithm>
#include <numeric>

#include "coc/launch.h"

namespace coc {

const Launch *launch;
Module       *launch_module;
char         *dynamic_shared;

void
launch_wrong (void)
{
  block.given_up = true;
  for (;;) /* nobody comes back to this fiber */
    fiber_leave (current);
}

/* Block number i of n in the order asked for: random is i * factor + shift, with a factor that has no divisor in common with n. */
struct BlockOrder {
  uint64_t n, factor = 1, shift = 0;
  explicit BlockOrder (uint64_t n_blocks) : n (n_blocks)
  {
    if (order != COC_RANDOM || n < 2)
      return;
    do
      factor = 1 + random_below ((uint32_t) std::min<uint64_t> (n, UINT32_MAX));
    while (std::gcd (factor, n) != 1);
    shift = random_below ((uint32_t) std::min<uint64_t> (n, UINT32_MAX));
  }
  uint64_t
  operator[] (uint64_t i) const
  {
    return order == COC_REVERSE ? n - 1 - i : (i * factor + shift) % n;
  }
};

cudaError_t
launch_run (const Launch &l)
{
  launch_module = module_of (l.kernel);
  if (!launch_module)
    return cudaErrorInvalidDeviceFunction;
  if (!dynamic_shared)
    dynamic_shared = (char *) reserve (max_dynamic);
  launch = &l;
  statistics[COC_LAUNCHES]++;
  shadow_launch ();
  if (counting)
    counts_launch_begin (l);
  memset (dynamic_shared, 0xff, l.dynamic_bytes);
  const BlockOrder blocks ((uint64_t) l.grid.x * l.grid.y * l.grid.z);
  bool good = true;
  for (uint64_t i = 0; i < blocks.n && good; i++) {
    const uint64_t b = blocks[i];
    good = block_run ({ (unsigned) (b % l.grid.x), (unsigned) (b / l.grid.x % l.grid.y), (unsigned) (b / l.grid.x / l.grid.y) });
  }
  current = nullptr;
  if (!good)
    fibers_reset ();
  if (counting)
    counts_launch_end ();
  launch = nullptr;
  launch_module = nullptr;
  return good ? cudaSuccess : cudaErrorIllegalAddress;
}

} // namespace coc

using namespace coc;

COC_HIDDEN cudaError_t
coc_enqueue (const char *name, const void *kernel, dim3 grid, dim3 block_size, size_t dynamic_bytes, cudaStream_t stream,
             void (*run) (const void *), const void *arguments, size_t size)
{
  COC_ENTER (COC_LAUNCH)
  auto l = std::make_shared<Launch> (Launch { kernel_name (kernel, name), kernel, grid, block_size, dynamic_bytes, run,
                                              std::vector<char> ((const char *) arguments, (const char *) arguments + size) });
  if (cudaError_t error = launch_check (*l))
    return fail (error);
  return fail (enqueue (stream, l->name.c_str (), [l] { return launch_run (*l); }));
}
