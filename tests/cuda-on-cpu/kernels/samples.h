/* SPDX-License-Identifier: MIT
 *
 * samples.h: launchers of samples.cu. f16 and bf16 are passed as their bits. All pointers are device memory, all return the launch's
 * error. Shapes are in elements.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y [n_rows, n] = (x - mean) / deviation * g; f32, g bf16 */
cudaError_t sample_norm (float *y, const float *x, const uint16_t *g, int n_rows, int n, float epsilon, cudaStream_t stream);
/* y [n_columns, n_out] = x [n_columns, n_in] times f16 weights w [n_out, n_in]; n_columns 1 or 2; n_in a multiple of 8 */
cudaError_t sample_gemv (float *y, const uint16_t *w, const float *x, int n_columns, int n_out, int n_in, cudaStream_t stream);
/* y [n_heads, d] = attention of q [n_heads, d] over k, v [n_heads, *n_keys, d] laid out with room for @room keys; d = 32 */
cudaError_t sample_attend (float *y, const float *q, const float *k, const float *v, const int *n_keys, int n_heads, int room, cudaStream_t stream);
/* histogram [256] += counts of the top byte of x [n]; cleared by the caller */
cudaError_t sample_histogram (unsigned *histogram, const unsigned *x, int n, cudaStream_t stream);
/* *sum = sum of x [n], partial [n_blocks of 64 x 4] and *counter (0 before and after) are scratch: the last block adds up */
cudaError_t sample_sum (float *sum, float *partial, unsigned *counter, const float *x, int n, cudaStream_t stream);
/* y [n_out] = x [n_out + 6] convolved with w [7], tiles by cp.async */
cudaError_t sample_conv (float *y, const float *x, const float *w, int n_out, cudaStream_t stream);
/* *step += 1; table [*step % 4] is copied to *value */
cudaError_t sample_advance (int *step, float *value, const float *table, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
