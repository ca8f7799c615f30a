/* SPDX-License-Identifier: MIT
 *
 * kernels.h: the inner loops of the CPU backend, one table a level of instruction set. Each row is defined by its plain C twin
 *     (NAME-c.c in the op's folder); the twins give the same bits. What a level lacks it takes from the level below.
 *
 * None of them allocates, fails, or touches memory past the stated shapes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/tensor.h"
#include "ops/lanes.h"

typedef enum { CW_LEVEL_C, CW_LEVEL_AVX2, CW_LEVEL_AVX512, CW_LEVEL_VNNI, CW_N_LEVELS } cw_level;

/* Dot products of rows with columns: y[j, i] = sum over c of w[i, c] x[j, c], in the order of lanes.h.
 *   w  [n_rows, n_in]  of the named type, dense        x  [n_cols, ld_x] f32, n_in used
 *   y  [n_cols, ld_y]  f32, n_rows written of each row; must not overlap x */
typedef void (*cw_dot_rows_fn) (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w,
                                size_t n_rows, size_t n_in);

/* Quantised products. A column x [n_in] becomes 15-bit integers with one scale; weights are integers with a scale a row; what is
 * multiplied and added inside a lane is integer and exact.
 *
 * quantise: x [n] to q [n rounded up to CW_PAD], zeros behind; returns the scale: x = q * scale, |q| <= 32767, ties to even. */
#define CW_PAD 64
typedef float (*cw_quantise_fn) (int16_t *q, const float *x, size_t n);

/* Weights stand so that a product reads them one byte after the other: rows in fours, of which CW_PAD columns each stand behind
 * one another, then the next columns. Both sizes are padded with zeros, to fours and to CW_PAD. Place of row i, column c: */
#define CW_TILE_ROWS 4
static inline CW_EVERYWHERE size_t
cw_tiled (size_t i, size_t c, size_t n_in)
{
  return i / CW_TILE_ROWS * CW_TILE_ROWS * n_in + c / CW_PAD * CW_PAD * CW_TILE_ROWS + i % CW_TILE_ROWS * CW_PAD + c % CW_PAD;
}

/* 8 bits. Of each 32 elements lane l takes 2 l and 2 l + 1; a lane's integers are added over CW_Q8_RUN elements, widened, added
 * to the lane's f32 sum; the lanes are added as in lanes.h, then times row's and column's scale.
 *   x [n_cols, ld_x], x_scales [n_cols], n_in a multiple of CW_PAD, w from the first row of a four on, y as in cw_dot_rows_fn. */
#define CW_Q8_RUN 8192 /* 8192 / 16 * 127 * 32767 < 2^31 */
typedef void (*cw_dot_q8_fn) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                              const int8_t *w, const float *w_scales, size_t n_rows, size_t n_in);

/* 4 bits, two's complement. 32 bytes hold CW_PAD elements of a row, the low halves the first 32, the high halves the others; place
 * cw_tiled / 2. Each 32 are a group with a scale of its own in 8 bits, groups [n_rows, n_in / 32]; the rest as for 8 bits. */
#define CW_Q4_GROUP 32
#define CW_Q4_RUN   1024 /* 1024 / 16 * 8 * 127 * 32767 < 2^31 */
typedef void (*cw_dot_q4_fn) (float *y, size_t ld_y, const int16_t *x, size_t ld_x, const float *x_scales, size_t n_cols,
                              const uint8_t *w, const int8_t *groups, const float *w_scales, size_t n_rows, size_t n_in);

/* One head's attention of one query: y = softmax (scale q.k + bias) v.
 *   q [d], k and v [n_keys, …] of the named type with rows k_stride and v_stride elements apart; bias [n_keys] or NULL;
 *   y [d] written; scores [n_keys] is scratch. n_keys >= 1. The weights are added up key by key. */
typedef void (*cw_attend_fn) (float *y, const float *q, const void *k, size_t k_stride, const void *v,
                              size_t v_stride, size_t n_keys, size_t d, float scale, const float *bias, float *scores);

/* The same over a cache of 8 bits: keys and values are integers with a scale each, rows of cw_key_bytes (d) with zeros behind d; q is
 * integers, padded as cw_quantise_fn pads them, and q_scale its scale times the attention's. d <= CW_KEY_MAX.
 * quantise_key: x [n] to q [cw_key_bytes (n)]; returns the scale: x = q * scale, |q| <= 127, ties to even. */
