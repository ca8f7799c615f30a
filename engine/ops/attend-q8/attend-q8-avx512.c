/* SPDX-License-Identifier: MIT
 *
 * attend-q8-avx512.c: see attend-q8.h and attend-q8-c.c. Built twice, as dot-q8-avx512.c.
 */
#ifndef __AVX512BW__
#error built without -mavx512bw
#endif
#include "ops/attend-q8/attend-q8.h"

#include "ops/lanes-avx512.h"
#include "ops/pairs-avx512.h"

#define AHEAD 4096 /* bytes between what is read and what is asked for */

/* A head's keys and, behind the last, its values, in the order in which they are read; @n bytes of each. */
typedef struct {
  const int8_t *k, *v;
  size_t        n;
} both_runs;

/* Asks for @bytes, AHEAD of byte @at. */
static inline __attribute__ ((always_inline)) void
ask (const both_runs *runs, size_t at, size_t bytes)
{
  const size_t  place = at + AHEAD;
  const int8_t *from;

  if (place >= 2 * runs->n)
    return;
  from = place < runs->n ? runs->k + place : runs->v + (place - runs->n);
  for (size_t i = 0; i < bytes; i += 64)
    _mm_prefetch ((const char *) from + i, _MM_HINT_T0);
}

/* The sums over the lanes of four. */
static inline __attribute__ ((always_inline)) __m128i
lanes_totals (const __m512i v[4])
{
  const __m512i a = _mm512_add_epi32 (_mm512_shuffle_i32x4 (v[0], v[1], 0x44), _mm512_shuffle_i32x4 (v[0], v[1], 0xee));
  const __m512i b = _mm512_add_epi32 (_mm512_shuffle_i32x4 (v[2], v[3], 0x44), _mm512_shuffle_i32x4 (v[2], v[3], 0xee));
  const __m512i c = _mm512_add_epi32 (_mm512_shuffle_i32x4 (a, b, 0x88), _mm512_shuffle_i32x4 (a, b, 0xdd));
  const __m512i d = _mm512_add_epi32 (c, _mm512_shuffle_epi32 (c, 0x4e)), e = _mm512_add_epi32 (d, _mm512_shuffle_epi32 (d, 0xb1));

  return _mm512_castsi512_si128 (_mm512_maskz_compress_epi32 (0x1111, e));
}

/* Of @n keys, at most four: the sums of their products with q, as f32. */
static inline __attribute__ ((always_inline)) void
score (float *out, const int16_t *q, const int8_t *k, size_t stride, const size_t n)
{
  __m512i acc[4] = { _mm512_setzero_si512 (), _mm512_setzero_si512 (), _mm512_setzero_si512 (), _mm512_setzero_si512 () };

  for (size_t c = 0; c < stride; c += 32) {
    const __mmask32 mask = stride - c < 32 ? 0xffff : 0xffffffff;
    const __m512i   query = _mm512_loadu_si512 (q + c);

    CW_UNROLL
    for (size_t i = 0; i < n; i++) {
      const __m256i key = _mm256_maskz_loadu_epi8 (mask, k + i * stride + c);

      acc[i] = add_pairs (acc[i], _mm512_cvtepi8_epi16 (key), query);
    }
  }
  _mm_mask_storeu_ps (out, (__mmask8) ((1u << n) - 1), _mm_cvtepi32_ps (lanes_totals (acc)));
}

/* Columns @c … of y, at most 64. The first of them ask for all that a value holds. */
static inline __attribute__ ((always_inline)) void
mix (float *y, const both_runs *runs, size_t stride, size_t n_keys, size_t c, size_t d, const float *weights, float inverse,
     const size_t vectors)
{
  __m512 acc[4];

  CW_UNROLL
  for (size_t i = 0; i < vectors; i++)
    acc[i] = _mm512_setzero_ps ();
  for (size_t p = 0; p < n_keys; p++) {
    const __m512  weight = _mm512_set1_ps (weights[p]);
    const int8_t *row = runs->v + p * stride + c;

    if (c == 0)
      ask (runs, runs->n + p * stride, stride);
    CW_UNROLL
    for (size_t i = 0; i < vectors; i++) {
      const __m512i wide = _mm512_cvtepi8_epi32 (_mm_loadu_si128 ((const __m128i *) (row + 16 * i)));
      acc[i] = _mm512_fmadd_ps (weight, _mm512_cvtepi32_ps (wide), acc[i]);
    }
  }
  CW_UNROLL
  for (size_t i = 0; i < vectors; i++)
    if (c + 16 * i < d)
      _mm512_mask_storeu_ps (y + c + 16 * i, first_lanes (d - c - 16 * i), _mm512_mul_ps (acc[i], _mm512_set1_ps (inverse)));
}

void
TWIN (cw_attend_q8) (float *y, const int16_t *q, float q_scale, const int8_t *k, const float *k_scales, const int8_t *v,
                     const float *v_scales, size_t n_keys, size_t d, float *scores)
{
  const size_t    stride = cw_key_bytes (d);
  const both_runs runs = { k, v, n_keys * stride };
  __m512          highest = _mm512_set1_ps (-INFINITY), total = _mm512_setzero_ps ();
  size_t          p = 0, c = 0;
  float           inverse;

  for (; p + 4 <= n_keys; p += 4) {
    ask (&runs, p * stride, 4 * stride);
    score (scores + p, q, k + p * stride, stride, 4);
  }
  for (; p < n_keys; p++)
    score (scores + p, q, k + p * stride, stride, 1);
  for (p = 0; p < n_keys; p += 16) {
    const __mmask16 mask = first_lanes (n_keys - p);
    const __m512    scale = _mm512_mul_ps (_mm512_maskz_loadu_ps (mask, k_scales + p), _mm512_set1_ps (q_scale));
    const __m512    s = _mm512_mul_ps (_mm512_maskz_loadu_ps (mask, scores + p), scale);
    highest = _mm512_mask_max_ps (highest, mask, highest, s);
    _mm512_mask_storeu_ps (scores + p, mask, s);
  }
  highest = _mm512_set1_ps (_mm512_reduce_max_ps (highest));
  for (p = 0; p < n_keys; p += 16) {
    const __mmask16 mask = first_lanes (n_keys - p);
    __m512          power, e;
    e = exp_parts (_mm512_sub_ps (_mm512_maskz_loadu_ps (mask, scores + p), highest), &power);
    e = _mm512_fmadd_ps (power, e, power);
    total = _mm512_mask_add_ps (total, mask, total, e);
    _mm512_mask_storeu_ps (scores + p, mask, _mm512_mul_ps (e, _mm512_maskz_loadu_ps (mask, v_scales + p)));
  }
  inverse = 1.0f / lanes_sum (total);
  for (; c + 48 < d; c += 64)
    mix (y, &runs, stride, n_keys, c, d, scores, inverse, 4);
  for (; c < d; c += 16)
    mix (y, &runs, stride, n_keys, c, d, scores, inverse, 1);
}
