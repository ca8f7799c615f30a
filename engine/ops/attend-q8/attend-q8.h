/* SPDX-License-Identifier: MIT
 *
 * attend-q8.h: the twins of one head's attention over keys and values of 8 bits, and of what makes those; contract in kernels.h.
 *
 * Order of the sums: a score's products are integers and exact; the rest as in attend.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_ATTEND_Q8(level)                                                                                    \
  void cw_attend_q8_##level (float *, const int16_t *, float, const int8_t *, const float *, const int8_t *,           \
                             const float *, size_t, size_t, float *)

CW_DECLARE_ATTEND_Q8 (c);
CW_DECLARE_ATTEND_Q8 (avx2);
CW_DECLARE_ATTEND_Q8 (avx512);
CW_DECLARE_ATTEND_Q8 (vnni);

#undef CW_DECLARE_ATTEND_Q8
