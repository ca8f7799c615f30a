/* SPDX-License-Identifier: MIT
 *
 * norm.h: the twins of layer norm and RMS norm; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_DECLARE_NORM(level)                                                                                         \
  void cw_layer_norm_##level (float *, const float *, size_t, const float *, const float *, float);                    \
  void cw_rms_norm_##level (float *, const float *, size_t, const float *, float)

CW_DECLARE_NORM (c);
CW_DECLARE_NORM (avx2);
CW_DECLARE_NORM (avx512);

#undef CW_DECLARE_NORM
