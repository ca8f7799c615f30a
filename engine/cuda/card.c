/* SPDX-License-Identifier: MIT
 *
 * card.c: see card.h.
 */
#define _GNU_SOURCE
#include "cuda/card.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "models/layers.h"

#ifndef CW_MODULE_FOLDER
#define CW_MODULE_FOLDER "/usr/lib/clipwright"
#endif

#define AHEAD_BYTES    ((size_t) 2 << 20) /* asked for ahead of a launch, at most: 2 us of the fastest cards for desktops */
#define AHEAD_OF_CACHE 16                 /* and at most this part of the second-level cache */
#define RESERVE_BYTES ((size_t) 256 << 20) /* of what is free, left to the desktop */

/* ---- the module ------------------------------------------------------------------------------------------------------- */

static const cw_cuda_module *
ask (void *library, const char *path, cw_error *error)
{
  cw_cuda_module_fn     get = (cw_cuda_module_fn) (size_t) dlsym (library, CW_CUDA_SYMBOL);
  const cw_cuda_module *module = get ? get (CW_CUDA_ABI) : NULL;

  if (!module)
    cw_fail (error, CW_ERROR_DEVICE, "“%s” is a CUDA module of another version; install the program again.", path);
  return module;
}

/* The module lies in the folder of the installation, or where a build leaves it beside the program. */
static void *
open_library (const char *file, char path[PATH_MAX], cw_error *error)
{
  static const char *const beside[] = { "../engine", "../../engine", "cuda-on-cpu", "../cuda-on-cpu", "../tests/cuda-on-cpu", "../lib/clipwright" };
  const char              *forced = getenv ("CW_CUDA_MODULE");
  char                     program[PATH_MAX], reason[256] = "";
  const ssize_t            n = readlink ("/proc/self/exe", program, sizeof program - 1);
  void                    *library = NULL;

  program[n > 0 ? n : 0] = '\0';
  if (forced && *forced) {
    snprintf (path, PATH_MAX, "%s", forced);
    if ((library = dlopen (path, RTLD_NOW | RTLD_LOCAL)))
      return library;
    snprintf (reason, sizeof reason, "%s", dlerror ());
  } else {
    const char *folder = dirname (program);

    for (size_t i = 0; i <= sizeof beside / sizeof *beside; i++) {
      const int length = i == 0 ? snprintf (path, PATH_MAX, "%s/%s", CW_MODULE_FOLDER, file)
                                : snprintf (path, PATH_MAX, "%s/%s/%s", folder, beside[i - 1], file);

      if (length >= PATH_MAX || access (path, R_OK) != 0)
        continue;
      if ((library = dlopen (path, RTLD_NOW | RTLD_LOCAL)))
        return library;
      snprintf (reason, sizeof reason, "%s", dlerror ());
    }
  }
  cw_fail (error, CW_ERROR_DEVICE, "The CUDA module “%s” %s%s.", file, *reason ? "does not load: " : "is not installed", reason);
  return NULL;
}

bool
cw_card_is_name (const char *name)
{
  return strcmp (name, "cuda") == 0 || strcmp (name, "cuda-on-cpu") == 0 ||
         (strncmp (name, "cuda:", 5) == 0 && name[5] >= '0' && name[5] <= '9' && strspn (name + 5, "0123456789") == strlen (name + 5) &&
          strlen (name) <= 8);
}

bool
cw_parse_bytes (const char *text, size_t *n_bytes)
{
  char        *end;
  const double number = strtod (text, &end);
  double       unit = 1.0;

  if (end == text || !(number > 0.0))
    return false;
  if (*end == 'K' || *end == 'k')
    unit = 1024.0, end++;
  else if (*end == 'M' || *end == 'm')
    unit = 1024.0 * 1024.0, end++;
  else if (*end == 'G' || *end == 'g')
    unit = 1024.0 * 1024.0 * 1024.0, end++;
  if (strcmp (end, "iB") == 0)
    end += 2;
  else if (strcmp (end, "B") == 0)
    end++;
  if (*end || number * unit > 1e18)
    return false;
  *n_bytes = (size_t) (number * unit);
  return true;
}

void
cw_card_look (cw_card *card)
{
  size_t total, may;

  card->module->memory (card->gpu, &card->info.free_bytes, &total);
  may = card->info.free_bytes + card->used;
  card->budget = may > 2 * RESERVE_BYTES ? may - RESERVE_BYTES : may;
  if (card->limit && card->limit < card->budget)
    card->budget = card->limit;
  card->budget -= card->kept < card->budget ? card->kept : card->budget;
}

