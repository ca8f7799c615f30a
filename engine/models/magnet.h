/* SPDX-License-Identifier: MIT
 *
 * magnet.h: MAGNeT's decoder, a transformer that sees a whole clip at once and fills in what is masked. Ziv et al. 2024,
 *     arXiv:2401.04577; audiocraft models/lm_magnet.py, MagnetLMModel. Its layers are MusicGen's: the weights are a cw_musicgen.
 */
#pragma once

#include "models/musicgen.h"

typedef struct {
  size_t span_len; /* frames of a span, the least that is masked together */
  long   context;  /* frames to each side that codebooks after the first attend to; -1: all */
} cw_magnet_config;

typedef struct cw_magnet_run cw_magnet_run;

/* Memory for @n_rows grids of @n_frames frames (at most the model's n_positions) over @n_texts texts. */
cw_magnet_run *cw_magnet_run_new (cw_musicgen *model, const cw_magnet_config *config, size_t n_rows, size_t n_frames, size_t n_texts,
                                  cw_error *error);
void           cw_magnet_run_free (cw_magnet_run *run);

/* Text @text by its projected vectors, @states [n, width]: see cw_musicgen_run_set_states. */
cw_status cw_magnet_run_set_states (cw_magnet_run *run, size_t text, const float *states, size_t n, cw_error *error);
/* Row @row reads it; rows begin as null branches, and none of these may stand before one with a text. */
void      cw_magnet_run_use_text (cw_magnet_run *run, size_t row, size_t text);

/* Has the run left the model's card, or found no room there? Then why, else CW_OK: the processor makes the same look. */
const cw_error *cw_magnet_run_trouble (const cw_magnet_run *run);

/* Operations of one forward pass's matrix products, a multiply-add counted as two; attention is not counted. */
double cw_magnet_operations (const cw_musicgen *model, size_t n_rows, size_t n_frames);
/* Such operations a second that the model's card reaches in the largest product of a layer alone, of @n_frames, measured now; 0: no card, or no room there. */
double cw_magnet_product_rate (const cw_musicgen *model, size_t n_frames);

/* How one look's tokens are drawn. */
typedef struct {
  cw_sampling   sampling;  /* its temperature is above 0 */
  bool          greedy;    /* see cw_sample_scored */
  bool          guided;    /* the second half of the rows are null branches */
  float         guidance;
  const double *uniforms;  /* [rows without null branches, n_frames]: the draws; < 0: this frame is left alone */
} cw_magnet_draw;

/* On a card: a look, of which @tokens and how @sure the model was come back, [rows without null branches, n_frames], to the bit what cw_sample_scored
 * makes of its logits; of frames that are left alone they say nothing. False: there is no card (any more), and cw_magnet_run_forward is to be asked. */
bool cw_magnet_run_draw (cw_magnet_run *run, const int32_t *ids, size_t stage, const cw_magnet_draw *draw, int32_t *tokens, float *sure);

/* The whole grids @ids [n_rows, K, n_frames], 0 … V - 1 or the mask V, give the @logits [n_rows, n_frames, V] of codebook @stage. */
void cw_magnet_run_forward (cw_magnet_run *run, const int32_t *ids, size_t stage, float *logits);
