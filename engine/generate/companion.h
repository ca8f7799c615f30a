/* SPDX-License-Identifier: MIT
 *
 * companion.h: a part that a checkpoint names but does not hold, such as its text encoder: where it is on this machine.
 *
 *     MODEL/NAME   beside the model's files      PARENT/NAME   beside the model's folder      MODELS/NAME   with all models
 *
 * When none of them is there, any other folder in these places that fits is taken, if it is the only one and is not called like a
 * different published encoder.
 */
#pragma once

#include "base/json.h"

typedef struct {
  const char *folder;        /* the model's */
  const char *models_folder; /* or NULL */
  const char *name;          /* as the checkpoint has it: "t5-base", "facebook/encodec_32khz" */
  const char *kind;          /* model_type in its config.json: "t5" */
  const char *field;         /* a number there that must be @value: "d_model" */
  long        value;
  const char *what;          /* for messages: "text encoder" */
} cw_companion;

/* Its folder; free. NULL and @error, which says what to get and where to put it. */
char *cw_companion_find (const cw_companion *companion, cw_error *error);
