/* SPDX-License-Identifier: MIT
 *
 * taps-c.c: the definition of the convolution's inner product. See taps.h.
 */
#include "ops/taps/taps.h"

#include <math.h>

void
cw_taps_c (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps, const float *bias,
           size_t n_cols, size_t n_rows, size_t first)
{
  for (size_t m = 0; m < n_rows; m++)
    for (size_t t = 0; t < n_cols; t++) {
      float sum = bias[m];
      for (size_t r = 0; r < n_taps; r++)
        sum = fmaf (panel[r * CW_PANEL + m], rows[r][first + t], sum);
      y[m * ld_y + t] = sum;
    }
}
