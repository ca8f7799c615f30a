/* SPDX-License-Identifier: MIT
 *
 * clip-memory.c: see clip-memory.h.
 */
#include "clip-memory.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP_BYTES ((gsize) 4 << 20) /* of the file, at a time */
#define PAGE_BYTES ((gsize) 65536)   /* no page of any system is larger */

typedef struct {
  char *start;
  gsize offset, size, reached; /* in the file */
} Part;

struct _CwClipMemory {
  int   file; /* -1: memory */
  char *map;
  gsize n_mapped;
  guint n;
  Part  parts[];
};

/* A file that nobody can open and that goes with its descriptor. */
static int
open_nameless (void)
{
  const char      *folder = g_get_user_cache_dir ();
  g_autofree char *path = g_build_filename (folder, "clipwright-XXXXXX", NULL);
  int              file;

  g_mkdir_with_parents (folder, 0700);
  if ((file = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600)) >= 0)
    g_unlink (path);
  return file;
}

static gboolean
map_file (CwClipMemory *memory)
{
  for (guint i = 0; i < memory->n; i++) {
    memory->parts[i].offset = memory->n_mapped;
    memory->n_mapped += (memory->parts[i].size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  }
  if ((memory->file = open_nameless ()) < 0 || ftruncate (memory->file, (off_t) memory->n_mapped) != 0)
    return FALSE;
  memory->map = mmap (NULL, memory->n_mapped, PROT_READ | PROT_WRITE, MAP_SHARED, memory->file, 0);
  if (memory->map == MAP_FAILED) {
    memory->map = NULL;
    return FALSE;
  }
  for (guint i = 0; i < memory->n; i++)
    memory->parts[i].start = memory->map + memory->parts[i].offset;
  return TRUE;
}

CwClipMemory *
cw_clip_memory_new (gboolean in_file, const gsize *sizes, guint n)
{
  CwClipMemory *memory = g_malloc0 (sizeof *memory + n * sizeof *memory->parts);
  gboolean      whole = TRUE;

  memory->file = -1;
  memory->n = n;
  for (guint i = 0; i < n; i++) {
    memory->parts[i].size = sizes[i];
    if (!in_file && whole)
      whole = (memory->parts[i].start = calloc (MAX (sizes[i], 1), 1)) != NULL;
  }
  if (in_file ? map_file (memory) : whole)
    return memory;
  cw_clip_memory_free (memory);
  return NULL;
}

void
cw_clip_memory_free (CwClipMemory *memory)
{
  if (!memory)
    return;
  for (guint i = 0; i < memory->n && memory->n_mapped == 0; i++)
    free (memory->parts[i].start);
  if (memory->map)
    munmap (memory->map, memory->n_mapped);
  if (memory->file >= 0)
    close (memory->file);
  g_free (memory);
}

void *
cw_clip_memory_get (const CwClipMemory *memory, guint part)
{
  return memory->parts[part].start;
}

gboolean
cw_clip_memory_reach (CwClipMemory *memory, guint number, gsize n_bytes)
{
  Part *part = &memory->parts[number];
  gsize n;

  if (n_bytes > part->size)
    return FALSE;
  if (memory->file < 0 || n_bytes <= part->reached)
    return TRUE;
  n = MIN (MAX (n_bytes - part->reached, STEP_BYTES), part->size - part->reached);
  if (posix_fallocate (memory->file, (off_t) (part->offset + part->reached), (off_t) n) != 0)
    return FALSE;
  part->reached += n;
  return TRUE;
}
