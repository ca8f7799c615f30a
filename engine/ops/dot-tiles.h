/* SPDX-License-Identifier: MIT
 *
 * dot-tiles.h: how the vector twins of the quantised products walk rows and columns. DOT_TILES_WALK () is the function's body: it calls
 *     TILE (i, j, first, rows, cols), which the includer defines, for rows first … first + rows - 1 of the four from i on and columns from j
 *     on; the last three are constants, so that the sums stay in registers. DOT_WIDE_COLS and DOT_TILE_COLS are the most columns of half
 *     a tile of rows (0: no use) and of a whole one.
 *
 * Few columns: the weights are read once, one byte after the other, from memory to registers. Many: four rows stay in the
 * first-level cache for all columns, and two rows at a time meet twice as many columns, for each time that they are unpacked.
 */
#define DOT_TILES_WALK()                                                                                               \
  do {                                                                                                                 \
    for (size_t i = 0; i < n_rows; i += CW_TILE_ROWS) {                                                                \
      size_t j = 0;                                                                                                    \
      for (; j + DOT_WIDE_COLS <= n_cols && DOT_WIDE_COLS; j += DOT_WIDE_COLS) {                                       \
        TILE (i, j, 0, CW_TILE_ROWS / 2, DOT_WIDE_COLS);                                                               \
        TILE (i, j, CW_TILE_ROWS / 2, CW_TILE_ROWS / 2, DOT_WIDE_COLS);                                                \
      }                                                                                                                \
      for (; j + DOT_TILE_COLS <= n_cols; j += DOT_TILE_COLS)                                                          \
        TILE (i, j, 0, CW_TILE_ROWS, DOT_TILE_COLS);                                                                   \
      for (; j + 2 <= n_cols; j += 2)                                                                                  \
        TILE (i, j, 0, CW_TILE_ROWS, 2);                                                                               \
      if (j < n_cols)                                                                                                  \
        TILE (i, j, 0, CW_TILE_ROWS, 1);                                                                               \
    }                                                                                                                  \
  } while (0)
