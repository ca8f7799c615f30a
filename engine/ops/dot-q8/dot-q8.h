/* SPDX-License-Identifier: MIT
 *
 * dot-q8.h: the twins of the product with 8-bit weights; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_DOT_Q8(level)                                                                                       \
  void cw_dot_q8_##level (float *, size_t, const int16_t *, size_t, const float *, size_t, const int8_t *,             \
                          const float *, size_t, size_t)

CW_DECLARE_DOT_Q8 (c);
CW_DECLARE_DOT_Q8 (avx2);
CW_DECLARE_DOT_Q8 (avx512);
CW_DECLARE_DOT_Q8 (vnni);

#undef CW_DECLARE_DOT_Q8
