/* SPDX-License-Identifier: MIT
 *
 * load.h: what the loaders of the two checkpoint formats share. For model.c and load-*.c.
 */
#pragma once

#include "generate/model.h"

/* FOLDER/NAME; free. NULL when memory is short. */
char *cw_join_path (const char *folder, const char *name);

/* What each part of the model is stored as: the decoder, which is read anew for each step, as narrow as asked for; the text encoder and
 * the codec's LSTM at no less than 8 bits. */
cw_source cw_model_source (cw_model *model, cw_storage narrowest);

/* The parts of a model that can go to a card; @n_prefix: vectors that stand in front of the codes beside the text. */
typedef struct {
  const cw_musicgen_config *decoder; /* NULL, and text: a codec alone */
  const cw_encodec_config  *codec;
  const cw_t5_config       *text;
  size_t                    n_prefix;
  bool                      whole;   /* MAGNeT */
} cw_model_parts;

/* Names the checkpoint by its weights and the text of its configuration, plans what goes to the card, settles the precision and opens the
 * cache of weights. The window is set before. False without an error when only the plan is wanted. */
bool cw_model_prepare (cw_model *model, const char *config_text, size_t n, const cw_model_options *options, const cw_model_parts *parts,
                       cw_error *error);

/* Puts the codec and what reads texts on the engine's card, and appends to @note, of @size bytes, what is there now: card-rest.c. @decoder:
 * what the decoder, which is there, still needs for a clip; NULL: it is not there. */
void cw_model_rest_to_card (cw_model *model, const cw_plan_need *decoder, char *note, size_t size);

/* Puts on the engine's card what was planned; what is there is said in info.device_note. False and @trouble: there was less room than was planned
 * with, or the card failed. */
bool cw_model_move_to_card (cw_model *model, cw_error *trouble);
/* Plans for a model that was loaded while the card was lost, in the precision that it has. */
bool cw_model_plan_late (cw_model *model, cw_error *error);

/* The parts must fit: as many codebooks of the same size, one codec run for each side. */
bool cw_model_parts_fit (const cw_model *model, const char *path, cw_error *error);

/* Each fills the model's parts, and of its info the family and the defaults; sets window_frames and stride. */

/* AudioCraft's pair of files: load-audiocraft.c. */
bool cw_is_audiocraft (const char *folder);
bool cw_load_audiocraft (cw_model *model, const cw_model_options *options, cw_error *error);
/* A folder of transformers': load-huggingface.c. */
bool cw_load_huggingface (cw_model *model, const cw_model_options *options, cw_error *error);
