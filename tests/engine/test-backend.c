/* SPDX-License-Identifier: MIT
 *
 * test-backend.c: the CPU backend gives the bits of the plain C kernels over whole operands, for any number of threads, at shapes that
 *     the small models of the reference cases do not have: widths that are no multiple of CW_PAD, heads of 64, 80 and 128, many columns,
 *     any number of phases of a transposed convolution.
 */
#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "check.h"
#include "checkpoint/quantise-weights.h"

#define N_BACKENDS 4
static const unsigned threads[N_BACKENDS] = { 1, 2, 3, 8 };

static uint32_t state = 1;

static float
draw (void)
{
  state = state * 1664525u + 1013904223u;
  return (float) (int32_t) state / 2147483648.0f;
}

static float *
numbers (size_t n)
{
  float *x = malloc (n * sizeof *x);

  for (size_t i = 0; i < n; i++)
    x[i] = draw ();
  return x;
}

static void
same (const float *a, const float *b, size_t n, const char *what, unsigned n_threads)
{
  for (size_t i = 0; i < n; i++)
    if (memcmp (&a[i], &b[i], sizeof *a) != 0) {
      CHECK (false, "%s, %u threads: %.9g at %zu of %zu, expected %.9g", what, n_threads, (double) a[i], i, n, (double) b[i]);
      return;
    }
}

/* ---- linear ------------------------------------------------------------------------------------------------------- */

/* Random weights [n_out, n_in] of @dtype, in the layouts of ops/kernels.h. */
static cw_linear
make_linear (cw_dtype dtype, size_t n_out, size_t n_in)
{
  const size_t n_padded = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD, tall = (n_out + CW_TILE_ROWS - 1) / CW_TILE_ROWS * CW_TILE_ROWS;
  int8_t      *q = malloc (n_padded), *groups = calloc (tall, n_padded / CW_Q4_GROUP);
  float       *scales = calloc (tall, sizeof *scales);
  uint8_t     *w = calloc (tall * n_padded, sizeof (float));

  for (size_t i = 0; i < n_out; i++) {
    float *row = numbers (n_in);

    if (dtype == CW_I8)
      scales[i] = cw_quantise_row_q8 (q, row, n_in, n_padded);
    else if (dtype == CW_U8)
      scales[i] = cw_quantise_row_q4 (q, groups + i * (n_padded / CW_Q4_GROUP), row, NULL, n_in, n_padded);
    for (size_t c = 0; c < n_padded; c++)
      if (dtype == CW_I8)
        w[cw_tiled (i, c, n_padded)] = (uint8_t) q[c];
      else if (dtype == CW_U8) /* the low halves hold the first 32 of each CW_PAD */
        w[cw_tiled (i, c / CW_PAD * CW_PAD, n_padded) / 2 + c % 32] |= (uint8_t) ((q[c] & 15) << (c % CW_PAD < 32 ? 0 : 4));
      else if (c < n_in && dtype == CW_F32)
        ((float *) w)[i * n_in + c] = row[c];
      else if (c < n_in && dtype == CW_F16)
        ((uint16_t *) w)[i * n_in + c] = cw_f16_narrow (row[c]);
      else if (c < n_in)
        memcpy ((uint16_t *) w + i * n_in + c, (const char *) &row[c] + 2, 2); /* bf16: the upper half */
    free (row);
  }
  free (q);
  return (cw_linear){ { dtype, 2, { n_out, n_in }, w }, scales, groups, NULL };
}

