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

/* The four rows at @w, of which @n_rows count. */
static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const int8_t *w,
      const float *w_scales, size_t n_in, const size_t n_rows, const dot_ask *ask, const size_t cols)
{
  const size_t chains = cols <= 2 ? 2 : 1; /* of sums for a row and column: few wait for one another */
  __m512       sums[CW_TILE_ROWS][DOT_TILE_COLS];

  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      sums[i][j] = _mm512_setzero_ps ();
  for (size_t at = 0; at < n_in; at += CW_Q8_RUN) {
    const size_t end = n_in - at < CW_Q8_RUN ? n_in : at + CW_Q8_RUN;
    __m512i      acc[CW_TILE_ROWS][DOT_TILE_COLS][2];

    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        acc[i][j][0] = acc[i][j][1] = _mm512_setzero_si512 ();
    for (size_t c = at; c < end; c += CW_PAD) {
      __m512i weights[CW_TILE_ROWS][2];

      CW_UNROLL
      for (size_t i = 0; i < CW_TILE_ROWS; i++) {
        const int8_t *from = w + cw_tiled (i, c, n_in);

        dot_ask_line (ask, c, i);
        CW_UNROLL
        for (size_t half = 0; half < 2; half++)
          weights[i][half] = _mm512_cvtepi8_epi16 (_mm256_loadu_si256 ((const __m256i *) (from + 32 * half)));
      }
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        CW_UNROLL
        for (size_t half = 0; half < 2; half++) {
          const __m512i column = _mm512_loadu_si512 (x + j * ld_x + c + 32 * half);

          CW_UNROLL
          for (size_t i = 0; i < CW_TILE_ROWS; i++)
            acc[i][j][half % chains] = add_pairs (acc[i][j][half % chains], weights[i][half], column);
        }
    }
    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++) {
        const __m512i sum = chains == 1 ? acc[i][j][0] : _mm512_add_epi32 (acc[i][j][0], acc[i][j][1]);
        sums[i][j] = _mm512_add_ps (sums[i][j], _mm512_cvtepi32_ps (sum));
      }
  }
  CW_UNROLL
  for (size_t j = 0; j < cols; j++) {
    const __mmask8 mask = (__mmask8) (first_lanes (n_rows) & 15);
    const __m512   four[4] = { sums[0][j], sums[1][j], sums[2][j], sums[3][j] };
    const __m128   scaled = _mm_mul_ps (lanes_sums (four), _mm_maskz_loadu_ps (mask, w_scales));

    _mm_mask_storeu_ps (y + j * ld_y, mask, _mm_mul_ps (scaled, _mm_set1_ps (x_scales[j])));
  }
}

#define TILE(i, j, cols)                                                                                               \
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * n_in, w_scales + (i), n_in,        \
        n_rows - (i), &ask, cols)

void
TWIN (cw_dot_q8) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                  const int8_t *w, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK (n_in);
}
