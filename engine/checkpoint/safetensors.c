/* SPDX-License-Identifier: MIT
 *
 * safetensors.c: see safetensors.h.
 */
#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file-map.h"
#include "base/file-write.h"
#include "base/json.h"

#define HEADER_MAX_BYTES (100u * 1000 * 1000) /* the format's own limit */

typedef struct {
  const char *name; /* the header's */
  cw_tensor   tensor;
  uint64_t    begin, end; /* in the data behind the header */
} entry;

struct cw_safetensors {
  char    *path;
  cw_file_map map;
  size_t   header_bytes;
  json_t  *header;
  size_t   n;
  entry   *entries; /* by name */
  cw_arena copies;  /* tensors that lie unaligned in the file */
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool
map_file (cw_safetensors *file, cw_error *error)
{
  if (!cw_file_map_open (&file->map, file->path, error))
    return false;
  if (file->map.n >= 8)
    return true;
  cw_fail (error, CW_ERROR_FORMAT, "“%s” has %zu bytes, a safetensors file has at least 8.", file->path, file->map.n);
  return false;
}

static bool
parse_header (cw_safetensors *file, cw_error *error)
{
  uint64_t n = 0;

  for (unsigned i = 8; i-- > 0;)
    n = n << 8 | file->map.bytes[i];
  if (n > HEADER_MAX_BYTES || n > file->map.n - 8) {
    cw_fail (error, CW_ERROR_FORMAT,
             "“%s”: the header claims %llu bytes, at most %zu were expected (the file may be cut short).", file->path,
             (unsigned long long) n, file->map.n - 8 < HEADER_MAX_BYTES ? file->map.n - 8 : HEADER_MAX_BYTES);
    return false;
  }
  file->header_bytes = (size_t) n;
  file->header = cw_json_parse ((const char *) file->map.bytes + 8, file->header_bytes, file->path, error);
  if (file->header && !json_is_object (file->header)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the header is no JSON object.", file->path);
    return false;
  }
  return file->header != NULL;
}

static bool
parse_dtype (const cw_safetensors *file, entry *e, const json_t *value, cw_error *error)
{
  const char *name = json_string_value (value);

  for (int i = 0; name && i < CW_N_DTYPES; i++)
    if (strcmp (name, cw_dtype_name ((cw_dtype) i)) == 0) {
      e->tensor.dtype = (cw_dtype) i;
      return true;
    }
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” has the type “%s”, which is unknown.", file->path, e->name,
           name ? name : "");
  return false;
}

static bool
parse_shape (const cw_safetensors *file, entry *e, const json_t *value, size_t *n_bytes, cw_error *error)
{
  *n_bytes = cw_dtype_size (e->tensor.dtype);
  if (!json_is_array (value) || json_array_size (value) > CW_DIMS_MAX) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the shape of tensor “%s” is no list of at most %d numbers.", file->path,
             e->name, CW_DIMS_MAX);
    return false;
  }
  e->tensor.n_dims = (unsigned) json_array_size (value);
  for (unsigned i = 0; i < e->tensor.n_dims; i++) {
    const json_t *dim = json_array_get (value, i);
    if (!json_is_integer (dim) || json_integer_value (dim) < 0 ||
        !cw_mul (*n_bytes, (size_t) json_integer_value (dim), n_bytes)) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” has an impossible shape (dimension %u is %lld).", file->path,
               e->name, i, (long long) json_integer_value (dim));
      return false;
    }
    e->tensor.dims[i] = (uint64_t) json_integer_value (dim);
  }
  return true;
}

static bool
parse_entry (const cw_safetensors *file, entry *e, const json_t *value, cw_error *error)
{
  const json_t *offsets = json_object_get (value, "data_offsets");
  const json_t *begin = json_array_get (offsets, 0), *end = json_array_get (offsets, 1);
  size_t        n_bytes;

  if (!parse_dtype (file, e, json_object_get (value, "dtype"), error) ||
      !parse_shape (file, e, json_object_get (value, "shape"), &n_bytes, error))
    return false;
  if (json_array_size (offsets) != 2 || !json_is_integer (begin) || !json_is_integer (end) ||
      json_integer_value (begin) < 0 || json_integer_value (end) < json_integer_value (begin)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the data_offsets of tensor “%s” are no begin and end.", file->path,
             e->name);
    return false;
  }
  e->begin = (uint64_t) json_integer_value (begin);
  e->end = (uint64_t) json_integer_value (end);
  if (e->end - e->begin != n_bytes) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” has %llu bytes of data, its shape and type need %zu.",
             file->path, e->name, (unsigned long long) (e->end - e->begin), n_bytes);
    return false;
  }
  return true;
}

