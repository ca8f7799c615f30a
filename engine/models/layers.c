/* SPDX-License-Identifier: MIT
 *
 * layers.c: see layers.h.
 */
#include "models/layers.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

#define NAME_MAX_BYTES 256

/* prefix + formatted name, in @name. */
static void
full_name (char name[NAME_MAX_BYTES], const cw_fetch *fetch, const char *format, va_list args)
{
  int n = snprintf (name, NAME_MAX_BYTES, "%s", fetch->prefix);

  vsnprintf (name + n, NAME_MAX_BYTES - (size_t) n, format, args);
}

static bool
get (cw_fetch *fetch, cw_tensor *tensor, const uint64_t *dims, unsigned n_dims, const char *format, va_list args)
{
  char name[NAME_MAX_BYTES];

  if (fetch->failed)
    return false;
  full_name (name, fetch, format, args);
  fetch->failed = !cw_weights_get (fetch->source.weights, name, dims, n_dims, tensor, fetch->error);
  return !fetch->failed;
}

static void
get_widened (cw_fetch *fetch, float **values, const uint64_t *dims, unsigned n_dims, const char *format, va_list args)
{
  cw_tensor tensor;

  if (!get (fetch, &tensor, dims, n_dims, format, args))
    return;
  *values = cw_arena_new (fetch->arena, float, cw_tensor_n_elements (&tensor));
  if (*values)
    cw_tensor_widen (&tensor, *values);
  else
    fetch->failed = !cw_arena_ok (fetch->arena, "a model's weights", fetch->error);
}

void
cw_fetch_matrix (cw_fetch *fetch, cw_tensor *tensor, uint64_t rows, uint64_t columns, const char *format, ...)
{
  const uint64_t dims[] = { rows, columns };
  va_list        args;

  va_start (args, format);
  get (fetch, tensor, dims, 2, format, args);
  va_end (args);
}

void
cw_fetch_linear (cw_fetch *fetch, cw_linear *linear, uint64_t n_out, uint64_t n_in, const char *format, ...)
{
  const uint64_t dims[] = { n_out, n_in };
  va_list        args;

  va_start (args, format);
  if (fetch->source.storage == CW_STORE_AS_IS || !fetch->source.prepared)
    get (fetch, &linear->w, dims, 2, format, args);
  else if (!fetch->failed) {
    char name[NAME_MAX_BYTES];

    full_name (name, fetch, format, args);
    fetch->failed = !cw_prepared_get (&fetch->source, fetch->be->pool, name, n_out, n_in, linear, fetch->error) ||
                    !cw_backend_reserve_columns (fetch->be, n_in, fetch->error);
  }
  va_end (args);
}

void
cw_fetch_vector (cw_fetch *fetch, const float **vector, uint64_t n, const char *format, ...)
{
  float  *values = NULL;
  va_list args;

  va_start (args, format);
  get_widened (fetch, &values, &n, 1, format, args);
  va_end (args);
  *vector = values;
}

void
cw_fetch_widened (cw_fetch *fetch, float **values, const uint64_t *dims, unsigned n_dims, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  get_widened (fetch, values, dims, n_dims, format, args);
  va_end (args);
}

bool
cw_fetch_has (cw_fetch *fetch, const char *format, ...)
{
  char    name[NAME_MAX_BYTES];
  va_list args;

  va_start (args, format);
  full_name (name, fetch, format, args);
  va_end (args);
  return cw_weights_has (fetch->source.weights, name);
}

size_t
cw_linear_bytes (const cw_linear *linear)
{
  const size_t n_out = linear->w.dims[0], n_in = linear->w.dims[1], n_padded = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD;

  switch (linear->w.dtype) {
  case CW_I8:
    return n_out * (n_padded + sizeof (float));
  case CW_U8:
    return n_out * (n_padded / 2 + n_padded / CW_Q4_GROUP + sizeof (float));
  default:
    return n_out * n_in * cw_dtype_size (linear->w.dtype);
  }
}
