/* SPDX-License-Identifier: MIT
 *
 * sampler.c: see sampler.h.
 */
#include "sampling/sampler.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct {
  float   p;
  int32_t token;
} candidate;

size_t
cw_sampler_scratch_bytes (size_t n)
{
  return n * (sizeof (candidate) + sizeof (float));
}

static int32_t
largest (const float *logits, size_t n)
{
  size_t best = 0;

  for (size_t i = 1; i < n; i++)
    if (logits[i] > logits[best])
      best = i;
  return (int32_t) best;
}

/* Descending; equal ones in the vocabulary's order. */
static int
by_probability (const void *a, const void *b)
{
  const candidate *x = a, *y = b;

  if (x->p != y->p)
    return x->p > y->p ? -1 : 1;
  return x->token < y->token ? -1 : x->token > y->token;
}

static void
weigh (candidate *list, const float *logits, size_t n, float temperature)
{
  const float highest = logits[largest (logits, n)] / temperature;

  for (size_t i = 0; i < n; i++)
    list[i] = (candidate){ cw_sampler_weight (logits[i], highest, temperature), (int32_t) i };
}

static uint64_t
total_of (const candidate *list, size_t n)
{
  uint64_t total = 0;

  for (size_t i = 0; i < n; i++)
    total += cw_sampler_fixed (list[i].p);
  return total;
}

/* How many of the sorted candidates stay. */
static size_t
keep_top_p (const candidate *list, size_t n, float top_p)
{
  const uint64_t limit = cw_sampler_part (total_of (list, n), (double) top_p);
  uint64_t       before = 0;
  size_t         kept = 0;

  while (kept < n && before <= limit)
    before += cw_sampler_fixed (list[kept++].p);
  return kept;
}

/* The k-th largest probability, by selection: partitions @values. */
static float
kth_largest (float *values, size_t n, size_t k)
{
  size_t low = 0, high = n - 1;

  while (low < high) {
    const float pivot = values[low + (high - low) / 2];
    size_t      i = low, j = high;

    for (;;) {
      while (values[i] > pivot)
        i++;
      while (values[j] < pivot)
        j--;
      if (i >= j)
        break;
      const float swap = values[i];
      values[i++] = values[j];
      values[j--] = swap;
    }
    if (k - 1 <= j)
      high = j;
    else
      low = j + 1;
  }
  return values[k - 1];
}

/* Drops what is below the k-th largest, in place and in order. */
static size_t
keep_top_k (candidate *list, size_t n, size_t k, float *values)
{
  float  threshold;
  size_t kept = 0;

  if (k >= n)
    return n;
  for (size_t i = 0; i < n; i++)
    values[i] = list[i].p;
  threshold = kth_largest (values, n, k);
  for (size_t i = 0; i < n; i++)
    if (list[i].p >= threshold)
      list[kept++] = list[i];
  return kept;
}

/* Which of the list. */
static size_t
draw (const candidate *list, size_t n, double uniform)
{
  const uint64_t goal = cw_sampler_part (total_of (list, n), uniform);
  uint64_t       sum = 0;
  size_t         i = 0;

  while (i + 1 < n && (sum += cw_sampler_fixed (list[i].p)) <= goal)
    i++;
  return i;
}

int32_t
cw_sample (const float *logits, size_t n, const cw_sampling *sampling, double uniform, void *scratch)
{
  candidate *list = scratch;
  size_t     kept = n;

  if (sampling->temperature <= 0.0f)
    return largest (logits, n);
  weigh (list, logits, n, sampling->temperature);
  if (sampling->top_p > 0.0f) {
    qsort (list, n, sizeof *list, by_probability);
    kept = keep_top_p (list, n, sampling->top_p);
  } else if (sampling->top_k > 0) {
    kept = keep_top_k (list, n, (size_t) sampling->top_k, (float *) (list + n));
  }
  return list[draw (list, kept, uniform)].token;
}

int32_t
cw_sample_scored (const float *logits, size_t n, const cw_sampling *sampling, bool greedy, double uniform, void *scratch, float *p)
{
  candidate *list = scratch, chosen;
  size_t     kept = n;
  uint64_t   total;

  weigh (list, logits, n, sampling->temperature);
  total = total_of (list, n);
  if (greedy) {
    chosen = list[largest (logits, n)];
  } else {
    if (sampling->top_p > 0.0f) {
      qsort (list, n, sizeof *list, by_probability);
      kept = keep_top_p (list, n, sampling->top_p);
    } else if (sampling->top_k > 0) {
      kept = keep_top_k (list, n, (size_t) sampling->top_k, (float *) (list + n));
      total = total_of (list, kept);
    }
    chosen = list[draw (list, kept, uniform)];
  }
  *p = (float) ((double) cw_sampler_fixed (chosen.p) / (double) total);
  return chosen.token;
}

void
cw_guide (float *cond, const float *null, size_t n, float scale)
{
  for (size_t i = 0; i < n; i++)
    cond[i] = cw_sampler_guide (cond[i], null[i], scale);
}
