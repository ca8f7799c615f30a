/* SPDX-License-Identifier: MIT
 *
 * take-turns.c: see take-turns.h.
 */
#include "generate/take-turns.h"

/* Is there room for @n takes, and for their codec when @with_codec? */
static bool
fits (const cw_conditions *conditions, size_t n, size_t rows_each, size_t max_steps, size_t max_frames, bool with_codec)
{
  const cw_model *model = conditions->model;
  const cw_card  *card = model->engine->card;
  size_t          n_tokens = 0, n_bytes;

  for (size_t i = 0; i < conditions->n_texts; i++)
    n_tokens += conditions->texts[i].n;
  n_bytes = cw_musicgen_run_bytes_on_card (model->musicgen, n * rows_each, max_steps, n_tokens);
  if (with_codec)
    n_bytes = cw_sum (n_bytes, cw_encodec_stream_bytes_on_card (model->codec, max_frames, n * cw_model_n_sides (model)));
  return card->used <= card->budget && n_bytes <= card->budget - card->used;
}

cw_take_turns
cw_take_turns_of (const cw_conditions *conditions, unsigned n_takes, size_t rows_each, size_t max_steps, size_t max_frames)
{
  const bool on_card = cw_musicgen_run_bytes_on_card (conditions->model->musicgen, 1, 1, 1) > 0;

  /* rather fewer takes at once than the codec on the processor; without either it is the processor's, in one turn */
  for (int with_codec = 1; on_card && with_codec >= 0; with_codec--)
    for (unsigned n_turns = 1; n_turns <= n_takes; n_turns++) {
      const unsigned n_each = (n_takes + n_turns - 1) / n_turns;

      if (fits (conditions, n_each, rows_each, max_steps, max_frames, with_codec))
        return (cw_take_turns){ (n_takes + n_each - 1) / n_each, n_each };
    }
  return (cw_take_turns){ 1, n_takes };
}
