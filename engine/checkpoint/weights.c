/* SPDX-License-Identifier: MIT
 *
 * weights.c: see weights.h.
 */
#define _GNU_SOURCE
#include "checkpoint/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "checkpoint/safetensors.h"

#define INDEX_MAX_BYTES (64u << 20)
#define SHARDS_MAX 1024

struct cw_weights {
  char            *folder;
  size_t           n_files;
  cw_safetensors **files;
};

static char *
join (const char *folder, const char *name)
{
  char *path = NULL;

  return asprintf (&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static bool
add_file (cw_weights *weights, const char *name, cw_error *error)
{
  char           *path = join (weights->folder, name);
  cw_safetensors *file, **longer;

  for (size_t i = 0; path && i < weights->n_files; i++)
    if (strcmp (cw_safetensors_path (weights->files[i]), path) == 0) {
      free (path);
      return true;
    }
  if (!path || weights->n_files == SHARDS_MAX) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has more than %d weight files.", weights->folder, SHARDS_MAX);
    free (path);
    return false;
  }
  file = cw_safetensors_open (path, error);
  free (path);
  if (!file)
    return false;
  longer = realloc (weights->files, (weights->n_files + 1) * sizeof *longer);
  if (!longer) {
    cw_safetensors_close (file);
    cw_fail_memory (error, "the list of weight files", sizeof *longer);
    return false;
  }
  weights->files = longer;
  weights->files[weights->n_files++] = file;
  return true;
}

/* Every file that the index names, once; each must hold the tensors that the index says. */
static bool
add_shards (cw_weights *weights, const char *index_path, cw_error *error)
{
  json_t       *index = cw_json_read_file (index_path, INDEX_MAX_BYTES, error);
  cw_json_scope scope = { index, index_path, "" }, map;
  const char   *tensor;
  json_t       *value;
  bool          ok = index && cw_json_object (&scope, "weight_map", "weight_map.", &map, error);

  if (ok)
    json_object_foreach ((json_t *) map.object, tensor, value) {
      const char *name = json_string_value (value);

      if (!name || !*name || strchr (name, '/') || strcmp (name, "..") == 0 || name[0] == '.') {
        cw_fail (error, CW_ERROR_FORMAT, "“%s” names the file “%s” for tensor “%s”; a file in the same folder was expected.",
                 index_path, name ? name : "", tensor);
        ok = false;
        break;
      }
      if (!(ok = add_file (weights, name, error)))
        break;
    }
  if (ok && weights->n_files == 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: weight_map names no file.", index_path);
    ok = false;
  }
  json_decref (index);
  return ok;
}

cw_weights *
cw_weights_open (const char *folder, cw_error *error)
{
  cw_weights *weights = calloc (1, sizeof *weights);
  char       *single = join (folder, "model.safetensors"), *index = join (folder, "model.safetensors.index.json");
  bool        ok = false;

  if (!weights || !single || !index || !(weights->folder = strdup (folder)))
    cw_fail_memory (error, folder, sizeof *weights);
  else if (access (single, F_OK) == 0)
    ok = add_file (weights, "model.safetensors", error);
  else if (access (index, F_OK) == 0)
    ok = add_shards (weights, index, error);
  else
    cw_fail (error, CW_ERROR_IO, "“%s” holds neither model.safetensors nor model.safetensors.index.json.", folder);
  free (single);
  free (index);
  if (!ok) {
    cw_weights_close (weights);
    return NULL;
  }
  return weights;
}

void
cw_weights_close (cw_weights *weights)
{
  if (!weights)
    return;
  for (size_t i = 0; i < weights->n_files; i++)
    cw_safetensors_close (weights->files[i]);
  free (weights->files);
  free (weights->folder);
  free (weights);
}

size_t
cw_weights_n_bytes (const cw_weights *weights)
{
  size_t n = 0;

  for (size_t i = 0; i < weights->n_files; i++)
    n += cw_safetensors_file_bytes (weights->files[i]);
  return n;
}

static const cw_tensor *
find (const cw_weights *weights, const char *name, const char **path)
{
  for (size_t i = 0; i < weights->n_files; i++) {
    const cw_tensor *tensor = cw_safetensors_find (weights->files[i], name);
    if (tensor) {
      *path = cw_safetensors_path (weights->files[i]);
      return tensor;
    }
  }
  return NULL;
}

bool
cw_weights_has (const cw_weights *weights, const char *name)
{
  const char *path;

  return find (weights, name, &path) != NULL;
}

/* Some pieces of the tensor, evenly spread: a fine-tuned model differs in all of them, and the rest need not be read. */
static void
hash_sample (cw_sha256 *sha, const cw_tensor *tensor)
{
  const size_t n = cw_tensor_n_elements (tensor) * cw_dtype_size (tensor->dtype), piece = 64, n_pieces = 8;
  const char  *bytes = tensor->data;

  if (n <= piece * n_pieces) {
    cw_sha256_add (sha, bytes, n);
    return;
  }
  for (size_t i = 0; i < n_pieces; i++)
    cw_sha256_add (sha, bytes + (n - piece) / (n_pieces - 1) * i, piece);
}

void
cw_weights_hash (const cw_weights *weights, const char *config_text, size_t n, char hex[65])
{
  cw_sha256 sha;

  cw_sha256_begin (&sha);
  cw_sha256_add (&sha, config_text, n);
  for (size_t i = 0; i < weights->n_files; i++) {
    const char    *name = strrchr (cw_safetensors_path (weights->files[i]), '/') + 1;
    const uint64_t size = cw_safetensors_file_bytes (weights->files[i]);
    size_t         n_header;
    const void    *header = cw_safetensors_header (weights->files[i], &n_header);

    cw_sha256_add (&sha, name, strlen (name) + 1);
    cw_sha256_add (&sha, &size, sizeof size);
    cw_sha256_add (&sha, header, n_header);
    for (size_t j = 0; j < cw_safetensors_n_tensors (weights->files[i]); j++)
      hash_sample (&sha, cw_safetensors_nth (weights->files[i], j, &name));
  }
  cw_sha256_end (&sha, hex);
}

/* "[4, 128, 7]" */
static void
print_shape (char *text, size_t n_text, const uint64_t *dims, unsigned n_dims)
{
  size_t at = 0;

  for (unsigned i = 0; i < n_dims && at < n_text; i++)
    at += (size_t) snprintf (text + at, n_text - at, "%s%llu", i ? ", " : "[", (unsigned long long) dims[i]);
  if (at < n_text)
    snprintf (text + at, n_text - at, n_dims ? "]" : "[]");
}

/* NaN and infinity have all exponent bits set. Branch-free inside, so that compilers use vectors. */
static bool
all_finite (const cw_tensor *tensor)
{
  const size_t n = cw_tensor_n_elements (tensor);
  unsigned     bad = 0;

  if (tensor->dtype == CW_F32) {
    const uint32_t *bits = tensor->data;
    for (size_t i = 0; i < n; i++)
      bad |= (bits[i] & 0x7f800000) == 0x7f800000;
  } else {
    const uint16_t *bits = tensor->data, mask = tensor->dtype == CW_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < n; i++)
      bad |= (bits[i] & mask) == mask;
  }
  return !bad;
}

bool
cw_weights_get (cw_weights *weights, const char *name, const uint64_t *dims, unsigned n_dims, cw_tensor *tensor,
                cw_error *error)
{
  const char      *path = NULL;
  const cw_tensor *found = find (weights, name, &path);
  char             is[128], expected[128];

  print_shape (expected, sizeof expected, dims, n_dims);
  if (!found) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” lacks the tensor “%s”; shape %s was expected.",
             weights->n_files == 1 ? cw_safetensors_path (weights->files[0]) : weights->folder, name, expected);
    return false;
  }
  if (found->dtype != CW_F32 && found->dtype != CW_F16 && found->dtype != CW_BF16) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” is of type %s; F32, F16 or BF16 was expected.", path, name,
             cw_dtype_name (found->dtype));
    return false;
  }
  if (found->n_dims != n_dims || memcmp (found->dims, dims, n_dims * sizeof *dims) != 0) {
    print_shape (is, sizeof is, found->dims, found->n_dims);
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” has the shape %s; %s was expected.", path, name, is, expected);
    return false;
  }
  if (!all_finite (found)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” holds values that are NaN or infinite; finite ones were expected.",
             path, name);
    return false;
  }
  *tensor = *found;
  return true;
}
