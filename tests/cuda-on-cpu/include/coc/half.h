/* SPDX-License-Identifier: MIT
 *
 * half.h: IEEE binary16, rounded to nearest even, subnormals, infinities and NaN kept: __half and __half2.
 */
#pragma once

#include "small-floats.h"

static inline float
coc_half_widen (uint16_t h)
{
  /* the exponent moves by 112; multiplying does that for subnormals too */
  uint32_t bits = coc_bits<uint32_t> (coc_bits<float> ((uint32_t) (h & 0x7fff) << 13) * 0x1p112f);
  if ((h & 0x7c00) == 0x7c00)
    bits |= 0x7f800000;
  return coc_bits<float> (bits | (uint32_t) (h & 0x8000) << 16);
}

static inline uint16_t
coc_half_narrow (float f)
{
  uint32_t bits = coc_bits<uint32_t> (f), sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) /* NaN: CUDA's canonical one */
    return 0x7fff;
  if (bits >= 0x477ff000) /* 65520 and more round to infinity */
    return (uint16_t) (sign | 0x7c00);
  if (bits < 0x38800000) /* below 2^-14: in steps of 2^-24 */
    return (uint16_t) (sign | (uint32_t) lrintf (coc_bits<float> (bits) * 0x1p24f));
  bits += 0xc8000fff + (bits >> 13 & 1);
  return (uint16_t) (sign | bits >> 13);
}

COC_SMALL_FLOAT (__half, __half2, coc_half_widen, coc_half_narrow)
typedef __half  half;
typedef __half2 half2;

static inline float __half2float (__half h) { return coc_half_widen (h.bits); }
static inline __half __float2half (float f) { return __half (f); }
static inline __half __float2half_rn (float f) { return __half (f); }
static inline __half __double2half (double f) { return __half (f); }
static inline __half __int2half_rn (int i) { return __half ((float) i); }
static inline __half __ushort_as_half (uint16_t bits) { return coc_bits<__half> (bits); }
static inline __half __short_as_half (int16_t bits) { return coc_bits<__half> (bits); }
static inline uint16_t __half_as_ushort (__half h) { return h.bits; }
static inline int16_t __half_as_short (__half h) { return (int16_t) h.bits; }
static inline float2 __half22float2 (__half2 h) { return { coc_half_widen (h.x.bits), coc_half_widen (h.y.bits) }; }
static inline __half2 __floats2half2_rn (float x, float y) { return { __half (x), __half (y) }; }
static inline __half2 __float22half2_rn (float2 f) { return { __half (f.x), __half (f.y) }; }
static inline __half2 __float2half2_rn (float f) { return { __half (f), __half (f) }; }
static inline __half2 __halves2half2 (__half x, __half y) { return { x, y }; }
static inline __half2 make_half2 (__half x, __half y) { return { x, y }; }
static inline __half2 __half2half2 (__half h) { return { h, h }; }
static inline __half __low2half (__half2 h) { return h.x; }
static inline __half __high2half (__half2 h) { return h.y; }
static inline __half hexp (__half h) { return __half (expf (__half2float (h))); }
static inline __half hsqrt (__half h) { return __half (sqrtf (__half2float (h))); }
