/* SPDX-License-Identifier: MIT
 *
 * quantise-weights.h: rows of weights to 8 and 4 bits, one element a byte: see ops/kernels.h. Done once for a checkpoint.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* @row [n_in] to @q [n_padded]; returns the scale: the largest of the row becomes 127. */
float cw_quantise_row_q8 (int8_t *q, const float *row, size_t n_in, size_t n_padded);

/* @row [n_in] to @q [n_padded], -8 … 7, and the scales @groups [n_padded / CW_Q4_GROUP]; returns the row's scale. A weight is
 * q * group * scale. A group's scale is the one of some candidates that leaves the least squared error: full range, and down to 3/4
 * of it, where the largest are cut to bring the others closer. @squares [n_in]: how much an error counts in each column, the square that
 * is expected of its input; NULL: in all the same. */
float cw_quantise_row_q4 (int8_t *q, int8_t *groups, const float *row, const float *squares, size_t n_in, size_t n_padded);
