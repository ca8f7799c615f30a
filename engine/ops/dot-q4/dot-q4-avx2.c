/* SPDX-License-Identifier: MIT
 *
 * dot-q4-avx2.c: see kernels.h and, for the product's upper half, dot-q4-avx512.c; low holds the sums of lanes 0 to 7, high those of 8 to 15.
 */
#ifndef __AVX2__
#error built without -mavx2
#endif
#include "ops/dot-q4/dot-q4.h"

#include "ops/dot-tiles.h"
#include "ops/lanes-avx2.h"

#define DOT_TILE_COLS 2
#define ROWS          2 /* sums that fit the registers: half of a tile */

/* Adds 16 weights, as bytes of which @high the upper or the lower halves count, times @factor, times 16 elements of each column. */
static inline __attribute__ ((always_inline)) void
add_products (__m256i acc[DOT_TILE_COLS][2], const size_t half, __m256i both, bool high, int16_t factor, const int16_t *x,
              size_t ld_x, const size_t cols)
{
  const __m256i top = high ? _mm256_and_si256 (_mm256_slli_epi16 (both, 8), _mm256_set1_epi16 ((short) 0xf000))
                           : _mm256_slli_epi16 (both, 12);
  const __m256i w = _mm256_mulhi_epi16 (top, _mm256_set1_epi16 (factor));

  CW_UNROLL
  for (size_t j = 0; j < cols; j++)
    acc[j][half] =
      _mm256_add_epi32 (acc[j][half], _mm256_madd_epi16 (w, _mm256_loadu_si256 ((const __m256i *) (x + j * ld_x))));
}

static inline __attribute__ ((always_inline)) void
half_tile (float sums[CW_TILE_ROWS][DOT_TILE_COLS], const int16_t *x, size_t ld_x, const uint8_t *w, const int8_t *groups,
           size_t n_in, const dot_ask *ask, const size_t first, const size_t cols)
{
  __m256 total[ROWS][DOT_TILE_COLS][2];

  CW_UNROLL
  for (size_t i = 0; i < ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      total[i][j][0] = total[i][j][1] = _mm256_setzero_ps ();
  for (size_t at = 0; at < n_in; at += CW_Q4_RUN) {
    const size_t end = n_in - at < CW_Q4_RUN ? n_in : at + CW_Q4_RUN;
    __m256i      acc[ROWS][DOT_TILE_COLS][2];

    CW_UNROLL
    for (size_t i = 0; i < ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        acc[i][j][0] = acc[i][j][1] = _mm256_setzero_si256 ();
    for (size_t c = at; c < end; c += CW_PAD)
      CW_UNROLL
      for (size_t i = 0; i < ROWS; i++) {
        const uint8_t *from = w + cw_tiled (first + i, c, n_in) / 2;
        const int8_t  *scale = groups + (first + i) * (n_in / CW_Q4_GROUP) + c / CW_Q4_GROUP;

        if (i == 0)
          dot_ask_line (ask, c, first / ROWS);
        CW_UNROLL
        for (size_t half = 0; half < 2; half++) {
          const __m256i both = _mm256_cvtepu8_epi16 (_mm_loadu_si128 ((const __m128i *) (from + 16 * half)));
          add_products (acc[i], half, both, false, (int16_t) (16 * scale[0]), x + c + 16 * half, ld_x, cols);
          add_products (acc[i], half, both, true, (int16_t) (16 * scale[1]), x + c + 32 + 16 * half, ld_x, cols);
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
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const uint8_t *w,
      const int8_t *groups, const float *w_scales, size_t n_in, const size_t n_rows, const dot_ask *ask,
      const size_t cols)
{
  float sums[CW_TILE_ROWS][DOT_TILE_COLS];

  half_tile (sums, x, ld_x, w, groups, n_in, ask, 0, cols);
  half_tile (sums, x, ld_x, w, groups, n_in, ask, ROWS, cols);
  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      if (i < n_rows)
        y[j * ld_y + i] = sums[i][j] * w_scales[i] * x_scales[j];
}

#define TILE(i, j, cols)                                                                                               \
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * (n_in / 2),                        \
        groups + (i) * (n_in / CW_Q4_GROUP), w_scales + (i), n_in, n_rows - (i), &ask, cols)

void
cw_dot_q4_avx2 (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                const uint8_t *w, const int8_t *groups, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK (n_in / 2);
}
