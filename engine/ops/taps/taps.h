/* SPDX-License-Identifier: MIT
 *
 * taps.h: the twins of the convolution's inner product; contract in kernels.h. Each output is its bias, then one fused
 *     multiply-add a tap, in order: so a block of columns gives the same bits wherever it is cut, and decoding
 *     in pieces equals decoding at once.
 */
#pragma once

#include "ops/kernels.h"

void cw_taps_c (float *, size_t, const float *, const float *const *, size_t, const float *, size_t, size_t,
                size_t);
void cw_taps_avx2 (float *, size_t, const float *, const float *const *, size_t, const float *, size_t, size_t,
                size_t);
void cw_taps_avx512 (float *, size_t, const float *, const float *const *, size_t, const float *, size_t, size_t,
                size_t);
