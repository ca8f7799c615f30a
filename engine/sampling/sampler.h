/* SPDX-License-Identifier: MIT
 *
 * sampler.h: from logits to one token, by AudioCraft's rule (audiocraft utils.sample_top_k, sample_top_p; models/lm.py):
 *
 *   probabilities = softmax (logits / temperature); temperature 0: the largest logit, lowest index on ties
 *   top_p > 0 wins over top_k: sorted descending, a token stays while the sum before it is <= top_p; drawn in that order
 *   top_k > 0: tokens whose probability is at least the k-th largest stay (ties too); drawn in the vocabulary's order
 *   drawn: the first token whose cumulative sum exceeds uniform * total, never one of probability 0
 *
 * Probabilities are not divided by their sum: what is compared is. They are added up as integers, units of 2^-40 of the likeliest, so
 * that every order of adding gives the same sum, and a card draws the very tokens that the processor draws.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/lanes.h"

typedef struct {
  float temperature;
  int   top_k; /* 0: off */
  float top_p; /* 0: off */
} cw_sampling;

/* Scratch for a vocabulary of @n tokens: this many bytes. */
size_t cw_sampler_scratch_bytes (size_t n);

/* @logits [n]; @uniform in [0, 1); @scratch of cw_sampler_scratch_bytes (n) bytes, aligned for a double. */
int32_t cw_sample (const float *logits, size_t n, const cw_sampling *sampling, double uniform, void *scratch);

/* The same for MAGNeT, which wants to know how sure the model was: *p becomes the token's probability at the temperature, which must be
 * above 0; among those that top-k keeps, but among all with top-p and with @greedy, which takes the largest logit (audiocraft
 * models/lm_magnet.py: sample_top_k changes the probabilities in place, sample_top_p does not). */
int32_t cw_sample_scored (const float *logits, size_t n, const cw_sampling *sampling, bool greedy, double uniform, void *scratch, float *p);

/* logits[i] = null[i] + scale * (cond[i] - null[i]): Ho and Salimans 2022, arXiv:2207.12598. In place over @cond. */
void cw_guide (float *cond, const float *null, size_t n, float scale);

/* ---- what the processor and the card have in common ---------------------------------------------------------------- */

static inline CW_EVERYWHERE float
cw_sampler_guide (float cond, float null, float scale)
{
  return null + scale * (cond - null);
}

/* Of a token, beside the likeliest's 1; @highest: the largest logit / temperature. */
static inline CW_EVERYWHERE float
cw_sampler_weight (float logit, float highest, float temperature)
{
  return cw_expf (logit / temperature - highest);
}

/* A weight in units of 2^-40: the sum of 2^23 of them fits. Of a NaN it is 0. */
static inline CW_EVERYWHERE uint64_t
cw_sampler_fixed (float weight)
{
  return weight > 0.0f ? (uint64_t) (weight * 1099511627776.0f) : 0;
}

/* @fraction, 0 … 1, of @total, rounded down and less than @total. */
static inline CW_EVERYWHERE uint64_t
cw_sampler_part (uint64_t total, double fraction)
{
  const uint64_t part = (uint64_t) ((double) total * fraction);

  return part < total ? part : total > 0 ? total - 1 : 0;
}
