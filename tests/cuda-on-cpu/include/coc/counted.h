/* SPDX-License-Identifier: MIT
 *
 * counted.h: float and double that count what is done with them. The counting build includes this in front of every kernel file
 * (-include), so that the very same source computes the very same numbers, and each operation is told to runtime/counts.cpp.
 *
 * What is counted is what a thread of the GPU executes: a sum, a product, a fused multiply-add, a comparison (minimum, maximum), a
 * division or root, a conversion. A sign changed or dropped is part of the instruction that follows, and is not counted, nor is copysign.
 * Integers are not counted (addresses, loops, the shuffles' lanes), but for __dp2a and __dp4a. A comparison is also what a compiler
 * may turn into a minimum: one operation either way.
 *
 * The types have float's and double's size, alignment and place in registers (x86-64, AArch64), so that a kernel's arguments are those that
 * the host's C code passes. A float becomes a counted one by itself, never the other way round: what is not here does not compile, nor
 * does arithmetic that goes from float to double by accident.
 */
#pragma once

/* All that a kernel file includes of others' must stand before float is another type. */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"
#include "operations.h"

extern "C" void coc_count (enum coc_operation operation);

#define COC_COUNTED  static inline __attribute__ ((always_inline))
#define COC_COUNTING __attribute__ ((always_inline))

#define COC_BINARY(name, op, kind)                                                                                             \
  friend COC_COUNTING inline name operator op (name a, name b)                                                                 \
  {                                                                                                                            \
    coc_count (kind);                                                                                                          \
    return a.value op b.value;                                                                                                 \
  }                                                                                                                            \
  COC_COUNTING name &operator op##= (name b) { return *this = *this op b; }
#define COC_COMPARISON(name, op, kind)                                                                                         \
  friend COC_COUNTING inline bool operator op (name a, name b)                                                                 \
  {                                                                                                                            \
    coc_count (kind);                                                                                                          \
    return a.value op b.value;                                                                                                 \
  }
#define COC_NUMBER(name, plain, kind, kind_compare, kind_divide)                                                               \
  plain value;                                                                                                                 \
                                                                                                                               \
  name () = default;                                                                                                           \
  COC_COUNTING constexpr name (plain v) : value (v) {}                                                                         \
  template <class I, class = typename std::enable_if<std::is_integral<I>::value>::type>                                        \
  COC_COUNTING explicit name (I i) : value ((plain) i)                                                                         \
  {                                                                                                                            \
    coc_count (COC_CONVERT);                                                                                                   \
  }                                                                                                                            \
  template <class I, class = typename std::enable_if<std::is_integral<I>::value>::type>                                        \
  COC_COUNTING explicit operator I () const                                                                                    \
  {                                                                                                                            \
    coc_count (COC_CONVERT);                                                                                                   \
    return (I) value;                                                                                                          \
  }                                                                                                                            \
  COC_COUNTING name operator- () const { return -value; }                                                                      \
  COC_BINARY (name, +, kind)                                                                                                   \
  COC_BINARY (name, -, kind)                                                                                                   \
  COC_BINARY (name, *, kind)                                                                                                   \
  COC_BINARY (name, /, kind_divide)                                                                                            \
  COC_COMPARISON (name, <, kind_compare)                                                                                       \
  COC_COMPARISON (name, >, kind_compare)                                                                                       \
  COC_COMPARISON (name, <=, kind_compare)                                                                                      \
  COC_COMPARISON (name, >=, kind_compare)                                                                                      \
  COC_COMPARISON (name, ==, kind_compare)                                                                                      \
  COC_COMPARISON (name, !=, kind_compare)

struct coc_float {
  COC_NUMBER (coc_float, float, COC_F32, COC_COMPARE, COC_DIVIDE)
};

struct coc_double {
  COC_NUMBER (coc_double, double, COC_F64, COC_F64, COC_F64)
  COC_COUNTING explicit coc_double (coc_float x) : value ((double) x.value) { coc_count (COC_CONVERT); }
  COC_COUNTING explicit operator coc_float () const
  {
    coc_count (COC_CONVERT);
    return (float) value;
  }
};
static_assert (std::is_trivial<coc_float>::value && sizeof (coc_float) == sizeof (float), "stands where a float stood");
static_assert (std::is_trivial<coc_double>::value && sizeof (coc_double) == sizeof (double), "stands where a double stood");

