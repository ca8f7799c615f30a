/* SPDX-License-Identifier: MIT
 *
 * dot-avx512.c: one register holds the 16 chains of lanes.h.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/dot/dot.h"

#include "ops/lanes-avx512.h"

#define TILE_ROWS 4
#define TILE_COLS 4
#include "ops/dot/dot-tile.h"

static inline __attribute__ ((always_inline)) __m512
load_f32 (const char *w, size_t c, __mmask16 mask)
{
  return _mm512_maskz_loadu_ps (mask, (const float *) w + c);
}

static inline __attribute__ ((always_inline)) __m512
load_f16 (const char *w, size_t c, __mmask16 mask)
{
  return _mm512_cvtph_ps (_mm256_maskz_loadu_epi16 (mask, (const uint16_t *) w + c));
}

static inline __attribute__ ((always_inline)) __m512
load_bf16 (const char *w, size_t c, __mmask16 mask)
{
  __m256i bits = _mm256_maskz_loadu_epi16 (mask, (const uint16_t *) w + c);

  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_cvtepu16_epi32 (bits), 16));
}

/* Adds 16 elements from @c on, or as many of them as @mask has. */
static inline __attribute__ ((always_inline)) void
add_products (__m512 acc[TILE_ROWS][TILE_COLS], const float *x, size_t ld_x, const char *w, size_t w_bytes, size_t c, __mmask16 mask,
              size_t rows, size_t cols, __m512 (*load) (const char *, size_t, __mmask16))
{
  __m512 column[TILE_COLS];

  CW_UNROLL
  for (size_t j = 0; j < cols; j++)
    column[j] = _mm512_maskz_loadu_ps (mask, x + j * ld_x + c);
  CW_UNROLL
  for (size_t i = 0; i < rows; i++) {
    const __m512 row = load (w + i * w_bytes, c, mask);
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      acc[i][j] = _mm512_fmadd_ps (row, column[j], acc[i][j]);
  }
}

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w, size_t w_bytes, size_t n_in, size_t ahead, size_t rows,
      size_t cols, size_t element_bytes, __m512 (*load) (const char *, size_t, __mmask16))
{
  const size_t line = LINE_BYTES / element_bytes;
  __m512       acc[TILE_ROWS][TILE_COLS];
  size_t       c = 0;

  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      acc[i][j] = _mm512_setzero_ps ();
  for (; c + line <= n_in; c += line) {
    dot_ask (w + c * element_bytes, w_bytes, rows, ahead);
    CW_UNROLL
    for (size_t part = 0; part < line; part += 16)
      add_products (acc, x, ld_x, w, w_bytes, c + part, 0xffff, rows, cols, load);
  }
  for (; c < n_in; c += 16)
    add_products (acc, x, ld_x, w, w_bytes, c, first_lanes (n_in - c), rows, cols, load);
  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      y[j * ld_y + i] = lanes_sum (acc[i][j]);
}

#define TILE(type, bytes, R, N)                                                                                        \
  static void tile_##type##_##R##_##N (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w,              \
                                       size_t w_bytes, size_t n_in, size_t ahead)                                      \
  {                                                                                                                    \
    tile (y, ld_y, x, ld_x, w, w_bytes, n_in, ahead, R, N, bytes, load_##type);                                        \
  }
#define TILES(type, bytes, R)                                                                                          \
  TILE (type, bytes, R, 1) TILE (type, bytes, R, 2) TILE (type, bytes, R, 3) TILE (type, bytes, R, 4)
#define ROW(type, R) { tile_##type##_##R##_1, tile_##type##_##R##_2, tile_##type##_##R##_3, tile_##type##_##R##_4 }
#define DOT_ROWS(type, bytes)                                                                                          \
  TILES (type, bytes, 1) TILES (type, bytes, 2) TILES (type, bytes, 3) TILES (type, bytes, 4)                          \
  void cw_dot_rows_##type##_avx512 (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w,  \
                                    size_t n_rows, size_t n_in)                                                        \
  {                                                                                                                    \
    static const tile_fn tiles[TILE_ROWS][TILE_COLS] = { ROW (type, 1), ROW (type, 2), ROW (type, 3), ROW (type, 4) }; \
    walk (y, ld_y, x, ld_x, n_cols, w, n_rows, n_in, bytes, tiles);                                                    \
  }

DOT_ROWS (f32, 4)
DOT_ROWS (f16, 2)
DOT_ROWS (bf16, 2)
