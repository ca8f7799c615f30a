/* SPDX-License-Identifier: MIT
 *
 * audiocraft.h: a checkpoint as AudioCraft exports it (audiocraft/utils/export.py): a file of torch.save with
 *
 *     best_state   name -> tensor         xp.cfg       the configuration, YAML text (see omegaconf.h)
 *     pretrained   instead of best_state, in a codec's file: the name of the codec to use
 *
 * A model is two of them: state_dict.bin, the language model, and compression_state_dict.bin, the codec. Text encoders are not in them.
 * Their tensors are given out under the names of transformers' files, so that one loader serves both.
 */
#pragma once

#include "base/json.h"
#include "checkpoint/weights.h"

typedef struct cw_audiocraft cw_audiocraft;

cw_audiocraft *cw_audiocraft_open (const char *path, cw_error *error);
/* Frees it; its file stays with the weights that it was added to. */
void           cw_audiocraft_close (cw_audiocraft *file);

const char *cw_audiocraft_path (const cw_audiocraft *file);
/* The codec's name in a file that holds none itself; NULL in one with weights. */
const char *cw_audiocraft_pretrained (const cw_audiocraft *file);
/* The configuration's text. */
const char *cw_audiocraft_config_text (const cw_audiocraft *file, size_t *n);
/* One part of the configuration, resolved; JSON null when it is missing. Owned by @file. NULL and @error. */
const json_t *cw_audiocraft_config (cw_audiocraft *file, const char *key, cw_error *error);
/* The same as a scope for cw_json_*, its fields named with @prefix, "KEY.", in messages. A missing part is an error. */
bool          cw_audiocraft_scope (cw_audiocraft *file, const char *key, const char *prefix, cw_json_scope *scope, cw_error *error);

typedef enum { CW_AUDIOCRAFT_LM, CW_AUDIOCRAFT_CODEC } cw_audiocraft_part;

/* Adds the file's weights to @weights, which own the file from then on. Once. */
bool cw_audiocraft_add_weights (cw_audiocraft *file, cw_audiocraft_part part, cw_weights *weights, cw_error *error);
