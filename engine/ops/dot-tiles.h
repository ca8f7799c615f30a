/* SPDX-License-Identifier: MIT
 *
 * dot-tiles.h: how the vector twins of the quantised products walk rows and columns. DOT_TILES_WALK (w_bytes) is the function's body,
 *     w_bytes the bytes of a row of @w: it calls TILE (i, j, cols), which the includer defines, for the four rows from i on and the
 *     columns from j on; cols, at most DOT_TILE_COLS, is a constant, so that the sums stay in registers.
 *
 * Few columns, one walk: the weights are read once, one byte after the other, from memory to registers. Many: the rows, which stay in
 * the second-level cache, are walked for DOT_TILE_COLS columns after another, which stay in the first.
 *
 * A tile asks for `lines` lines of the cache from `ask` on for each CW_PAD columns that it reads of its rows: dot_ask (…) in its loop. One
 * walk asks for all, a little ahead. Several ask for a part each of the rows behind all these, so that memory works all the time
 * and not during the first walk alone.
 */
#include <immintrin.h>
#include <stdbool.h>

typedef struct {
  const char *from;  /* what is asked for at column 0 of the tile */
  size_t      lines; /* of 64 bytes, for each CW_PAD columns */
  bool        soon;  /* to the first level, else the second */
} dot_ask;

/* Line @i of the step at byte @at of the tile. */
static inline __attribute__ ((always_inline)) void
dot_ask_line (const dot_ask *ask, size_t at, size_t i)
{
  const char *line = ask->from + at + 64 * i;

  if (i >= ask->lines)
    return;
  if (ask->soon)
    _mm_prefetch (line, _MM_HINT_T0);
  else
    _mm_prefetch (line, _MM_HINT_T1);
}

#define DOT_AHEAD 2048 /* bytes between what is read and what is asked for, of one walk */

#define DOT_TILES_WALK(w_bytes)                                                                                        \
  do {                                                                                                                 \
    const size_t n_tiles = (n_rows + CW_TILE_ROWS - 1) / CW_TILE_ROWS, tile_bytes = CW_TILE_ROWS * (w_bytes);          \
    const size_t walks = (n_cols + DOT_TILE_COLS - 1) / DOT_TILE_COLS, step_lines = tile_bytes * CW_PAD / n_in / 64;   \
    const char  *behind = (const char *) w + (walks == 1 ? DOT_AHEAD : n_tiles * tile_bytes);                          \
    dot_ask      ask = { .lines = walks < step_lines ? step_lines / walks : 1, .soon = walks == 1 };                   \
    for (size_t j = 0, next; j < n_cols; j = next, behind += 64 * ask.lines) {                                         \
      next = n_cols - j >= DOT_TILE_COLS ? j + DOT_TILE_COLS : n_cols - j >= 2 ? j + 2 : j + 1;                        \
      for (size_t t = 0; t < n_tiles; t++) {                                                                           \
        ask.from = behind + t * tile_bytes;                                                                            \
        if (next - j == DOT_TILE_COLS)                                                                                 \
          TILE (t * CW_TILE_ROWS, j, DOT_TILE_COLS);                                                                   \
        else if (next - j == 2)                                                                                        \
          TILE (t * CW_TILE_ROWS, j, 2);                                                                               \
        else                                                                                                           \
          TILE (t * CW_TILE_ROWS, j, 1);                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
  } while (0)
