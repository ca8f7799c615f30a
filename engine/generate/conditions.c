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

/* Vectors of @prompt: *hidden [*n, text width]; free. */
static cw_status
encode_text (cw_model *model, const char *prompt, float **hidden, size_t *n, cw_error *error)
{
  const size_t width = cw_t5_get_config (model->t5)->width, vocab = cw_t5_get_config (model->t5)->vocab;
  int32_t     *ids = NULL;
  size_t       n_floats;
  cw_status    status = cw_tokenizer_encode (model->tokenizer, prompt, strlen (prompt), &ids, n, error);

  *hidden = NULL;
  for (size_t i = 0; status == CW_OK && i < *n; i++)
    if ((size_t) ids[i] >= vocab)
      status = cw_fail (error, CW_ERROR_FORMAT, "“%s”: the tokenizer gives id %d, but the text encoder knows ids below %zu.",
                        model->folder, ids[i], vocab);
  if (status == CW_OK && (!cw_mul (*n, width, &n_floats) || !(*hidden = calloc (n_floats, sizeof **hidden))))
    status = cw_fail_memory (error, "the text", *n * width * sizeof **hidden);
  if (status == CW_OK)
    status = cw_t5_encode (model->t5, ids, *n, *n, *hidden, error);
  free (ids);
  return status;
}

static cw_status
add_text (cw_conditions *conditions, const char *prompt, size_t from, size_t text, cw_error *error)
{
  float    *hidden;
  size_t    n;
  cw_status status = encode_text (conditions->model, prompt, &hidden, &n, error);

  if (status == CW_OK)
    status = cw_musicgen_run_set_text (conditions->run, text, hidden, n, NULL, error);
  free (hidden);
  conditions->list[conditions->n++] = (cw_condition){ from, text };
  return status;
}

size_t
cw_conditions_n_texts (const cw_request *request)
{
  return request->n_changes + (cw_request_has_prompt (request) ? 1 : 0);
}

cw_status
cw_conditions_init (cw_conditions *conditions, cw_model *model, cw_musicgen_run *run, const cw_request *request, cw_error *error)
{
  const double frames_per_s = (double) model->info.rate_hz / model->info.hop_samples;
  size_t       text = 0;
  cw_status    status = CW_OK;

  *conditions = (cw_conditions){ .model = model, .run = run, .n_takes = request->n_takes };
  if (cw_request_has_prompt (request))
    status = add_text (conditions, request->prompt, 0, text++, error);
  else
    conditions->list[conditions->n++] = (cw_condition){ 0, CW_NO_TEXT };
  for (unsigned i = 0; i < request->n_changes && status == CW_OK; i++)
    status = add_text (conditions, request->changes[i].prompt, (size_t) round (request->changes[i].from_s * frames_per_s), text++, error);
  return status;
}

/* ---- while the clip is made -------------------------------------------------------------------------------------------- */

size_t
cw_conditions_use (cw_conditions *conditions, size_t frame)
{
  size_t i = conditions->n - 1;

  while (i > 0 && conditions->list[i].from > frame)
    i--;
  for (size_t row = 0; row < conditions->n_takes; row++)
    cw_musicgen_run_use_text (conditions->run, row, conditions->list[i].text);
  return i + 1 < conditions->n ? conditions->list[i + 1].from : SIZE_MAX;
}
