/* SPDX-License-Identifier: MIT
 *
 * dot-avx2.c: two registers hold the 16 chains of lanes.h: low lanes 0 to 7, high lanes 8 to 15.
 */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error built without -mavx2 -mfma -mf16c
#endif
#include "ops/dot/dot.h"

#include <string.h>

#include "ops/lanes-avx2.h"

#define TILE_ROWS 2
#define TILE_COLS 2
#include "ops/dot/dot-tile.h"

static inline __attribute__ ((always_inline)) __m256
load_f32 (const char *w, size_t c)
{
  return _mm256_loadu_ps ((const float *) w + c);
}

static inline __attribute__ ((always_inline)) __m256
load_f16 (const char *w, size_t c)
{
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) ((const uint16_t *) w + c)));
}

static inline __attribute__ ((always_inline)) __m256
load_bf16 (const char *w, size_t c)
{
  __m128i bits = _mm_loadu_si128 ((const __m128i *) ((const uint16_t *) w + c));

  return _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_cvtepu16_epi32 (bits), 16));
}

/* Adds 16 elements from @x and @w on. */
static inline __attribute__ ((always_inline)) void
add_products (__m256 acc[TILE_ROWS][TILE_COLS][2], const float *x, size_t ld_x, const char *w, size_t w_bytes, size_t rows, size_t cols,
              __m256 (*load) (const char *, size_t))
{
  __m256 column[TILE_COLS][2];

  CW_UNROLL
  for (size_t j = 0; j < cols; j++) {
    column[j][0] = _mm256_loadu_ps (x + j * ld_x);
    column[j][1] = _mm256_loadu_ps (x + j * ld_x + 8);
  }
  CW_UNROLL
  for (size_t i = 0; i < rows; i++) {
    const __m256 low = load (w + i * w_bytes, 0), high = load (w + i * w_bytes, 8);
    CW_UNROLL
    for (size_t j = 0; j < cols; j++) {
      acc[i][j][0] = _mm256_fmadd_ps (low, column[j][0], acc[i][j][0]);
      acc[i][j][1] = _mm256_fmadd_ps (high, column[j][1], acc[i][j][1]);
    }
  }
}

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w, size_t w_bytes, size_t n_in, size_t ahead, size_t rows,
      size_t cols, size_t element_bytes, __m256 (*load) (const char *, size_t))
{
  const size_t line = LINE_BYTES / element_bytes;
  __m256       acc[TILE_ROWS][TILE_COLS][2];
  size_t       c = 0;

  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      acc[i][j][0] = acc[i][j][1] = _mm256_setzero_ps ();
  for (; c + line <= n_in; c += line) {
    dot_ask (w + c * element_bytes, w_bytes, rows, ahead);
    CW_UNROLL
    for (size_t part = c; part < c + line; part += 16)
      add_products (acc, x + part, ld_x, w + part * element_bytes, w_bytes, rows, cols, load);
  }
  for (; c + 16 <= n_in; c += 16)
    add_products (acc, x + c, ld_x, w + c * element_bytes, w_bytes, rows, cols, load);
  if (c < n_in) {
    /* the last elements, with zeros behind them */
    float columns[TILE_COLS][16] = { 0 };
    char  w_rest[TILE_ROWS][16 * sizeof (float)] = { 0 };

    for (size_t j = 0; j < cols; j++)
      memcpy (columns[j], x + j * ld_x + c, (n_in - c) * sizeof *x);
    for (size_t i = 0; i < rows; i++)
      memcpy (w_rest[i], w + i * w_bytes + c * element_bytes, (n_in - c) * element_bytes);
    add_products (acc, columns[0], 16, w_rest[0], sizeof w_rest[0], rows, cols, load);
  }
  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      y[j * ld_y + i] = lanes_sum (acc[i][j][0], acc[i][j][1]);
}

#define TILE(type, bytes, R, N)                                                                                        \
  static void tile_##type##_##R##_##N (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w,              \
                                       size_t w_bytes, size_t n_in, size_t ahead)                                      \
  {                                                                                                                    \
    tile (y, ld_y, x, ld_x, w, w_bytes, n_in, ahead, R, N, bytes, load_##type);                                        \
  }
#define DOT_ROWS(type, bytes)                                                                                          \
  TILE (type, bytes, 1, 1) TILE (type, bytes, 1, 2) TILE (type, bytes, 2, 1) TILE (type, bytes, 2, 2)                  \
  void cw_dot_rows_##type##_avx2 (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w,    \
                                  size_t n_rows, size_t n_in)                                                          \
  {                                                                                                                    \
    static const tile_fn tiles[TILE_ROWS][TILE_COLS] = { { tile_##type##_1_1, tile_##type##_1_2 },                     \
                                                         { tile_##type##_2_1, tile_##type##_2_2 } };                   \
    walk (y, ld_y, x, ld_x, n_cols, w, n_rows, n_in, bytes, tiles);                                                    \
  }

DOT_ROWS (f32, 4)
DOT_ROWS (f16, 2)
DOT_ROWS (bf16, 2)
