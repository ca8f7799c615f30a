/* SPDX-License-Identifier: MIT
 *
 * dot-q8-avx2.c: see kernels.h; two rows at a time, low holds the sums of lanes 0 to 7, high those of 8 to 15.
 */
#ifndef __AVX2__
#error built without -mavx2
#endif
#include "ops/dot-q8/dot-q8.h"

#include "ops/dot-tiles.h"
#include "ops/lanes-avx2.h"

#define DOT_TILE_COLS 2
#define ROWS          2 /* sums that fit the registers: half of a tile */

/* Rows @first and the next of the tile at @w. */
static inline __attribute__ ((always_inline)) void
half_tile (float sums[CW_TILE_ROWS][DOT_TILE_COLS], const int16_t *x, size_t ld_x, const int8_t *w, size_t n_in,
           const dot_ask *ask, const size_t first, const size_t cols)
{
  __m256 total[ROWS][DOT_TILE_COLS][2];

  CW_UNROLL
  for (size_t i = 0; i < ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      total[i][j][0] = total[i][j][1] = _mm256_setzero_ps ();
  for (size_t at = 0; at < n_in; at += CW_Q8_RUN) {
    const size_t end = n_in - at < CW_Q8_RUN ? n_in : at + CW_Q8_RUN;
    __m256i      acc[ROWS][DOT_TILE_COLS][2];

    CW_UNROLL
    for (size_t i = 0; i < ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        acc[i][j][0] = acc[i][j][1] = _mm256_setzero_si256 ();
    for (size_t c = at; c < end; c += 32)
      CW_UNROLL
      for (size_t i = 0; i < ROWS; i++) {
        const int8_t *from = w + cw_tiled (first + i, c, n_in);
        const __m256i low = _mm256_cvtepi8_epi16 (_mm_loadu_si128 ((const __m128i *) from));
        const __m256i high = _mm256_cvtepi8_epi16 (_mm_loadu_si128 ((const __m128i *) (from + 16)));

        if (c % CW_PAD == 0)
          dot_ask_line (ask, c, first + i);
        CW_UNROLL
        for (size_t j = 0; j < cols; j++) {
          const __m256i *column = (const __m256i *) (x + j * ld_x + c);
          acc[i][j][0] = _mm256_add_epi32 (acc[i][j][0], _mm256_madd_epi16 (low, _mm256_loadu_si256 (column)));
          acc[i][j][1] = _mm256_add_epi32 (acc[i][j][1], _mm256_madd_epi16 (high, _mm256_loadu_si256 (column + 1)));
        }
      }
    CW_UNROLL
    for (size_t i = 0; i < ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        CW_UNROLL
        for (size_t half = 0; half < 2; half++)
          total[i][j][half] = _mm256_add_ps (total[i][j][half], _mm256_cvtepi32_ps (acc[i][j][half]));
  }
  CW_UNROLL
  for (size_t i = 0; i < ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      sums[first + i][j] = lanes_sum (total[i][j][0], total[i][j][1]);
}

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const int8_t *w,
      const float *w_scales, size_t n_in, const size_t n_rows, const dot_ask *ask,
      const size_t cols)
{
  float sums[CW_TILE_ROWS][DOT_TILE_COLS];

  half_tile (sums, x, ld_x, w, n_in, ask, 0, cols);
  half_tile (sums, x, ld_x, w, n_in, ask, ROWS, cols);
  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      if (i < n_rows)
        y[j * ld_y + i] = sums[i][j] * w_scales[i] * x_scales[j];
}

#define TILE(i, j, cols)                                                                                               \
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * n_in, w_scales + (i), n_in,        \
        n_rows - (i), &ask, cols)

void
cw_dot_q8_avx2 (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                const int8_t *w, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK (n_in);
}
