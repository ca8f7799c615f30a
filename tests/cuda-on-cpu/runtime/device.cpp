/* SPDX-License-Identifier: MIT
 *
 * device.cpp: the way into every call (lock, injected failures, sticky errors), the device's properties, its reset, and the switches
 * that a program gets from its environment.
 */
#include "runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace coc {

std::recursive_mutex lock;
cudaError_t          sticky;
long                 statistics[COC_N_STATISTICS];

static __thread cudaError_t last_error __attribute__ ((tls_model ("initial-exec")));
static cudaError_t          lost;
static struct {
  long        left;
  cudaError_t error;
} failures[COC_N_CALLS] = { { -1, cudaSuccess }, { -1, cudaSuccess }, { -1, cudaSuccess } };

bool
is_sticky (cudaError_t error)
{
  switch (error) {
  case cudaErrorECCUncorrectable:
  case cudaErrorIllegalAddress:
  case cudaErrorLaunchTimeout:
  case cudaErrorContextIsDestroyed:
  case cudaErrorAssert:
  case cudaErrorMisalignedAddress:
  case cudaErrorLaunchFailure:
    return true;
  default:
    return false;
  }
}

cudaError_t
fail (cudaError_t error)
{
  if (error && error != cudaErrorNotReady)
    last_error = error;
  return error;
}

/* "alloc:3:2": the fourth allocation answers cudaErrorMemoryAllocation */
static void
read_failure (const char *text)
{
  char kind[20];
  long nth;
  int error;
  if (sscanf (text, "%19[a-z]:%ld:%d", kind, &nth, &error) != 3) {
    fprintf (stderr, "cuda-on-cpu: CW_CUDA_ON_CPU_FAIL is “%s”: call|alloc|launch:NTH:ERROR was expected\n", text);
    return;
  }
  coc_fail (!strcmp (kind, "alloc") ? COC_ALLOCATION : !strcmp (kind, "launch") ? COC_LAUNCH : COC_ANY_CALL, nth, (cudaError_t) error);
}

static int cache_bytes = 3 << 20; /* the second-level cache: an RTX 3060's */

static void
read_switches (void)
{
  if (const char *text = getenv ("CW_CUDA_ON_CPU_ORDER")) {
    unsigned seed = 1;
    if (!strcmp (text, "reverse"))
      coc_set_order (COC_REVERSE, 0);
    else if (!strcmp (text, "random") || sscanf (text, "random:%u", &seed) == 1)
      coc_set_order (COC_RANDOM, seed);
  }
  if (const char *text = getenv ("CW_CUDA_ON_CPU_ARCH"))
    if (!coc_set_arch (atoi (text)))
      fprintf (stderr, "cuda-on-cpu: there is no sm_%s in the table\n", text);
  if (const char *text = getenv ("CW_CUDA_ON_CPU_MEMORY"))
    coc_set_memory (strtoull (text, nullptr, 10));
  if (const char *text = getenv ("CW_CUDA_ON_CPU_CACHE"))
    cache_bytes = (int) strtoull (text, nullptr, 10);
  if (const char *text = getenv ("CW_CUDA_ON_CPU_LIMITS"))
    if (coc_load_limits (text) < 0)
      fprintf (stderr, "cuda-on-cpu: “%s” could not be read\n", text);
  if (const char *text = getenv ("CW_CUDA_ON_CPU_FAIL"))
    read_failure (text);
  if (const char *text = getenv ("CW_CUDA_ON_CPU_LOST"))
    coc_lose_device ((cudaError_t) atoi (text));
  if (getenv ("CW_CUDA_ON_CPU_COUNTS"))
    coc_set_counting (1);
}

static void
start (void)
{
  static bool started;
  if (started)
    return;
  started = true;
  memory_start ();
  shadow_start ();
  read_switches ();
}

static bool
comes_due (coc_call kind)
{
  return failures[kind].left >= 0 && failures[kind].left-- == 0;
}

Call::Call (coc_call kind) : guard (lock), error (cudaSuccess)
{
  start ();
  statistics[COC_CALLS]++;
  if (kind != release_call && comes_due (COC_ANY_CALL))
    error = failures[COC_ANY_CALL].error;
  if (kind != release_call && kind != COC_ANY_CALL && comes_due (kind))
    error = failures[kind].error;
  if (lost)
    error = lost;
  else if (sticky)
    error = sticky;
  else if (is_sticky (error))
    sticky = error;
}

} // namespace coc

using namespace coc;

void
coc_fail (enum coc_call kind, long nth, cudaError_t error)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  failures[kind] = { nth, error };
}

long
coc_left (enum coc_call kind)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return failures[kind].left;
}

void
coc_lose_device (cudaError_t error)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  lost = error;
}

long
coc_statistic (enum coc_statistic which)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return statistics[which];
}

int
coc_n_alive (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return memory_alive (false) + streams_alive (false) + graphs_alive (false) + cublas_alive (false);
}

int
coc_print_alive (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return memory_alive (true) + streams_alive (true) + graphs_alive (true) + cublas_alive (true);
}

