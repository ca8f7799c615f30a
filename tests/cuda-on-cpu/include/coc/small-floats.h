/* SPDX-License-Identifier: MIT
 *
 * small-floats.h: what __half and __nv_bfloat16 have in common: a value of 16 bits, arithmetic in float with one rounding to nearest
 * even, and a pair of them in 4 bytes. +, -, *, / in float and then rounded is correct for both (24 bits >= 2 x 11 + 2); the fused
 * multiply-add is not, and goes through double, rounded to odd.
 */
#pragma once

#include <cmath>
#include <cstdint>

#include "arithmetic.h"
#include "vector-types.h"

/* a * b + c, rounded so that rounding it again to at most 24 bits gives the correctly rounded result. a * b is exact in double. */
static inline float
coc_fma_odd (float a, float b, float c)
{
  double product = (double) a * b, sum = product + c, back = sum - product;
  double lost = (product - (sum - back)) + (c - back);
  if (lost != 0 && std::isfinite (sum) && !(coc_bits<uint64_t> (sum) & 1))
    sum = std::nextafter (sum, lost > 0 ? INFINITY : -INFINITY);
  float narrow = (float) sum; /* and to odd once more, from 53 to 24 bits */
  if ((double) narrow != sum && std::isfinite (narrow) && !(coc_bits<uint32_t> (narrow) & 1))
    narrow = std::nextafterf (narrow, sum > (double) narrow ? INFINITY : -INFINITY);
  return narrow;
}

#define COC_SMALL_FLOAT(type, type2, widen, narrow)                                                                            \
  struct type {                                                                                                                \
    uint16_t bits;                                                                                                             \
    type () = default;                                                                                                         \
    type (float f) : bits (narrow (f)) {}                                                                                      \
    type (double f) : bits (narrow ((float) f)) {}                                                                             \
    type (int f) : bits (narrow ((float) f)) {}                                                                                \
    operator float () const { return widen (bits); }                                                                           \
  };                                                                                                                           \
  struct alignas (4) type2 { type x, y; };                                                                                     \
  static inline type operator+ (type a, type b) { return type (widen (a.bits) + widen (b.bits)); }                             \
  static inline type operator- (type a, type b) { return type (widen (a.bits) - widen (b.bits)); }                             \
  static inline type operator* (type a, type b) { return type (widen (a.bits) * widen (b.bits)); }                             \
  static inline type operator/ (type a, type b) { return type (widen (a.bits) / widen (b.bits)); }                             \
  static inline type operator- (type a) { return type (-widen (a.bits)); }                                                     \
  static inline type &operator+= (type &a, type b) { return a = a + b; }                                                       \
  static inline type &operator-= (type &a, type b) { return a = a - b; }                                                       \
  static inline type &operator*= (type &a, type b) { return a = a * b; }                                                       \
  static inline bool operator== (type a, type b) { return widen (a.bits) == widen (b.bits); }                                  \
  static inline bool operator!= (type a, type b) { return widen (a.bits) != widen (b.bits); }                                  \
  static inline bool operator< (type a, type b) { return widen (a.bits) < widen (b.bits); }                                    \
  static inline bool operator> (type a, type b) { return widen (a.bits) > widen (b.bits); }                                    \
  static inline type __hadd (type a, type b) { return a + b; }                                                                 \
  static inline type __hsub (type a, type b) { return a - b; }                                                                 \
  static inline type __hmul (type a, type b) { return a * b; }                                                                 \
  static inline type __hdiv (type a, type b) { return a / b; }                                                                 \
  static inline type __hneg (type a) { return -a; }                                                                            \
  static inline type __hfma (type a, type b, type c)                                                                           \
  {                                                                                                                            \
    return type (coc_fma_odd (widen (a.bits), widen (b.bits), widen (c.bits)));                                                \
  }                                                                                                                            \
  static inline type __hmax (type a, type b) { return type (fmaxf (widen (a.bits), widen (b.bits))); }                         \
  static inline type __hmin (type a, type b) { return type (fminf (widen (a.bits), widen (b.bits))); }                         \
  static inline bool __hisnan (type a) { return std::isnan (widen (a.bits)); }                                                 \
  static inline type2 __hadd2 (type2 a, type2 b) { return { a.x + b.x, a.y + b.y }; }                                          \
  static inline type2 __hsub2 (type2 a, type2 b) { return { a.x - b.x, a.y - b.y }; }                                          \
  static inline type2 __hmul2 (type2 a, type2 b) { return { a.x * b.x, a.y * b.y }; }                                          \
  static inline type2 __hfma2 (type2 a, type2 b, type2 c) { return { __hfma (a.x, b.x, c.x), __hfma (a.y, b.y, c.y) }; }        \
  static inline type2 operator+ (type2 a, type2 b) { return __hadd2 (a, b); }                                                  \
  static inline type2 operator* (type2 a, type2 b) { return __hmul2 (a, b); }                                                  \
  static inline float __low2float (type2 a) { return widen (a.x.bits); }                                                       \
  static inline float __high2float (type2 a) { return widen (a.y.bits); }
