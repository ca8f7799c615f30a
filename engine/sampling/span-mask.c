/* SPDX-License-Identifier: MIT
 *
 * span-mask.c: see span-mask.h.
 */
#define _GNU_SOURCE
#include "sampling/span-mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float
cw_mask_share (size_t i, size_t n)
{
  /* torch.linspace (0, 1, n): from both ends to the middle */
  const float step = n > 1 ? 1.0f / (float) (n - 1) : 0.0f;
  const float time = i < n / 2 || n == 1 ? step * (float) i : 1.0f - step * (float) (n - 1 - i);
  const float angle = time * (float) M_PI * 0.5f;

  return (float) cos ((double) angle);
}

size_t
cw_mask_count (float share, size_t n)
{
  const float masked = share * (float) n;

  return masked >= 1.0f ? (size_t) masked : 1;
}

/* ---- order ----------------------------------------------------------------------------------------------------------- */

static int
by_score (const void *a, const void *b, void *user)
{
  const float   *scores = user;
  const uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

  if (scores[x] != scores[y])
    return scores[x] > scores[y] ? -1 : 1;
  return x < y ? -1 : x > y;
}

/* @order [n]: the places of @scores, the highest first. */
static void
sort_places (const float *scores, size_t n, uint32_t *order)
{
  for (size_t i = 0; i < n; i++)
    order[i] = (uint32_t) i;
  if (n)
    qsort_r (order, n, sizeof *order, by_score, (void *) scores);
}

void
cw_mask_highest (const float *scores, size_t n, size_t n_masked, bool *masked, uint32_t *order)
{
  sort_places (scores, n, order);
  memset (masked, 0, n * sizeof *masked);
  for (size_t i = 0; i < n_masked && i < n; i++)
    masked[order[i]] = true;
}

/* ---- overlapping spans -------------------------------------------------------------------------------------------------- */

/* Masks the first @n_spans of @starts; returns how many frames they cover together. */
static size_t
cover (const uint32_t *starts, size_t n_spans, size_t span_len, size_t n_frames, bool *masked)
{
  size_t n = 0;

  memset (masked, 0, n_frames * sizeof *masked);
  for (size_t i = 0; i < n_spans; i++)
    for (size_t t = starts[i]; t < starts[i] + span_len && t < n_frames; t++)
      masked[t] = true;
  for (size_t t = 0; t < n_frames; t++)
    n += masked[t];
  return n;
}

/* round (0.5 * (a + b)) of Python: a half goes to the even one. */
static size_t
middle (size_t a, size_t b)
{
  const size_t sum = a + b, half = sum / 2;

  return half + (sum % 2 && half % 2);
}

void
cw_mask_spans (const float *scores, size_t n_frames, size_t span_len, size_t n_wanted, bool *masked, uint32_t *order, float *sums)
{
  const size_t n_starts = n_frames - span_len + 1;
  size_t       least, most, n;

  for (size_t t = 0; t < n_starts; t++) {
    sums[t] = 0.0f;
    for (size_t i = 0; i < span_len; i++)
      sums[t] += scores[t + i];
  }
  sort_places (sums, n_starts, order);
  if (n_wanted < span_len)
    n_wanted = span_len;
  least = n_wanted / span_len; /* spans side by side */
  most = n_wanted - span_len + 1; /* each a frame behind the one before */
  n = middle (least, most);
  if (n == least || n == most) {
    cover (order, n < n_starts ? n : n_starts, span_len, n_frames, masked);
    return;
  }
  /* what is kept is the last that was tried, not the best: as the reference has it */
  while (n > least && n < most) {
    if (cover (order, n < n_starts ? n : n_starts, span_len, n_frames, masked) > n_wanted)
      most = n;
    else
      least = n;
    n = middle (least, most);
  }
}
