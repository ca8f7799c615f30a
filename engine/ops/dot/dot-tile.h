/* SPDX-License-Identifier: MIT
 *
 * dot-tile.h: how the vector twins walk rows and columns; included once by each, after it has defined
 *     TILE_ROWS, TILE_COLS   the largest tile whose sums fit the registers
 *     tile (R, N)            a static function tile_R_N for each needed size: see DOT_TILES
 *
 * Many columns: a group of rows small enough to stay in the cache is used for all of them before the next. Few columns: one row at a
 * time, read once from memory to registers, so that the memory sees one long run of addresses; unless the columns are so long that they
 * do not stay in the first-level cache: then each of their elements must serve several rows.
 */

#define CACHE_BYTES (192 * 1024)
#define FEW_COLS    2
#define FIRST_LEVEL_BYTES (16 * 1024)

typedef void (*tile_fn) (float *y, size_t ld_y, const float *x, size_t ld_x, const char *w, size_t w_bytes,
                         size_t n_in);

static inline __attribute__ ((always_inline)) void
walk (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w, size_t n_rows, size_t n_in,
      size_t element_bytes, const tile_fn tiles[TILE_ROWS][TILE_COLS])
{
  const size_t row_bytes = n_in * element_bytes;
  const size_t tall = n_cols <= FEW_COLS && n_cols * n_in * sizeof *x <= FIRST_LEVEL_BYTES ? 1 : TILE_ROWS;
  size_t       group = n_cols <= TILE_COLS || row_bytes == 0 ? n_rows : CACHE_BYTES / row_bytes;

  if (group < TILE_ROWS)
    group = TILE_ROWS;
  for (size_t first = 0; first < n_rows; first += group) {
    const size_t end = first + group < n_rows ? first + group : n_rows;
    for (size_t j = 0; j < n_cols; j += TILE_COLS) {
      const size_t cols = n_cols - j < TILE_COLS ? n_cols - j : TILE_COLS;
      for (size_t i = first; i < end; i += tall) {
        const size_t rows = end - i < tall ? end - i : tall;
        tiles[rows - 1][cols - 1](y + j * ld_y + i, ld_y, x + j * ld_x, ld_x, (const char *) w + i * row_bytes,
                                  row_bytes, n_in);
      }
    }
  }
}
