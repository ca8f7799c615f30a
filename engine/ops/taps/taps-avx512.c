/* SPDX-License-Identifier: MIT
 *
 * taps-avx512.c: tiles of 8 rows by 48 columns: 24 sums, 3 inputs, 1 weight in the 32 registers.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/taps/taps.h"

#include <stdbool.h>

#include "ops/lanes-avx512.h"

/* @full: all columns of the vectors count. A load with a mask takes a place in one of the two units that multiply. */
static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps, const float *bias, size_t t,
      size_t n_cols, size_t n_rows, size_t first, const size_t vectors, const bool full)
{
  __m512    acc[CW_PANEL][3], x[3];
  __mmask16 mask[3];

  CW_UNROLL
  for (size_t j = 0; j < vectors; j++)
    mask[j] = full ? 0xffff : n_cols > 16 * j ? first_lanes (n_cols - 16 * j) : 0;
  CW_UNROLL
  for (size_t m = 0; m < CW_PANEL; m++)
    CW_UNROLL
    for (size_t j = 0; j < vectors; j++)
      acc[m][j] = _mm512_set1_ps (bias[m]);
  for (size_t r = 0; r < n_taps; r++) {
    CW_UNROLL
    for (size_t j = 0; j < vectors; j++)
      x[j] = _mm512_maskz_loadu_ps (mask[j], rows[r] + first + t + 16 * j);
    CW_UNROLL
    for (size_t m = 0; m < CW_PANEL; m++) {
      const __m512 w = _mm512_set1_ps (panel[r * CW_PANEL + m]);
      CW_UNROLL
      for (size_t j = 0; j < vectors; j++)
        acc[m][j] = _mm512_fmadd_ps (w, x[j], acc[m][j]);
    }
  }
  CW_UNROLL
  for (size_t m = 0; m < CW_PANEL; m++)
    CW_UNROLL
    for (size_t j = 0; j < vectors; j++)
      if (m < n_rows)
        _mm512_mask_storeu_ps (y + m * ld_y + t + 16 * j, mask[j], acc[m][j]);
}

void
cw_taps_avx512 (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps, const float *bias,
                size_t n_cols, size_t n_rows, size_t first)
{
  size_t t = 0;

  for (; n_cols - t >= 48; t += 48)
    tile (y, ld_y, panel, rows, n_taps, bias, t, 48, n_rows, first, 3, true);
  if (n_cols - t > 32)
    tile (y, ld_y, panel, rows, n_taps, bias, t, n_cols - t, n_rows, first, 3, false);
  else if (n_cols - t > 16)
    tile (y, ld_y, panel, rows, n_taps, bias, t, n_cols - t, n_rows, first, 2, false);
  else if (n_cols > t)
    tile (y, ld_y, panel, rows, n_taps, bias, t, n_cols - t, n_rows, first, 1, false);
}
