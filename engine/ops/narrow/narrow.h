/* SPDX-License-Identifier: MIT
 *
 * narrow.h: the twins of f32 to f16; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

void cw_narrow_c (uint16_t *, const float *, size_t);
void cw_narrow_avx2 (uint16_t *, const float *, size_t);
void cw_narrow_avx512 (uint16_t *, const float *, size_t);
