/* SPDX-License-Identifier: MIT
 *
 * normalizer.h: the "normalizer" section of tokenizer.json: Precompiled, Strip, Replace, or a Sequence of them.
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "engine.h"

typedef struct cw_normalizer cw_normalizer;

/* @json may be null (nothing is done then) and must outlive it. */
cw_normalizer *cw_normalizer_new (const json_t *json, const char *path, cw_error *error);
void           cw_normalizer_free (cw_normalizer *normalizer);

/* @text, valid UTF-8, is replaced by its normalised form. False when memory is short. */
bool cw_normalizer_apply (const cw_normalizer *normalizer, cw_buffer *text);
