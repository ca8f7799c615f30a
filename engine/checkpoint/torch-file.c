/* SPDX-License-Identifier: MIT
 *
 * torch-file.c: see torch-file.h.
 */
#define _GNU_SOURCE
#include "checkpoint/torch-file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file-map.h"
#include "checkpoint/zip.h"

/* How a legacy file begins: the pickles of 0x1950a86a20f9469cfc6c and 1001. */
static const uint8_t legacy_head[] = { 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.',
                                       0x80, 2, 'M',  0xe9, 3,  '.' };

/* The bytes of one storage. */
typedef struct {
  const char         *key; /* [n_key] */
  size_t              n_key;
  const cw_zip_entry *entry; /* NULL in a legacy file */
  const uint8_t      *bytes; /* NULL until they are asked for */
  size_t              n;
  const void         *aligned; /* a copy when they lie unaligned, made once */
} storage;

struct cw_torch_file {
  char                  *path;
  cw_file_map            map;
  cw_arena               arena; /* the values, and what was copied */
  cw_zip                *zip;   /* NULL in a legacy file */
  char                  *folder; /* of the archive: NAME */
  const uint8_t         *description;
  cw_pickle              pickle;
  storage               *storages; /* by key */
  size_t                 n_storages;
};

static int
by_key (const void *a, const void *b)
{
  const storage *x = a, *y = b;
  const int      order = memcmp (x->key, y->key, x->n_key < y->n_key ? x->n_key : y->n_key);

  return order ? order : x->n_key < y->n_key ? -1 : x->n_key > y->n_key;
}

static bool
broken (const cw_torch_file *file, cw_error *error, const char *what)
{
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: the PyTorch file is broken: %s.", file->path, what);
  return false;
}

/* ---- zip ------------------------------------------------------------------------------------------------------------- */

/* NAME of the one entry NAME/data.pkl. */
static bool
find_folder (cw_torch_file *file, cw_error *error)
{
  static const char suffix[] = "/data.pkl";

  for (size_t i = 0; i < cw_zip_n_entries (file->zip); i++) {
    const char  *name = cw_zip_nth (file->zip, i)->name;
    const size_t n = strlen (name);

    if (n < sizeof suffix || strcmp (name + n - (sizeof suffix - 1), suffix) != 0 || strchr (name, '/') != name + n - (sizeof suffix - 1))
      continue;
    if (file->folder)
      return broken (file, error, "it holds two data.pkl");
    if (!(file->folder = strndup (name, n - (sizeof suffix - 1)))) {
      cw_fail_memory (error, file->path, n);
      return false;
    }
  }
  return file->folder || broken (file, error, "it is a zip archive without NAME/data.pkl");
}

static const cw_zip_entry *
entry_of (const cw_torch_file *file, const char *name)
{
  char full[PATH_MAX];

  snprintf (full, sizeof full, "%s/%s", file->folder, name);
  return cw_zip_find (file->zip, full);
}

/* Every entry NAME/data/KEY is a storage. Entries are sorted by name, and so their keys. */
static bool
list_entries (cw_torch_file *file, cw_error *error)
{
  const size_t n_folder = strlen (file->folder);

  file->storages = cw_arena_new (&file->arena, storage, cw_zip_n_entries (file->zip));
  if (!file->storages)
    return cw_arena_ok (&file->arena, file->path, error);
  for (size_t i = 0; i < cw_zip_n_entries (file->zip); i++) {
    const cw_zip_entry *entry = cw_zip_nth (file->zip, i);

    if (strncmp (entry->name, file->folder, n_folder) == 0 && strncmp (entry->name + n_folder, "/data/", 6) == 0)
      file->storages[file->n_storages++] = (storage){ .key = entry->name + n_folder + 6, .n_key = strlen (entry->name + n_folder + 6), .entry = entry };
  }
  return true;
}

