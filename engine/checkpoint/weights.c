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

/* One file, and how its names become ours. */
typedef struct {
  cw_safetensors     *safetensors;
  char               *prefix; /* of safetensors: what our names have in front */
  cw_torch_file      *torch;
  const cw_name_rule *rules;
  size_t              n_rules;
} source;

/* A tensor of a torch file, under our name. */
typedef struct {
  char       *name;
  const char *theirs; /* [n_theirs], the file's */
  size_t      n_theirs, source;
  cw_tensor   tensor;
} renamed;

struct cw_weights {
  char    *folder;
  size_t   n_sources, n_renamed, renamed_room;
  source  *sources;
  renamed *renamed; /* by name */
  bool     skips_values; /* NaN is not looked for */
};

static char *
join (const char *folder, const char *name)
{
  char *path = NULL;

  return asprintf (&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static const char *
path_of (const source *s)
{
  return s->torch ? cw_torch_file_path (s->torch) : cw_safetensors_path (s->safetensors);
}

static void
close_source (source *s)
{
  cw_safetensors_close (s->safetensors);
  cw_torch_file_close (s->torch);
  free (s->prefix);
}

/* Takes over what @added owns, also after a failure. */
static bool
add_source (cw_weights *weights, source added, cw_error *error)
{
  source *longer = realloc (weights->sources, (weights->n_sources + 1) * sizeof *longer);

  if (!longer || weights->n_sources == SHARDS_MAX) {
    if (longer)
      weights->sources = longer;
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has more than %d weight files.", weights->folder, SHARDS_MAX);
    close_source (&added);
    return false;
  }
  weights->sources = longer;
  weights->sources[weights->n_sources++] = added;
  return true;
}

static bool
add_file (cw_weights *weights, const char *folder, const char *name, const char *prefix, cw_error *error)
{
  char  *path = join (folder, name);
  source added = { 0 };

  for (size_t i = 0; path && i < weights->n_sources; i++)
    if (strcmp (path_of (&weights->sources[i]), path) == 0) {
      free (path);
      return true;
    }
  if (!path || !(added.prefix = strdup (prefix)))
    cw_fail_memory (error, folder, strlen (folder));
  else
    added.safetensors = cw_safetensors_open (path, error);
  free (path);
  if (!added.safetensors) {
    free (added.prefix);
    return false;
  }
  return add_source (weights, added, error);
}

/* Every file that the index names, once; each must hold the tensors that the index says. */
static bool
add_shards (cw_weights *weights, const char *folder, const char *index_path, const char *prefix, cw_error *error)
{
  json_t       *index = cw_json_read_file (index_path, INDEX_MAX_BYTES, error);
  cw_json_scope scope = { index, index_path, "" }, map;
  const char   *tensor;
  json_t       *value;
  bool          ok = index && cw_json_object (&scope, "weight_map", "weight_map.", &map, error);

  if (ok && json_object_size (map.object) == 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: weight_map names no file.", index_path);
    ok = false;
  }
  if (ok)
    json_object_foreach ((json_t *) map.object, tensor, value) {
      const char *name = json_string_value (value);

      if (!name || !*name || strchr (name, '/') || strcmp (name, "..") == 0 || name[0] == '.') {
        cw_fail (error, CW_ERROR_FORMAT, "“%s” names the file “%s” for tensor “%s”; a file in the same folder was expected.",
                 index_path, name ? name : "", tensor);
        ok = false;
        break;
      }
      if (!(ok = add_file (weights, folder, name, prefix, error)))
        break;
    }
  json_decref (index);
  return ok;
}

bool
cw_weights_add_folder (cw_weights *weights, const char *folder, const char *prefix, cw_error *error)
{
  char *single = join (folder, "model.safetensors"), *index = join (folder, "model.safetensors.index.json");
  bool  ok = false;

  if (!single || !index)
    cw_fail_memory (error, folder, strlen (folder));
  else if (access (single, F_OK) == 0)
    ok = add_file (weights, folder, "model.safetensors", prefix, error);
  else if (access (index, F_OK) == 0)
    ok = add_shards (weights, folder, index, prefix, error);
  else
    cw_fail (error, CW_ERROR_IO, "“%s” holds neither model.safetensors nor model.safetensors.index.json.", folder);
  free (single);
  free (index);
  return ok;
}

cw_weights *
cw_weights_new (const char *folder, cw_error *error)
{
  cw_weights *weights = calloc (1, sizeof *weights);

  if (!weights || !(weights->folder = strdup (folder))) {
    free (weights);
    cw_fail_memory (error, folder, sizeof *weights);
    return NULL;
  }
  return weights;
}

cw_weights *
cw_weights_open (const char *folder, cw_error *error)
{
  cw_weights *weights = cw_weights_new (folder, error);

  if (weights && !cw_weights_add_folder (weights, folder, "", error)) {
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
  for (size_t i = 0; i < weights->n_sources; i++)
    close_source (&weights->sources[i]);
  for (size_t i = 0; i < weights->n_renamed; i++)
    free (weights->renamed[i].name);
  free (weights->sources);
  free (weights->renamed);
  free (weights->folder);
  free (weights);
}

/* ---- tensors under other names --------------------------------------------------------------------------------------- */

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const renamed *) a)->name, ((const renamed *) b)->name);
}

