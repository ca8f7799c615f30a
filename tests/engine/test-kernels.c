/* SPDX-License-Identifier: MIT
 *
 * test-kernels.c: every twin of every kernel that this machine can run gives the bits of the plain C definition, at odd sizes, and
 *     writes nothing outside its output.
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

static const size_t sizes[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 80, 100, 128 };
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
        fast->attend (a, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_a);
        plain->attend (b, q, k, stride, v, stride, n_keys, d, 0.7f, biased ? bias : NULL, scores_b);
        same (a, b, d + 8, "attend", fast->name);
        same (scores_a, scores_b, n_keys + 16, "attend's scores", fast->name);
        free (q), free (k), free (v), free (bias), free (a), free (b), free (scores_a), free (scores_b);
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

int
main (void)
{
  const cw_kernels *plain = cw_kernels_at (CW_LEVEL_C);

  for (int level = CW_LEVEL_C; level < CW_N_LEVELS; level++) {
    const cw_kernels *fast = cw_kernels_at ((cw_level) level);

    if (!fast) {
      fprintf (stderr, "level %d: this machine cannot run it\n", level);
      continue;
    }
    fprintf (stderr, "level %s\n", fast->name);
    test_dot (fast, plain);
    test_attend (fast, plain);
    test_taps (fast, plain);
    test_elu (fast, plain);
  }
  return check_done ();
}
