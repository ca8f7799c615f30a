/* SPDX-License-Identifier: MIT
 *
 * lm.h: what the parts of a MusicGen case share.
 */
#pragma once

#include "generate/model.h"
#include "probe.h"

typedef struct {
  probe                    *p;
  cw_model                 *model;
  const cw_musicgen_config *config;
  float                     guidance; /* the case's */
  const uint8_t            *notes;    /* [n_notes] of melody_audio, if there is one */
  size_t                    n_notes;
} lm;

/* Teacher forcing: tf_codes under prompts[0] and under the null branch, with what lies between. */
bool lm_put_forced (lm *m);
/* One run NAME of the case, greedy: codes, first logits, sound; a continuation when the case gives NAME_audio. */
bool lm_put_run (lm *m, const char *name, const json_t *run);

/* The conditions of a run of @n takes, which are its first rows, get into it, whatever the model: @texts, one a take, or none, and the
 * case's melody or, when not @melody, none. Puts PREFIX_prefix of a MusicGen Melody, else as lm_set_texts. */
bool lm_begin (lm *m, cw_musicgen_run *run, const probe_texts *texts, size_t n, size_t n_rows, bool melody, const char *prefix);
/* Positions in front of the codes that it takes; 0 unless the model is a MusicGen Melody. */
size_t lm_n_prefix (const lm *m, const probe_texts *texts);
bool lm_feed_prefix (lm *m, cw_musicgen_run *run, const probe_texts *texts, size_t n, size_t n_rows, bool melody, const char *prefix);
/* The notes of the case's melodies. */
bool lm_put_melody (lm *m);

/* T5 over @texts, each becomes text i of @run; a single one's vectors are put as PREFIX_text_hidden and PREFIX_text_projected. */
bool lm_set_texts (lm *m, cw_musicgen_run *run, const probe_texts *texts, const char *prefix);
