/* SPDX-License-Identifier: MIT
 *
 * prepared.c: see prepared.h. In the file a matrix NAME is one tensor, NAME.scales and NAME.groups others where the storage has them.
 */
#define _GNU_SOURCE
#include "checkpoint/prepared.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "checkpoint/quantise-weights.h"
#include "checkpoint/safetensors.h"

#define VERSION "5" /* of the layouts: a file of another is made anew */

struct cw_prepared {
  char            *path; /* NULL: no file */
  char            *hash;
  cw_safetensors  *file; /* NULL until there is one that fits */
  cw_arena         arena; /* what was made in this run */
  cw_named_tensor *made;
  size_t           n_made, room;
};

static size_t
padded (size_t n)
{
  return (n + CW_PAD - 1) / CW_PAD * CW_PAD;
}

static bool
says (const cw_safetensors *file, const char *key, const char *expected)
{
  const char *value = cw_safetensors_metadata (file, key);

  return value && strcmp (value, expected) == 0;
}

/* Each folder on the way, when it is missing. */
static void
make_folders (char *folder)
{
  for (char *slash = folder; (slash = strchr (slash + 1, '/')); *slash = '/') {
    *slash = '\0';
    mkdir (folder, 0777);
  }
  mkdir (folder, 0777);
}

cw_prepared *
cw_prepared_open (const char *folder, const char *hash, const char *name, cw_error *error)
{
  cw_prepared *prepared = calloc (1, sizeof *prepared);

  if (!prepared || !(prepared->hash = strdup (hash)) ||
      (folder && asprintf (&prepared->path, "%s/%s-%s.safetensors", folder, hash, name) < 0)) {
    if (prepared)
      prepared->path = NULL;
    cw_prepared_close (prepared);
    cw_fail_memory (error, "the prepared weights", sizeof *prepared);
    return NULL;
  }
  if (!folder)
    return prepared;

  char *folders = strdup (folder);
  if (folders)
    make_folders (folders);
  free (folders);
  /* a file that is broken or of another version is no error: it is made anew */
  prepared->file = access (prepared->path, R_OK) == 0 ? cw_safetensors_open (prepared->path, NULL) : NULL;
  if (prepared->file && !(says (prepared->file, "clipwright-prepared", VERSION) && says (prepared->file, "checkpoint", hash))) {
    cw_safetensors_close (prepared->file);
    prepared->file = NULL;
  }
  return prepared;
}

void
cw_prepared_close (cw_prepared *prepared)
{
  if (!prepared)
    return;
  cw_safetensors_close (prepared->file);
  for (size_t i = 0; i < prepared->n_made; i++)
    free ((char *) prepared->made[i].name);
  free (prepared->made);
  cw_arena_free (&prepared->arena);
  free (prepared->hash);
  free (prepared->path);
  free (prepared);
}

const char *
cw_prepared_path (const cw_prepared *prepared)
{
  return prepared->path;
}

/* ---- what a storage looks like ---------------------------------------------------------------------------------- */

typedef struct {
  cw_tensor w, scales, groups; /* as in the file, data unset; no dimensions: the storage has none */
} layout;

cw_dtype
cw_stored_dtype (cw_storage storage, cw_dtype in_file)
{
  static const cw_dtype dtypes[] = { [CW_STORE_BF16] = CW_BF16, [CW_STORE_F16] = CW_F16, [CW_STORE_INT8] = CW_I8, [CW_STORE_INT4] = CW_U8 };

  return storage == CW_STORE_AS_IS ? in_file : dtypes[storage];
}

static layout
layout_of (cw_storage storage, uint64_t n_out, uint64_t n_in)
{
  const uint64_t n = padded (n_in), rows = (n_out + CW_TILE_ROWS - 1) / CW_TILE_ROWS * CW_TILE_ROWS;

  switch (storage) {
  case CW_STORE_INT8:
    return (layout){ { CW_I8, 2, { rows, n }, NULL }, { CW_F32, 1, { rows }, NULL }, { 0 } };
  case CW_STORE_INT4:
    return (layout){ { CW_U8, 2, { rows, n / 2 }, NULL },
                     { CW_F32, 1, { rows }, NULL },
                     { CW_I8, 2, { rows, n / CW_Q4_GROUP }, NULL } };
  default:
    return (layout){ { storage == CW_STORE_F16 ? CW_F16 : CW_BF16, 2, { n_out, n_in }, NULL }, { 0 }, { 0 } };
  }
}

