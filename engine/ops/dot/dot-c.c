/* SPDX-License-Identifier: MIT
 *
 * dot-c.c: the definition of the dot products, for each type of weight. See kernels.h and lanes.h.
 */
#include "ops/dot/dot.h"

#include "ops/lanes.h"

static float
widen_f32 (const void *w, size_t i)
{
  return ((const float *) w)[i];
}

static float
widen_f16 (const void *w, size_t i)
{
  return cw_f16_widen (((const uint16_t *) w)[i]);
}

static float
widen_bf16 (const void *w, size_t i)
{
  return cw_bf16_widen (((const uint16_t *) w)[i]);
}

static inline __attribute__ ((always_inline)) void
dot_rows (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows,
          size_t n_in, float (*widen) (const void *, size_t))
{
  for (size_t i = 0; i < n_rows; i++)
    for (size_t j = 0; j < n_cols; j++) {
      float lane[CW_LANES] = { 0 };
      for (size_t c = 0; c < n_in; c++)
        lane[c % CW_LANES] = fmaf (widen (w, i * n_in + c), x[j * ld_x + c], lane[c % CW_LANES]);
      y[j * ld_y + i] = cw_lanes_sum (lane);
    }
}

void
cw_dot_rows_f32_c (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows,
                   size_t n_in)
{
  dot_rows (y, ld_y, x, ld_x, n_cols, w, n_rows, n_in, widen_f32);
}

void
cw_dot_rows_f16_c (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows,
                   size_t n_in)
{
  dot_rows (y, ld_y, x, ld_x, n_cols, w, n_rows, n_in, widen_f16);
}

void
cw_dot_rows_bf16_c (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows,
                    size_t n_in)
{
  dot_rows (y, ld_y, x, ld_x, n_cols, w, n_rows, n_in, widen_bf16);
}
