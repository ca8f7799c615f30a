/* SPDX-License-Identifier: MIT
 *
 * card-trouble.h: what a person is told when the processor does what a card should have done.
 */
#pragma once

#include "generate/model.h"

#define CW_TROUBLE_CHARS (sizeof ((cw_error *) 0)->message + 160)

/* What happened, what the processor does instead (@what: "goes on with the clip"), and what helps. */
const char *cw_say_trouble (char sentence[CW_TROUBLE_CHARS], const cw_error *why, const char *what);
/* The same to @sink, which may be NULL. */
void        cw_tell_trouble (const cw_sink *sink, const cw_error *why, const char *what);
/* Once a model, to @sink: that there was no room on the card for the best. */
void        cw_tell_plan (const cw_sink *sink, cw_model *model);