static bool
finite_scales (const cw_tensor *scales)
{
  bool ok = true;

  for (size_t i = 0; scales->n_dims && i < cw_tensor_n_elements (scales); i++)
    ok = ok && isfinite (cw_tensor_at (scales, i));
  return ok;
}

/* The tensor @name with @suffix of the file, if it is there and of @expected's type and shape, which then gets its data. */
static bool
find (const cw_prepared *prepared, const char *name, const char *suffix, cw_tensor *expected)
{
  const cw_tensor *found;
  char             full[512];

  if (expected->n_dims == 0)
    return true;
  snprintf (full, sizeof full, "%s%s", name, suffix);
  found = prepared->file ? cw_safetensors_find (prepared->file, full) : NULL;
  if (!found || found->dtype != expected->dtype || found->n_dims != expected->n_dims ||
      memcmp (found->dims, expected->dims, expected->n_dims * sizeof *expected->dims) != 0)
    return false;
  *expected = *found;
  return true;
}

/* ---- making one ------------------------------------------------------------------------------------------------- */

typedef struct {
  const cw_tensor *from;
  cw_storage       storage;
  const float     *squares; /* [n_in] or NULL */
  void            *w, *scales, *groups;
  size_t           n_in;
  float           *rows;   /* [threads, n_in] */
  int8_t          *bytes;  /* [threads, padded n_in] */
} making;

/* To bf16, to nearest, ties to even. Finite values only. */
static uint16_t
bf16_narrow (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, sizeof bits);
  return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Row @i, one element a byte in @q, to its place in the tiles. */
static void
place_row (const making *m, const int8_t *q, size_t i)
{
  const size_t n = padded (m->n_in);

  for (size_t c = 0; c < n; c += CW_PAD) {
    const size_t at = cw_tiled (i, c, n);

    if (m->storage == CW_STORE_INT8) {
      memcpy ((int8_t *) m->w + at, q + c, CW_PAD);
      continue;
    }
    for (size_t k = 0; k < CW_PAD / 2; k++)
      ((uint8_t *) m->w)[at / 2 + k] = (uint8_t) ((q[c + k] & 15) | (q[c + 32 + k] & 15) << 4);
  }
}

static void
make_rows (void *arg, size_t begin, size_t end, unsigned thread)
{
  const making *m = arg;
  const size_t  n = m->n_in, n_padded = padded (n);
  float        *row = m->rows + thread * n, *scales = m->scales;
  int8_t       *bytes = m->bytes + thread * n_padded, *groups = m->groups;

  for (size_t i = begin; i < end; i++) {
    const cw_tensor one = { m->from->dtype, 1, { n }, (const char *) m->from->data + i * n * cw_dtype_size (m->from->dtype) };
    uint16_t       *narrow = (uint16_t *) m->w + i * n;

    cw_tensor_widen (&one, row);
    switch (m->storage) {
    case CW_STORE_INT8:
      scales[i] = cw_quantise_row_q8 (bytes, row, n, n_padded);
      place_row (m, bytes, i);
      break;
    case CW_STORE_INT4:
      scales[i] = cw_quantise_row_q4 (bytes, groups + i * (n_padded / CW_Q4_GROUP), row, m->squares, n, n_padded);
      place_row (m, bytes, i);
      break;
    default:
      for (size_t c = 0; c < n; c++)
        narrow[c] = m->storage == CW_STORE_F16 ? cw_f16_narrow (row[c]) : bf16_narrow (row[c]);
    }
  }
}

