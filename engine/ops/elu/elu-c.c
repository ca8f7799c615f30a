/* SPDX-License-Identifier: MIT
 *
 * elu-c.c: the definition of ELU. See elu.h.
 */
#include "ops/elu/elu.h"

#include "ops/lanes.h"

void
cw_elu_c (float *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] > 0.0f ? x[i] : cw_expm1f (x[i]);
}
