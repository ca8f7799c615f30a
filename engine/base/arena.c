/* SPDX-License-Identifier: MIT
 *
 * arena.c: see arena.h. Each piece is its own block: pieces are few and large, and a sanitizer sees each one's end.
 */
#define _GNU_SOURCE
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/tensor.h"

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t) 2 << 20)
#ifdef __SANITIZE_ADDRESS__
#define MAPS false /* AddressSanitizer guards the ends of what the heap gives, and of nothing else */
#else
#define MAPS true
#endif

struct cw_arena_block {
  cw_arena_block *next;
  void           *mapping; /* NULL: from the heap */
  size_t          n_mapped;
};

_Static_assert (sizeof (cw_arena_block) <= ALIGNMENT, "a block's head stands before its aligned bytes");

/* Zeroed, @n_bytes from a whole huge page on; NULL when memory is short. */
static cw_arena_block *
map_huge (size_t n_bytes)
{
  size_t with_slack;
  char  *mapping, *block;

  if (!cw_add (n_bytes, HUGE_PAGE, &with_slack))
    return NULL;
  mapping = mmap (NULL, with_slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return NULL;
  block = (char *) (((uintptr_t) mapping + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
  /* a wish: where the system has none to give, common pages do */
  madvise (block, n_bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  *(cw_arena_block *) block = (cw_arena_block){ NULL, mapping, with_slack };
  return (cw_arena_block *) block;
}

static cw_arena_block *
from_heap (size_t n_bytes)
{
  void *block = NULL;

  return posix_memalign (&block, ALIGNMENT, n_bytes) == 0 ? memset (block, 0, n_bytes) : NULL;
}

static void *
take (cw_arena *arena, size_t n, size_t size, bool huge)
{
  size_t          n_bytes, with_head;
  cw_arena_block *block;

  if (!cw_mul (n, size, &n_bytes) || !cw_add (n_bytes, 2 * ALIGNMENT, &with_head)) {
    if (!arena->missing)
      arena->missing = SIZE_MAX;
    return NULL;
  }
  with_head = with_head / ALIGNMENT * ALIGNMENT;
  block = MAPS && huge && with_head >= HUGE_PAGE ? map_huge (with_head) : from_heap (with_head);
  if (!block) {
    if (!arena->missing)
      arena->missing = n_bytes ? n_bytes : 1;
    return NULL;
  }
  block->next = arena->blocks;
  arena->blocks = block;
  arena->n_bytes += with_head;
  return (char *) block + ALIGNMENT;
}

void *
cw_arena_take (cw_arena *arena, size_t n, size_t size)
{
  return take (arena, n, size, false);
}

void *
cw_arena_take_huge (cw_arena *arena, size_t n, size_t size)
{
  return take (arena, n, size, true);
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
    cw_arena_block *block = arena->blocks;

    arena->blocks = block->next;
    if (block->mapping)
      munmap (block->mapping, block->n_mapped);
    else
      free (block);
  }
  *arena = (cw_arena){ 0 };
}
