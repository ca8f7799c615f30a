/* SPDX-License-Identifier: MIT
 *
 * attend.h: the twins of one head's attention; contract in kernels.h. Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1.
 *
 * Order of the sums: scores as dot products of lanes.h; the weights e^(s - max) are summed in 16 chains over the keys; y is a chain
 * of fused multiply-adds over the keys, then divided by the sum.
 */
#pragma once

#include "ops/kernels.h"

void cw_attend_c (float *, const float *, const float *, size_t, const float *, size_t, size_t, size_t, float,
                  const float *, float *);
void cw_attend_avx2 (float *, const float *, const float *, size_t, const float *, size_t, size_t, size_t, float,
                     const float *, float *);
void cw_attend_avx512 (float *, const float *, const float *, size_t, const float *, size_t, size_t, size_t, float,
                       const float *, float *);
