/* SPDX-License-Identifier: MIT
 *
 * launchers.h: the kernels' launchers, one a kernel file; contracts in module.h. Each queues its kernels on @stream and returns the
 *     launch's error.
 */
#ifndef CW_CUDA_LAUNCHERS_H
#define CW_CUDA_LAUNCHERS_H

#include <cuda_runtime_api.h>

#include "cuda/module.h"

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t cw_cuda_embed (cudaStream_t stream, const cw_gpu_embedding *embedding);
cudaError_t cw_cuda_linear (cudaStream_t stream, const cw_gpu_linear *linear);
/* by the weights' type: what cw_cuda_linear chooses from */
cudaError_t cw_cuda_dot_rows (cudaStream_t stream, const cw_gpu_linear *linear);
cudaError_t cw_cuda_dot_q8 (cudaStream_t stream, const cw_gpu_linear *linear);
cudaError_t cw_cuda_dot_q4 (cudaStream_t stream, const cw_gpu_linear *linear);
cudaError_t cw_cuda_attend (cudaStream_t stream, const cw_gpu_attention *attention);
cudaError_t cw_cuda_layer_norm (cudaStream_t stream, float *y, const float *x, uint32_t n, uint32_t c, const float *gamma, const float *beta,
                                float eps);
cudaError_t cw_cuda_sample (cudaStream_t stream, const cw_gpu_sample *sample);
cudaError_t cw_cuda_sample_scored (cudaStream_t stream, const cw_gpu_scored *scored);
cudaError_t cw_cuda_advance (cudaStream_t stream, int32_t *step, uint32_t n);
cudaError_t cw_cuda_books (cudaStream_t stream, const cw_gpu_books *books);
cudaError_t cw_cuda_nearest (cudaStream_t stream, const cw_gpu_nearest *nearest);
cudaError_t cw_cuda_pad (cudaStream_t stream, const cw_gpu_pad *pad);
cudaError_t cw_cuda_conv (cudaStream_t stream, const cw_gpu_conv *conv);
cudaError_t cw_cuda_group_norm (cudaStream_t stream, const cw_gpu_group_norm *norm);
cudaError_t cw_cuda_elu (cudaStream_t stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n);
cudaError_t cw_cuda_lstm (cudaStream_t stream, const cw_gpu_lstm *lstm);
cudaError_t cw_cuda_transpose (cudaStream_t stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n,
                               const float *addend, uint32_t ld_addend);

#ifdef __cplusplus
}
#endif
#endif