#define CW_KEY_MAX 512 /* 512 * 127 * 32767 < 2^31 */
static inline size_t
cw_key_bytes (size_t d)
{
  return (d + 15) / 16 * 16;
}
typedef void (*cw_attend_q8_fn) (float *y, const int16_t *q, float q_scale, const int8_t *k, const float *k_scales, const int8_t *v,
                                 const float *v_scales, size_t n_keys, size_t d, float *scores);
typedef float (*cw_quantise_key_fn) (int8_t *q, const float *x, size_t n);

/* f32 to f16, to nearest, ties to even; too large becomes infinite. */
typedef void (*cw_narrow_fn) (uint16_t *y, const float *x, size_t n);

/* A product with weights packed in panels of CW_PANEL rows (see conv.h), the engine's only convolution loop:
 *   y[m, t] = bias[m] + sum over r of w[m, r] row[r][first + t]     m < CW_PANEL, t < n_cols, r ascending, fused multiply-adds
 *   panel [n_taps, CW_PANEL]; rows [n_taps] pointers, read from rows[r] + first on; bias [CW_PANEL];
 *   y: CW_PANEL rows ld_y apart, n_cols written in the first n_rows of them. */
#define CW_PANEL 8
typedef void (*cw_taps_fn) (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps,
                            const float *bias, size_t n_cols, size_t n_rows, size_t first);

/* y[i] = x[i] > 0 ? x[i] : e^x[i] - 1; may be done in place. */
typedef void (*cw_elu_fn) (float *y, const float *x, size_t n);

/* x[i] = x[i] / 2 (1 + erf (x[i] / sqrt 2)), in place. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
typedef void (*cw_gelu_fn) (float *x, size_t n);

/* y = (x - mean) / sqrt (variance + eps) * gamma + beta of [n]; beta NULL: 0; y may be x. Ba et al. 2016, arXiv:1607.06450.
 * rms_norm: the same without mean and beta. Zhang and Sennrich 2019, arXiv:1910.07467. Sums in the order of lanes.h. */
typedef void (*cw_layer_norm_fn) (float *y, const float *x, size_t n, const float *gamma, const float *beta, float eps);
typedef void (*cw_rms_norm_fn) (float *y, const float *x, size_t n, const float *gamma, float eps);

/* One frame of @n LSTM units from their gates, each ld from the next: i f g o, before their nonlinearities. cell [n] becomes
 * sigmoid (f) cell + sigmoid (i) tanh (g); hidden [n] = sigmoid (o) tanh (cell); q [n], unless NULL: hidden in steps of 1 / CW_UNIT, to
 * nearest, ties to even, which is what the 8-bit product takes. Hochreiter and Schmidhuber 1997; the gates of PyTorch's order. */
#define CW_UNIT 32767.0f
typedef void (*cw_lstm_cell_fn) (float *hidden, int16_t *q, float *cell, const float *gates, size_t ld, size_t n);

/* How many multiply-adds a core makes: CW_PEAK_CHAINS chains of @n each, in registers; returns a sum of them all. */
#define CW_PEAK_CHAINS 384
typedef float (*cw_peak_fn) (size_t n);

typedef struct {
  const char    *name;
  cw_dot_rows_fn dot_rows_f32, dot_rows_f16, dot_rows_bf16;
  cw_dot_q8_fn   dot_q8;
  cw_dot_q4_fn   dot_q4;
  cw_quantise_fn quantise;
  cw_attend_fn   attend_f32, attend_f16;
  cw_attend_q8_fn    attend_q8;
  cw_quantise_key_fn quantise_key;
  cw_narrow_fn   narrow;
  cw_taps_fn     taps;
  cw_elu_fn      elu;
  cw_gelu_fn     gelu;
  cw_layer_norm_fn layer_norm;
  cw_rms_norm_fn   rms_norm;
  cw_lstm_cell_fn  lstm_cell;
  cw_peak_fn       peak;
} cw_kernels;

/* The best level that this machine and its system can run, capped by @cap and by the environment variable CW_CPU. */
const cw_kernels *cw_kernels_choose (cw_level cap);
/* The table of one level, or NULL when this machine cannot run it: for tests. */
const cw_kernels *cw_kernels_at (cw_level level);

/* f16 or bf16 bits to f32, exact. */
float    cw_f16_widen (uint16_t bits);
/* f32 to f16 bits, as cw_narrow_fn. */
uint16_t cw_f16_narrow (float value);
static inline float
cw_bf16_widen (uint16_t bits)
{
  union {
    uint32_t bits;
    float    value;
  } wide = { (uint32_t) bits << 16 };

  return wide.value;
}