cudaError_t
cudaGetLastError (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  cudaError_t error = sticky ? sticky : last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t
cudaPeekAtLastError (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return sticky ? sticky : last_error;
}

const char *
cudaGetErrorString (cudaError_t error)
{
  switch (error) {
#define COC_CASE(name, number, text)                                                                                           \
  case name:                                                                                                                   \
    return text;
    COC_ERRORS (COC_CASE)
#undef COC_CASE
  }
  return "unrecognized error code";
}

const char *
cudaGetErrorName (cudaError_t error)
{
  switch (error) {
#define COC_CASE(name, number, text)                                                                                           \
  case name:                                                                                                                   \
    return #name;
    COC_ERRORS (COC_CASE)
#undef COC_CASE
  }
  return "unrecognized error code";
}

cudaError_t
cudaGetDeviceCount (int *count)
{
  *count = 0;
  COC_ENTER ()
  *count = 1;
  return cudaSuccess;
}

cudaError_t
cudaSetDevice (int device)
{
  COC_ENTER ()
  return fail (device ? cudaErrorInvalidDevice : cudaSuccess);
}

cudaError_t
cudaGetDevice (int *device)
{
  COC_ENTER ()
  *device = 0;
  return cudaSuccess;
}

cudaError_t
cudaSetDeviceFlags (unsigned)
{
  COC_ENTER ()
  return cudaSuccess;
}

cudaError_t
cudaGetDeviceProperties (struct cudaDeviceProp *p, int device)
{
  COC_ENTER ()
  if (device)
    return fail (cudaErrorInvalidDevice);
  size_t free_bytes, total;
  if (cudaError_t error = cudaMemGetInfo (&free_bytes, &total))
    return error;
  *p = {};
  strcpy (p->name, "CUDA on CPU");
  p->totalGlobalMem = total;
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = arch ().shared_optin;
  p->sharedMemPerMultiprocessor = arch ().shared_sm;
  p->reservedSharedMemPerBlock = 1024;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->warpSize = warp_size;
  p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = max_threads;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 0x7fffffff;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->totalConstMem = 65536;
  p->major = arch ().sm / 10;
  p->minor = arch ().sm % 10;
  p->multiProcessorCount = 28;
  p->memoryBusWidth = 192;
  p->l2CacheSize = cache_bytes;
  p->maxThreadsPerMultiProcessor = arch ().threads_sm;
  p->memoryPoolsSupported = 1;
  return cudaSuccess;
}

cudaError_t
cudaDeviceGetAttribute (int *value, enum cudaDeviceAttr attribute, int device)
{
  cudaDeviceProp p;
  if (cudaError_t error = cudaGetDeviceProperties (&p, device))
    return error;
  switch (attribute) {
  case cudaDevAttrMaxThreadsPerBlock:
    *value = p.maxThreadsPerBlock;
    break;
  case cudaDevAttrMaxSharedMemoryPerBlock:
    *value = (int) p.sharedMemPerBlock;
    break;
  case cudaDevAttrWarpSize:
    *value = p.warpSize;
    break;
  case cudaDevAttrMaxRegistersPerBlock:
    *value = p.regsPerBlock;
    break;
  case cudaDevAttrClockRate:
    *value = 1500000;
    break;
  case cudaDevAttrMultiProcessorCount:
    *value = p.multiProcessorCount;
    break;
  case cudaDevAttrMemoryClockRate:
    *value = 7500000;
    break;
  case cudaDevAttrGlobalMemoryBusWidth:
    *value = p.memoryBusWidth;
    break;
  case cudaDevAttrL2CacheSize:
    *value = p.l2CacheSize;
    break;
  case cudaDevAttrMaxThreadsPerMultiProcessor:
    *value = p.maxThreadsPerMultiProcessor;
    break;
  case cudaDevAttrComputeCapabilityMajor:
    *value = p.major;
    break;
  case cudaDevAttrComputeCapabilityMinor:
    *value = p.minor;
    break;
  case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
    *value = (int) p.sharedMemPerMultiprocessor;
    break;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    *value = (int) p.sharedMemPerBlockOptin;
    break;
  case cudaDevAttrMemoryPoolsSupported:
    *value = p.memoryPoolsSupported;
    break;
  case cudaDevAttrIntegrated:
  case cudaDevAttrComputeMode:
  case cudaDevAttrCooperativeLaunch:
    *value = 0;
    break;
  default:
    return fail (cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t
cudaDeviceGetPCIBusId (char *id, int length, int device)
{
  COC_ENTER ()
  if (device)
    return fail (cudaErrorInvalidDevice);
  snprintf (id, (size_t) length, "0000:00:00.0");
  return cudaSuccess;
}

/* With the driver too old the real runtime still answers these two. */
cudaError_t
cudaDriverGetVersion (int *version)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  start ();
  *version = lost == cudaErrorInsufficientDriver ? 11040 : lost == cudaErrorNoDevice ? 0 : 13000;
  return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaDeviceSynchronize (void)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaDeviceSynchronize")
  drain_all ();
  return fail (sticky);
}

cudaError_t
cudaDeviceReset (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  start ();
  statistics[COC_CALLS]++;
  sticky = last_error = cudaSuccess;
  streams_reset ();
  graphs_reset ();
  cublas_reset ();
  limits_reset ();
  memory_reset ();
  return lost;
}
