/* SPDX-License-Identifier: MIT
 *
 * dot-q4-c.c: the definition of the product with 4-bit weights. See kernels.h.
 */
#include "ops/dot-q4/dot-q4.h"

#include "ops/lanes.h"

/* Element (i, c): of each 64 the first half in the low bits, the second in the high ones. */
static int32_t
element (const uint8_t *w, size_t i, size_t c, size_t n_in)
{
  const uint8_t byte = w[cw_tiled (i, c / CW_PAD * CW_PAD, n_in) / 2 + c % 32];

  return ((c % CW_PAD < 32 ? byte & 15 : byte >> 4) ^ 8) - 8;
}

void
cw_dot_q4_c (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
             const uint8_t *w, const int8_t *groups, const float *w_scales, size_t n_rows, size_t n_in)
{
  for (size_t i = 0; i < n_rows; i++, groups += n_in / CW_Q4_GROUP)
    for (size_t j = 0; j < n_cols; j++) {
      float sums[CW_LANES] = { 0 };

      for (size_t at = 0; at < n_in; at += CW_Q4_RUN) {
        const size_t end = n_in - at < CW_Q4_RUN ? n_in : at + CW_Q4_RUN;
        int32_t      lane[CW_LANES] = { 0 };

        for (size_t c = at; c < end; c++)
          lane[c % 32 / 2] += element (w, i, c, n_in) * groups[c / CW_Q4_GROUP] * x[j * ld_x + c];
        for (size_t l = 0; l < CW_LANES; l++)
          sums[l] += (float) lane[l];
      }
      y[j * ld_y + i] = cw_lanes_sum (sums) * w_scales[i] * x_scales[j];
    }
}
