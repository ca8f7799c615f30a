/* SPDX-License-Identifier: MIT
 *
 * tensor.c: see tensor.h.
 */
#include "base/tensor.h"

#include <string.h>

#include "ops/kernels.h"

static const struct {
  const char *name;
  size_t      size;
} dtypes[CW_N_DTYPES] = {
  [CW_F32] = { "F32", 4 }, [CW_F16] = { "F16", 2 }, [CW_BF16] = { "BF16", 2 }, [CW_I64] = { "I64", 8 },
  [CW_I32] = { "I32", 4 }, [CW_U8] = { "U8", 1 },   [CW_F64] = { "F64", 8 },   [CW_I8] = { "I8", 1 },
  [CW_I16] = { "I16", 2 }, [CW_BOOL] = { "BOOL", 1 },
};

size_t
cw_dtype_size (cw_dtype dtype)
{
  return dtypes[dtype].size;
}

const char *
cw_dtype_name (cw_dtype dtype)
{
  return dtypes[dtype].name;
}

size_t
cw_tensor_n_elements (const cw_tensor *tensor)
{
  size_t n = 1;

  for (unsigned i = 0; i < tensor->n_dims; i++)
    n *= tensor->dims[i];
  return n;
}

uint16_t
cw_f16_narrow (float value)
{
  union {
    float    value;
    uint32_t bits;
  } in = { value };
  const uint16_t sign = (uint16_t) (in.bits >> 16 & 0x8000);
  const uint32_t size = in.bits & 0x7fffffff;
  uint32_t       fraction, shift, half;

  if (size > 0x7f800000)
    return sign | 0x7e00;
  if (size >= 0x477ff000) /* 65520 and more round to infinity */
    return sign | 0x7c00;
  if (size >= 0x38800000) { /* normal: drop 13 bits */
    const uint32_t rounded = size + 0xfff + (size >> 13 & 1);
    return (uint16_t) (sign | (rounded - 0x38000000) >> 13);
  }
  if (size < 0x33000000) /* at most half of the smallest subnormal, which rounds to even: 0 */
    return sign;
  fraction = (size & 0x7fffff) | 0x800000;
  shift = 126 - (size >> 23);
  half = 1u << (shift - 1);
  return (uint16_t) (sign | (fraction + half - 1 + (fraction >> shift & 1)) >> shift);
}

float
cw_f16_widen (uint16_t bits)
{
  const uint32_t sign = (uint32_t) (bits & 0x8000) << 16;
  uint32_t       exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff, wide;
  float          value;

  if (exponent == 0x1f) {
    wide = sign | 0x7f800000 | fraction << 13;
  } else if (exponent == 0) {
    /* zero or subnormal: fraction times 2^-24, exact in f32 */
    value = (float) fraction * 0x1p-24f;
    memcpy (&wide, &value, sizeof wide);
    wide |= sign;
  } else {
    wide = sign | (exponent + 112) << 23 | fraction << 13;
  }
  memcpy (&value, &wide, sizeof value);
  return value;
}

float
cw_tensor_at (const cw_tensor *tensor, size_t i)
{
  if (tensor->dtype == CW_F32)
    return ((const float *) tensor->data)[i];
  if (tensor->dtype == CW_F16)
    return cw_f16_widen (((const uint16_t *) tensor->data)[i]);
  return cw_bf16_widen (((const uint16_t *) tensor->data)[i]);
}

void
cw_tensor_widen (const cw_tensor *tensor, float *out)
{
  const size_t n = cw_tensor_n_elements (tensor);

  for (size_t i = 0; i < n; i++)
    out[i] = cw_tensor_at (tensor, i);
}
