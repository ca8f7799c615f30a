/* SPDX-License-Identifier: MIT
 *
 * span-mask.h: which frames MAGNeT masks again: the spans that it was least sure of. Ziv et al. 2024, arXiv:2401.04577, sections 3.1 and
 *     3.2; audiocraft models/lm_magnet.py, _generate_stage and _least_probable_span_masking. Equal scores: the earlier first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of the spans that is masked at step @i of @n, and how much guidance and temperature are left: cos (pi / 2 * i / (n - 1)), computed in
 * single precision as torch does. */
float  cw_mask_share (size_t i, size_t n);
/* max (int (@share * @n), 1). */
size_t cw_mask_count (float share, size_t n);

/* @scores [n]: the @n_masked highest become true in @masked [n]. @order [n]: scratch. */
void cw_mask_highest (const float *scores, size_t n, size_t n_masked, bool *masked, uint32_t *order);

/* Overlapping spans: @scores [n_frames], a span of @span_len that starts at t scores the sum of its frames. As many of the highest spans
 * are masked as together cover @n_wanted frames as nearly as the reference's bisection finds. @masked [n_frames], @order [n_frames],
 * @sums [n_frames]: scratch. @n_frames >= @span_len. */
void cw_mask_spans (const float *scores, size_t n_frames, size_t span_len, size_t n_wanted, bool *masked, uint32_t *order, float *sums);
