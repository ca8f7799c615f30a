/* SPDX-License-Identifier: MIT
 *
 * gelu.h: the twins of GELU; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_SQRT_HALF 0.70710678118654752440f

void cw_gelu_c (float *, size_t);
void cw_gelu_avx2 (float *, size_t);
void cw_gelu_avx512 (float *, size_t);
