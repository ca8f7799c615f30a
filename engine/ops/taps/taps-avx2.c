/* SPDX-License-Identifier: MIT
 *
 * taps-avx2.c: tiles of 4 rows by 24 columns: 12 sums, 3 inputs, 1 weight in the 16 registers.
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error built without -mavx2 -mfma
#endif
#include "ops/taps/taps.h"

#include "ops/lanes-avx2.h"

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps, const float *bias, size_t t,
      size_t n_cols, size_t n_rows, size_t first, size_t vectors)
{
  __m256  acc[4][3], x[3];
  __m256i mask[3];

  CW_UNROLL
  for (size_t j = 0; j < vectors; j++)
    mask[j] = first_lanes (n_cols > 8 * j ? n_cols - 8 * j : 0);
  CW_UNROLL
  for (size_t m = 0; m < 4; m++)
    CW_UNROLL
    for (size_t j = 0; j < vectors; j++)
      acc[m][j] = _mm256_set1_ps (bias[m]);
  if (n_cols >= 8 * vectors)
    for (size_t r = 0; r < n_taps; r++) {
      CW_UNROLL
      for (size_t j = 0; j < vectors; j++)
        x[j] = _mm256_loadu_ps (rows[r] + first + t + 8 * j);
      CW_UNROLL
      for (size_t m = 0; m < 4; m++) {
        const __m256 w = _mm256_broadcast_ss (panel + r * CW_PANEL + m);
        CW_UNROLL
        for (size_t j = 0; j < vectors; j++)
          acc[m][j] = _mm256_fmadd_ps (w, x[j], acc[m][j]);
      }
    }
  else
    for (size_t r = 0; r < n_taps; r++) {
      CW_UNROLL
      for (size_t j = 0; j < vectors; j++)
        x[j] = _mm256_maskload_ps (rows[r] + first + t + 8 * j, mask[j]);
      CW_UNROLL
      for (size_t m = 0; m < 4; m++) {
        const __m256 w = _mm256_broadcast_ss (panel + r * CW_PANEL + m);
        CW_UNROLL
        for (size_t j = 0; j < vectors; j++)
          acc[m][j] = _mm256_fmadd_ps (w, x[j], acc[m][j]);
      }
    }
  CW_UNROLL
  for (size_t m = 0; m < 4; m++)
    CW_UNROLL
    for (size_t j = 0; j < vectors; j++)
      if (m < n_rows)
        _mm256_maskstore_ps (y + m * ld_y + t + 8 * j, mask[j], acc[m][j]);
}

void
cw_taps_avx2 (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps, const float *bias,
              size_t n_cols, size_t n_rows, size_t first)
{
  for (size_t m = 0; m < n_rows; m += 4) {
    float       *out = y + m * ld_y;
    const float *w = panel + m, *b = bias + m;
    size_t       t = 0;

    for (; n_cols - t > 16; t += n_cols - t < 24 ? n_cols - t : 24)
      tile (out, ld_y, w, rows, n_taps, b, t, n_cols - t, n_rows - m, first, 3);
    if (n_cols - t > 8)
      tile (out, ld_y, w, rows, n_taps, b, t, n_cols - t, n_rows - m, first, 2);
    else if (n_cols > t)
      tile (out, ld_y, w, rows, n_taps, b, t, n_cols - t, n_rows - m, first, 1);
  }
}