static bool
set_budget (cw_card *card, size_t vram_bytes, cw_error *error)
{
  const char *asked = getenv ("CW_VRAM");

  if (vram_bytes == 0 && asked && *asked && !cw_parse_bytes (asked, &vram_bytes)) {
    cw_fail (error, CW_ERROR_ARGUMENT, "CW_VRAM is “%s”; an amount of memory like 6G or 800M was expected.", asked);
    return false;
  }
  card->limit = vram_bytes;
  cw_card_look (card);
  return cw_card_check (card, error) == CW_OK;
}

static bool
open_card (cw_card *card, int index, cw_error *error)
{
  int n = 0, code = card->module->count (&n);

  if (code == CW_GPU_OK && index >= n)
    code = n == 0 ? CW_GPU_NO_DEVICE : CW_GPU_INVALID_DEVICE;
  if (code == CW_GPU_INVALID_DEVICE) {
    cw_fail (error, CW_ERROR_DEVICE, "There is no card %d; this machine has %d, numbered from 0.", index, n);
    return false;
  }
  if (code == CW_GPU_OK)
    code = card->module->describe (index, &card->info);
  if (code == CW_GPU_OK)
    card->gpu = card->module->open (index, &code);
  if (code != CW_GPU_OK) {
    cw_fail (error, CW_ERROR_DEVICE, "The card cannot be used: %s (%d).", card->module->error_text (code), code);
    return false;
  }
  return true;
}

int
cw_card_index (const char *name)
{
  return strncmp (name, "cuda:", 5) == 0 ? atoi (name + 5) : 0;
}

const cw_cuda_module *
cw_card_find_module (const char *name, cw_error *error)
{
  char  path[PATH_MAX];
  void *library =
    open_library (strcmp (name, "cuda-on-cpu") == 0 ? "libclipwright-cuda-on-cpu.so" : "libclipwright-cuda.so", path, error);

  return library ? ask (library, path, error) : NULL;
}

cw_card *
cw_card_open (const char *name, size_t vram_bytes, cw_error *error)
{
  cw_card *card = calloc (1, sizeof *card);

  if (!card) {
    cw_fail_memory (error, "the card", sizeof *card);
    return NULL;
  }
  snprintf (card->name, sizeof card->name, "%s", name);
  if (!(card->module = cw_card_find_module (name, error)) || !open_card (card, cw_card_index (name), error) ||
      !set_budget (card, vram_bytes, error)) {
    cw_card_close (card);
    return NULL;
  }
  return card;
}

void
cw_card_close (cw_card *card)
{
  if (!card)
    return;
  if (card->gpu)
    card->module->close (card->gpu);
  /* the library stays: CUDA's runtime does not like to be unloaded, and opening it again is then free */
  free (card);
}

bool
cw_card_open_again (cw_card *card, cw_error *error)
{
  if (card->gpu) {
    card->lost = card->module->status (card->gpu);
    card->module->close (card->gpu);
    card->gpu = NULL;
  }
  if (!open_card (card, cw_card_index (card->name), error))
    return false;
  card->lost = CW_GPU_OK;
  cw_card_look (card);
  return cw_card_check (card, error) == CW_OK;
}

