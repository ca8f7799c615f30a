/* SPDX-License-Identifier: MIT
 *
 * limits.cpp: what a launch may ask of each architecture (CUDA C++ Programming Guide, "Compute Capabilities"), and what each kernel
 * needs (limits.tsv, which nvcc-report.py writes from ptxas -v).
 */
#include "runtime.h"

#include <cstdio>
#include <cstdlib>
#include <algorithm>
#include <map>
#include <unordered_map>

namespace coc {

/*  sm   shared a block, opt-in   shared an SM   threads an SM   blocks an SM */
static const Arch archs[] = {
  { 75, 65536, 65536, 1024, 16 },    /* Turing: RTX 20, T4 */
  { 80, 166912, 167936, 2048, 32 },  /* Ampere: A100 */
  { 86, 101376, 102400, 1536, 16 },  /* Ampere: RTX 30 */
  { 89, 101376, 102400, 1536, 24 },  /* Ada: RTX 40 */
  { 90, 232448, 233472, 2048, 32 },  /* Hopper: H100 */
  { 100, 232448, 233472, 2048, 32 }, /* Blackwell: B200 */
  { 120, 101376, 102400, 1536, 32 }, /* Blackwell: RTX 50 */
};
constexpr size_t shared_default = 49152; /* a block, without opting in */
constexpr int    registers_block = 65536;
constexpr size_t max_argument_bytes = 4096;

static const Arch *the_arch = &archs[2];
static std::map<std::pair<int, std::string>, KernelLimits> &table = *new std::map<std::pair<int, std::string>, KernelLimits>;
static std::unordered_map<const void *, size_t> &opted_in = *new std::unordered_map<const void *, size_t>;

const Arch &
arch (void)
{
  return *the_arch;
}

bool
kernel_limits (const std::string &name, KernelLimits *limits)
{
  auto it = table.find ({ the_arch->sm, name });
  if (it == table.end ())
    return false;
  *limits = it->second;
  return true;
}

size_t
dynamic_limit (const void *kernel)
{
  auto it = opted_in.find (kernel);
  return it == opted_in.end () ? shared_default : it->second;
}

void
limits_reset (void)
{
  opted_in.clear ();
}

/* Registers are handed to a warp in units of 256. */
static long
registers_of (int per_thread, int n_threads)
{
  const long warp = (per_thread * 32L + 255) / 256 * 256;
  return warp * ((n_threads + 31) / 32);
}

cudaError_t
launch_check (const Launch &l)
{
  const uint64_t n = (uint64_t) l.block.x * l.block.y * l.block.z;
  const char *name = l.name.c_str ();
  if (!n || n > max_threads || l.block.x > 1024 || l.block.y > 1024 || l.block.z > 64 || !l.grid.x || !l.grid.y || !l.grid.z
      || l.grid.x > 0x7fffffff || l.grid.y > 65535 || l.grid.z > 65535) {
    report ("LAUNCH", nullptr, "kernel %s: grid %u,%u,%u, block %u,%u,%u", name, l.grid.x, l.grid.y, l.grid.z, l.block.x, l.block.y, l.block.z);
    return cudaErrorInvalidConfiguration;
  }
  KernelLimits limits { 0, 0 };
  kernel_limits (l.name, &limits);
  const size_t shared = l.dynamic_bytes + limits.static_shared;
  if (l.dynamic_bytes > dynamic_limit (l.kernel) || shared > the_arch->shared_optin
      || (!opted_in.count (l.kernel) && shared > shared_default)) {
    report ("LAUNCH", nullptr, "kernel %s: %zu dynamic and %zu static bytes of shared memory; sm_%d gives %zu, above %zu after opting in (%zu)", name,
            l.dynamic_bytes, limits.static_shared, the_arch->sm, the_arch->shared_optin, shared_default, dynamic_limit (l.kernel));
    return cudaErrorInvalidValue;
  }
  if (registers_of (limits.registers, (int) n) > registers_block) {
    report ("LAUNCH", nullptr, "kernel %s: %d registers x %d threads; sm_%d has %d", name, limits.registers, (int) n, the_arch->sm, registers_block);
    return cudaErrorLaunchOutOfResources;
  }
  if (l.arguments.size () > max_argument_bytes) {
    report ("LAUNCH", nullptr, "kernel %s: %zu bytes of arguments, at most %zu", name, l.arguments.size (), max_argument_bytes);
    return cudaErrorInvalidValue;
  }
  return cudaSuccess;
}

} // namespace coc

using namespace coc;

int
coc_set_arch (int sm)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  for (const Arch &a : archs)
    if (a.sm == sm) {
      the_arch = &a;
      return 1;
    }
  return 0;
}

int
coc_load_limits (const char *path)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  FILE *file = fopen (path, "r");
  if (!file)
    return -1;
  char line[1200], name[1000];
  int sm, registers, n = 0;
  unsigned long shared;
  while (fgets (line, sizeof line, file))
    if (sscanf (line, "%d\t%999[^\t]\t%d\t%lu", &sm, name, &registers, &shared) == 4) {
      table[{ sm, name }] = { registers, shared };
      n++;
    }
  fclose (file);
  return n;
}

cudaError_t
coc_func_set_attribute (const void *kernel, enum cudaFuncAttribute attribute, int value)
{
  COC_ENTER ()
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return cudaSuccess;
  if (value < 0 || (size_t) value > the_arch->shared_optin)
    return fail (cudaErrorInvalidValue);
  opted_in[kernel] = (size_t) value;
  return cudaSuccess;
}

cudaError_t
coc_func_get_attributes (struct cudaFuncAttributes *attributes, const void *kernel)
{
  COC_ENTER ()
  KernelLimits limits { 32, 0 };
  kernel_limits (kernel_name (kernel, "?"), &limits);
  *attributes = {};
  attributes->numRegs = limits.registers;
  attributes->sharedSizeBytes = limits.static_shared;
  attributes->maxThreadsPerBlock = max_threads;
  attributes->ptxVersion = attributes->binaryVersion = the_arch->sm;
  attributes->maxDynamicSharedSizeBytes = (int) dynamic_limit (kernel);
  return cudaSuccess;
}

cudaError_t
coc_occupancy (int *n_blocks, const void *kernel, int n_threads, size_t dynamic_bytes)
{
  COC_ENTER ()
  if (n_threads < 1 || n_threads > max_threads)
    return fail (cudaErrorInvalidValue);
  KernelLimits limits { 32, 0 };
  kernel_limits (kernel_name (kernel, "?"), &limits);
  const size_t shared = limits.static_shared + dynamic_bytes + 1024; /* the driver keeps 1 KiB of each block */
  int n = the_arch->threads_sm / ((n_threads + 31) / 32 * 32);
  n = std::min (n, the_arch->blocks_sm);
  n = std::min (n, (int) (registers_block / std::max (1L, registers_of (limits.registers, n_threads))));
  n = std::min (n, (int) (the_arch->shared_sm / shared));
  *n_blocks = n;
  return cudaSuccess;
}
