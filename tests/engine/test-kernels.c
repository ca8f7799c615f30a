/* SPDX-License-Identifier: MIT
 *
 * test-kernels.c: every twin of every kernel that this machine can run gives the bits of the plain C definition, at odd sizes, and
 *     writes nothing outside its output. With --chosen: prints the level that a program would use here.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "ops/kernels.h"

#define GUARD 0x7fa5a5a5u /* a NaN that no kernel makes */

static uint64_t state = 1;

/* Uniform in -1 … 1, the same in every run. */
static float
draw (void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float) (int32_t) (state >> 32) / 2147483648.0f;
}

static float *
numbers (size_t n)
{
  float *x = malloc ((n + 1) * sizeof *x);

  for (size_t i = 0; i < n; i++)
    x[i] = draw ();
  return x;
}

/* @n guard words. */
static float *
guarded (size_t n)
{
  uint32_t *x = malloc ((n + 1) * sizeof *x);

  for (size_t i = 0; i < n; i++)
    x[i] = GUARD;
  return (float *) x;
}

static void
same (const float *a, const float *b, size_t n, const char *what, const char *level)
{
  for (size_t i = 0; i < n; i++)
    if (memcmp (&a[i], &b[i], sizeof *a) != 0) {
      CHECK (false, "%s of %s differs at %zu of %zu: %.9g, C gives %.9g", what, level, i, n, (double) a[i], (double) b[i]);
      return;
    }
}

static const size_t sizes[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 80, 100, 128 };
#define N_SIZES (sizeof sizes / sizeof *sizes)

static void
test_dot (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++)
    for (size_t rows = 1; rows <= 17; rows += 4)
      for (size_t cols = 1; cols <= 9; cols += 2) {
        const size_t n_in = sizes[i], ld_x = n_in + 3, ld_y = rows + 2, n_y = cols * ld_y + 8;
        float       *w = numbers (rows * n_in), *x = numbers (cols * ld_x);
        uint16_t    *narrow = malloc (rows * n_in * sizeof *narrow);
        float       *a = guarded (n_y), *b = guarded (n_y);

        fast->dot_rows_f32 (a, ld_y, x, ld_x, cols, w, rows, n_in);
        plain->dot_rows_f32 (b, ld_y, x, ld_x, cols, w, rows, n_in);
        same (a, b, n_y, "dot_rows_f32", fast->name);
        for (size_t j = 0; j < rows * n_in; j++) /* any finite f16, subnormals too */
          narrow[j] = (uint16_t) ((uint32_t) (draw () * 30000.0f) & 0xbbff);
        fast->dot_rows_f16 (a, ld_y, x, ld_x, cols, narrow, rows, n_in);
        plain->dot_rows_f16 (b, ld_y, x, ld_x, cols, narrow, rows, n_in);
        same (a, b, n_y, "dot_rows_f16", fast->name);
        for (size_t j = 0; j < rows * n_in; j++) {
          uint32_t bits;
          memcpy (&bits, &w[j], sizeof bits);
          narrow[j] = (uint16_t) (bits >> 16);
        }
        fast->dot_rows_bf16 (a, ld_y, x, ld_x, cols, narrow, rows, n_in);
        plain->dot_rows_bf16 (b, ld_y, x, ld_x, cols, narrow, rows, n_in);
        same (a, b, n_y, "dot_rows_bf16", fast->name);
        free (w), free (x), free (narrow), free (a), free (b);
      }
}

