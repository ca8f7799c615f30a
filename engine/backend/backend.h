/* SPDX-License-Identifier: MIT
 *
 * backend.h: the table of ops that the models are written on. A model never names a device or an instruction set.
 *
 * Letters: N columns (tokens, or rows of a batch times positions), C channels, H heads, D numbers a head, T frames.
 * All activations are f32. Weights are F32, F16 or BF16 and are widened before any arithmetic, or are of 8 or 4 bits (see
 * ops/kernels.h: their columns become integers, too). Shapes were checked when the
 * model was loaded: ops cannot fail. Outputs must not overlap inputs unless said otherwise.
 */
#pragma once

#include "base/arena.h"
#include "base/pool.h"
#include "base/tensor.h"
#include "engine.h"
#include "ops/kernels.h"

typedef struct cw_backend cw_backend;

typedef enum {
  CW_ACTIVATION_NONE,
  CW_ACTIVATION_RELU,
  CW_ACTIVATION_GELU,      /* x / 2 (1 + erf (x / sqrt 2)): MusicGen's "gelu" */
  CW_ACTIVATION_GELU_TANH, /* the tanh approximation: T5's "gelu_new" */
} cw_activation;

/* y = activation (w x + bias) + residual, or with @gate: activation (w x + bias) * gate. */
typedef struct {
  cw_tensor     w;        /* [n_out, n_in]; I8 and U8 stand for the padded layouts of 8 and 4 bits in ops/kernels.h */
  const float  *scales;   /* of those: [n_out] */
  const int8_t *groups;   /* of 4 bits: [n_out, padded n_in / CW_Q4_GROUP] */
  const float  *bias;     /* [n_out] or NULL */
} cw_linear;

typedef struct {
  const float *gamma; /* [C] */
  const float *beta;  /* [C]; NULL: none */
  float        eps;
} cw_norm;

/* What one query of an attention sees. Head h reads its d numbers of key p at k[h * head_stride + p * key_stride]. */
typedef struct {
  const void  *k, *v;  /* of the attention's cache type */
  const float *bias;   /* bias[h * bias_head + p], or NULL; not with CW_I8 */
  size_t       n_keys; /* >= 1 */
} cw_context;

/* Of a context with CW_I8: head h's key p has k[h * scale_stride + p]. */
typedef struct {
  const float *k, *v;
} cw_key_scales;

typedef struct {
  const float      *q;        /* [n_queries, ld], head h at h * d */
  float            *y;        /* [n_queries, ld] */
  size_t            n_queries, ld, n_heads, d;
  const cw_context *contexts; /* [n_queries] */
  const cw_key_scales *scales; /* [n_queries], with CW_I8 */
  cw_dtype          cache;      /* CW_F32, CW_F16 or CW_I8: what k and v hold; with the last a key is cw_key_bytes (d), one behind the other */
  size_t            head_stride, key_stride, bias_head_stride, scale_stride; /* of every context, in elements */
  float             scale;    /* scores are scale * q.k + bias */
} cw_attention;

/* A convolution's weights, packed for kernels.h: ceil (M / CW_PANEL) panels of [R, CW_PANEL], zeros behind the last row. */
typedef struct {
  size_t m, r;         /* rows of output, taps */
  float *panels;       /* [ceil (M / P), R, P] */
  float *bias;         /* [ceil (M / P) * P], zeros where there is none */
} cw_taps;

/* What becomes of the rows of a convolution's product where they are written. */
typedef struct {
  bool         elu;                /* y = elu (product + addend) */
  const float *addend;             /* NULL, or [M, ld_addend] */
  size_t       ld_addend, phases;  /* phases s > 1: row c s + p, column t goes to row c, column t s + p; without the others */
} cw_taps_finish;

#define CW_LSTM_MAX 32