static int
by_begin (const void *a, const void *b)
{
  const entry *x = a, *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const entry *) a)->name, ((const entry *) b)->name);
}

/* The tensors must fill the data without overlap or hole. Then points each at its bytes. */
static bool
place_entries (cw_safetensors *file, cw_error *error)
{
  const char    *data = (const char *) file->map.bytes + 8 + file->header_bytes;
  const uint64_t n_data = file->map.n - 8 - file->header_bytes;
  uint64_t       at = 0;

  if (file->n)
    qsort (file->entries, file->n, sizeof *file->entries, by_begin);
  for (size_t i = 0; i < file->n; i++) {
    entry       *e = &file->entries[i];
    const size_t size = cw_dtype_size (e->tensor.dtype), n_bytes = (size_t) (e->end - e->begin);

    if (e->begin != at) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” begins at byte %llu of the data, %llu was expected.",
               file->path, e->name, (unsigned long long) e->begin, (unsigned long long) at);
      return false;
    }
    at = e->end;
    if (at > n_data) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s” is cut short: tensor “%s” ends at byte %llu of the data, there are %llu.",
               file->path, e->name, (unsigned long long) at, (unsigned long long) n_data);
      return false;
    }
    e->tensor.data = data + e->begin;
    if ((uintptr_t) e->tensor.data % size != 0 && n_bytes > 0) {
      void *copy = cw_arena_take (&file->copies, n_bytes, 1);
      if (!copy)
        return cw_arena_ok (&file->copies, file->path, error);
      e->tensor.data = memcpy (copy, data + e->begin, n_bytes);
    }
  }
  if (at != n_data) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %llu bytes behind the last tensor belong to none.", file->path,
             (unsigned long long) (n_data - at));
    return false;
  }
  return true;
}

static bool
parse_entries (cw_safetensors *file, cw_error *error)
{
  const char *name;
  json_t     *value;

  file->entries = calloc (json_object_size (file->header) + 1, sizeof *file->entries);
  if (!file->entries) {
    cw_fail_memory (error, file->path, json_object_size (file->header) * sizeof *file->entries);
    return false;
  }
  json_object_foreach (file->header, name, value) {
    entry *e = &file->entries[file->n];

    if (strcmp (name, "__metadata__") == 0)
      continue;
    e->name = name;
    if (!parse_entry (file, e, value, error))
      return false;
    file->n++;
  }
  return true;
}

cw_safetensors *
cw_safetensors_open (const char *path, cw_error *error)
{
  cw_safetensors *file = calloc (1, sizeof *file);

  if (!file || !(file->path = strdup (path))) {
    free (file);
    cw_fail_memory (error, path, sizeof *file);
    return NULL;
  }
  if (!map_file (file, error) || !parse_header (file, error) || !parse_entries (file, error) ||
      !place_entries (file, error)) {
    cw_safetensors_close (file);
    return NULL;
  }
  if (file->n)
    qsort (file->entries, file->n, sizeof *file->entries, by_name);
  return file;
}

void
cw_safetensors_close (cw_safetensors *file)
{
  if (!file)
    return;
  cw_file_map_close (&file->map);
  json_decref (file->header);
  cw_arena_free (&file->copies);
  free (file->entries);
  free (file->path);
  free (file);
}

const char *
cw_safetensors_path (const cw_safetensors *file)
{
  return file->path;
}

size_t
cw_safetensors_file_bytes (const cw_safetensors *file)
{
  return file->map.n;
}

size_t
cw_safetensors_n_tensors (const cw_safetensors *file)
{
  return file->n;
}

const cw_tensor *
cw_safetensors_nth (const cw_safetensors *file, size_t i, const char **name)
{
  *name = file->entries[i].name;
  return &file->entries[i].tensor;
}