#define COC_FUNCTION1(name, kind)                                                                                              \
  COC_COUNTED coc_float name (coc_float x)                                                                                     \
  {                                                                                                                            \
    coc_count (kind);                                                                                                          \
    return coc_float (::name (x.value));                                                                                       \
  }
COC_FUNCTION1 (rintf, COC_CONVERT)
COC_FUNCTION1 (floorf, COC_CONVERT)
COC_FUNCTION1 (ceilf, COC_CONVERT)
COC_FUNCTION1 (sqrtf, COC_DIVIDE)
COC_FUNCTION1 (rsqrtf, COC_DIVIDE)
COC_FUNCTION1 (expf, COC_FUNCTION)
COC_FUNCTION1 (logf, COC_FUNCTION)
COC_FUNCTION1 (tanhf, COC_FUNCTION)
COC_FUNCTION1 (erff, COC_FUNCTION)
#undef COC_FUNCTION1

COC_COUNTED coc_float fabsf (coc_float x) { return coc_float (::fabsf (x.value)); }
COC_COUNTED coc_float copysignf (coc_float x, coc_float sign) { return coc_float (::copysignf (x.value, sign.value)); }
COC_COUNTED coc_float
fmaf (coc_float a, coc_float b, coc_float c)
{
  coc_count (COC_FMA);
  return coc_float (::fmaf (a.value, b.value, c.value));
}
COC_COUNTED coc_float
fmaxf (coc_float a, coc_float b)
{
  coc_count (COC_COMPARE);
  return coc_float (::fmaxf (a.value, b.value));
}
COC_COUNTED coc_float
fminf (coc_float a, coc_float b)
{
  coc_count (COC_COMPARE);
  return coc_float (::fminf (a.value, b.value));
}
COC_COUNTED coc_float
frexpf (coc_float x, int *exponent)
{
  coc_count (COC_FUNCTION);
  return coc_float (::frexpf (x.value, exponent));
}
COC_COUNTED coc_float
ldexpf (coc_float x, int exponent)
{
  coc_count (COC_FUNCTION);
  return coc_float (::ldexpf (x.value, exponent));
}
COC_COUNTED coc_double
sqrt (coc_double x)
{
  coc_count (COC_F64);
  return coc_double (::sqrt (x.value));
}

COC_COUNTED float coc_plain (coc_float x) { return x.value; }
COC_COUNTED float coc_plain (float x) { return x; }

struct alignas (8) coc_float2 { coc_float x, y; };
struct alignas (16) coc_float4 { coc_float x, y, z, w; };

/* From here on the kernels' floats. Arithmetic of __half itself is not counted, and its names are refused. */
#define float  coc_float
#define double coc_double
#define float2 coc_float2
#define float4 coc_float4

#define __half2float(h)       (coc_count (COC_CONVERT), __half2float (h))
#define __bfloat162float(b)   (coc_count (COC_CONVERT), __bfloat162float (b))
#define __float2half_rn(x)    (coc_count (COC_CONVERT), __float2half_rn (coc_plain (x)))
#define __float2bfloat16_rn(x) (coc_count (COC_CONVERT), __float2bfloat16_rn (coc_plain (x)))
#define __float_as_uint(x)    __float_as_uint (coc_plain (x))
#define __float_as_int(x)     __float_as_int (coc_plain (x))
#define __dp2a_lo(a, b, c)    (coc_count (COC_DP2A), __dp2a_lo (a, b, c))
#define __dp2a_hi(a, b, c)    (coc_count (COC_DP2A), __dp2a_hi (a, b, c))
#define __dp4a(a, b, c)       (coc_count (COC_DP4A), __dp4a (a, b, c))
#pragma GCC poison __hadd __hsub __hmul __hdiv __hfma __hadd2 __hsub2 __hmul2 __hfma2 __fdividef __frcp_rn __fmaf_rn __fadd_rn __fmul_rn