/* Rows of 8 and 4 bits against columns of 15, at one and several runs of CW_Q8_RUN. */
static void
test_quantised (const cw_kernels *fast, const cw_kernels *plain)
{
  static const size_t widths[] = { 1, 63, 64, 65, 200, 1024, CW_Q8_RUN + 70 };

  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    for (size_t rows = 1; rows <= 9; rows += 2)
      for (size_t cols = 1; cols <= 17; cols += cols < 9 ? 1 : 8) {
        const size_t n_in = (widths[i] + CW_PAD - 1) / CW_PAD * CW_PAD, ld_y = rows + 2, n_y = cols * ld_y + 8;
        const size_t n_groups = n_in / CW_Q4_GROUP, tall = (rows + CW_TILE_ROWS - 1) / CW_TILE_ROWS * CW_TILE_ROWS;
        float       *x = numbers (widths[i]), *scales = numbers (rows), *a = guarded (n_y), *b = guarded (n_y);
        int16_t     *q = malloc (cols * n_in * sizeof *q), *other = malloc ((n_in + 8) * sizeof *other);
        uint8_t     *w = malloc (tall * n_in);
        int8_t      *groups = malloc (tall * n_groups);
        float        x_scales[17];

        for (size_t j = 0; j < cols; j++) {
          for (size_t c = 0; c < widths[i]; c++)
            x[c] = draw () * (float) (j + 1);
          for (size_t c = n_in; c < n_in + 8; c++)
            other[c] = 0x5a5a;
          x_scales[j] = plain->quantise (q + j * n_in, x, widths[i]);
          CHECK (fast->quantise (other, x, widths[i]) == x_scales[j], "quantise of %s: another scale", fast->name);
          CHECK (memcmp (other, q + j * n_in, n_in * sizeof *q) == 0, "quantise of %s, %zu wide, differs", fast->name, widths[i]);
          for (size_t c = n_in; c < n_in + 8; c++)
            CHECK (other[c] == 0x5a5a, "quantise of %s wrote behind its output", fast->name);
        }
        for (size_t c = 0; c < tall * n_in; c++)
          w[c] = (uint8_t) (int) (draw () * 127.99f);
        for (size_t c = 0; c < tall * n_groups; c++)
          groups[c] = (int8_t) (draw () * 127.99f);
        fast->dot_q8 (a, ld_y, q, n_in, x_scales, cols, (const int8_t *) w, scales, rows, n_in);
        plain->dot_q8 (b, ld_y, q, n_in, x_scales, cols, (const int8_t *) w, scales, rows, n_in);
        same (a, b, n_y, "dot_q8", fast->name);
        fast->dot_q4 (a, ld_y, q, n_in, x_scales, cols, w, groups, scales, rows, n_in);
        plain->dot_q4 (b, ld_y, q, n_in, x_scales, cols, w, groups, scales, rows, n_in);
        same (a, b, n_y, "dot_q4", fast->name);
        free (x), free (scales), free (a), free (b), free (q), free (other), free (w), free (groups);
      }
}

/* All of what 16 bits can hold goes there and back; between two neighbours the nearer one is taken, the even one on ties. */
static void
test_narrow (const cw_kernels *fast)
{
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const float    value = cw_f16_widen ((uint16_t) bits), above = cw_f16_widen ((uint16_t) (bits + 1));
    const float    middle = 0.5f * value + 0.5f * above;
    const float    in[3] = { value, middle, nextafterf (middle, above) };
    const uint32_t upper = (bits & 0x7fff) == 0x7bff ? (bits & 0x8000) | 0x7c00 : bits + 1;
    uint16_t       out[4] = { 0, 0, 0, 0x5a5a };

    if ((bits & 0x7fff) >= 0x7bff)
      continue;
    fast->narrow (out, in, 3);
    CHECK (out[0] == bits, "narrow of %s: %.9g is %04x, expected %04x", fast->name, (double) value, out[0], bits);
    CHECK (out[1] == (bits & 1 ? upper : bits), "narrow of %s: tie %.9g is %04x", fast->name, (double) middle, out[1]);
    CHECK (out[2] == upper && out[3] == 0x5a5a, "narrow of %s: %.9g is %04x, expected %04x", fast->name, (double) in[2], out[2], upper);
  }
  CHECK (cw_f16_narrow (65519.0f) == 0x7bff && cw_f16_narrow (65520.0f) == 0x7c00, "narrow: the largest of f16");
}

static void
test_gelu_and_norm (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++) {
    const size_t n = sizes[i];
    float       *x = numbers (n), *gamma = numbers (n), *beta = numbers (n), *a = guarded (n + 8), *b = guarded (n + 8);

    for (size_t j = 0; j < n; j++)
      x[j] *= j % 3 == 0 ? 12.0f : j % 3 == 1 ? 2.0f : 1e-3f;
    for (int biased = 0; biased < 2; biased++) {
      fast->layer_norm (a, x, n, gamma, biased ? beta : NULL, 1e-5f);
      plain->layer_norm (b, x, n, gamma, biased ? beta : NULL, 1e-5f);
      same (a, b, n + 8, "layer_norm", fast->name);
    }
    fast->rms_norm (a, x, n, gamma, 1e-6f);
    plain->rms_norm (b, x, n, gamma, 1e-6f);
    same (a, b, n + 8, "rms_norm", fast->name);
    memcpy (a, x, n * sizeof *a);
    memcpy (b, x, n * sizeof *b);
    fast->gelu (a, n);
    plain->gelu (b, n);
    same (a, b, n + 8, "gelu", fast->name);
    for (size_t j = 0; j < n; j++) {
      const double exact = (double) x[j] / 2.0 * (1.0 + erf ((double) x[j] / sqrt (2.0)));
      CHECK (fabs ((double) b[j] - exact) <= 2e-7 * fabs ((double) x[j]), "gelu (%.9g) is %.9g, expected %.9g", (double) x[j],
             (double) b[j], exact);
    }
    free (x), free (gamma), free (beta), free (a), free (b);
  }
}

