/* SPDX-License-Identifier: MIT
 *
 * magnet-stages.h: MAGNeT's decoding: one codebook after the other, each in some steps. Ziv et al. 2024, arXiv:2401.04577, section 3;
 *     audiocraft models/lm_magnet.py, _generate_magnet and _generate_stage.
 *
 *     stage s:  all of codebook s is masked, those before are known, those behind are masked
 *       step i of n:  mask again what the model was least sure of, fewer each time; look at the whole grid; draw what is masked
 *
 * The published code has no rescoring by a second model (the paper's section 3.4) and no hybrid decoding; neither has this.
 */
#pragma once

#include "generate/model.h"

typedef struct {
  size_t         n_rows, n_frames; /* clips side by side; frames of each, a multiple of span_len where spans do not overlap */
  const int32_t *prompt;           /* [K, n_prompt]: how each of them begins; n_prompt < n_frames */
  size_t         n_prompt;
  bool           greedy;           /* the likeliest token; how sure the model was still counts at the temperature */
  bool           overlap;          /* spans may begin at every frame ("stride1"), else at multiples of span_len ("nonoverlap") */
  bool           guided;           /* the run has a null row for each row, behind all of them */
  float          temperature;      /* of the first step; falls to 0 in each stage */
  float          guidance_first, guidance_last;
  int            top_k;            /* as cw_sampling */
  float          top_p;
  const unsigned *n_steps;         /* [K], each at least 1 */
  /* The draw for @frame of @row in step @step, counted over all stages. */
  double (*uniform) (const void *user, size_t row, size_t step, size_t frame);
  /* After each step and before the first of all (@done 0), which @stage is in work: false stops. May be NULL. */
  bool (*progress) (void *user, size_t stage, size_t done);
  void *user;
} cw_magnet_plan;

/* Frames of a clip of @n_frames: whole spans where they do not overlap, one span at least. */
size_t    cw_magnet_frames (const cw_magnet_config *config, size_t n_frames, bool overlap);

/* Fills @codes [n_rows, K, n_frames]. *n_stages: how many codebooks are complete: all, but after a stop (which is no error). */
cw_status cw_magnet_fill (cw_model *model, cw_magnet_run *run, const cw_magnet_plan *plan, int32_t *codes, size_t *n_stages, cw_error *error);
