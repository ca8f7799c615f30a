/* SPDX-License-Identifier: MIT
 *
 * lstm-cell.h: the twins of what an LSTM's units do with their gates; contract in kernels.h.
 */
#pragma once

#include "ops/kernels.h"

void cw_lstm_cell_c (float *, int16_t *, float *, const float *, size_t, size_t);
void cw_lstm_cell_avx2 (float *, int16_t *, float *, const float *, size_t, size_t);
void cw_lstm_cell_avx512 (float *, int16_t *, float *, const float *, size_t, size_t);
