/* SPDX-License-Identifier: MIT
 *
 * conditions.h: what a request's clip is made to follow, as the decoder takes it: the prompts, each from its frame on.
 *     Every text is encoded once, before the first step.
 */
#pragma once

#include "generate/model.h"

typedef struct {
  size_t from; /* frame of the clip */
  size_t text; /* of the run, or CW_NO_TEXT */
} cw_condition;

typedef struct {
  cw_model        *model;
  cw_musicgen_run *run;     /* rows 0 … n_takes - 1 follow the conditions, those behind are the null branches */
  size_t           n_takes;
  size_t           n;       /* at least 1; the first is from frame 0 on */
  cw_condition     list[1 + CW_PROMPT_CHANGES_MAX];
} cw_conditions;

/* Texts that the run must have room for. */
size_t    cw_conditions_n_texts (const cw_request *request);
/* Encodes the request's texts into @run. Both @model and @run must outlive it; nothing to free. */
cw_status cw_conditions_init (cw_conditions *conditions, cw_model *model, cw_musicgen_run *run, const cw_request *request,
                              cw_error *error);
/* From now on the takes follow what is in force at @frame of the clip. Returns the first frame with something else, SIZE_MAX if
 * there is none. */
size_t    cw_conditions_use (cw_conditions *conditions, size_t frame);