static bool
open_zip (cw_torch_file *file, cw_error *error)
{
  const cw_zip_entry *pickle, *order;
  const uint8_t      *bytes;

  if (!(file->zip = cw_zip_open (file->map.bytes, file->map.n, file->path, error)) || !find_folder (file, error))
    return false;
  pickle = entry_of (file, "data.pkl");
  if (pickle->n_bytes > CW_PICKLE_BYTES_MAX)
    return broken (file, error, "its data.pkl is larger than any that describes weights");
  if (!(bytes = cw_zip_read (file->zip, pickle, &file->arena, error)) || !cw_zip_check (file->zip, pickle, bytes, error))
    return false;
  file->description = bytes;
  order = entry_of (file, "byteorder");
  if (order && (!(bytes = cw_zip_read (file->zip, order, &file->arena, error)) || order->n_bytes != 6 || memcmp (bytes, "little", 6) != 0)) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s” was written on a machine of the other byte order; save it again on a common one.", file->path);
    return false;
  }
  return list_entries (file, error) &&
         cw_pickle_load (&file->pickle, file->description, pickle->n_bytes, &file->arena, file->path, error);
}

/* ---- legacy ------------------------------------------------------------------------------------------------------------ */

/* All that the pickle described, as storages whose bytes are still to be found, by key. The same one may be described often. */
static bool
list_described (cw_torch_file *file, cw_error *error)
{
  size_t n = 0;

  for (const cw_pickle_storage *s = file->pickle.last_storage; s; s = s->previous)
    n++;
  if (!(file->storages = cw_arena_new (&file->arena, storage, n)))
    return cw_arena_ok (&file->arena, file->path, error);
  for (const cw_pickle_storage *s = file->pickle.last_storage; s; s = s->previous) {
    storage *next = &file->storages[file->n_storages++];

    *next = (storage){ .key = s->key->string, .n_key = s->key->n };
    if (!cw_mul (s->n, cw_dtype_size (s->dtype), &next->n))
      return broken (file, error, "a storage has an impossible size");
  }
  qsort (file->storages, file->n_storages, sizeof *file->storages, by_key);
  n = file->n_storages ? 1 : 0;
  for (size_t i = 1; i < file->n_storages; i++)
    if (by_key (&file->storages[i], &file->storages[n - 1]) != 0)
      file->storages[n++] = file->storages[i];
    else if (file->storages[i].n != file->storages[n - 1].n)
      return broken (file, error, "a storage is described twice, with two sizes");
  file->n_storages = n;
  return true;
}

static storage *
find_storage (const cw_torch_file *file, const cw_pickle_value *key)
{
  const storage wanted = { .key = key->string, .n_key = key->n };

  return file->n_storages ? bsearch (&wanted, file->storages, file->n_storages, sizeof wanted, by_key) : NULL;
}

/* The numbers of all keys, one after the other, from @at on: a count of elements, which the size must be a multiple of, and the bytes. */
static bool
place_legacy (cw_torch_file *file, const cw_pickle_value *keys, size_t at, cw_error *error)
{
  if (keys->kind != CW_PICKLE_LIST)
    return broken (file, error, "its list of storages is no list");
  for (size_t i = 0; i < keys->n; i++) {
    storage *s = keys->items[i]->kind == CW_PICKLE_STRING ? find_storage (file, keys->items[i]) : NULL;
    uint64_t count = 0;

    if (!s || s->bytes)
      return broken (file, error, "it holds a storage that no tensor uses, or one twice");
    if (file->map.n - at < 8 || s->n > file->map.n - at - 8)
      return broken (file, error, "a storage ends behind it (the file may be cut short)");
    for (unsigned j = 8; j-- > 0;)
      count = count << 8 | file->map.bytes[at + j];
    if (count > s->n || (count ? s->n % count : s->n) != 0)
      return broken (file, error, "a storage has another size than described");
    s->bytes = file->map.bytes + at + 8;
    at += 8 + s->n;
  }
  return true;
}