/* By plain C, over all of it at once. */
static void
expect_linear (const cw_kernels *plain, float *y, const float *x, size_t n, const cw_linear *l, const float *addend)
{
  const size_t n_out = l->w.dims[0], n_in = l->w.dims[1], n_padded = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD;
  int16_t     *q = malloc (n * n_padded * sizeof *q);
  float       *scales = malloc (n * sizeof *scales);

  for (size_t j = 0; j < n; j++)
    scales[j] = plain->quantise (q + j * n_padded, x + j * n_in, n_in);
  if (l->w.dtype == CW_I8)
    plain->dot_q8 (y, n_out, q, n_padded, scales, n, l->w.data, l->scales, n_out, n_padded);
  else if (l->w.dtype == CW_U8)
    plain->dot_q4 (y, n_out, q, n_padded, scales, n, l->w.data, l->groups, l->scales, n_out, n_padded);
  else
    (l->w.dtype == CW_F32 ? plain->dot_rows_f32 : l->w.dtype == CW_F16 ? plain->dot_rows_f16 : plain->dot_rows_bf16) (y, n_out, x, n_in, n,
                                                                                                                      l->w.data, n_out, n_in);
  for (size_t i = 0; i < n * n_out; i++)
    y[i] += addend[i];
  free (q), free (scales);
}

static void
test_linear (cw_backend *const *backends, const cw_kernels *plain)
{
  static const cw_dtype dtypes[] = { CW_F32, CW_F16, CW_BF16, CW_I8, CW_U8 };
  static const size_t   widths[] = { 7, 64, 100, 328, 1000 }, heights[] = { 1, 19, 130 }, columns[] = { 1, 2, 8, 9, 70 };

  for (size_t t = 0; t < 5; t++)
    for (size_t i = 0; i < 5 * 3; i++) {
      const size_t n_in = widths[i % 5], n_out = heights[i / 5];
      cw_linear    layer = make_linear (dtypes[t], n_out, n_in);

      for (size_t j = 0; j < 5; j++) {
        const size_t n = columns[j];
        float       *x = numbers (n * n_in), *addend = numbers (n * n_out), *y = numbers (n * n_out), *expected = numbers (n * n_out);

        expect_linear (plain, expected, x, n, &layer, addend);
        for (size_t b = 0; b < N_BACKENDS; b++) {
          if (!cw_backend_reserve_columns (backends[b], n_in, NULL))
            exit (1);
          backends[b]->linear (backends[b], y, n_out, x, n_in, n, &layer, CW_ACTIVATION_NONE, addend, NULL);
          same (y, expected, n * n_out, "linear", threads[b]);
        }
        free (x), free (addend), free (y), free (expected);
      }
      free ((void *) layer.w.data), free ((void *) layer.scales), free ((void *) layer.groups);
    }
}

/* ---- attention over a cache of 8 bits ------------------------------------------------------------------------------ */

#define QUERIES  5
#define HEADS    3
#define KEYS_MAX 400

static void
test_attention (cw_backend *const *backends, const cw_kernels *plain)
{
  static const size_t sizes[] = { 20, 64, 80, 128 }, n_keys[QUERIES] = { 1, 63, 64, 399, KEYS_MAX };

  for (size_t s = 0; s < 4; s++) {
    const size_t  d = sizes[s], stride = cw_key_bytes (d), n_rows = QUERIES * HEADS * KEYS_MAX;
    int8_t       *k = malloc (n_rows * stride), *v = malloc (n_rows * stride);
    float        *k_scales = numbers (n_rows), *v_scales = numbers (n_rows), *q = numbers (QUERIES * HEADS * d);
    float        *y = numbers (QUERIES * HEADS * d), *expected = numbers (QUERIES * HEADS * d), scores[KEYS_MAX];
    cw_context    contexts[QUERIES];
    cw_key_scales scales[QUERIES];

    for (size_t i = 0; i < n_rows; i++) {
      float *row = numbers (d);

      k_scales[i] = plain->quantise_key (k + i * stride, row, d);
      v_scales[i] = plain->quantise_key (v + i * stride, row, d);
      free (row);
    }
    for (size_t i = 0; i < QUERIES; i++) {
      const size_t first = i * HEADS * KEYS_MAX;

      contexts[i] = (cw_context){ k + first * stride, v + first * stride, NULL, n_keys[i] };
      scales[i] = (cw_key_scales){ k_scales + first, v_scales + first };
      for (size_t h = 0; h < HEADS; h++) {
        const size_t at = first + h * KEYS_MAX;
        int16_t      integers[CW_KEY_MAX];
        const float  scale = plain->quantise (integers, q + (i * HEADS + h) * d, d) * 0.3f;

        plain->attend_q8 (expected + (i * HEADS + h) * d, integers, scale, k + at * stride, k_scales + at, v + at * stride, v_scales + at,
                          n_keys[i], d, scores);
      }
    }
    for (size_t b = 0; b < N_BACKENDS; b++) {
      if (!cw_backend_reserve (backends[b], KEYS_MAX, NULL))
        exit (1);
      backends[b]->attention (backends[b], &(cw_attention){ .q = q, .y = y, .n_queries = QUERIES, .ld = HEADS * d, .n_heads = HEADS, .d = d,
                                                           .contexts = contexts, .scales = scales, .cache = CW_I8,
                                                           .head_stride = KEYS_MAX * stride, .key_stride = stride,
                                                           .scale_stride = KEYS_MAX, .scale = 0.3f });
      same (y, expected, QUERIES * HEADS * d, "attention", threads[b]);
    }
    free (k), free (v), free (k_scales), free (v_scales), free (q), free (y), free (expected);
  }
}

