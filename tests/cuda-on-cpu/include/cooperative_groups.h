/* SPDX-License-Identifier: MIT
 *
 * cooperative_groups.h: refused by name. A grid-wide barrier needs all blocks alive at once, with a copy of their shared memory each;
 * the shim runs one block after another, so that a kernel which passed here could hang or lie on a GPU.
 */
#error "cuda-on-cpu has no cooperative groups: use __syncthreads, __syncwarp, and one kernel after another (tests/cuda-on-cpu/README.md)"
