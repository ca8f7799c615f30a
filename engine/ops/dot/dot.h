/* SPDX-License-Identifier: MIT
 *
 * dot.h: the twins of the dot products; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_DOT(level)                                                                                          \
  void cw_dot_rows_f32_##level (float *, size_t, const float *, size_t, size_t, const void *, size_t, size_t);         \
  void cw_dot_rows_f16_##level (float *, size_t, const float *, size_t, size_t, const void *, size_t, size_t);         \
  void cw_dot_rows_bf16_##level (float *, size_t, const float *, size_t, size_t, const void *, size_t, size_t)

CW_DECLARE_DOT (c);
CW_DECLARE_DOT (avx2);
CW_DECLARE_DOT (avx512);

#undef CW_DECLARE_DOT
