/* SPDX-License-Identifier: MIT
 *
 * blas.h: linear layers of many columns through cuBLAS, whose tensor cores take 16-bit weights. It is loaded when the first such layer comes,
 *     and only if it is installed; without it the kernels of ops serve.
 */
#ifndef CW_CUDA_BLAS_H
#define CW_CUDA_BLAS_H

#include <cuda_runtime_api.h>

#include "cuda/module.h"

#define CW_BLAS_COLUMNS 32 /* fewer are not worth it */

typedef struct cw_cuda_blas cw_cuda_blas;

/* Can cuBLAS be loaded? *version receives what it says, 130000 for 13.0. CW_CUBLAS=0 in the environment says no. */
bool          cw_cuda_blas_find (int *version);
/* NULL when it cannot be used. */
cw_cuda_blas *cw_cuda_blas_new (void);
void          cw_cuda_blas_free (cw_cuda_blas *blas);
/* Is the layer one for it? */
bool          cw_cuda_blas_suits (const cw_gpu_linear *linear);
/* Queues it. False when it could not, and then the layer's results are still to be made. *error: a failure of the card, or success. */
bool          cw_cuda_blas_linear (cw_cuda_blas *blas, cudaStream_t stream, const cw_gpu_linear *linear, cudaError_t *error);

#endif
