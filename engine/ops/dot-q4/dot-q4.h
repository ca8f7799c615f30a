/* SPDX-License-Identifier: MIT
 *
 * dot-q4.h: the twins of the product with 4-bit weights; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_DOT_Q4(level)                                                                                       \
  void cw_dot_q4_##level (float *, size_t, const int16_t *, size_t, const float *, size_t, const uint8_t *,            \
                          const int8_t *, const float *, size_t, size_t)

CW_DECLARE_DOT_Q4 (c);
CW_DECLARE_DOT_Q4 (avx2);
CW_DECLARE_DOT_Q4 (avx512);
CW_DECLARE_DOT_Q4 (vnni);

#undef CW_DECLARE_DOT_Q4