/* The rows of part @rule->part of @tensor; they follow each other. */
static bool
cut_rows (cw_tensor *tensor, const cw_name_rule *rule)
{
  size_t n_bytes;

  if (rule->n_parts == 0)
    return true;
  if (tensor->n_dims == 0 || tensor->dims[0] % rule->n_parts != 0)
    return false;
  n_bytes = cw_tensor_n_elements (tensor) * cw_dtype_size (tensor->dtype);
  tensor->data = (const char *) tensor->data + n_bytes / rule->n_parts * rule->part;
  tensor->dims[0] /= rule->n_parts;
  return true;
}

static bool
add_renamed (cw_weights *weights, renamed added, const char *name, cw_error *error)
{
  if (weights->n_renamed == weights->renamed_room) {
    const size_t room = 2 * weights->renamed_room + 256;
    renamed     *longer = realloc (weights->renamed, room * sizeof *longer);
    if (!longer)
      return cw_fail_memory (error, weights->folder, room * sizeof *longer) == CW_OK;
    weights->renamed = longer;
    weights->renamed_room = room;
  }
  if (!(added.name = strdup (name)))
    return cw_fail_memory (error, weights->folder, strlen (name)) == CW_OK;
  weights->renamed[weights->n_renamed++] = added;
  return true;
}

/* All that the rules make of the tensor @value of @file, which is called @key there. */
static bool
add_by_rules (cw_weights *weights, cw_torch_file *file, const cw_pickle_value *key, const cw_pickle_value *value, const cw_name_rule *rules,
              size_t n_rules, cw_error *error)
{
  char ours[CW_NAME_MAX_BYTES], theirs[CW_NAME_MAX_BYTES];

  for (size_t i = 0; i < n_rules; i++) {
    renamed added = { .theirs = key->string, .n_theirs = key->n, .source = weights->n_sources - 1 };

    if (!cw_name_to_ours (&rules[i], key->string, key->n, ours))
      continue;
    snprintf (theirs, sizeof theirs, "%.*s", (int) key->n, key->string);
    if (!cw_torch_file_tensor (file, value, theirs, &added.tensor, error))
      return false;
    if (!cut_rows (&added.tensor, &rules[i])) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: the rows of tensor “%s” are no multiple of %u, which was expected.", cw_torch_file_path (file),
               theirs, rules[i].n_parts);
      return false;
    }
    if (!add_renamed (weights, added, ours, error))
      return false;
  }
  return true;
}

bool
cw_weights_add_torch (cw_weights *weights, cw_torch_file *file, const cw_pickle_value *state, const cw_name_rule *rules, size_t n_rules,
                      cw_error *error)
{
  if (!add_source (weights, (source){ .torch = file, .rules = rules, .n_rules = n_rules }, error))
    return false;
  for (size_t i = 0; i + 1 < state->n; i += 2)
    if (state->items[i]->kind == CW_PICKLE_STRING && state->items[i + 1]->kind == CW_PICKLE_TENSOR &&
        !add_by_rules (weights, file, state->items[i], state->items[i + 1], rules, n_rules, error))
      return false;
  if (weights->n_renamed)
    qsort (weights->renamed, weights->n_renamed, sizeof *weights->renamed, by_name);
  for (size_t i = 1; i < weights->n_renamed; i++)
    if (by_name (&weights->renamed[i], &weights->renamed[i - 1]) == 0) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s” holds the tensor “%.*s” twice.", cw_torch_file_path (file), (int) weights->renamed[i].n_theirs,
               weights->renamed[i].theirs);
      return false;
    }
  return true;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------ */

size_t
cw_weights_n_bytes (const cw_weights *weights)
{
  size_t n = 0;

  for (size_t i = 0; i < weights->n_sources; i++)
    n += weights->sources[i].torch ? cw_torch_file_n_bytes (weights->sources[i].torch)
                                   : cw_safetensors_file_bytes (weights->sources[i].safetensors);
  return n;
}

/* What a tensor is called in its file, and the file's path: for messages. */
typedef struct {
  const char *path;
  char        name[CW_NAME_MAX_BYTES];
} origin;

static const cw_tensor *
find (const cw_weights *weights, const char *name, origin *from)
{
  const renamed  key = { .name = (char *) name };
  const renamed *found = weights->n_renamed ? bsearch (&key, weights->renamed, weights->n_renamed, sizeof key, by_name) : NULL;

  if (found) {
    from->path = path_of (&weights->sources[found->source]);
    snprintf (from->name, sizeof from->name, "%.*s", (int) found->n_theirs, found->theirs);
    return &found->tensor;
  }
  for (size_t i = 0; i < weights->n_sources; i++) {
    const source    *s = &weights->sources[i];
    const size_t     n = s->prefix ? strlen (s->prefix) : 0;
    const cw_tensor *tensor = s->safetensors && strncmp (name, s->prefix, n) == 0 ? cw_safetensors_find (s->safetensors, name + n) : NULL;

    if (tensor) {
      from->path = path_of (s);
      snprintf (from->name, sizeof from->name, "%s", name + n);
      return tensor;
    }
  }
  return NULL;
}

