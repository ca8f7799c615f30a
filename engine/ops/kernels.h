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

typedef enum { CW_LEVEL_C, CW_LEVEL_AVX2, CW_LEVEL_AVX512, CW_N_LEVELS } cw_level;

/* Dot products of rows with columns: y[j, i] = sum over c of w[i, c] x[j, c], in the order of lanes.h.
 *   w  [n_rows, n_in]  of the named type, dense        x  [n_cols, ld_x] f32, n_in used
 *   y  [n_cols, ld_y]  f32, n_rows written of each row; must not overlap x */
typedef void (*cw_dot_rows_fn) (float *y, size_t ld_y, const float *x, size_t ld_x, size_t n_cols, const void *w,
                                size_t n_rows, size_t n_in);

/* One head's attention of one query: y = softmax (scale q.k + bias) v.
 *   q [d], k and v [n_keys, …] with rows k_stride and v_stride floats apart; bias [n_keys] or NULL;
 *   y [d] written; scores [n_keys] is scratch. n_keys >= 1. The weights are added up key by key. */
typedef void (*cw_attend_fn) (float *y, const float *q, const float *k, size_t k_stride, const float *v,
                              size_t v_stride, size_t n_keys, size_t d, float scale, const float *bias, float *scores);

/* A product with weights packed in panels of CW_PANEL rows (see conv.h), the engine's only convolution loop:
 *   y[m, t] = bias[m] + sum over r of w[m, r] row[r][first + t]     m < CW_PANEL, t < n_cols, r ascending, fused multiply-adds
 *   panel [n_taps, CW_PANEL]; rows [n_taps] pointers, read from rows[r] + first on; bias [CW_PANEL];
 *   y: CW_PANEL rows ld_y apart, n_cols written in the first n_rows of them. */
#define CW_PANEL 8
typedef void (*cw_taps_fn) (float *y, size_t ld_y, const float *panel, const float *const *rows, size_t n_taps,
                            const float *bias, size_t n_cols, size_t n_rows, size_t first);

/* y[i] = x[i] > 0 ? x[i] : e^x[i] - 1; may be done in place. */
typedef void (*cw_elu_fn) (float *y, const float *x, size_t n);

typedef struct {
  const char    *name;
  cw_dot_rows_fn dot_rows_f32, dot_rows_f16, dot_rows_bf16;
  cw_attend_fn   attend;
  cw_taps_fn     taps;
  cw_elu_fn      elu;
} cw_kernels;

/* The best level that this machine and its system can run, capped by @cap and by the environment variable CW_CPU. */
const cw_kernels *cw_kernels_choose (cw_level cap);
/* The table of one level, or NULL when this machine cannot run it: for tests. */
const cw_kernels *cw_kernels_at (cw_level level);

/* f16 or bf16 bits to f32, exact. */
float cw_f16_widen (uint16_t bits);
static inline float
cw_bf16_widen (uint16_t bits)
{
  union {
    uint32_t bits;
    float    value;
  } wide = { (uint32_t) bits << 16 };

  return wide.value;
}
