/* SPDX-License-Identifier: MIT
 *
 * bfloat16.h: the upper half of a float, rounded to nearest even: __nv_bfloat16 and __nv_bfloat162.
 */
#pragma once

#include "small-floats.h"

static inline float
coc_bfloat16_widen (uint16_t b)
{
  return coc_bits<float> ((uint32_t) b << 16);
}

static inline uint16_t
coc_bfloat16_narrow (float f)
{
  uint32_t bits = coc_bits<uint32_t> (f);
  if ((bits & 0x7fffffff) > 0x7f800000) /* NaN: CUDA's canonical one */
    return 0x7fff;
  return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

COC_SMALL_FLOAT (__nv_bfloat16, __nv_bfloat162, coc_bfloat16_widen, coc_bfloat16_narrow)
typedef __nv_bfloat16  nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

static inline float __bfloat162float (__nv_bfloat16 b) { return coc_bfloat16_widen (b.bits); }
static inline __nv_bfloat16 __float2bfloat16 (float f) { return __nv_bfloat16 (f); }
static inline __nv_bfloat16 __float2bfloat16_rn (float f) { return __nv_bfloat16 (f); }
static inline __nv_bfloat16 __ushort_as_bfloat16 (uint16_t bits) { return coc_bits<__nv_bfloat16> (bits); }
static inline uint16_t __bfloat16_as_ushort (__nv_bfloat16 b) { return b.bits; }
static inline float2 __bfloat1622float2 (__nv_bfloat162 b)
{
  return { coc_bfloat16_widen (b.x.bits), coc_bfloat16_widen (b.y.bits) };
}
static inline __nv_bfloat162 __floats2bfloat162_rn (float x, float y) { return { __nv_bfloat16 (x), __nv_bfloat16 (y) }; }
static inline __nv_bfloat162 __float22bfloat162_rn (float2 f) { return { __nv_bfloat16 (f.x), __nv_bfloat16 (f.y) }; }
static inline __nv_bfloat162 __float2bfloat162_rn (float f) { return { __nv_bfloat16 (f), __nv_bfloat16 (f) }; }
static inline __nv_bfloat162 __halves2bfloat162 (__nv_bfloat16 x, __nv_bfloat16 y) { return { x, y }; }
static inline __nv_bfloat162 __bfloat162bfloat162 (__nv_bfloat16 b) { return { b, b }; }
static inline __nv_bfloat16 __low2bfloat16 (__nv_bfloat162 b) { return b.x; }
static inline __nv_bfloat16 __high2bfloat16 (__nv_bfloat162 b) { return b.y; }
