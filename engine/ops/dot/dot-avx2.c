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

static inline __attribute__ ((always_inline)) void
tile (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w, size_t w_bytes, size_t n_in, size_t rows,
      size_t cols, size_t element_bytes, __m256 (*load) (const char *, size_t))
{
  __m256 acc[TILE_ROWS][TILE_COLS][2], column[TILE_COLS][2];
  size_t c = 0;

  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      acc[i][j][0] = acc[i][j][1] = _mm256_setzero_ps ();
  for (; c + 16 <= n_in; c += 16) {
    CW_UNROLL
    for (size_t j = 0; j < cols; j++) {
      column[j][0] = _mm256_loadu_ps (x + j * ld_x + c);
      column[j][1] = _mm256_loadu_ps (x + j * ld_x + c + 8);
    }
    CW_UNROLL
    for (size_t i = 0; i < rows; i++) {
      const __m256 low = load (w + i * w_bytes, c), high = load (w + i * w_bytes, c + 8);
      CW_UNROLL
      for (size_t j = 0; j < cols; j++) {
        acc[i][j][0] = _mm256_fmadd_ps (low, column[j][0], acc[i][j][0]);
        acc[i][j][1] = _mm256_fmadd_ps (high, column[j][1], acc[i][j][1]);
      }
    }
  }
  if (c < n_in) {
    /* the last elements, with zeros behind them */
    CW_UNROLL
    for (size_t j = 0; j < cols; j++) {
      float rest[16] = { 0 };
      memcpy (rest, x + j * ld_x + c, (n_in - c) * sizeof *rest);
      column[j][0] = _mm256_loadu_ps (rest);
      column[j][1] = _mm256_loadu_ps (rest + 8);
    }
    CW_UNROLL
    for (size_t i = 0; i < rows; i++) {
      char rest[16 * sizeof (float)] = { 0 };
      memcpy (rest, w + i * w_bytes + c * element_bytes, (n_in - c) * element_bytes);
      const __m256 low = load (rest, 0), high = load (rest, 8);
      CW_UNROLL
      for (size_t j = 0; j < cols; j++) {
        acc[i][j][0] = _mm256_fmadd_ps (low, column[j][0], acc[i][j][0]);
        acc[i][j][1] = _mm256_fmadd_ps (high, column[j][1], acc[i][j][1]);
      }
    }
  }
  CW_UNROLL
  for (size_t i = 0; i < rows; i++)
    CW_UNROLL
    for (size_t j = 0; j < cols; j++)
      y[j * ld_y + i] = lanes_sum (acc[i][j][0], acc[i][j][1]);
}

#define TILE(type, bytes, R, N)                                                                                        \
  static void tile_##type##_##R##_##N (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w,              \
                                       size_t w_bytes, size_t n_in)                                                    \
  {                                                                                                                    \
    tile (y, ld_y, x, ld_x, w, w_bytes, n_in, R, N, bytes, load_##type);                                               \
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
