/* SPDX-License-Identifier: MIT
 *
 * dot-tiles.h: how the vector twins of the quantised products walk rows and columns. DOT_TILES_WALK () is the function's body: it calls
 *     TILE (i, j, cols), which the includer defines, for CW_TILE_ROWS rows from i on and a constant number of columns from j on, so
 *     that the sums stay in registers.
 *
 * Few columns: the weights are read once, one byte after the other, from memory to registers. Many: four rows stay in the
 * first-level cache for all columns.
 */
#define DOT_TILES_WALK()                                                                                               \
  do {                                                                                                                 \
    for (size_t i = 0; i < n_rows; i += CW_TILE_ROWS) {                                                                \
      size_t j = 0;                                                                                                    \
      for (; j + DOT_TILE_COLS <= n_cols; j += DOT_TILE_COLS)                                                          \
        TILE (i, j, DOT_TILE_COLS);                                                                                    \
      for (; j + 2 <= n_cols; j += 2)                                                                                  \
        TILE (i, j, 2);                                                                                                \
      if (j < n_cols)                                                                                                  \
        TILE (i, j, 1);                                                                                                \
    }                                                                                                                  \
  } while (0)
