/* SPDX-License-Identifier: MIT
 *
 * probe.c: what the kinds of cases share: paths, given tensors, put tensors, texts.
 */
#include "probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool
probe_fail (probe *p, const char *format, ...)
{
  char    sentence[sizeof p->error.message];
  va_list args;

  va_start (args, format);
  vsnprintf (sentence, sizeof sentence, format, args);
  va_end (args);
  cw_fail (&p->error, CW_ERROR_FORMAT, "%s", sentence);
  return false;
}

char *
probe_path (probe *p, const char *folder, const char *name)
{
  const size_t n = strlen (folder) + strlen (name) + 2;
  char        *path = cw_arena_new (&p->arena, char, n);

  if (path)
    snprintf (path, n, "%s/%s", folder, name);
  else
    cw_fail_memory (&p->error, "a path", n);
  return path;
}

char *
probe_root_path (probe *p, const char *name)
{
  char *root = probe_path (p, p->folder, "../..");

  return root ? probe_path (p, root, name) : NULL;
}

const char *
probe_string (probe *p, const char *key)
{
  const char *value = json_string_value (json_object_get (p->json, key));

  if (!value)
    probe_fail (p, "“%s”: the string %s is missing.", p->path, key);
  return value;
}

const json_t *
probe_shape (const probe *p, const char *name)
{
  return json_object_get (json_object_get (json_object_get (p->json, "tensors"), name), "shape");
}

/* A tokenizer's case lists no tensors: all of them are wanted. */
static bool
wanted (const probe *p, const char *name)
{
  const json_t *list = json_object_get (p->json, "tensors");

  return !list || json_object_get (list, name);
}

/* Memory for an output; *values stays NULL when nobody wants it. */
static bool
put (probe *p, const char *name, cw_dtype dtype, unsigned n_dims, const uint64_t *dims, void **values)
{
  cw_tensor        tensor = { .dtype = dtype, .n_dims = n_dims };
  cw_named_tensor *output;
  char            *copy;

  *values = NULL;
  if (!wanted (p, name))
    return true;
  if (p->n_outputs == p->n_outputs_max) {
    const size_t     max = 2 * p->n_outputs_max + 64;
    cw_named_tensor *more = cw_arena_new (&p->arena, cw_named_tensor, max);
    if (!more)
      return cw_arena_ok (&p->arena, "the results", &p->error);
    if (p->n_outputs)
      memcpy (more, p->outputs, p->n_outputs * sizeof *more);
    p->outputs = more;
    p->n_outputs_max = max;
  }
  memcpy (tensor.dims, dims, n_dims * sizeof *dims);
  *values = cw_arena_take (&p->arena, cw_tensor_n_elements (&tensor), cw_dtype_size (dtype));
  copy = cw_arena_new (&p->arena, char, strlen (name) + 1);
  if (!*values || !copy)
    return cw_arena_ok (&p->arena, "the results", &p->error);
  strcpy (copy, name);
  tensor.data = *values;
  output = &p->outputs[p->n_outputs++];
  *output = (cw_named_tensor){ copy, tensor };
  return true;
}

bool
probe_put_f32 (probe *p, const char *name, const float *values, unsigned n_dims, const uint64_t *dims)
{
  void  *copy;
  size_t n = 1;

  if (!put (p, name, CW_F32, n_dims, dims, &copy))
    return false;
  for (unsigned i = 0; i < n_dims; i++)
    n *= dims[i];
  if (copy && n)
    memcpy (copy, values, n * sizeof *values);
  return true;
}

bool
probe_put_i64 (probe *p, const char *name, const int32_t *values, unsigned n_dims, const uint64_t *dims)
{
  void  *copy;
  size_t n = 1;

  if (!put (p, name, CW_I64, n_dims, dims, &copy))
    return false;
  for (unsigned i = 0; i < n_dims; i++)
    n *= dims[i];
  for (size_t i = 0; copy && i < n; i++)
    ((int64_t *) copy)[i] = values[i];
  return true;
}

