/* SPDX-License-Identifier: MIT
 *
 * gelu-c.c: the definition of GELU. See kernels.h and cw_erff.
 */
#include "ops/gelu/gelu.h"

#include "ops/lanes.h"

void
cw_gelu_c (float *x, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const float half = 0.5f * x[i];
    x[i] = fmaf (half, cw_erff (x[i] * CW_SQRT_HALF), half);
  }
}
