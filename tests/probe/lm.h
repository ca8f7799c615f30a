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
} lm;

/* Teacher forcing: tf_codes under prompts[0] and under the null branch, with what lies between. */
bool lm_put_forced (lm *m);
/* One run NAME of the case, greedy: codes, first logits, sound; a continuation when the case gives NAME_audio. */
bool lm_put_run (lm *m, const char *name, const json_t *run);

/* T5 over @texts, each becomes text i of @run; a single one's vectors are put as PREFIX_text_hidden and PREFIX_text_projected. */
bool lm_set_texts (lm *m, cw_musicgen_run *run, const probe_texts *texts, const char *prefix);