struct cw_backend {
  const char       *name;
  cw_pool          *pool;
  const cw_kernels *kernels;
  float            *scratch;          /* [n_threads, scratch_floats] */
  size_t            scratch_floats;
  int16_t          *columns;          /* [COLUMNS, column_size]: room for the quantised inputs of a linear layer */
  size_t            column_size;

  /* y [N, ld_y], x [N, ld_x]. @addend: NULL, or [N, ld_y] added (may be y itself); @gate: NULL, or [N, ld_y] multiplied. */
  void (*linear) (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t n, const cw_linear *linear,
                  cw_activation activation, const float *addend, const float *gate);
  /* Several layers of as many inputs over the same x, without activation: each to its own y. One job for the threads. */
  void (*linears) (cw_backend *be, float *const *y, size_t ld_y, const float *x, size_t ld_x, size_t n,
                   const cw_linear *const *layers, size_t n_layers);
  /* (x - mean) / sqrt (variance + eps) * gamma + beta over C; y may be x. */
  void (*layer_norm) (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm);
  /* x / sqrt (mean of squares + eps) * gamma; y may be x. Zhang and Sennrich 2019, arXiv:1910.07467. */
  void (*rms_norm) (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm);
  /* Needs cw_backend_reserve (be, largest n_keys). */
  void (*attention) (cw_backend *be, const cw_attention *attention);
  /* y = x in f16, for caches. */
  void (*narrow) (cw_backend *be, uint16_t *y, const float *x, size_t n);
  /* y [cw_key_bytes (n)] = x [n] in 8 bits, for caches; returns the scale. */
  float (*quantise_key) (cw_backend *be, int8_t *y, const float *x, size_t n);
  /* y [C] += row @row of @table [rows, C]. */
  void (*add_row) (cw_backend *be, float *y, const cw_tensor *table, size_t row);
  /* y [M, ld_y] = taps over @rows [R], each of @n columns; see kernels.h. */
  void (*taps) (cw_backend *be, float *y, size_t ld_y, const cw_taps *taps, const float *const *rows, size_t n,
                const cw_taps_finish *finish);
  /* y [C, ld_y] = x [C, ld_x], @n of each row. */
  void (*copy) (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n);
  /* y [C, ld_y] = elu (x [C, ld_x]), @n of each row; y may be x. */
  void (*elu) (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n);
  /* One LSTM layer over T frames of N sequences side by side, which share each read of the weights; gate order i f g o (PyTorch).
   * @gates [T, N, 4 C] holds w_ih x + b_ih + b_hh; @hidden and @cell [N, C] carry the state; y [T, N, C] is written. N <= CW_LSTM_MAX.
   * With 8-bit weights C is a multiple of CW_TILE_ROWS. Hochreiter and Schmidhuber 1997. */
  void (*lstm) (cw_backend *be, float *y, const float *gates, size_t t, size_t n, size_t c, const cw_linear *w_hh, float *hidden,
                float *cell);
  /* For each of @n columns of @x [C, ld_x]: the row of @book [V, C] nearest in squared distance, lowest index on ties, to
   * codes[column]; and that row is subtracted from the column, in place. */
  void (*nearest) (cw_backend *be, int32_t *codes, float *x, size_t ld_x, size_t n, size_t c, const cw_tensor *book);
};

/* NULL and @error: unknown @name (NULL: "cpu") or no memory. */
cw_backend *cw_backend_new (const char *name, unsigned n_threads, cw_error *error);
void        cw_backend_free (cw_backend *be);

/* Scratch for attention over up to @n_keys keys. Not in a step. */
bool cw_backend_reserve (cw_backend *be, size_t n_keys, cw_error *error);

/* Scratch for quantised linear layers of up to @n_in inputs. Not in a step. */
bool cw_backend_reserve_columns (cw_backend *be, size_t n_in, cw_error *error);

/* Packs @w (r, m) = value (m, r) for the taps op into @arena; NULL pointers inside when memory is short. */
cw_taps cw_taps_pack (cw_arena *arena, size_t m, size_t r, const float *w, const float *bias);
