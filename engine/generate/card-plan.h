/* SPDX-License-Identifier: MIT
 *
 * card-plan.h: what of a model goes to a card, and in which precision: decided from sizes alone, before any weight is read. Pure: the same
 *     ask gives the same plan, and no card is needed for it. engine.h has the plan.
 */
#pragma once

#include "engine.h"
#include "models/encodec.h"
#include "models/musicgen.h"
#include "models/t5.h"

#define CW_PLAN_TEXT_TOKENS 64 /* of a clip's texts */

typedef struct {
  cw_musicgen_config decoder;
  cw_encodec_config  codec;
  cw_t5_config       text;
  bool         codec_alone;               /* there is no decoder and no text */
  bool         whole;                     /* MAGNeT: a look at all frames of a take at a time, instead of steps */
  size_t       n_prefix;                  /* vectors in front of the codes beside the text: a melody's */
  cw_dtype     decoder_file, positions_file, codec_file, text_file; /* what matrices are stored as in the files */
  cw_precision asked;                     /* CW_PRECISION_AUTO: the widest that fits */
  cw_precision on_cpu;                    /* that the processor takes when the card does not: @asked, or what auto is there */
  bool         small;                     /* auto begins with f32, not f16: as on the processor */
  const char  *card;                      /* its name, for sentences; NULL: one that is not here */
  bool         cublas;                    /* it is there */
  unsigned     n_takes;                   /* that are wanted at once, at most; 0: CW_TAKES_MAX */
  size_t       budget;                    /* bytes */
  size_t       n_frames;                  /* of a clip: the window's, or fewer */
  double       clip_s;                    /* the same, for sentences */
} cw_plan_ask;

/* Fills all of @plan. False and @error: not enough memory to count. */
bool cw_plan_make (cw_plan *plan, const cw_plan_ask *ask, cw_error *error);
/* The plan was tried, and the card gave less memory than it said (@why: its own sentence): the next narrower precision that fits, or where
 * one was asked for, and behind the last, the processor. Each call goes down, so that it ends. */
void cw_plan_lower (cw_plan *plan, const cw_plan_ask *ask, const char *why);
/* The same, but at once to the processor: the card failed in another way. */
void cw_plan_to_cpu (cw_plan *plan, const cw_plan_ask *ask, const char *why);

/* Steps of a clip, with what stands in front of its codes. */
size_t cw_plan_n_steps (const cw_plan_ask *ask);
/* What each part of a model is stored as: never narrower than @narrowest. */
cw_storage cw_plan_storage (cw_precision precision, cw_storage narrowest);
