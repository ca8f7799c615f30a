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
  const char *space = *note ? " " : "";
  cw_error    trouble = { 0 };

  if (!cw_encodec_to_card (model->codec, card, &trouble)) {
    add (note, size, "%sThe processor decodes the sound: %.250s", space, trouble.message);
    return;
  }
  if (!model->musicgen)
    model->info.device = card->info.name;
  add (note, size, "%sThe codec is on the card, too: %.0f MB.", space, (double) cw_encodec_bytes_on_card (model->codec) / 1e6);
}

/* The processor reads a prompt in a moment: without room nothing need be said. */
static void
move_text_encoder (cw_model *model, cw_card *card, bool decoder_there, char *note, size_t size)
{
  cw_error trouble = { 0 };

  if (decoder_there && !model->melody && !cw_musicgen_texts_to_card (model->musicgen, &trouble))
    return;
  if (cw_t5_to_card (model->t5, card, &trouble))
    add (note, size, " So is the text encoder: %.0f MB.", (double) cw_t5_bytes_on_card (model->t5) / 1e6);
}

void
cw_model_rest_to_card (cw_model *model, bool decoder_there, size_t keep_bytes, char *note, size_t size)
{
  cw_card     *card = model->engine->card;
  const size_t budget = card->budget;

  card->budget = budget > keep_bytes ? budget - keep_bytes : 0;
  move_codec (model, card, note, size);
  if (model->t5)
    move_text_encoder (model, card, decoder_there, note, size);
  card->budget = budget;
}
