/* SPDX-License-Identifier: MIT
 *
 * quantise-c.c: the definition of a column's quantisation. See kernels.h.
 */
#include "ops/quantise/quantise.h"

#include <math.h>

float
cw_quantise_c (int16_t *q, const float *x, size_t n)
{
  const size_t padded = (n + CW_PAD - 1) / CW_PAD * CW_PAD;
  float        largest = 0.0f, factor;

  for (size_t i = 0; i < n; i++)
    largest = fabsf (x[i]) > largest ? fabsf (x[i]) : largest;
  factor = largest > 1e-30f ? CW_QUANTISE_MAX / largest : 0.0f;
  for (size_t i = 0; i < n; i++)
    q[i] = (int16_t) rintf (x[i] * factor);
  for (size_t i = n; i < padded; i++)
    q[i] = 0;
  return factor > 0.0f ? largest / CW_QUANTISE_MAX : 0.0f;
}

float
cw_quantise_key_c (int8_t *q, const float *x, size_t n)
{
  float largest = 0.0f, factor;

  for (size_t i = 0; i < n; i++)
    largest = fabsf (x[i]) > largest ? fabsf (x[i]) : largest;
  factor = largest > 1e-30f ? CW_KEY_QUANTISE_MAX / largest : 0.0f;
  for (size_t i = 0; i < n; i++)
    q[i] = (int8_t) rintf (x[i] * factor);
  for (size_t i = n; i < cw_key_bytes (n); i++)
    q[i] = 0;
  return factor > 0.0f ? largest / CW_KEY_QUANTISE_MAX : 0.0f;
}
