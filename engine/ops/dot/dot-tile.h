/* SPDX-License-Identifier: MIT
 *
 * dot-tile.h: how the vector twins walk rows and columns; included once by each, after it has defined
 *     TILE_ROWS, TILE_COLS   the largest tile whose sums fit the registers
 *     tile (R, N)            a static function tile_R_N for each needed size: see DOT_TILES
 *
 * Many columns: a group of rows small enough to stay in the cache is used for all of them before the next. Few: all rows once, from
 * memory to registers, TILE_ROWS beside one another, so that many sums are under way and memory is read in as many runs of addresses.
 *
 * While a tile reads its rows for the first time it asks for the same places of the rows behind it: dot_ask (…) for each line of the cache.
 */
#include <immintrin.h>

#define CACHE_BYTES (192 * 1024)
#define LINE_BYTES  64

/* @ahead: bytes between a place and the one that is asked for; 0: nothing is asked for */
typedef void (*tile_fn) (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w, size_t w_bytes,
                         size_t n_in, size_t ahead);

static inline __attribute__ ((always_inline)) void
dot_ask (const char *w, size_t w_bytes, size_t rows, size_t ahead)
{
  if (ahead == 0)
    return;
  if (ahead <= CW_FIRST_LEVEL_BYTES)
    CW_UNROLL
    for (size_t i = 0; i < rows; i++)
      _mm_prefetch (w + i * w_bytes + ahead, _MM_HINT_T0);
  else
    CW_UNROLL
    for (size_t i = 0; i < rows; i++)
      _mm_prefetch (w + i * w_bytes + ahead, _MM_HINT_T1);
}

static inline __attribute__ ((always_inline)) void
walk (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows, size_t n_in,
      size_t element_bytes, const tile_fn tiles[TILE_ROWS][TILE_COLS])
{
  const size_t row_bytes = n_in * element_bytes;
  size_t       group = n_cols <= TILE_COLS || row_bytes == 0 ? n_rows : CACHE_BYTES / row_bytes;

  if (group < TILE_ROWS)
    group = TILE_ROWS;
  for (size_t first = 0; first < n_rows; first += group) {
    const size_t end = first + group < n_rows ? first + group : n_rows;
    for (size_t j = 0; j < n_cols; j += TILE_COLS) {
      const size_t cols = n_cols - j < TILE_COLS ? n_cols - j : TILE_COLS;
      for (size_t i = first; i < end; i += TILE_ROWS) {
        const size_t rows = end - i < TILE_ROWS ? end - i : TILE_ROWS;
        tiles[rows - 1][cols - 1](y + j * ld_y + i, ld_y, x + j * ld_x, ld_x, (const char *) w + i * row_bytes,
                                  row_bytes, n_in, j == 0 ? TILE_ROWS * row_bytes : 0);
      }
    }
  }
}
