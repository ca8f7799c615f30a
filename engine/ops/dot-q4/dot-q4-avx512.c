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
#define RUN_GROUPS    (CW_Q4_RUN / CW_Q4_GROUP)

/* 16 times the groups' scales of a run, of four rows, each twice in 32 bits: those are spread over a register without
 * a shuffle. */
static inline __attribute__ ((always_inline)) void
widen_groups (int32_t factors[CW_TILE_ROWS][RUN_GROUPS], const int8_t *groups, size_t n_groups, size_t n)
{
  CW_UNROLL
  for (size_t i = 0; i < CW_TILE_ROWS; i++)
    CW_UNROLL
    for (size_t g = 0; g < RUN_GROUPS; g += 16) {
      const __mmask16 mask = n > g ? first_lanes (n - g) : 0;
      const __m128i   bytes = _mm_maskz_loadu_epi8 (mask, groups + i * n_groups + g);
      const __m512i   wide = _mm512_slli_epi32 (_mm512_cvtepi8_epi32 (bytes), 4);

      _mm512_storeu_si512 (&factors[i][g], _mm512_mask_blend_epi16 (0xaaaaaaaa, wide, _mm512_slli_epi32 (wide, 16)));
    }
}

/* The four rows at @w, of which @n_rows count. */
static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, const uint8_t *w,
      const int8_t *groups, const float *w_scales, size_t n_in, const size_t n_rows, const dot_ask *ask,
      const size_t cols)
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
    int32_t      factors[CW_TILE_ROWS][RUN_GROUPS];

    widen_groups (factors, groups + at / CW_Q4_GROUP, n_in / CW_Q4_GROUP, (end - at) / CW_Q4_GROUP);
    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        acc[i][j] = _mm512_setzero_si512 ();
    for (size_t c = at; c < end; c += CW_PAD) {
      __m512i weights[CW_TILE_ROWS][2];

      CW_UNROLL
      for (size_t i = 0; i < CW_TILE_ROWS; i++) {
        const uint8_t *from = w + cw_tiled (i, c, n_in) / 2;
        const int32_t *factor = &factors[i][(c - at) / CW_Q4_GROUP];
        const __m512i  both = _mm512_cvtepu8_epi16 (_mm256_loadu_si256 ((const __m256i *) from));

        weights[i][0] = _mm512_mulhi_epi16 (_mm512_slli_epi16 (both, 12), _mm512_set1_epi32 (factor[0]));
        weights[i][1] = _mm512_mulhi_epi16 (_mm512_and_si512 (_mm512_slli_epi16 (both, 8), top), _mm512_set1_epi32 (factor[1]));
        if (i < 2)
          dot_ask_line (ask, c, i);
      }
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        CW_UNROLL
        for (size_t half = 0; half < 2; half++) {
          const __m512i column = _mm512_loadu_si512 (x + j * ld_x + c + 32 * half);

          CW_UNROLL
          for (size_t i = 0; i < CW_TILE_ROWS; i++)
            acc[i][j] = add_pairs (acc[i][j], weights[i][half], column);
        }
    }
    CW_UNROLL
    for (size_t i = 0; i < CW_TILE_ROWS; i++)
      CW_UNROLL
      for (size_t j = 0; j < cols; j++)
        sums[i][j] = _mm512_add_ps (sums[i][j], _mm512_cvtepi32_ps (acc[i][j]));
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
  tile (y + (j) * ld_y + (i), ld_y, x + (j) * ld_x, ld_x, x_scales + (j), w + (i) * (n_in / 2),                        \
        groups + (i) * (n_in / CW_Q4_GROUP), w_scales + (i), n_in, n_rows - (i), &ask, cols)

void
TWIN (cw_dot_q4) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                  const uint8_t *w, const int8_t *groups, const float *w_scales, size_t n_rows, size_t n_in)
{
  DOT_TILES_WALK (n_in / 2);
}
