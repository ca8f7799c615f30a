/* SPDX-License-Identifier: MIT
 *
 * peak.h: the twins of what measures a core's multiply-adds; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

/* Where chain @i begins, and what each step multiplies by and adds: the chains stay near 1 however long they run. */
#define CW_PEAK_START(i) (1.0f + 0.001f * (float) (i))
#define CW_PEAK_TIMES    0.999f
#define CW_PEAK_PLUS     0.001f

float cw_peak_c (size_t);
float cw_peak_avx2 (size_t);
float cw_peak_avx512 (size_t);
