/* SPDX-License-Identifier: MIT
 *
 * vector-types.h: CUDA's vector types with CUDA's alignments (vector_types.h), and their make_ functions.
 */
#pragma once

#define COC_VECTOR1(name, type)                                                                                                \
  struct name##1 { type x; };                                                                                                  \
  static inline name##1 make_##name##1 (type x) { return { x }; }
#define COC_VECTOR2(name, type, alignment)                                                                                     \
  struct alignas (alignment) name##2 { type x, y; };                                                                           \
  static inline name##2 make_##name##2 (type x, type y) { return { x, y }; }
#define COC_VECTOR3(name, type)                                                                                                \
  struct name##3 { type x, y, z; };                                                                                            \
  static inline name##3 make_##name##3 (type x, type y, type z) { return { x, y, z }; }
#define COC_VECTOR4(name, type, alignment)                                                                                     \
  struct alignas (alignment) name##4 { type x, y, z, w; };                                                                     \
  static inline name##4 make_##name##4 (type x, type y, type z, type w) { return { x, y, z, w }; }
#define COC_VECTORS(name, type, alignment2, alignment4)                                                                        \
  COC_VECTOR1 (name, type)                                                                                                     \
  COC_VECTOR2 (name, type, alignment2)                                                                                         \
  COC_VECTOR3 (name, type)                                                                                                     \
  COC_VECTOR4 (name, type, alignment4)

COC_VECTORS (char, signed char, 2, 4)
COC_VECTORS (uchar, unsigned char, 2, 4)
COC_VECTORS (short, short, 4, 8)
COC_VECTORS (ushort, unsigned short, 4, 8)
COC_VECTORS (int, int, 8, 16)
COC_VECTORS (uint, unsigned, 8, 16)
COC_VECTORS (longlong, long long, 16, 16)
COC_VECTORS (ulonglong, unsigned long long, 16, 16)
COC_VECTORS (float, float, 8, 16)
COC_VECTORS (double, double, 16, 16)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3 (unsigned a = 1, unsigned b = 1, unsigned c = 1) : x (a), y (b), z (c) {}
  constexpr dim3 (uint3 v) : x (v.x), y (v.y), z (v.z) {}
};
