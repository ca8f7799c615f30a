/* SPDX-License-Identifier: MIT
 *
 * card-rest.c: what beside MusicGen's decoder goes to the card: the codec, the text encoder, and what makes the keys and values of texts. Each
 *     is the processor's work when there is no room.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "generate/load.h"

/* Appends to @note, of @size bytes. */
static void __attribute__ ((format (printf, 3, 4)))
add (char *note, size_t size, const char *format, ...)
{
  const size_t used = strlen (note);
  va_list      args;

  va_start (args, format);
  vsnprintf (note + used, size - used, format, args);
  va_end (args);
}

static void
move_codec (cw_model *model, cw_card *card, char *note, size_t size)
{
  const char    *space = *note ? " " : "";
  const cw_plan *plan = model->planned && (model->plan.on_card || !model->musicgen) ? &model->plan : NULL;
  cw_error       trouble = { 0 };

  if (plan && !plan->codec_on_card && !model->musicgen)
    return; /* the plan says it */
  if (plan && !plan->codec_on_card) {
    add (note, size, "%sThe processor decodes the sound: beside that there is no room for the codec's %.0f MB.", space,
         (double) cw_sum (plan->needs[plan->precision].codec, plan->needs[plan->precision].codec_stream) / 1e6);
    return;
  }

  if (!cw_encodec_to_card (model->codec, card, &trouble)) {
    if (!model->musicgen) /* which was not planned so */
      *note = '\0';
    add (note, size, "%sThe processor decodes the sound: %.250s", model->musicgen ? space : "", trouble.message);
    return;
  }
  if (!model->musicgen)
    model->info.device = card->info.name;
  add (note, size, "%sThe codec is on the card%s: %.0f MB.", space, model->musicgen ? ", too" : "", (double) cw_encodec_bytes_on_card (model->codec) / 1e6);
}

/* The processor reads a prompt in a moment: without room nothing need be said. */
static void
move_text_encoder (cw_model *model, cw_card *card, bool decoder_there, char *note, size_t size)
{
  cw_error trouble = { 0 };

  if (decoder_there && !model->melody && !model->ask.whole && !cw_musicgen_texts_to_card (model->musicgen, &trouble))
    return;
  if (cw_t5_to_card (model->t5, card, &trouble))
    add (note, size, " So is the text encoder: %.0f MB.", (double) cw_t5_bytes_on_card (model->t5) / 1e6);
}

/* What may be taken now of @budget, so that @keep_bytes stay. */
static void
keep (cw_card *card, size_t budget, size_t keep_bytes)
{
  card->budget = budget > keep_bytes ? budget - keep_bytes : 0;
}

void
cw_model_rest_to_card (cw_model *model, const cw_plan_need *decoder, char *note, size_t size)
{
  cw_card     *card = model->engine->card;
  const size_t budget = card->budget, clip = decoder ? cw_sum (decoder->caches, decoder->workspace) : 0;
  const size_t clip_and_stream = decoder ? cw_sum (clip, decoder->codec_stream) : 0;

  keep (card, budget, clip_and_stream);
  move_codec (model, card, note, size);
  keep (card, budget, cw_encodec_bytes_on_card (model->codec) ? clip_and_stream : clip);
  if (model->t5)
    move_text_encoder (model, card, decoder != NULL, note, size);
  card->budget = budget;
}
