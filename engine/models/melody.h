/* SPDX-License-Identifier: MIT
 *
 * melody.h: what stands in front of the codes in MusicGen Melody: [ chroma ; text ], each position a vector of the decoder's width.
 *     Copet et al. 2023, arXiv:2306.05284, section 3.3; transformers MusicgenMelodyForConditionalGeneration; audiocraft
 *     modules/conditioners.py, ChromaStemConditioner and ConditionFuser ("prepend").
 *
 * Chroma: one projected note a frame, repeated until the prefix's length is full, cut there. Without a melody, and in the null branch, every
 * frame has note 0, which silence has, too. Text: T5's vectors, projected where the widths differ; zeros in the null branch.
 * Nothing is masked: the decoder attends to all of it, and positions count from its first vector.
 */
#pragma once

#include "backend/backend.h"
#include "base/json.h"
#include "checkpoint/prepared.h"
#include "models/chroma.h"

typedef struct {
  cw_chroma_config chroma;
  size_t           length; /* chroma vectors of a prefix */
  size_t           width;  /* the decoder's */
  bool             projects; /* a layer brings the notes to it; else there are as many as it is wide */
} cw_melody_config;

typedef struct cw_melody cw_melody;

/* From config.json, and preprocessor_config.json of the same folder; @preprocessor NULL: the published one. */
bool cw_melody_config_read (cw_melody_config *config, const cw_json_scope *scope, const cw_json_scope *preprocessor, size_t width,
                            cw_error *error);
/* From the part chroma_stem of an AudioCraft configuration, for windows of @segment_s. The switches of its training (match_len_on_eval) are
 * not looked at: get_pretrained sets them, so that the chroma is always repeated to the length of a window and nothing is masked. */
bool cw_melody_config_read_stem (cw_melody_config *config, const cw_json_scope *stem, double segment_s, size_t width, cw_error *error);

/* Reads audio_enc_to_dec_proj, where there is one. */
cw_melody  *cw_melody_load (cw_backend *be, const cw_melody_config *config, const cw_source *source, cw_error *error);
void        cw_melody_free (cw_melody *melody);

const cw_melody_config *cw_melody_get_config (const cw_melody *melody);
cw_chroma              *cw_melody_get_chroma (const cw_melody *melody); /* owned by @melody */
/* The prefix's chroma vectors, y [length, width], of @notes [n]; @n 0: of no melody. */
void        cw_melody_prefix (const cw_melody *melody, const uint8_t *notes, size_t n, float *y);
