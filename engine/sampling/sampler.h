/* SPDX-License-Identifier: MIT
 *
 * sampler.h: from logits to one token, by AudioCraft's rule (audiocraft utils.sample_top_k, sample_top_p; models/lm.py):
 *
 *   probabilities = softmax (logits / temperature); temperature 0: the largest logit, lowest index on ties
 *   top_p > 0 wins over top_k: sorted descending, a token stays while the sum before it is <= top_p; drawn in that order
 *   top_k > 0: tokens whose probability is at least the k-th largest stay (ties too); drawn in the vocabulary's order
 *   drawn: the first token whose cumulative sum exceeds uniform * total, never one of probability 0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  float temperature;
  int   top_k; /* 0: off */
  float top_p; /* 0: off */
} cw_sampling;

/* Scratch for a vocabulary of @n tokens: this many bytes. */
size_t cw_sampler_scratch_bytes (size_t n);

/* @logits [n]; @uniform in [0, 1); @scratch of cw_sampler_scratch_bytes (n) bytes, aligned for a double. */
int32_t cw_sample (const float *logits, size_t n, const cw_sampling *sampling, double uniform, void *scratch);

/* logits[i] = null[i] + scale * (cond[i] - null[i]): Ho and Salimans 2022, arXiv:2207.12598. In place over @cond. */
void cw_guide (float *cond, const float *null, size_t n, float scale);