/* ---- convolutions --------------------------------------------------------------------------------------------------- */

/* y [c, n * s] from products [m, n], m = c * s: row c s + p, column t belongs to column t s + p. */
static void
test_taps (cw_backend *const *backends, const cw_kernels *plain)
{
  static const size_t phases[] = { 1, 2, 3, 4, 5, 7, 8, 10 }, lengths[] = { 1, 3, 48, 50, 243, 485 };
  const size_t        c = 7, r = 13;

  for (size_t i = 0; i < 8; i++)
    for (size_t j = 0; j < 6; j++)
      for (int elu = 0; elu < 2; elu++) {
        const size_t s = phases[i], m = c * s, n = lengths[j], ld_y = n * s + 3;
        float       *w = numbers (m * r), *bias = numbers (m), *x = numbers (r * n), *addend = numbers (m * n);
        float       *y = numbers (c * ld_y), *expected = malloc (c * ld_y * sizeof *expected);
        const float *rows[13];
        cw_arena     arena = { 0 };
        cw_taps      taps = cw_taps_pack (&arena, m, r, w, bias);
        cw_taps_finish finish = { .elu = elu && s == 1, .addend = elu && s == 1 ? addend : NULL, .ld_addend = n, .phases = s };

        for (size_t k = 0; k < r; k++)
          rows[k] = x + k * n;
        memcpy (expected, y, c * ld_y * sizeof *y);
        for (size_t row = 0; row < m; row++)
          for (size_t t = 0; t < n; t++) {
            float *to = &expected[row / s * ld_y + t * s + row % s];

            *to = bias[row];
            for (size_t k = 0; k < r; k++)
              *to = fmaf (w[row * r + k], rows[k][t], *to);
            if (finish.addend)
              *to += addend[row * n + t];
            if (finish.elu)
              plain->elu (to, to, 1);
          }
        for (size_t b = 0; b < N_BACKENDS; b++) {
          backends[b]->taps (backends[b], y, ld_y, &taps, rows, n, &finish);
          same (y, expected, c * ld_y, "taps", threads[b]);
        }
        cw_arena_free (&arena);
        free (w), free (bias), free (x), free (addend), free (y), free (expected);
      }
}

int
main (void)
{
  const cw_kernels *plain = cw_kernels_at (CW_LEVEL_C);
  cw_backend       *backends[N_BACKENDS];

  for (size_t b = 0; b < N_BACKENDS; b++)
    if (!(backends[b] = cw_backend_new ("cpu", threads[b], NULL)))
      return 1;
  test_linear (backends, plain);
  test_attention (backends, plain);
  test_taps (backends, plain);
  for (size_t b = 0; b < N_BACKENDS; b++)
    cw_backend_free (backends[b]);
  return check_done ();
}
