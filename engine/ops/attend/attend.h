/* SPDX-License-Identifier: MIT
 *
 * attend.h: the twins of one head's attention; contract in kernels.h. Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1.
 *
 * Order of the sums: scores as dot products of lanes.h; the weights e^(s - max) are summed in 16 chains over the keys; y is a chain
 * of fused multiply-adds over the keys, then divided by the sum.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_ATTEND(name)                                                                                        \
  void name (float *, const float *, const void *, size_t, const void *, size_t, size_t, size_t, float, const float *, \
             float *)

CW_DECLARE_ATTEND (cw_attend_f32_c);
CW_DECLARE_ATTEND (cw_attend_f16_c);
CW_DECLARE_ATTEND (cw_attend_f32_avx2);
CW_DECLARE_ATTEND (cw_attend_f16_avx2);
CW_DECLARE_ATTEND (cw_attend_f32_avx512);
CW_DECLARE_ATTEND (cw_attend_f16_avx512);

#undef CW_DECLARE_ATTEND
