/* SPDX-License-Identifier: MIT
 *
 * values.h: launchers of values.cu.
 */
#ifndef VALUES_H
#define VALUES_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One warp: y [32] = what lane i gets from each of 4 shuffles (how: 0 to 3), with @argument and @width */
cudaError_t values_shuffle (unsigned *y, int how, int argument, int width, cudaStream_t stream);
/* One warp, x [32]: votes and sums, y [9 x 32]: ballot, any, all, reduce add, min, max, xor, match, tree sum as bits */
cudaError_t values_votes (unsigned *y, const unsigned *x, cudaStream_t stream);
/* y [n] = x [n] as f16 (how 0) or bf16 (how 1), widened again, and bits [n] as stored */
cudaError_t values_narrow (float *y, uint16_t *bits, const float *x, int n, int how, cudaStream_t stream);
/* y [n] = op of the f16 (bf16) numbers a, b, c [n]: 0 add, 1 multiply, 2 fused multiply-add; bf16: + 4 */
cudaError_t values_arithmetic (uint16_t *y, const uint16_t *a, const uint16_t *b, const uint16_t *c, int n, int op, cudaStream_t stream);
/* y [8]: __dp4a, __byte_perm, __brev, __popc, __clz, __umulhi, __funnelshift_l of a, b, c; syncthreads_count */
cudaError_t values_integers (unsigned *y, unsigned a, unsigned b, unsigned c, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
