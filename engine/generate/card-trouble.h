/* SPDX-License-Identifier: MIT
 *
 * card-trouble.h: what a person is told when the processor does what a card should have done.
 */
#pragma once

#include "generate/model.h"

#define CW_TROUBLE_CHARS (sizeof ((cw_error *) 0)->message + 160)

/* What happened, what the processor does instead (@what: "goes on with the clip"), and what helps. */
const char *cw_say_trouble (char sentence[CW_TROUBLE_CHARS], const cw_error *why, const char *what);
/* What a person was told already: that the run of a clip, or the codec alone, is not on its card any more. */
typedef struct {
  bool run, codec;
} cw_told;

/* Says it to @sink, which may be NULL, once for each. @run NULL: there is none, only sound is decoded; @begun: it has made steps. */
void        cw_tell_left (const cw_sink *sink, cw_told *told, const cw_error *run, const cw_error *codec, bool begun);
/* Once a model, to @sink: that there was no room on the card for the best. */
void        cw_tell_plan (const cw_sink *sink, cw_model *model);
