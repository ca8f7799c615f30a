/* SPDX-License-Identifier: MIT
 *
 * checks.h: one kernel for each thing that the shim finds in kernels, and for each that it must not find.
 */
#ifndef CHECKS_H
#define CHECKS_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

struct check_case {
  const char *name;
  const char *finding; /* NULL: none may be made */
  /* o and p have 256 floats each, all written before. */
  cudaError_t (*launch) (float *o, float *p, cudaStream_t stream);
};
extern const struct check_case check_cases[], check_stack;

#ifdef __cplusplus
}
#endif
#endif
