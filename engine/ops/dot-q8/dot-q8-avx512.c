/* SPDX-License-Identifier: MIT
 *
 * dot-q8-avx512.c: see kernels.h; one register holds the 16 lanes. Built twice: with AVX-512 VNNI, whose one instruction multiplies pairs and
 *     adds them to the sums, and without.
 */
#ifndef __AVX512BW__
#error built without -mavx512bw
#endif
#include "ops/dot-q8/dot-q8.h"

#include "ops/dot-tiles.h"
#include "ops/lanes-avx512.h"
#include "ops/pairs-avx512.h"

#define DOT_TILE_COLS 4
#define AHEAD         2048 /* bytes between what is read and what is asked for */

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const int8_t *w,
      const float *w_scales, size_t n_in, const size_t n_rows, const size_t cols)
{
  __m512 sums[CW_TILE_ROWS][DOT_TILE_COLS];

  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      sums[i][j] = _mm512_setzero_ps ();
  for (size_t at = 0; at < n_in; at += CW_Q8_RUN) {
    const size_t end = n_in - at < CW_Q8_RUN ? n_in : at + CW_Q8_RUN;
    __m512i      acc[CW_TILE_ROWS][DOT_TILE_COLS];

    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        acc[i][j] = _mm512_setzero_si512 ();
    for (size_t c = at; c < end; c += CW_PAD) {
      __m512i column[DOT_TILE_COLS][2];

      CW_UNROLL
      for (size_t j = 0; j < cols; j++) {
        column[j][0] = _mm512_loadu_si512 (x + j * ld_x + c);
        column[j][1] = _mm512_loadu_si512 (x + j * ld_x + c + 32);
      }
      CW_UNROLL
      for (size_t i = 0; i < CW_TILE_ROWS; i++) {
        const int8_t *from = w + cw_tiled (i, c, n_in);
        const __m512i low = _mm512_cvtepi8_epi16 (_mm256_loadu_si256 ((const __m256i *) from));
        const __m512i high = _mm512_cvtepi8_epi16 (_mm256_loadu_si256 ((const __m256i *) (from + 32)));

        _mm_prefetch ((const char *) from + AHEAD, _MM_HINT_T0);
        CW_UNROLL
        for (size_t j = 0; j < cols; j++) {
          acc[i][j] = add_pairs (acc[i][j], low, column[j][0]);
          acc[i][j] = add_pairs (acc[i][j], high, column[j][1]);
        }
      }
    }
    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        sums[i][j] = _mm512_add_ps (sums[i][j], _mm512_cvtepi32_ps (acc[i][j]));
  }
  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      if (i < n_rows)
        y[j * ld_y + i] = lanes_sum (sums[i][j]) * w_scales[i] * x_scales[j];
}

#define TILE(i, j, cols)                                                                                               \
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * n_in, w_scales + (i), n_in,        \
        n_rows - (i), cols)

void
TWIN (cw_dot_q8) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                  const int8_t *w, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK ();
}
