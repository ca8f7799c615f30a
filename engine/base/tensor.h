/* SPDX-License-Identifier: MIT
 *
 * tensor.h: a plain view of numbers: type, shape, pointer. Row major, last dimension contiguous. Owns nothing: the memory belongs
 *     to a mapped file, an arena or the caller, and whoever declares a cw_tensor says which.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CW_DIMS_MAX 8

typedef enum { CW_F32, CW_F16, CW_BF16, CW_I64, CW_I32, CW_U8, CW_F64, CW_I8, CW_I16, CW_BOOL, CW_N_DTYPES } cw_dtype;

typedef struct {
  cw_dtype    dtype;
  unsigned    n_dims;            /* 0 for a scalar */
  uint64_t    dims[CW_DIMS_MAX];
  const void *data;              /* aligned to the element's size */
} cw_tensor;

size_t      cw_dtype_size (cw_dtype dtype);
const char *cw_dtype_name (cw_dtype dtype); /* as safetensors spells it: "F32" */

/* Product of the dimensions; shapes in a cw_tensor were checked for overflow when it was made. */
size_t cw_tensor_n_elements (const cw_tensor *tensor);

/* Element @i of an F32, F16 or BF16 tensor, widened exactly. */
float cw_tensor_at (const cw_tensor *tensor, size_t i);
/* All elements of an F32, F16 or BF16 tensor, widened exactly to @out [n_elements]. */
void cw_tensor_widen (const cw_tensor *tensor, float *out);

/* a * b or a + b in *product; false on overflow. */
static inline bool
cw_mul (size_t a, size_t b, size_t *product)
{
  return !__builtin_mul_overflow (a, b, product);
}

static inline bool
cw_add (size_t a, size_t b, size_t *sum)
{
  return !__builtin_add_overflow (a, b, sum);
}

/* a + b and a * b, or SIZE_MAX, which then stays: for sizes that are counted before anybody asks for them. */
static inline size_t
cw_sum (size_t a, size_t b)
{
  return cw_add (a, b, &a) ? a : SIZE_MAX;
}

static inline size_t
cw_product (size_t a, size_t b)
{
  return cw_mul (a, b, &a) ? a : SIZE_MAX;
}
