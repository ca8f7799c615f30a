/* SPDX-License-Identifier: MIT
 *
 * arena.c: see arena.h. Each piece is its own block: pieces are few and large, and a sanitizer sees each one's end.
 */
#define _GNU_SOURCE
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/tensor.h"

#define ALIGNMENT 64

struct cw_arena_block {
  cw_arena_block *next;
};

void *
cw_arena_take (cw_arena *arena, size_t n, size_t size)
{
  size_t          n_bytes, with_head;
  cw_arena_block *block = NULL;

  if (!cw_mul (n, size, &n_bytes) || !cw_add (n_bytes, 2 * ALIGNMENT, &with_head)) {
    if (!arena->missing)
      arena->missing = SIZE_MAX;
    return NULL;
  }
  with_head = with_head / ALIGNMENT * ALIGNMENT;
  if (posix_memalign ((void **) &block, ALIGNMENT, with_head) != 0) {
    if (!arena->missing)
      arena->missing = n_bytes ? n_bytes : 1;
    return NULL;
  }
  memset (block, 0, with_head);
  block->next = arena->blocks;
  arena->blocks = block;
  arena->n_bytes += with_head;
  return (char *) block + ALIGNMENT;
}

bool
cw_arena_ok (const cw_arena *arena, const char *what, cw_error *error)
{
  if (!arena->missing)
    return true;
  cw_fail_memory (error, what, arena->missing);
  return false;
}

void
cw_arena_free (cw_arena *arena)
{
  while (arena->blocks) {
    cw_arena_block *next = arena->blocks->next;
    free (arena->blocks);
    arena->blocks = next;
  }
  *arena = (cw_arena){ 0 };
}