const cw_tensor *
probe_input (probe *p, const char *name, cw_dtype dtype, unsigned n_dims)
{
  const cw_tensor *tensor = cw_safetensors_find (p->reference, name);

  if (!tensor)
    probe_fail (p, "“%s” lacks the tensor %s, which the case is given.", cw_safetensors_path (p->reference), name);
  else if (tensor->dtype != dtype || tensor->n_dims != n_dims)
    probe_fail (p, "“%s”: %s is %s with %u dimensions, %s with %u were expected.", cw_safetensors_path (p->reference),
                name, cw_dtype_name (tensor->dtype), tensor->n_dims, cw_dtype_name (dtype), n_dims);
  else if (cw_tensor_n_elements (tensor) == 0)
    probe_fail (p, "“%s”: %s is empty.", cw_safetensors_path (p->reference), name);
  else
    return tensor;
  return NULL;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static bool
put_texts (probe *p, const probe_texts *texts, const char *prefix, bool mask)
{
  int32_t *real = cw_arena_new (&p->arena, int32_t, texts->n * texts->longest);
  char     name[256];

  if (!real)
    return cw_arena_ok (&p->arena, "the texts", &p->error);
  for (size_t i = 0; i < texts->n; i++)
    for (size_t j = 0; j < texts->lengths[i]; j++)
      real[i * texts->longest + j] = 1;
  snprintf (name, sizeof name, "%s_ids", prefix);
  if (!probe_put_i64 (p, name, texts->ids, PROBE_DIMS (texts->n, texts->longest)))
    return false;
  snprintf (name, sizeof name, "%s_mask", prefix);
  return !mask || probe_put_i64 (p, name, real, PROBE_DIMS (texts->n, texts->longest));
}

bool
probe_tokenize (probe *p, const cw_tokenizer *tokenizer, const json_t *list, const char *prefix, bool mask,
                probe_texts *texts)
{
  const size_t n = json_array_size (list);
  int32_t    **rows = cw_arena_new (&p->arena, int32_t *, n);
  bool         ok = true;

  *texts = (probe_texts){ .n = n, .lengths = cw_arena_new (&p->arena, size_t, n) };
  if (n == 0)
    return probe_fail (p, "“%s”: the list of texts is empty.", p->path);
  if (!rows || !texts->lengths)
    return cw_arena_ok (&p->arena, "the texts", &p->error);
  for (size_t i = 0; i < n && ok; i++) {
    const json_t *text = json_array_get (list, i);
    if (!json_is_string (text))
      ok = probe_fail (p, "“%s”: a text is no string.", p->path);
    else
      ok = cw_tokenizer_encode (tokenizer, json_string_value (text), json_string_length (text), &rows[i],
                                &texts->lengths[i], &p->error) == CW_OK;
    if (ok && texts->lengths[i] > texts->longest)
      texts->longest = texts->lengths[i];
  }
  if (ok && !(texts->ids = cw_arena_new (&p->arena, int32_t, n * texts->longest)))
    ok = cw_arena_ok (&p->arena, "the texts", &p->error);
  for (size_t i = 0; i < n; i++) {
    if (ok)
      memcpy (texts->ids + i * texts->longest, rows[i], texts->lengths[i] * sizeof **rows);
    free (rows[i]);
  }
  return ok && put_texts (p, texts, prefix, mask);
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

float *
probe_decode (probe *p, cw_encodec *codec, const int32_t *codes, size_t n_books, size_t n, size_t *n_samples)
{
  const size_t       c = cw_encodec_get_config (codec)->net.n_channels;
  cw_encodec_stream *stream = cw_encodec_stream_new (codec, n, 1, &p->error);
  const float       *y;
  float             *sound = NULL;
  size_t             ld_y;

  if (!stream)
    return NULL;
  *n_samples = cw_encodec_stream_push (stream, &codes, n, n_books, n, true, &y, &ld_y);
  sound = probe_cut (p, y, c, ld_y, 0, *n_samples, 1);
  cw_encodec_stream_free (stream);
  return sound;
}

float *
probe_cut (probe *p, const float *x, size_t c, size_t ld, size_t first, size_t n, size_t step)
{
  const size_t kept = (n + step - 1) / step;
  float       *cut = cw_arena_new (&p->arena, float, c * kept);

  if (!cut) {
    cw_arena_ok (&p->arena, "the sound", &p->error);
    return NULL;
  }
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < kept; t++)
      cut[i * kept + t] = x[i * ld + first + t * step];
  return cut;
}
