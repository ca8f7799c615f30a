/* SPDX-License-Identifier: MIT
 *
 * dot-q4-avx512.c: see kernels.h; one register holds the 16 lanes. Built twice, as dot-q8-avx512.c.
 *
 * A 4-bit weight moved to the top of 16 bits, times 16 times its group's scale: the upper half of that product is weight times
 * scale, exactly, and stands where a pair's product needs it.
 */
#ifndef __AVX512BW__
#error built without -mavx512bw
#endif
#include "ops/dot-q4/dot-q4.h"

#include "ops/dot-tiles.h"
#include "ops/lanes-avx512.h"
#include "ops/pairs-avx512.h"

#define DOT_TILE_COLS 4
#define AHEAD         2048 /* bytes between what is read and what is asked for */
#define RUN_GROUPS    (CW_Q4_RUN / CW_Q4_GROUP)

/* 16 times the groups' scales of a run, widened. */
static inline __attribute__ ((always_inline)) void
widen_groups (int16_t factors[CW_TILE_ROWS][RUN_GROUPS], const int8_t *groups, size_t n_groups, size_t n)
{
  const __mmask32 mask = n >= 32 ? 0xffffffff : (1u << n) - 1;

  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++) {
    const __m512i wide = _mm512_cvtepi8_epi16 (_mm256_maskz_loadu_epi8 (mask, groups + i * n_groups));
    _mm512_storeu_si512 (factors[i], _mm512_slli_epi16 (wide, 4));
  }
}

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const uint8_t *w,
      const int8_t *groups, const float *w_scales, size_t n_in, const size_t n_rows, const size_t cols)
{
  const __m512i top = _mm512_set1_epi16 ((short) 0xf000);
  __m512        sums[CW_TILE_ROWS][DOT_TILE_COLS];

  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      sums[i][j] = _mm512_setzero_ps ();
  for (size_t at = 0; at < n_in; at += CW_Q4_RUN) {
    const size_t end = n_in - at < CW_Q4_RUN ? n_in : at + CW_Q4_RUN;
    __m512i      acc[CW_TILE_ROWS][DOT_TILE_COLS];
    int16_t      factors[CW_TILE_ROWS][RUN_GROUPS];

    widen_groups (factors, groups + at / CW_Q4_GROUP, n_in / CW_Q4_GROUP, (end - at) / CW_Q4_GROUP);
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
        const uint8_t *from = w + cw_tiled (i, c, n_in) / 2;
        const int16_t *factor = &factors[i][(c - at) / CW_Q4_GROUP];
        const __m512i  both = _mm512_cvtepu8_epi16 (_mm256_loadu_si256 ((const __m256i *) from));
        const __m512i  low = _mm512_mulhi_epi16 (_mm512_slli_epi16 (both, 12), _mm512_set1_epi16 (factor[0]));
        const __m512i  high =
          _mm512_mulhi_epi16 (_mm512_and_si512 (_mm512_slli_epi16 (both, 8), top), _mm512_set1_epi16 (factor[1]));

        if (i % 2 == 0)
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
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * (n_in / 2),                        \
        groups + (i) * (n_in / CW_Q4_GROUP), w_scales + (i), n_in, n_rows - (i), cols)

void
TWIN (cw_dot_q4) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                  const uint8_t *w, const int8_t *groups, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK ();
}
