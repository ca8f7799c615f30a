/* SPDX-License-Identifier: MIT
 *
 * conformance.h: for the files of the conformance test: a test's memory on both sides, and numbers to put there. Each file has its own @card and
 *     @plain, which main gives it.
 */
#pragma once

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "check.h"
#include "checkpoint/quantise-weights.h"
#include "cuda/card.h"

#define N_OF(array)     (sizeof (array) / sizeof *(array))

static cw_card    *card;
static cw_backend *plain; /* the plain C definition */
static uint64_t    state = 1;

/* Uniform in -1 … 1, the same in every run. */
static inline float
draw (void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float) (int32_t) (state >> 32) / 2147483648.0f;
}

static inline float *
numbers (cw_arena *arena, size_t n)
{
  float *x = cw_arena_new (arena, float, n);

  for (size_t i = 0; i < n; i++)
    x[i] = draw ();
  return x;
}

/* What a test has on both sides. */
typedef struct {
  cw_arena      host;
  cw_card_arena there;
} place;

static inline void *
fetch (place *p, const void *from, size_t n_bytes)
{
  void *to = cw_arena_take (&p->host, n_bytes, 1);

  card->module->download (card->gpu, CW_GPU_STEPS, to, from, n_bytes);
  card->module->wait (card->gpu, CW_GPU_STEPS);
  return to;
}

static inline void
leave (place *p)
{
  cw_card_arena_free (&p->there);
  cw_arena_free (&p->host);
}

static inline place
enter (void)
{
  return (place){ .there = { .card = card } };
}

static inline void
same (const float *found, const float *expected, size_t n, const char *what)
{
  for (size_t i = 0; i < n; i++)
    if (memcmp (&found[i], &expected[i], sizeof *found) != 0) {
      CHECK (false, "%s differs at %zu of %zu: %.9g, C gives %.9g", what, i, n, (double) found[i], (double) expected[i]);
      return;
    }
}

static inline void
near (const float *found, const float *expected, size_t n, float limit, const char *what)
{
  for (size_t i = 0; i < n; i++)
    if (!(fabsf (found[i] - expected[i]) <= limit)) {
      CHECK (false, "%s differs at %zu of %zu: %.9g, C gives %.9g", what, i, n, (double) found[i], (double) expected[i]);
      return;
    }
}

static inline cw_linear
random_linear (place *p, cw_dtype dtype, size_t n_out, size_t n_in)
{
  const size_t n = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD, rows = (n_out + CW_TILE_ROWS - 1) / CW_TILE_ROWS * CW_TILE_ROWS;
  float       *w = numbers (&p->host, n_out * n_in), *scales = cw_arena_new (&p->host, float, rows);
  int8_t      *q = cw_arena_new (&p->host, int8_t, n), *groups = cw_arena_new (&p->host, int8_t, rows *n / CW_Q4_GROUP);
  uint8_t     *bytes = cw_arena_new (&p->host, uint8_t, rows *n * 2);
  cw_linear    linear = { .w = { dtype, 2, { n_out, n_in }, bytes }, .scales = scales, .groups = groups };

  for (size_t i = 0; i < n_out; i++) {
    if (dtype == CW_I8) {
      scales[i] = cw_quantise_row_q8 (q, w + i * n_in, n_in, n);
      for (size_t c = 0; c < n; c++)
        ((int8_t *) bytes)[cw_tiled (i, c, n)] = q[c];
    } else if (dtype == CW_U8) {
      scales[i] = cw_quantise_row_q4 (q, groups + i * (n / CW_Q4_GROUP), w + i * n_in, NULL, n_in, n);
      for (size_t c = 0; c < n; c++)
        bytes[cw_tiled (i, c / CW_PAD * CW_PAD, n) / 2 + c % 32] |= (uint8_t) ((q[c] & 15) << (c % CW_PAD < 32 ? 0 : 4));
    }
  }
  for (size_t i = 0; i < n_out * n_in; i++)
    if (dtype == CW_F16)
      ((uint16_t *) bytes)[i] = cw_f16_narrow (w[i]);
    else if (dtype == CW_BF16) {
      uint32_t bits;

      memcpy (&bits, &w[i], sizeof bits);
      ((uint16_t *) bytes)[i] = (uint16_t) (bits >> 16);
    }
  if (dtype == CW_F32)
    linear.w.data = w;
  return linear;
}
