/* SPDX-License-Identifier: MIT
 *
 * quantise.h: the twins of a column's quantisation; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

#define CW_QUANTISE_MAX 32767.0f
#define CW_KEY_QUANTISE_MAX 127.0f

float cw_quantise_c (int16_t *, const float *, size_t);
float cw_quantise_avx2 (int16_t *, const float *, size_t);
float cw_quantise_avx512 (int16_t *, const float *, size_t);
float cw_quantise_key_c (int8_t *, const float *, size_t);
float cw_quantise_key_avx2 (int8_t *, const float *, size_t);
float cw_quantise_key_avx512 (int8_t *, const float *, size_t);