const cw_tensor *
cw_safetensors_find (const cw_safetensors *file, const char *name)
{
  const entry  key = { .name = name };
  const entry *found = file->n ? bsearch (&key, file->entries, file->n, sizeof key, by_name) : NULL;

  return found ? &found->tensor : NULL;
}

const char *
cw_safetensors_metadata (const cw_safetensors *file, const char *key)
{
  return json_string_value (json_object_get (json_object_get (file->header, "__metadata__"), key));
}

const void *
cw_safetensors_header (const cw_safetensors *file, size_t *n_bytes)
{
  *n_bytes = file->header_bytes;
  return (const char *) file->map.bytes + 8;
}

void
cw_safetensors_release (const cw_safetensors *file, const void *from, size_t n_bytes)
{
  cw_file_map_release (&file->map, from, n_bytes);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* The header's JSON, padded with spaces so that the data begin at a multiple of 8. NULL when memory is short. */
static char *
make_header (const cw_named_tensor *tensors, size_t n_tensors, const char *const (*metadata)[2], size_t n_metadata)
{
  json_t *header = json_object (), *pairs = json_object ();
  size_t  at = 0, n;
  char   *text, *padded = NULL;

  for (size_t i = 0; i < n_metadata; i++)
    json_object_set_new (pairs, metadata[i][0], json_string (metadata[i][1]));
  if (n_metadata)
    json_object_set (header, "__metadata__", pairs);
  json_decref (pairs);
  for (size_t i = 0; i < n_tensors; i++) {
    const cw_tensor *t = &tensors[i].tensor;
    const size_t     size = cw_tensor_n_elements (t) * cw_dtype_size (t->dtype);
    json_t          *shape = json_array ();

    for (unsigned d = 0; d < t->n_dims; d++)
      json_array_append_new (shape, json_integer ((json_int_t) t->dims[d]));
    json_object_set_new (header, tensors[i].name,
                         json_pack ("{s:s, s:o, s:[I, I]}", "dtype", cw_dtype_name (t->dtype), "shape", shape,
                                    "data_offsets", (json_int_t) at, (json_int_t) (at + size)));
    at += size;
  }
  text = json_dumps (header, JSON_COMPACT);
  json_decref (header);
  /* spaces behind it, so that the data begins on a line of the processor's cache */
  if (text && (padded = calloc ((n = strlen (text)) + 65, 1))) {
    memcpy (padded, text, n);
    while ((8 + n) % 64 != 0)
      padded[n++] = ' ';
  }
  free (text);
  return padded;
}

cw_status
cw_safetensors_write_begin (cw_file_write *write, const char *path, const cw_named_tensor *tensors, size_t n_tensors,
                            const char *const (*metadata)[2], size_t n_metadata, cw_error *error)
{
  char        *header = make_header (tensors, n_tensors, metadata, n_metadata);
  const size_t n = header ? strlen (header) : 0;
  uint8_t      length[8];
  cw_status    status;

  if (!header)
    return cw_fail_memory (error, path, n_tensors * 128);
  if ((status = cw_file_write_begin (write, path, error)) == CW_OK) {
    for (unsigned i = 0; i < 8; i++)
      length[i] = (uint8_t) ((uint64_t) n >> 8 * i);
    fwrite (length, 1, 8, write->file);
    fwrite (header, 1, n, write->file);
  }
  free (header);
  return status;
}

cw_status
cw_safetensors_write (const char *path, const cw_named_tensor *tensors, size_t n_tensors,
                      const char *const (*metadata)[2], size_t n_metadata, cw_error *error)
{
  cw_file_write write;
  cw_status     status = cw_safetensors_write_begin (&write, path, tensors, n_tensors, metadata, n_metadata, error);

  if (status != CW_OK)
    return status;
  for (size_t i = 0; i < n_tensors; i++) {
    const cw_tensor *t = &tensors[i].tensor;
    const size_t     n_elements = cw_tensor_n_elements (t);
    if (n_elements)
      fwrite (t->data, cw_dtype_size (t->dtype), n_elements, write.file);
  }
  return cw_file_write_end (&write, error);
}
