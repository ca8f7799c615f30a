/* SPDX-License-Identifier: MIT
 *
 * conditions.c: see conditions.h.
 */
#include "generate/conditions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

static cw_status
encode_text (cw_model *model, const char *prompt, cw_condition_text *text, cw_error *error)
{
  const size_t width = cw_t5_get_config (model->t5)->width, vocab = cw_t5_get_config (model->t5)->vocab;
  int32_t     *ids = NULL;
  size_t       n_floats;
  cw_status    status = cw_tokenizer_encode (model->tokenizer, prompt, strlen (prompt), &ids, &text->n, error);

  for (size_t i = 0; status == CW_OK && i < text->n; i++)
    if ((size_t) ids[i] >= vocab)
      status = cw_fail (error, CW_ERROR_FORMAT, "“%s”: the tokenizer gives id %d, but the text encoder knows ids below %zu.",
                        model->folder, ids[i], vocab);
  if (status == CW_OK && (!cw_mul (text->n, width, &n_floats) || !(text->vectors = calloc (n_floats, sizeof *text->vectors))))
    status = cw_fail_memory (error, "the text", text->n * width * sizeof *text->vectors);
  if (status == CW_OK)
    status = cw_t5_encode (model->t5, ids, text->n, text->n, text->vectors, error);
  free (ids);
  return status;
}

static cw_status
add_text (cw_conditions *conditions, const char *prompt, size_t from, cw_error *error)
{
  conditions->list[conditions->n++] = (cw_condition){ from, conditions->n_texts };
  return encode_text (conditions->model, prompt, &conditions->texts[conditions->n_texts++], error);
}

cw_status
cw_conditions_read (cw_conditions *conditions, cw_model *model, const cw_request *request, cw_error *error)
{
  const double frames_per_s = (double) model->info.rate_hz / model->info.hop_samples;
  cw_status    status = CW_OK;

  *conditions = (cw_conditions){ .model = model, .request = request };
  if (cw_request_has_prompt (request))
    status = add_text (conditions, request->prompt, 0, error);
  else
    conditions->list[conditions->n++] = (cw_condition){ 0, CW_NO_TEXT };
  for (unsigned i = 0; i < request->n_changes && status == CW_OK; i++)
    status = add_text (conditions, request->changes[i].prompt, (size_t) round (request->changes[i].from_s * frames_per_s), error);
  return status;
}

void
cw_conditions_clear (cw_conditions *conditions)
{
  for (size_t i = 0; i < conditions->n_texts; i++)
    free (conditions->texts[i].vectors);
  cw_arena_free (&conditions->arena);
  *conditions = (cw_conditions){ 0 };
}

bool
cw_conditions_any (const cw_conditions *conditions)
{
  return conditions->n_texts > 0 || conditions->request->melody.n_samples > 0;
}

size_t
cw_conditions_n_prefix (const cw_conditions *conditions)
{
  size_t longest = 1; /* of no text: one vector of zeros */

  if (!conditions->model->melody)
    return 0;
  for (size_t i = 0; i < conditions->n_texts; i++)
    longest = conditions->texts[i].n > longest ? conditions->texts[i].n : longest;
  return cw_melody_get_config (conditions->model->melody)->length + longest;
}

/* ---- for a run -------------------------------------------------------------------------------------------------------- */

/* Texts as wide as the decoder, and memory for a window's melody and the prefix. */
static cw_status
prepare_prefix (cw_conditions *conditions, bool several, cw_error *error)
{
  cw_model        *model = conditions->model;
  const cw_signal *melody = &conditions->request->melody;
  const size_t     width = cw_musicgen_get_config (model->musicgen)->width;
  const size_t     limit = cw_melody_get_config (model->melody)->chroma.max_samples;
  size_t           n_floats;

  if (conditions->prefix) /* of an earlier run */
    return CW_OK;
  for (size_t i = 0; i < conditions->n_texts; i++) {
    cw_condition_text *text = &conditions->texts[i];
    float             *projected = malloc (text->n * width * sizeof *projected);

    if (!projected)
      return cw_fail_memory (error, "the text", text->n * width * sizeof *projected);
    cw_musicgen_project_text (model->musicgen, text->vectors, text->n, projected);
    free (text->vectors);
    text->vectors = projected;
  }
  if (melody->n_samples) {
    conditions->n_wave = several ? model->window_frames * model->info.hop_samples : melody->n_samples;
    if (limit && conditions->n_wave > limit)
      conditions->n_wave = limit;
    conditions->wave = cw_arena_new (&conditions->arena, float, conditions->n_wave);
    conditions->notes = cw_arena_new (&conditions->arena, uint8_t,
                                      cw_chroma_n_frames (cw_melody_get_chroma (model->melody), conditions->n_wave));
  }
  if (!cw_mul (conditions->n_rows * width, cw_conditions_n_prefix (conditions), &n_floats))
    n_floats = SIZE_MAX;
  conditions->prefix = cw_arena_new (&conditions->arena, float, n_floats);
  return cw_arena_ok (&conditions->arena, "the melody and the text", error) ? CW_OK : CW_ERROR_MEMORY;
}