static void
test_attend (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++)
    for (size_t j = 0; j < N_SIZES; j++)
      for (int biased = 0; biased < 2; biased++) {
        const size_t d = sizes[i], n_keys = sizes[j], stride = d + 5;
        float       *q = numbers (d), *k = numbers (n_keys * stride), *v = numbers (n_keys * stride);
        float       *bias = numbers (n_keys), *a = guarded (d + 8), *b = guarded (d + 8);
        float       *scores_a = guarded (n_keys + 16), *scores_b = guarded (n_keys + 16);

        for (size_t c = 0; c < d; c++)
          q[c] *= 8.0f;
        fast->attend_f32 (a, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_a);
        plain->attend_f32 (b, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_b);
        same (a, b, d + 8, "attend_f32", fast->name);
        same (scores_a, scores_b, n_keys + 16, "attend_f32's scores", fast->name);
        plain->narrow ((uint16_t *) k, k, n_keys * stride); /* in place: each is read before its half is written */
        plain->narrow ((uint16_t *) v, v, n_keys * stride);
        fast->attend_f16 (a, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_a);
        plain->attend_f16 (b, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_b);
        same (a, b, d + 8, "attend_f16", fast->name);
        same (scores_a, scores_b, n_keys + 16, "attend_f16's scores", fast->name);
        free (q), free (k), free (v), free (bias), free (a), free (b), free (scores_a), free (scores_b);
      }
}

/* Keys and values of 8 bits: the same bits as C's, and close to what f32 gives. */
static void
test_attend_q8 (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++)
    for (size_t j = 0; j < N_SIZES; j++) {
      const size_t d = sizes[i], n_keys = sizes[j], stride = cw_key_bytes (d);
      float       *q = numbers (d), *k = numbers (n_keys * d), *v = numbers (n_keys * d), *exact = guarded (d);
      float       *a = guarded (d + 8), *b = guarded (d + 8), *scores_a = guarded (n_keys + 16), *scores_b = guarded (n_keys + 16);
      float       *k_scales = guarded (n_keys), *v_scales = guarded (n_keys);
      int8_t      *k8 = malloc (n_keys * stride + 1), *v8 = malloc (n_keys * stride + 1), *other = malloc (stride + 1);
      int16_t      q16[128];
      float        scale;

      for (size_t c = 0; c < d; c++)
        q[c] *= 8.0f;
      for (size_t p = 0; p < n_keys; p++) {
        k_scales[p] = plain->quantise_key (k8 + p * stride, k + p * d, d);
        v_scales[p] = plain->quantise_key (v8 + p * stride, v + p * d, d);
        other[stride] = 0x5a;
        CHECK (fast->quantise_key (other, v + p * d, d) == v_scales[p] && other[stride] == 0x5a &&
                 memcmp (other, v8 + p * stride, stride) == 0,
               "quantise_key of %s, %zu wide, differs", fast->name, d);
      }
      scale = plain->quantise (q16, q, d) * 0.7f;
      fast->attend_q8 (a, q16, scale, k8, k_scales, v8, v_scales, n_keys, d, scores_a);
      plain->attend_q8 (b, q16, scale, k8, k_scales, v8, v_scales, n_keys, d, scores_b);
      same (a, b, d + 8, "attend_q8", fast->name);
      same (scores_a, scores_b, n_keys + 16, "attend_q8's scores", fast->name);
      plain->attend_f32 (exact, q, k, d, v, d, n_keys, d, 0.7f, NULL, scores_b);
      for (size_t c = 0; c < d; c++)
        CHECK (fabsf (b[c] - exact[c]) < 0.15f, "attend_q8 gives %.6g, attend_f32 %.6g", (double) b[c], (double) exact[c]);
      free (q), free (k), free (v), free (exact), free (a), free (b), free (scores_a), free (scores_b), free (k_scales), free (v_scales);
      free (k8), free (v8), free (other);
    }
}

