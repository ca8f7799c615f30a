/* SPDX-License-Identifier: MIT
 *
 * lstm-cell-c.c: the definition of an LSTM unit's update. See kernels.h.
 */
#include "ops/lstm-cell/lstm-cell.h"

#include "ops/lanes.h"

static float
sigmoid (float x)
{
  return 1.0f / (1.0f + cw_expf (-x));
}

static float
hyperbolic_tangent (float x)
{
  const float e = cw_expm1f (2.0f * x);

  return e / (e + 2.0f);
}

void
cw_lstm_cell_c (float *hidden, int16_t *q, float *cell, const float *gates, size_t ld, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const float input = sigmoid (gates[i]), forget = sigmoid (gates[ld + i]);
    const float candidate = hyperbolic_tangent (gates[2 * ld + i]), output = sigmoid (gates[3 * ld + i]);

    cell[i] = forget * cell[i] + input * candidate;
    hidden[i] = output * hyperbolic_tangent (cell[i]);
    if (q)
      q[i] = (int16_t) rintf (hidden[i] * CW_UNIT);
  }
}
