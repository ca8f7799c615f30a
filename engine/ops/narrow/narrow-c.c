/* SPDX-License-Identifier: MIT
 *
 * narrow-c.c: the definition of f32 to f16: cw_f16_narrow of tensor.c, for each element.
 */
#include "ops/narrow/narrow.h"

void
cw_narrow_c (uint16_t *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = cw_f16_narrow (x[i]);
}
