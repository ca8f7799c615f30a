/* SPDX-License-Identifier: MIT
 *
 * quantise-weights.c: see quantise-weights.h.
 */
#include "checkpoint/quantise-weights.h"

#include <math.h>
#include <string.h>

#include "ops/kernels.h"

#define Q4_CANDIDATES 16

static float
largest_of (const float *x, size_t n)
{
  float largest = 0.0f;

  for (size_t i = 0; i < n; i++)
    if (fabsf (x[i]) > fabsf (largest))
      largest = x[i];
  return largest;
}

float
cw_quantise_row_q8 (int8_t *q, const float *row, size_t n_in, size_t n_padded)
{
  const float largest = fabsf (largest_of (row, n_in)), factor = largest > 1e-30f ? 127.0f / largest : 0.0f;

  for (size_t i = 0; i < n_in; i++)
    q[i] = (int8_t) lrintf (row[i] * factor);
  memset (q + n_in, 0, n_padded - n_in);
  return factor > 0.0f ? largest / 127.0f : 0.0f;
}

/* -8 … 7 */
static int
nearest (float value)
{
  const long i = lrintf (value);

  return i < -8 ? -8 : i > 7 ? 7 : (int) i;
}

/* The best scale for @x [n], whose errors count by @squares, or NULL. The side of the largest element gets -8: the scale's sign is the
 * opposite of its. */
static float
group_scale (const float *x, const float *squares, size_t n)
{
  const float largest = largest_of (x, n);
  float       least = INFINITY, best = 0.0f;

  for (int i = 0; i < Q4_CANDIDATES && fabsf (largest) > 1e-30f; i++) {
    const float scale = largest / -8.0f * (1.0f - 0.25f * (float) i / Q4_CANDIDATES), factor = 1.0f / scale;
    float       error = 0.0f;

    for (size_t c = 0; c < n; c++) {
      const float difference = x[c] - scale * (float) nearest (x[c] * factor);
      error += difference * difference * (squares ? squares[c] : 1.0f);
    }
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

float
cw_quantise_row_q4 (int8_t *q, int8_t *groups, const float *row, const float *squares, size_t n_in, size_t n_padded)
{
  float row_scale = 0.0f, scale;

  _Static_assert (sizeof scale <= CW_Q4_GROUP, "a group's scale waits in the room for its integers");
  memset (q, 0, n_padded);
  memset (groups, 0, n_padded / CW_Q4_GROUP);
  for (size_t c = 0; c < n_in; c += CW_Q4_GROUP) {
    const size_t n = n_in - c < CW_Q4_GROUP ? n_in - c : CW_Q4_GROUP;

    scale = group_scale (row + c, squares ? squares + c : NULL, n);
    memcpy (q + c, &scale, sizeof scale);
    row_scale = fmaxf (row_scale, fabsf (scale) / 127.0f);
  }
  for (size_t c = 0; c < n_in; c += CW_Q4_GROUP) {
    const size_t n = n_in - c < CW_Q4_GROUP ? n_in - c : CW_Q4_GROUP;
    long         group;

    memcpy (&scale, q + c, sizeof scale);
    memset (q + c, 0, sizeof scale);
    group = row_scale > 1e-35f ? lrintf (scale / row_scale) : 0;
    groups[c / CW_Q4_GROUP] = (int8_t) group;
    for (size_t i = 0; i < n && group != 0; i++)
      q[c + i] = (int8_t) nearest (row[c + i] / ((float) group * row_scale));
  }
  return row_scale > 1e-35f ? row_scale : 0.0f;
}