/* Where a tensor that is missing would have been. */
static void
find_home (const cw_weights *weights, const char *name, origin *home)
{
  home->path = weights->n_sources == 1 ? path_of (&weights->sources[0]) : weights->folder;
  snprintf (home->name, sizeof home->name, "%s", name);
  for (size_t i = 0; i < weights->n_sources; i++) {
    const source *s = &weights->sources[i];
    const size_t  n = s->prefix ? strlen (s->prefix) : 0;

    if (n && strncmp (name, s->prefix, n) == 0) {
      home->path = path_of (s);
      snprintf (home->name, sizeof home->name, "%s", name + n);
    }
    for (size_t j = 0; j < s->n_rules; j++)
      if (cw_name_to_theirs (&s->rules[j], name, strlen (name), home->name)) {
        home->path = path_of (s);
        return;
      }
  }
}

bool
cw_weights_has (const cw_weights *weights, const char *name)
{
  origin from;

  return find (weights, name, &from) != NULL;
}

bool
cw_weights_shape (const cw_weights *weights, const char *name, uint64_t *rows, uint64_t *columns)
{
  origin           from;
  const cw_tensor *tensor = find (weights, name, &from);

  if (!tensor || tensor->n_dims != 2)
    return false;
  *rows = tensor->dims[0];
  *columns = tensor->dims[1];
  return true;
}

cw_dtype
cw_weights_dtype (const cw_weights *weights, const char *name)
{
  origin           from;
  const cw_tensor *tensor = find (weights, name, &from);

  return tensor ? tensor->dtype : CW_F32;
}

/* Some pieces of the tensor, evenly spread: a fine-tuned model differs in all of them, and the rest need not be read. What the system maps
 * around them, a good part of a file that it has in its memory, is let go again. */
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
  for (size_t i = 0; i < weights->n_sources; i++) {
    const source  *s = &weights->sources[i];
    const char    *name = strrchr (path_of (s), '/') + 1;
    const uint64_t size = s->torch ? cw_torch_file_n_bytes (s->torch) : cw_safetensors_file_bytes (s->safetensors);
    size_t         n_header;
    const void    *header = s->torch ? cw_torch_file_description (s->torch, &n_header) : cw_safetensors_header (s->safetensors, &n_header);

    cw_sha256_add (&sha, name, strlen (name) + 1);
    cw_sha256_add (&sha, &size, sizeof size);
    cw_sha256_add (&sha, header, n_header);
    for (size_t j = 0; s->safetensors && j < cw_safetensors_n_tensors (s->safetensors); j++) {
      const cw_tensor *tensor = cw_safetensors_nth (s->safetensors, j, &name);
      hash_sample (&sha, tensor);
      cw_safetensors_release (s->safetensors, tensor->data, cw_tensor_n_elements (tensor) * cw_dtype_size (tensor->dtype));
    }
    for (size_t j = 0; s->torch && j < weights->n_renamed; j++)
      if (weights->renamed[j].source == i)
        hash_sample (&sha, &weights->renamed[j].tensor);
    if (s->torch)
      cw_torch_file_release (s->torch);
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

void
cw_weights_skip_values (cw_weights *weights)
{
  weights->skips_values = true;
}

bool
cw_weights_get (cw_weights *weights, const char *name, const uint64_t *dims, unsigned n_dims, cw_tensor *tensor,
                cw_error *error)
{
  origin           from;
  const cw_tensor *found = find (weights, name, &from);
  char             is[128], expected[128];

  print_shape (expected, sizeof expected, dims, n_dims);
  if (!found) {
    find_home (weights, name, &from);
    cw_fail (error, CW_ERROR_FORMAT, "“%s” lacks the tensor “%s”; shape %s was expected.", from.path, from.name, expected);
    return false;
  }
  if (found->dtype != CW_F32 && found->dtype != CW_F16 && found->dtype != CW_BF16) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” is of type %s; F32, F16 or BF16 was expected.", from.path, from.name,
             cw_dtype_name (found->dtype));
    return false;
  }
  if (found->n_dims != n_dims || memcmp (found->dims, dims, n_dims * sizeof *dims) != 0) {
    print_shape (is, sizeof is, found->dims, found->n_dims);
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” has the shape %s; %s was expected.", from.path, from.name, is, expected);
    return false;
  }
  if (!weights->skips_values && !all_finite (found)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “%s” holds values that are NaN or infinite; finite ones were expected.",
             from.path, from.name);
    return false;
  }
  *tensor = *found;
  return true;
}