static bool
open_legacy (cw_torch_file *file, cw_error *error)
{
  size_t                 at = sizeof legacy_head;
  cw_pickle              machine, keys;
  const cw_pickle_value *order;

  if (!cw_pickle_load (&machine, file->map.bytes + at, file->map.n - at, &file->arena, file->path, error))
    return false;
  order = cw_pickle_get (machine.value, "little_endian");
  if (!order || order->kind != CW_PICKLE_BOOL || !order->integer) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s” was written on a machine of the other byte order; save it again on a common one.", file->path);
    return false;
  }
  at += machine.n_bytes;
  file->description = file->map.bytes + at;
  if (!cw_pickle_load (&file->pickle, file->description, file->map.n - at, &file->arena, file->path, error) || !list_described (file, error))
    return false;
  at += file->pickle.n_bytes;
  return cw_pickle_load (&keys, file->map.bytes + at, file->map.n - at, &file->arena, file->path, error) &&
         place_legacy (file, keys.value, at + keys.n_bytes, error);
}

/* ---- both -------------------------------------------------------------------------------------------------------------- */

cw_torch_file *
cw_torch_file_open (const char *path, cw_error *error)
{
  cw_torch_file *file = calloc (1, sizeof *file);
  bool           ok = false;

  if (!file || !(file->path = strdup (path)))
    cw_fail_memory (error, path, sizeof *file);
  else if (!cw_file_map_open (&file->map, path, error))
    ok = false;
  else if (file->map.n >= 4 && memcmp (file->map.bytes, "PK\3\4", 4) == 0)
    ok = open_zip (file, error);
  else if (file->map.n >= sizeof legacy_head && memcmp (file->map.bytes, legacy_head, sizeof legacy_head) == 0)
    ok = open_legacy (file, error);
  else
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is no PyTorch checkpoint: it begins neither as a zip archive nor as torch's older files.", path);
  if (!ok) {
    cw_torch_file_close (file);
    return NULL;
  }
  return file;
}

void
cw_torch_file_close (cw_torch_file *file)
{
  if (!file)
    return;
  cw_zip_close (file->zip);
  cw_arena_free (&file->arena);
  cw_file_map_close (&file->map);
  free (file->folder);
  free (file->path);
  free (file);
}

const char *
cw_torch_file_path (const cw_torch_file *file)
{
  return file->path;
}

size_t
cw_torch_file_n_bytes (const cw_torch_file *file)
{
  return file->map.n;
}

void
cw_torch_file_release (const cw_torch_file *file)
{
  cw_file_map_release (&file->map, file->map.bytes, file->map.n);
}

const cw_pickle_value *
cw_torch_file_object (const cw_torch_file *file)
{
  return file->pickle.value;
}

const void *
cw_torch_file_description (const cw_torch_file *file, size_t *n_bytes)
{
  *n_bytes = file->pickle.n_bytes;
  return file->description;
}

bool
cw_torch_file_tensor (cw_torch_file *file, const cw_pickle_value *value, const char *name, cw_tensor *tensor, cw_error *error)
{
  const cw_pickle_tensor *view = value->tensor;
  const size_t            size = cw_dtype_size (view->storage->dtype);
  storage                *s = find_storage (file, view->storage->key);
  size_t                  n_bytes;

  if (!view->contiguous) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: tensor “%s” is stored transposed or with gaps; a contiguous one was expected.", file->path, name);
    return false;
  }
  if (!s || (!s->bytes && !s->entry)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the storage of tensor “%s” is not in the file.", file->path, name);
    return false;
  }
  if (!s->bytes) {
    if (!(s->bytes = cw_zip_read (file->zip, s->entry, &file->arena, error)))
      return false;
    s->n = s->entry->n_bytes;
  }
  if (!cw_mul (view->storage->n, size, &n_bytes) || n_bytes > s->n) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the storage of tensor “%s” has %zu bytes, but %zu elements of %zu bytes are claimed.", file->path,
             name, s->n, view->storage->n, size);
    return false;
  }
  if ((uintptr_t) s->bytes % size != 0 && !s->aligned) {
    void *copy = cw_arena_take (&file->arena, s->n, 1);
    if (!copy)
      return cw_arena_ok (&file->arena, name, error);
    s->aligned = memcpy (copy, s->bytes, s->n);
  }
  *tensor = (cw_tensor){ view->storage->dtype, view->n_dims, { 0 },
                         (const uint8_t *) (s->aligned ? s->aligned : s->bytes) + view->offset * size };
  memcpy (tensor->dims, view->dims, sizeof tensor->dims);
  return true;
}
