/* SPDX-License-Identifier: MIT
 *
 * cuda-launch.h: what a .cu file spells so that nvcc and the CPU stand-in (tests/cuda-on-cpu) compile the very same source.
 *
 *   CW_LAUNCH (kernel, grid, block, dynamic_bytes, stream, args...)   launches, and is the cudaError_t of the launch
 *   CW_DYN_SHARED (type, name)                                        in a kernel: its dynamic shared memory as `type *name`
 *   CW_PREFETCH (address)                                             in a kernel: asks the second-level cache for the 32 bytes there
 *   CW_FUSED_REDUCE                                                   set in the stand-in's fast build only: a warp's sum may be
 *                                                                     coc_warp_sum (v), its maximum coc_warp_max (v), one exchange
 *                                                                     for the five shuffles, adding in the same order
 *
 * A kernel of a template is launched in parentheses: CW_LAUNCH ((gemv<4, true>), …).
 */
#ifndef CW_CUDA_LAUNCH_H
#define CW_CUDA_LAUNCH_H

#include <cuda_runtime.h>

#ifdef CUDA_ON_CPU

#define CW_LAUNCH(kernel, grid, block, dynamic_bytes, stream, ...)                                                             \
  coc_launch (#kernel, kernel, grid, block, dynamic_bytes, stream, ##__VA_ARGS__)
#define CW_DYN_SHARED(type, name) type *name = (type *) coc_dynamic_shared ()
#define CW_PREFETCH(address)      coc_prefetch (address)

#else

#define CW_LAUNCH(kernel, grid, block, dynamic_bytes, stream, ...)                                                             \
  (kernel<<<grid, block, dynamic_bytes, stream>>> (__VA_ARGS__), cudaGetLastError ())
/* One array for all kernels of a file: the type is given to the pointer, not to the array. */
#define CW_DYN_SHARED(type, name)                                                                                              \
  extern __shared__ __align__ (16) unsigned char cw_dyn_shared[];                                                              \
  type *name = reinterpret_cast<type *> (cw_dyn_shared)
#define CW_PREFETCH(address) asm volatile ("prefetch.global.L2 [%0];" ::"l"(address))

#endif
#endif