cw_status
cw_conditions_bind (cw_conditions *conditions, cw_musicgen_run *run, size_t n_rows, bool several, cw_error *error)
{
  cw_status status = CW_OK;

  conditions->run = run;
  conditions->n_rows = n_rows;
  if (conditions->model->melody)
    return prepare_prefix (conditions, several, error);
  for (size_t i = 0; i < conditions->n_texts && status == CW_OK; i++)
    status = cw_musicgen_run_set_text (run, i, conditions->texts[i].vectors, conditions->texts[i].n, NULL, error);
  return status;
}

/* ---- while the clip is made -------------------------------------------------------------------------------------------- */

/* The place in the list of what is in force at @frame. */
static size_t
in_force (const cw_conditions *conditions, size_t frame)
{
  size_t i = conditions->n - 1;

  while (i > 0 && conditions->list[i].from > frame)
    i--;
  return i;
}

/* What the window from frame @start on hears of the melody, as notes. Returns their number. */
static size_t
listen (cw_conditions *conditions, size_t start)
{
  const cw_signal *melody = &conditions->request->melody;
  cw_chroma       *chroma = cw_melody_get_chroma (conditions->model->melody);
  const size_t     from = start * conditions->model->info.hop_samples;

  if (melody->n_samples == 0)
    return 0;
  for (size_t i = 0; i < conditions->n_wave; i++) {
    const float *at = melody->samples + (from + i) % melody->n_samples * melody->n_channels;
    conditions->wave[i] = melody->n_channels == 2 ? 0.5f * (at[0] + at[1]) : at[0];
  }
  cw_chroma_notes (chroma, conditions->wave, conditions->n_wave, conditions->notes, NULL);
  return cw_chroma_n_frames (chroma, conditions->n_wave);
}

void
cw_conditions_begin (cw_conditions *conditions, size_t start, size_t frame)
{
  const cw_melody *melody = conditions->model->melody;

  cw_musicgen_run_rewind (conditions->run);
  if (!melody)
    return;
  conditions->current = in_force (conditions, frame);
  const size_t             number = conditions->list[conditions->current].text;
  const cw_condition_text *text = number == CW_NO_TEXT ? NULL : &conditions->texts[number];
  const size_t             n_notes = listen (conditions, start), length = cw_melody_get_config (melody)->length;
  const size_t             n_text = text ? text->n : 1, n = length + n_text, width = cw_melody_get_config (melody)->width;

  for (size_t row = 0; row < conditions->n_rows; row++) {
    const bool null = row >= conditions->request->n_takes;
    float     *at = conditions->prefix + row * n * width;

    cw_melody_prefix (melody, conditions->notes, null ? 0 : n_notes, at);
    if (text && !null)
      memcpy (at + length * width, text->vectors, n_text * width * sizeof *at);
    else
      memset (at + length * width, 0, n_text * width * sizeof *at);
  }
  cw_musicgen_run_feed_vectors (conditions->run, conditions->prefix, n);
}

bool
cw_conditions_use (cw_conditions *conditions, size_t frame)
{
  const size_t i = in_force (conditions, frame);

  if (conditions->model->melody)
    return conditions->current == i;
  for (size_t row = 0; row < conditions->request->n_takes; row++)
    cw_musicgen_run_use_text (conditions->run, row, conditions->list[i].text);
  return true;
}

size_t
cw_conditions_next (const cw_conditions *conditions, size_t frame)
{
  const size_t i = in_force (conditions, frame);

  return i + 1 < conditions->n ? conditions->list[i + 1].from : SIZE_MAX;
}
