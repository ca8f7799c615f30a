/* SPDX-License-Identifier: MIT
 *
 * dot-q8-c.c: the definition of the product with 8-bit weights. See kernels.h.
 */
#include "ops/dot-q8/dot-q8.h"

#include "ops/lanes.h"

void
cw_dot_q8_c (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
             const int8_t *w, const float *w_scales, size_t n_rows, size_t n_in)
{
  for (size_t i = 0; i < n_rows; i++)
    for (size_t j = 0; j < n_cols; j++) {
      float sums[CW_LANES] = { 0 };

      for (size_t at = 0; at < n_in; at += CW_Q8_RUN) {
        const size_t end = n_in - at < CW_Q8_RUN ? n_in : at + CW_Q8_RUN;
        int32_t      lane[CW_LANES] = { 0 };

        for (size_t c = at; c < end; c++)
          lane[c % 32 / 2] += (int32_t) w[cw_tiled (i, c, n_in)] * x[j * ld_x + c];
        for (size_t l = 0; l < CW_LANES; l++)
          sums[l] += (float) lane[l];
      }
      y[j * ld_y + i] = cw_lanes_sum (sums) * w_scales[i] * x_scales[j];
    }
}