cw_status
cw_card_check (const cw_card *card, cw_error *error)
{
  const int code = card->gpu ? card->module->status (card->gpu) : card->lost;

  if (code == CW_GPU_OK)
    return CW_OK;
  return cw_fail (error, CW_ERROR_DEVICE, "The card “%s” failed: %s (%d).", card->info.name, card->module->error_text (code), code);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

struct cw_card_block {
  cw_card_block *next;
  void          *memory;
  size_t         n_bytes; /* of the card; 0: it is the host's */
};

static void *
keep (cw_card_arena *arena, void *memory, size_t n_bytes)
{
  cw_card_block *block = memory ? malloc (sizeof *block) : NULL;

  if (!block) {
    arena->failed = true;
    return NULL;
  }
  *block = (cw_card_block){ arena->blocks, memory, n_bytes };
  arena->blocks = block;
  arena->n_bytes += n_bytes;
  arena->card->used += n_bytes;
  return memory;
}

void *
cw_card_take (cw_card_arena *arena, size_t n, size_t size)
{
  cw_card *card = arena->card;
  size_t   n_bytes;
  void    *memory, *kept;

  if (arena->failed)
    return NULL;
  if (!cw_mul (n, size, &n_bytes) || n_bytes > card->budget || card->used > card->budget - n_bytes) {
    arena->failed = true;
    return NULL;
  }
  n_bytes = n_bytes ? n_bytes : 1;
  memory = card->module->alloc (card->gpu, n_bytes);
  if (!(kept = keep (arena, memory, n_bytes)))
    card->module->release (card->gpu, memory);
  return kept;
}

void *
cw_card_take_host (cw_card_arena *arena, size_t n, size_t size)
{
  cw_card *card = arena->card;
  size_t   n_bytes;
  void    *memory, *kept;

  if (arena->failed || !cw_mul (n, size, &n_bytes)) {
    arena->failed = true;
    return NULL;
  }
  memory = card->module->alloc_host (card->gpu, n_bytes);
  if (!(kept = keep (arena, memory, 0)))
    card->module->release_host (card->gpu, memory);
  return kept;
}

void *
cw_card_put (cw_card_arena *arena, const void *data, size_t n, size_t size)
{
  void *memory = cw_card_take (arena, n, size);

  if (memory)
    arena->card->module->upload (arena->card->gpu, CW_GPU_STEPS, memory, data, n * size);
  return memory;
}

bool
cw_card_arena_ok (const cw_card_arena *arena, const char *what, cw_error *error)
{
  const cw_card *card = arena->card;

  if (cw_card_check (card, error) != CW_OK)
    return false;
  if (!arena->failed)
    return true;
  cw_fail (error, CW_ERROR_MEMORY, "The card “%s” has no room for %s: %.0f of %.0f MB are taken.", card->info.name, what,
           (double) card->used / 1e6, (double) card->budget / 1e6);
  return false;
}

void
cw_card_arena_free (cw_card_arena *arena)
{
  cw_card_block *block, *next;

  for (block = arena->blocks; block; block = next) {
    next = block->next;
    if (block->n_bytes)
      arena->card->module->release (arena->card->gpu, block->memory);
    else
      arena->card->module->release_host (arena->card->gpu, block->memory);
    arena->card->used -= block->n_bytes;
    free (block);
  }
  arena->blocks = NULL;
  arena->n_bytes = 0;
  arena->failed = false;
}

/* ---- weights ------------------------------------------------------------------------------------------------------------- */

static size_t
round_up (size_t n, size_t to)
{
  return n > SIZE_MAX - to ? SIZE_MAX : (n + to - 1) / to * to;
}

/* Rows and columns as they are stored: those of 8 and 4 bits are padded. */
static void
stored_shape (size_t n_out, size_t n_in, cw_dtype dtype, size_t *rows, size_t *columns)
{
  const bool quantised = dtype == CW_I8 || dtype == CW_U8;

  *rows = quantised ? round_up (n_out, CW_TILE_ROWS) : n_out;
  *columns = quantised ? round_up (n_in, CW_PAD) : n_in;
}

/* Of one stored row, without scales. */
static size_t
row_bytes (size_t columns, cw_dtype dtype)
{
  return dtype == CW_U8 ? columns / 2 : cw_product (columns, cw_dtype_size (dtype));
}

size_t
cw_card_matrix_bytes (size_t n_out, size_t n_in, cw_dtype dtype)
{
  size_t rows, columns, scales;

  stored_shape (n_out, n_in, dtype, &rows, &columns);
  scales = dtype == CW_U8 ? cw_sum (columns / CW_Q4_GROUP, sizeof (float)) : dtype == CW_I8 ? sizeof (float) : 0;
  return cw_product (rows, cw_sum (row_bytes (columns, dtype), scales));
}

cw_gpu_ahead
cw_card_ahead (const cw_card *card, const cw_gpu_matrix *w, size_t part, size_t n_parts)
{
  const size_t most = card->info.cache_bytes / AHEAD_OF_CACHE < AHEAD_BYTES ? card->info.cache_bytes / AHEAD_OF_CACHE : AHEAD_BYTES;
  size_t       rows, columns, whole;

  stored_shape (w->n_out, w->n_in, (cw_dtype) w->dtype, &rows, &columns);
  whole = rows * row_bytes (columns, (cw_dtype) w->dtype) / n_parts / CW_GPU_SECTOR * CW_GPU_SECTOR;
  return (cw_gpu_ahead){ (const char *) w->w + part * whole, (uint32_t) (whole < most ? whole : most) };
}

cw_gpu_matrix
cw_card_put_linear (cw_card_arena *arena, const cw_linear *linear)
{
  const cw_dtype dtype = linear->w.dtype;
  cw_gpu_matrix  matrix = { .n_out = (uint32_t) linear->w.dims[0], .n_in = (uint32_t) linear->w.dims[1], .dtype = (int) dtype };
  size_t         rows, columns;

  stored_shape (linear->w.dims[0], linear->w.dims[1], dtype, &rows, &columns);
  matrix.w = cw_card_put (arena, linear->w.data, rows, row_bytes (columns, dtype));
  if (dtype == CW_I8 || dtype == CW_U8)
    matrix.scales = cw_card_put (arena, linear->scales, rows, sizeof (float));
  if (dtype == CW_U8)
    matrix.groups = cw_card_put (arena, linear->groups, rows, columns / CW_Q4_GROUP);
  if (linear->bias)
    matrix.bias = cw_card_put (arena, linear->bias, linear->w.dims[0], sizeof (float));
  return matrix;
}
