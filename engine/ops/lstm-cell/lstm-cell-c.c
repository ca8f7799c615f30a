/* SPDX-License-Identifier: MIT
 *
 * lstm-cell-c.c: the definition of an LSTM unit's update. See kernels.h.
 */
#include "ops/lstm-cell/lstm-cell.h"

#include "ops/lanes.h"

void
cw_lstm_cell_c (float *hidden, int16_t *q, float *cell, const float *gates, size_t ld, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const float input = cw_sigmoidf (gates[i]), forget = cw_sigmoidf (gates[ld + i]);
    const float candidate = cw_tanhf (gates[2 * ld + i]), output = cw_sigmoidf (gates[3 * ld + i]);

    cell[i] = forget * cell[i] + input * candidate;
    hidden[i] = output * cw_tanhf (cell[i]);
    if (q)
      q[i] = (int16_t) rintf (hidden[i] * CW_UNIT);
  }
}
