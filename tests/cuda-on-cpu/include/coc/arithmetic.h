/* SPDX-License-Identifier: MIT
 *
 * arithmetic.h: CUDA's arithmetic. What IEEE fixes (add, multiply, divide, root, fma, conversions) is exact here. The libm functions differ
 * from the GPU's in the last places, and the fast ones (__expf, …) are as exact as libm here and are not there: tests of values
 * allow for CUDA's documented error, never the other way round.
 */
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "threads.h"

template <class To, class From>
static inline To
coc_bits (From from)
{
  static_assert (sizeof (To) == sizeof (From), "bits of two sizes");
  To to;
  __builtin_memcpy (&to, &from, sizeof to);
  return to;
}

static inline int __float_as_int (float x) { return coc_bits<int> (x); }
static inline unsigned __float_as_uint (float x) { return coc_bits<unsigned> (x); }
static inline float __int_as_float (int x) { return coc_bits<float> (x); }
static inline float __uint_as_float (unsigned x) { return coc_bits<float> (x); }
static inline long long __double_as_longlong (double x) { return coc_bits<long long> (x); }
static inline double __longlong_as_double (long long x) { return coc_bits<double> (x); }

static inline float rsqrtf (float x) { return 1.0f / sqrtf (x); }
static inline float __frsqrt_rn (float x) { return (float) (1.0 / std::sqrt ((double) x)); }
/* glibc declares functions of these names without defining them all, hence macros. */
#define __expf expf
#define __exp10f(x) powf (10.0f, x)
#define __logf logf
#define __log2f log2f
#define __sinf sinf
#define __cosf cosf
#define __powf powf
#define __tanhf tanhf
static inline float __fdividef (float x, float y) { return x / y; }
static inline float __frcp_rn (float x) { return 1.0f / x; }
static inline float __fsqrt_rn (float x) { return sqrtf (x); }
static inline float __saturatef (float x) { return x > 0 ? x < 1 ? x : 1 : 0; }
static inline float normcdff (float x) { return 0.5f * erfcf (-x * 0.70710678f); }
static inline void sincospif (float x, float *s, float *c)
{
  *s = (float) std::sin (M_PI * (double) x);
  *c = (float) std::cos (M_PI * (double) x);
}

/* The compiler may not contract these, there and here: add and multiply round on their own. */
static inline float __fadd_rn (float x, float y) { return x + y; }
static inline float __fsub_rn (float x, float y) { return x - y; }
static inline float __fmul_rn (float x, float y) { return x * y; }
static inline float __fdiv_rn (float x, float y) { return x / y; }
static inline float __fmaf_rn (float x, float y, float z) { return fmaf (x, y, z); }
static inline double __dadd_rn (double x, double y) { return x + y; }
static inline double __dmul_rn (double x, double y) { return x * y; }

static inline int __float2int_rn (float x) { return (int) rintf (x); }
static inline int __float2int_rz (float x) { return (int) x; }
static inline int __float2int_rd (float x) { return (int) floorf (x); }
static inline int __float2int_ru (float x) { return (int) ceilf (x); }
static inline unsigned __float2uint_rn (float x) { return (unsigned) rintf (x); }
static inline float __int2float_rn (int x) { return (float) x; }
static inline float __uint2float_rn (unsigned x) { return (float) x; }
static inline float __double2float_rn (double x) { return (float) x; }

static inline int __popc (unsigned x) { return __builtin_popcount (x); }
static inline int __popcll (unsigned long long x) { return __builtin_popcountll (x); }
static inline int __clz (int x) { return x ? __builtin_clz ((unsigned) x) : 32; }
static inline int __clzll (long long x) { return x ? __builtin_clzll ((unsigned long long) x) : 64; }
static inline int __ffs (int x) { return __builtin_ffs (x); }
static inline unsigned __brev (unsigned x)
{
  unsigned y = 0;
  for (int i = 0; i < 32; i++)
    y |= (x >> i & 1) << (31 - i);
  return y;
}
static inline unsigned __umulhi (unsigned x, unsigned y) { return (unsigned) ((uint64_t) x * y >> 32); }
static inline int __mulhi (int x, int y) { return (int) ((int64_t) x * y >> 32); }
static inline unsigned long long __umul64hi (unsigned long long x, unsigned long long y)
{
  return (unsigned long long) ((unsigned __int128) x * y >> 64);
}
static inline int __mul24 (int x, int y) { return (x << 8 >> 8) * (y << 8 >> 8); }
static inline unsigned __funnelshift_l (unsigned low, unsigned high, unsigned n)
{
  return (unsigned) (((uint64_t) high << 32 | low) << (n & 31) >> 32);
}
static inline unsigned __funnelshift_r (unsigned low, unsigned high, unsigned n)
{
  return (unsigned) (((uint64_t) high << 32 | low) >> (n & 31));
}
/* Byte i of the result is the byte of y:x that the nibble i of @selector names; its top bit repeats that byte's sign. */
static inline unsigned __byte_perm (unsigned x, unsigned y, unsigned selector)
{
  uint64_t bytes = (uint64_t) y << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    unsigned nibble = selector >> 4 * i & 15, byte = bytes >> 8 * (nibble & 7) & 255;
    result |= (nibble & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
  }
  return result;
}
/* Four products of signed (unsigned) bytes, added to c: sm_61 and later. */
static inline int __dp4a (int a, int b, int c)
{
  for (int i = 0; i < 4; i++)
    c += (int) (int8_t) ((unsigned) a >> 8 * i) * (int) (int8_t) ((unsigned) b >> 8 * i);
  return c;
}
static inline unsigned __dp4a (unsigned a, unsigned b, unsigned c)
{
  for (int i = 0; i < 4; i++)
    c += (a >> 8 * i & 255) * (b >> 8 * i & 255);
  return c;
}

/* Two products of the 16-bit halves of a with two signed bytes of b, the low or the high ones, added to c. */
static inline int __dp2a_lo (int a, int b, int c) { return c + (int16_t) a * (int8_t) b + (a >> 16) * (int8_t) (b >> 8); }
static inline int __dp2a_hi (int a, int b, int c) { return __dp2a_lo (a, b >> 16, c); }

template <class A, class B> static inline typename std::common_type<A, B>::type
min (A a, B b)
{
  return a < b ? a : b;
}

template <class A, class B> static inline typename std::common_type<A, B>::type
max (A a, B b)
{
  return a > b ? a : b;
}
template <> inline float min (float a, float b) { return fminf (a, b); }
template <> inline float max (float a, float b) { return fmaxf (a, b); }

/* Loads and stores with a hint for the caches, which has no meaning here. */
template <class T> static inline T __ldg (const T *address) { return *address; }
template <class T> static inline T __ldcg (const T *address) { return *address; }
template <class T> static inline T __ldca (const T *address) { return *address; }
template <class T> static inline T __ldcs (const T *address) { return *address; }
template <class T> static inline T __ldlu (const T *address) { return *address; }
template <class T> static inline T __ldcv (const T *address) { return *address; }
template <class T> static inline void __stcg (T *address, T value) { *address = value; }
template <class T> static inline void __stcs (T *address, T value) { *address = value; }
template <class T> static inline void __stwt (T *address, T value) { *address = value; }
static inline size_t __cvta_generic_to_shared (const void *address) { return (size_t) address; }
