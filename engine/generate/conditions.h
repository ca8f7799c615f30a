/* SPDX-License-Identifier: MIT
 *
 * conditions.h: what a request's clip is made to follow, as the decoder takes it: the prompts, each from its frame on, and the melody.
 *
 *     MusicGen          a text is keys and values of cross attention; another one takes over at a step
 *     MusicGen Melody   [ chroma ; text ] stands in front of the codes; another one means that the caches are filled anew
 *
 * Every text is encoded once, before the first step. The melody is heard anew for each window: a later one hears it from its own start on
 * (AudioCraft's rule: it repeats where it is shorter).
 */
#pragma once

#include "generate/model.h"

typedef struct {
  size_t from;  /* frame of the clip */
  size_t text;  /* number of the text, or CW_NO_TEXT */
} cw_condition;

typedef struct {
  float *vectors; /* [n, text width]; in front of the codes [n, width] */
  size_t n;
} cw_condition_text;

typedef struct {
  cw_model         *model;
  const cw_request *request;
  cw_musicgen_run  *run;     /* rows 0 … n_takes - 1 follow the conditions, those behind are the null branches */
  size_t            n_rows;
  size_t            n;       /* at least 1; the first is from frame 0 on */
  cw_condition      list[1 + CW_PROMPT_CHANGES_MAX];
  size_t            n_texts;
  cw_condition_text texts[1 + CW_PROMPT_CHANGES_MAX];
  /* MusicGen Melody alone */
  cw_arena          arena;
  float            *wave;    /* [n_wave] mono: what the window hears of the melody */
  size_t            n_wave;
  uint8_t          *notes;   /* of it */
  float            *prefix;  /* [n_rows, cw_conditions_n_prefix, width] */
  size_t            current; /* place in the list of what is in the caches */
} cw_conditions;

/* Encodes the request's texts. Clear it, also after an error. */
cw_status cw_conditions_read (cw_conditions *conditions, cw_model *model, const cw_request *request, cw_error *error);
void      cw_conditions_clear (cw_conditions *conditions);
/* Is there anything that guidance can stress? */
bool      cw_conditions_any (const cw_conditions *conditions);
/* Positions that the run needs in front of the codes, at most. */
size_t    cw_conditions_n_prefix (const cw_conditions *conditions);
/* Gives the texts to @run, which must outlive the conditions and has room for n_texts. @several: the clip has more than one window. May be
 * called anew for another run, of no more rows than the first; the request then says how many takes it has. */
cw_status cw_conditions_bind (cw_conditions *conditions, cw_musicgen_run *run, size_t n_rows, bool several, cw_error *error);

/* Empties the run's caches and puts in front of the codes what is in force at @frame of the clip, for a window that begins at @start. */
void      cw_conditions_begin (cw_conditions *conditions, size_t start, size_t frame);
/* From now on the takes follow what is in force at @frame of the clip. False when that takes a new beginning. */
bool      cw_conditions_use (cw_conditions *conditions, size_t frame);
/* The first frame after @frame that is to be made with something else, SIZE_MAX if there is none. */
size_t    cw_conditions_next (const cw_conditions *conditions, size_t frame);
