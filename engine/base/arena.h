/* SPDX-License-Identifier: MIT
 *
 * arena.h: memory that lives and dies together: what a loaded model owns, or what a run needs. Everything is zeroed, and aligned to 64
 *     bytes. A failed allocation is remembered: take all that is needed, then ask once with cw_arena_ok.
 */
#pragma once

#include <stddef.h>

#include "engine.h"

typedef struct cw_arena_block cw_arena_block;

typedef struct {
  cw_arena_block *blocks;
  size_t          n_bytes; /* in all, for reports */
  size_t          missing; /* size of the first allocation that failed, 0 if none */
} cw_arena;

/* n * size bytes, never NULL for a zero product; NULL when memory is short or the product overflows. */
void *cw_arena_take (cw_arena *arena, size_t n, size_t size);
/* The same for what is read from memory piece by piece, as a step's caches are: in pages of 2 MB where the system gives them, so that
 * finding a piece's page does not take as long as reading it. Touched memory alone is used. */
void *cw_arena_take_huge (cw_arena *arena, size_t n, size_t size);
#define cw_arena_new(arena, type, n) ((type *) cw_arena_take (arena, n, sizeof (type)))

/* True when no allocation failed; else fills @error, naming @what. */
bool cw_arena_ok (const cw_arena *arena, const char *what, cw_error *error);

/* Frees all; the arena is empty and usable again. */
void cw_arena_free (cw_arena *arena);
