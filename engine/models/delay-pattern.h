/* SPDX-License-Identifier: MIT
 *
 * delay-pattern.h: shifts the K codebooks of MusicGen so that one step predicts one token of each.
 *
 *     column        0 1 2 3 4 5 6      Column 0 is all P, the pad and start token (id V). Codebook k of frame t stands in
 *     codebook 0    P a b c d P P      column t + 1 + k. Step s reads column s and predicts column s + 1, so frame t is
 *     codebook 1    P P a b c d P      complete after step t + K - 1.
 *     codebook 2    P P P a b c d      K = 3, T = 4 here.
 *
 * In stereo both codebooks of a left and right pair have the same delay: 0 0 1 1 2 2 3 3.
 * Copet et al. 2023, arXiv:2306.05284, section 2.2; audiocraft codebooks_patterns.py, DelayedPatternProvider; transformers
 * MusicgenForCausalLM.build_delay_pattern_mask, which leaves very short sequences undelayed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  size_t n_codebooks, n_frames;
  size_t group;    /* codebooks that share a delay: the number of channels */
  bool   delayed;  /* false: all codebooks of a frame in the same column */
} cw_delay_pattern;

/* Number of different delays: K / group. */
size_t cw_delay_count (const cw_delay_pattern *pattern);
/* Steps that make all frames: n_frames + delays - 1. */
size_t cw_delay_n_steps (const cw_delay_pattern *pattern);
/* Frames whose every codebook is known after @n_steps steps. */
size_t cw_delay_frames_done (const cw_delay_pattern *pattern, size_t n_steps);
/* The frame of codebook @k that stands in @column; false when that cell is a pad. */
bool cw_delay_frame (const cw_delay_pattern *pattern, size_t k, size_t column, size_t *frame);