static bool
remember (cw_prepared *prepared, const char *name, const char *suffix, const cw_tensor *tensor)
{
  char *full = NULL;

  if (tensor->n_dims == 0)
    return true;
  if (prepared->n_made == prepared->room) {
    const size_t     room = prepared->room ? 2 * prepared->room : 256;
    cw_named_tensor *longer = realloc (prepared->made, room * sizeof *longer);
    if (!longer)
      return false;
    prepared->made = longer;
    prepared->room = room;
  }
  if (asprintf (&full, "%s%s", name, suffix) < 0)
    return false;
  prepared->made[prepared->n_made++] = (cw_named_tensor){ full, *tensor };
  return true;
}

/* The mapped pages that were read are not needed again. */
static void
let_go (const cw_tensor *tensor)
{
  const size_t page = (size_t) sysconf (_SC_PAGESIZE);
  const size_t begin = ((size_t) tensor->data + page - 1) / page * page;
  const size_t end = ((size_t) tensor->data + cw_tensor_n_elements (tensor) * cw_dtype_size (tensor->dtype)) / page * page;

  if (end > begin)
    madvise ((void *) begin, end - begin, MADV_DONTNEED);
}

/* Room for @tensor, which has a shape or is not there at all. */
static void *
take (cw_arena *arena, cw_tensor *tensor)
{
  void *data = tensor->n_dims ? cw_arena_take (arena, cw_tensor_n_elements (tensor), cw_dtype_size (tensor->dtype)) : NULL;

  tensor->data = data;
  return data;
}

static bool
make (const cw_source *source, cw_pool *pool, const char *name, const cw_tensor *from, layout *form, cw_error *error)
{
  cw_prepared *prepared = source->prepared;
  cw_arena     scratch = { 0 };
  making       m = { .from = from, .storage = source->storage, .squares = source->squares, .n_in = from->dims[1] };

  m.w = take (&prepared->arena, &form->w);
  m.scales = take (&prepared->arena, &form->scales);
  m.groups = take (&prepared->arena, &form->groups);
  m.rows = cw_arena_take (&scratch, cw_pool_n_threads (pool), m.n_in * sizeof (float));
  m.bytes = cw_arena_take (&scratch, cw_pool_n_threads (pool), padded (m.n_in));
  if (!cw_arena_ok (&scratch, name, error) || !cw_arena_ok (&prepared->arena, "the prepared weights", error)) {
    cw_arena_free (&scratch);
    return false;
  }
  cw_pool_run (pool, from->dims[0], 16, make_rows, &m);
  let_go (from);
  cw_arena_free (&scratch);
  if (remember (prepared, name, "", &form->w) && remember (prepared, name, ".scales", &form->scales) &&
      remember (prepared, name, ".groups", &form->groups))
    return true;
  cw_fail_memory (error, "the prepared weights", cw_tensor_n_elements (&form->w));
  return false;
}

bool
cw_prepared_get (const cw_source *source, cw_pool *pool, const char *name, uint64_t n_out, uint64_t n_in,
                 cw_linear *linear, cw_error *error)
{
  const uint64_t dims[] = { n_out, n_in };
  layout         form = layout_of (source->storage, n_out, n_in);
  cw_tensor      from;

  if (!(find (source->prepared, name, "", &form.w) && find (source->prepared, name, ".scales", &form.scales) &&
        find (source->prepared, name, ".groups", &form.groups) && finite_scales (&form.scales)) &&
      !(cw_weights_get (source->weights, name, dims, 2, &from, error) && make (source, pool, name, &from, &form, error)))
    return false;
  linear->w = form.w;
  linear->w.dims[0] = n_out;
  linear->w.dims[1] = n_in;
  linear->scales = form.scales.data;
  linear->groups = form.groups.data;
  return true;
}

void
cw_prepared_finish (cw_prepared *prepared)
{
  const char *const metadata[][2] = { { "clipwright-prepared", VERSION }, { "checkpoint", prepared->hash } };

  /* a file of which a part fits was written by hand: it is left as it is */
  if (!prepared->path || prepared->n_made == 0 || prepared->file)
    return;
  cw_safetensors_write (prepared->path, prepared->made, prepared->n_made, metadata, 2, NULL);
}
