/* SPDX-License-Identifier: MIT
 *
 * card-return.c: see card-return.h.
 *
 *     lost ─ the copies of all models are let go ─ closed, which resets the device ─ opened ─ the model's copies are made anew
 *
 * A model that was loaded in the meantime was not planned for: it is now, with the weights that it has.
 *
 * Copies belong to the context that was lost, so they go before it. What runs on the card has copies of its own, which only its owner can let
 * go: as long as there is such a thing, the card stays as it is.
 */
#include "generate/card-return.h"

#include <stdio.h>

#include "base/clock.h"
#include "generate/load.h"

#define WAIT_S 10.0 /* behind a try */

static size_t
bytes_on_card (const cw_model *model)
{
  return (model->musicgen ? cw_musicgen_bytes_on_card (model->musicgen) : 0) + (model->t5 ? cw_t5_bytes_on_card (model->t5) : 0) +
         (model->codec ? cw_encodec_bytes_on_card (model->codec) : 0);
}

static void
let_go (cw_model *model)
{
  model->left_card = model->left_card || bytes_on_card (model) > 0;
  if (model->musicgen)
    cw_musicgen_off_card (model->musicgen);
  if (model->t5)
    cw_t5_off_card (model->t5);
  if (model->codec)
    cw_encodec_off_card (model->codec);
  model->info.device = "cpu";
}

cw_card *
cw_engine_well_card (cw_engine *engine)
{
  cw_card *card = engine->card;
  size_t   n_bytes = 0;

  if (!card || cw_card_check (card, NULL) == CW_OK)
    return card;
  for (const cw_model *model = engine->models; model; model = model->next)
    n_bytes += bytes_on_card (model);
  if (n_bytes != card->used || (engine->tried_card_s > 0.0 && cw_now_s () < engine->tried_card_s + WAIT_S))
    return NULL;
  for (cw_model *model = engine->models; model; model = model->next)
    let_go (model);
  engine->tried_card_s = cw_now_s ();
  return cw_card_open_again (card, NULL) ? card : NULL;
}

void
cw_model_return_to_card (cw_model *model, const cw_sink *sink)
{
  cw_card *card = cw_engine_well_card (model->engine);
  cw_error trouble = { 0 };

  if (!card || !model->left_card)
    return;
  model->left_card = false;
  cw_card_look (card);
  if ((!model->planned && !cw_model_plan_late (model, &trouble)) || !cw_model_move_to_card (model, &trouble))
    snprintf (model->device_note, sizeof model->device_note, "%s The processor makes the clips.", trouble.message);
  if (sink && sink->notice) {
    char sentence[sizeof card->info.name + 64];

    snprintf (sentence, sizeof sentence, "The card “%s” was opened again, and the clips are made there.", card->info.name);
    sink->notice (bytes_on_card (model) ? sentence : model->device_note, sink->user);
  }
}
