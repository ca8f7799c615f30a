/* SPDX-License-Identifier: MIT
 *
 * operations.h: see operations.cu.
 */
#pragma once

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each thread of @blocks of 32 does the one operation @n times: coc/operations.h's kinds by number. y [32 blocks] */
cudaError_t operations_repeat (float *y, int operation, int n, unsigned blocks, cudaStream_t stream);
/* One warp: y [32], what test-operations.c computes again, through vectors, shared memory, shuffles, bits and double */
cudaError_t operations_values (float *y, float scale, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