static void
test_taps (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++)
    for (size_t n_taps = 1; n_taps <= 21; n_taps += 5)
      for (size_t n_rows = 1; n_rows <= CW_PANEL; n_rows++) {
        const size_t  n = sizes[i], first = 2, ld_y = n + 3, n_y = CW_PANEL * ld_y + 8;
        float        *panel = numbers (n_taps * CW_PANEL), *bias = numbers (CW_PANEL);
        float        *x = numbers (n_taps * (n + first)), *a = guarded (n_y), *b = guarded (n_y);
        const float **rows = malloc (n_taps * sizeof *rows);

        for (size_t r = 0; r < n_taps; r++)
          rows[r] = x + r * (n + first);
        fast->taps (a, ld_y, panel, rows, n_taps, bias, n, n_rows, first);
        plain->taps (b, ld_y, panel, rows, n_taps, bias, n, n_rows, first);
        same (a, b, n_y, "taps", fast->name);
        free (panel), free (bias), free (x), free (a), free (b), free (rows);
      }
}

static void
test_elu (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++) {
    const size_t n = sizes[i];
    float       *x = numbers (n), *a = guarded (n + 8), *b = guarded (n + 8);

    for (size_t j = 0; j < n; j++)
      x[j] *= j % 3 == 0 ? 100.0f : j % 3 == 1 ? 1.0f : 1e-6f;
    fast->elu (a, x, n);
    plain->elu (b, x, n);
    same (a, b, n + 8, "elu", fast->name);
    for (size_t j = 0; j < n; j++) {
      const double exact = x[j] > 0.0f ? (double) x[j] : expm1 ((double) x[j]);
      CHECK (fabs ((double) b[j] - exact) <= 2.5e-7 * fabs (exact), "elu (%.9g) is %.9g, expected %.9g", (double) x[j],
             (double) b[j], exact);
    }
    free (x), free (a), free (b);
  }
}

static void
test_lstm_cell (const cw_kernels *fast, const cw_kernels *plain)
{
  for (size_t i = 0; i < N_SIZES; i++)
    for (int small = 0; small < 2; small++) {
      const size_t n = sizes[i], ld = n + 5;
      float       *gates = numbers (4 * ld), *cell = numbers (n), *a = guarded (n + 8), *b = guarded (n + 8);
      float       *cell_a = guarded (n + 8), *cell_b = guarded (n + 8);
      int16_t     *q_a = (int16_t *) guarded (n / 2 + 8), *q_b = (int16_t *) guarded (n / 2 + 8);

      for (size_t j = 0; j < 4 * ld; j++)
        gates[j] *= j % 3 == 0 ? 100.0f : j % 3 == 1 ? 3.0f : 1e-3f;
      memcpy (cell_a, cell, n * sizeof *cell);
      memcpy (cell_b, cell, n * sizeof *cell);
      fast->lstm_cell (a, small ? q_a : NULL, cell_a, gates, ld, n);
      plain->lstm_cell (b, small ? q_b : NULL, cell_b, gates, ld, n);
      same (a, b, n + 8, "lstm_cell", fast->name);
      same (cell_a, cell_b, n + 8, "lstm_cell's cells", fast->name);
      same ((float *) q_a, (float *) q_b, n / 2 + 8, "lstm_cell's integers", fast->name);
      for (size_t j = 0; j < n; j++) {
        const double next = (double) cell[j] / (1.0 + exp (-(double) gates[ld + j])) +
                            tanh ((double) gates[2 * ld + j]) / (1.0 + exp (-(double) gates[j]));
        const double out = tanh (next) / (1.0 + exp (-(double) gates[3 * ld + j]));
        CHECK (fabs ((double) b[j] - out) <= 4e-7, "lstm_cell gives %.9g, expected %.9g", (double) b[j], out);
      }
      free (gates), free (cell), free (a), free (b), free (cell_a), free (cell_b), free (q_a), free (q_b);
    }
}

int
main (int argc, char **argv)
{
  const cw_kernels *plain = cw_kernels_at (CW_LEVEL_C);

  if (argc == 2 && strcmp (argv[1], "--chosen") == 0) {
    puts (cw_kernels_choose (CW_LEVEL_VNNI)->name);
    return 0;
  }
  for (int level = CW_LEVEL_C; level < CW_N_LEVELS; level++) {
    const cw_kernels *fast = cw_kernels_at ((cw_level) level);

    if (!fast) {
      fprintf (stderr, "level %d: this machine cannot run it\n", level);
      continue;
    }
    fprintf (stderr, "level %s\n", fast->name);
    test_dot (fast, plain);
    test_quantised (fast, plain);
    test_narrow (fast);
    test_gelu_and_norm (fast, plain);
    test_attend (fast, plain);
    test_attend_q8 (fast, plain);
    test_taps (fast, plain);
    test_elu (fast, plain);
    test_lstm_cell (fast, plain);
    CHECK (fast->peak (5) == plain->peak (5), "peak of %s gives another sum", fast->name);
  }
  return check_done ();
}
