/* SPDX-License-Identifier: MIT
 *
 * dot-tiles.h: how the vector twins of the quantised products walk rows and columns. DOT_TILES_WALK (w_bytes) is the function's body,
 *     w_bytes the bytes of a row of @w: it calls TILE (i, j, cols), which the includer defines, for the four rows from i on and the
 *     columns from j on; cols, at most DOT_TILE_COLS, is a constant, so that the sums stay in registers.
 *
 * Few columns, one walk: the weights are read once, one byte after the other, from memory to registers. Many: the rows, which stay in
 * the second-level cache, are walked for DOT_TILE_COLS columns after another, which stay in the first.
 *
 * Meanwhile memory is asked for the rows behind: by one walk, for the next DOT_GROUP tiles; by several, which take a part of it each, so
 * that memory works all the time and not during the first alone, for those behind all rows. A tile that reads CW_PAD columns of its rows
 * asks for a line of several tiles each: dot_ask_line (…) in its loop. Memory is read faster in several runs of addresses than in one.
 */
#include <immintrin.h>
#include <stdbool.h>

#include "ops/lanes.h"

#define DOT_GROUP 4

typedef struct {
  const char *from;   /* what is asked for at column 0 of the tile, of the first of them */
  size_t      stride; /* from one of them to the next: bytes of a tile */
  size_t      lines;  /* of 64 bytes, for each CW_PAD columns */
  bool        soon;   /* to the first level, else the second */
} dot_ask;

/* Line @i at column @c of the tile. */
static inline __attribute__ ((always_inline)) void
dot_ask_line (const dot_ask *ask, size_t c, size_t i)
{
  const char *line = ask->from + i * ask->stride + c;

  if (i >= ask->lines)
    return;
  if (ask->soon)
    _mm_prefetch (line, _MM_HINT_T0);
  else
    _mm_prefetch (line, _MM_HINT_T1);
}

/* What tile @t of @n_tiles at @w asks for in walk @walk of @walks; a walk has @lines for each CW_PAD columns, of @step_lines in all. */
static inline __attribute__ ((always_inline)) dot_ask
dot_ask_of (const void *w, size_t tile_bytes, size_t t, size_t n_tiles, size_t walk, size_t walks, size_t step_lines)
{
  const size_t lines = walks < step_lines ? step_lines / walks : 1;
  const size_t place = (walk * DOT_GROUP + t % DOT_GROUP) * lines, part = place / DOT_GROUP;
  const size_t group = t / DOT_GROUP * DOT_GROUP + (walks == 1 ? DOT_GROUP : n_tiles);

  return (dot_ask){ .from = (const char *) w + (group + place % DOT_GROUP) * tile_bytes + part * (tile_bytes / step_lines),
                    .stride = tile_bytes,
                    .lines = part < step_lines ? lines : 0,
                    .soon = walks == 1 && DOT_GROUP * tile_bytes <= CW_FIRST_LEVEL_BYTES };
}

#define DOT_TILES_WALK(w_bytes)                                                                                        \
  do {                                                                                                                 \
    const size_t n_tiles = (n_rows + CW_TILE_ROWS - 1) / CW_TILE_ROWS, tile_bytes = CW_TILE_ROWS * (w_bytes);          \
    const size_t walks = (n_cols + DOT_TILE_COLS - 1) / DOT_TILE_COLS, step_lines = tile_bytes * CW_PAD / n_in / 64;   \
    for (size_t j = 0, walk = 0, next; j < n_cols; j = next, walk++) {                                                 \
      next = n_cols - j >= DOT_TILE_COLS ? j + DOT_TILE_COLS : n_cols - j >= 2 ? j + 2 : j + 1;                        \
      for (size_t t = 0; t < n_tiles; t++) {                                                                           \
        const dot_ask ask = dot_ask_of (w, tile_bytes, t, n_tiles, walk, walks, step_lines);                           \
        if (next - j == DOT_TILE_COLS)                                                                                 \
          TILE (t * CW_TILE_ROWS, j, DOT_TILE_COLS);                                                                   \
        else if (next - j == 2)                                                                                        \
          TILE (t * CW_TILE_ROWS, j, 2);                                                                               \
        else                                                                                                           \
          TILE (t * CW_TILE_ROWS, j, 1);                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
  } while (0)
