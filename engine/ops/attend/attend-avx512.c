/* SPDX-License-Identifier: MIT
 *
 * attend-avx512.c: see attend.h and attend-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/attend/attend.h"

#include "ops/lanes-avx512.h"

#define AHEAD 2048 /* bytes, about, between what is read and what is asked for */

/* 16 elements of a row of the cache from @i on, those of @mask, widened. */
static inline __attribute__ ((always_inline)) __m512
load_f32 (const char *row, size_t i, __mmask16 mask)
{
  return _mm512_maskz_loadu_ps (mask, (const float *) row + i);
}

static inline __attribute__ ((always_inline)) __m512
load_f16 (const char *row, size_t i, __mmask16 mask)
{
  return _mm512_cvtph_ps (_mm256_maskz_loadu_epi16 (mask, (const uint16_t *) row + i));
}

typedef __m512 (*load_fn) (const char *, size_t, __mmask16);

/* @bytes from @from on. */
static inline __attribute__ ((always_inline)) void
ask_for (const char *from, size_t bytes)
{
  for (size_t i = 0; i < bytes; i += 64)
    _mm_prefetch (from + i, _MM_HINT_T0);
}

/* Scores of @n keys, at most four, which hide the latency of one another's sums. */
static inline __attribute__ ((always_inline)) void
score (float *out, const float *q, const char *k, size_t k_bytes, size_t d, const size_t n, load_fn load)
{
  __m512 acc[4] = { _mm512_setzero_ps (), _mm512_setzero_ps (), _mm512_setzero_ps (), _mm512_setzero_ps () };
  size_t c = 0;

  for (; c + 16 <= d; c += 16) {
    const __m512 query = _mm512_loadu_ps (q + c);
    CW_UNROLL
    for (size_t i = 0; i < n; i++)
      acc[i] = _mm512_fmadd_ps (query, load (k + i * k_bytes, c, 0xffff), acc[i]);
  }
  if (c < d) {
    const __mmask16 mask = first_lanes (d - c);
    const __m512    query = _mm512_maskz_loadu_ps (mask, q + c);
    CW_UNROLL
    for (size_t i = 0; i < n; i++)
      acc[i] = _mm512_fmadd_ps (query, load (k + i * k_bytes, c, mask), acc[i]);
  }
  _mm_mask_storeu_ps (out, (__mmask8) ((1u << n) - 1), lanes_sums (acc));
}

/* Columns @c … of y, @vectors registers of them; @ahead: from a value to the one that is asked for with it. */
static inline __attribute__ ((always_inline)) void
mix (float *y, const char *v, size_t v_bytes, size_t n_keys, size_t c, size_t d, const float *weights, __m512 inverse, size_t ahead,
     size_t asked, const size_t vectors, load_fn load)
{
  __m512    acc[4];
  __mmask16 mask[4];

  CW_UNROLL
  for (size_t i = 0; i < vectors; i++) {
    acc[i] = _mm512_setzero_ps ();
    mask[i] = first_lanes (d - c - 16 * i);
  }
  for (size_t p = 0; p < n_keys; p++) {
    const __m512 weight = _mm512_set1_ps (weights[p]);
    const char  *row = v + p * v_bytes;

    ask_for (row + ahead * v_bytes, asked);
    CW_UNROLL
    for (size_t i = 0; i < vectors; i++)
      acc[i] = _mm512_fmadd_ps (weight, load (row, c + 16 * i, mask[i]), acc[i]);
  }
  CW_UNROLL
  for (size_t i = 0; i < vectors; i++)
    _mm512_mask_storeu_ps (y + c + 16 * i, mask[i], _mm512_mul_ps (acc[i], inverse));
}

static inline __attribute__ ((always_inline)) void
attend (float *y, const float *q, const char *k, size_t k_bytes, const char *v, size_t v_bytes, size_t n_keys,
        size_t d, float scale, const float *bias, float *scores, const size_t element_bytes, load_fn load)
{
  const size_t key_bytes = d * element_bytes, ahead = (AHEAD + key_bytes - 1) / key_bytes; /* keys */
  __m512 highest = _mm512_set1_ps (-INFINITY), total = _mm512_setzero_ps (), inverse;
  size_t p = 0, c = 0;

  for (; p + 4 <= n_keys; p += 4) {
    CW_UNROLL
    for (size_t i = p + ahead; i < p + ahead + 4; i++)
      ask_for (i < n_keys ? k + i * k_bytes : v + (i - n_keys) * v_bytes, key_bytes); /* behind the last key stand the values */
    score (scores + p, q, k + p * k_bytes, k_bytes, d, 4, load);
  }
  for (; p < n_keys; p++)
    score (scores + p, q, k + p * k_bytes, k_bytes, d, 1, load);
  for (p = 0; p < n_keys; p += 16) {
    const __mmask16 mask = first_lanes (n_keys - p);
    const __m512    offset = bias ? _mm512_maskz_loadu_ps (mask, bias + p) : _mm512_setzero_ps ();
    __m512          s = _mm512_mul_ps (_mm512_maskz_loadu_ps (mask, scores + p), _mm512_set1_ps (scale));
    s = _mm512_add_ps (s, offset);
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
    _mm512_mask_storeu_ps (scores + p, mask, e);
  }
  inverse = _mm512_set1_ps (1.0f / lanes_sum (total));

  for (; d - c > 48; c += d - c < 64 ? d - c : 64)
    mix (y, v, v_bytes, n_keys, c, d, scores, inverse, ahead, key_bytes, 4, load);
  for (; c < d; c += d - c < 16 ? d - c : 16)
    mix (y, v, v_bytes, n_keys, c, d, scores, inverse, ahead, 0, 1, load);
}

void
cw_attend_f32_avx512 (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                      size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, sizeof (float) * k_stride, v, sizeof (float) * v_stride, n_keys, d, scale, bias, scores, sizeof (float),
          load_f32);
}

void
cw_attend_f16_avx512 (float *y, const float *q, const void *k, size_t k_stride, const void *v, size_t v_stride,
                      size_t n_keys, size_t d, float scale, const float *bias, float *scores)
{
  attend (y, q, k, sizeof (uint16_t) * k_stride, v, sizeof (uint16_t) * v_stride, n_keys, d, scale, bias, scores,
          sizeof (uint16_t), load_f16);
}
