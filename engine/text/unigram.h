/* SPDX-License-Identifier: MIT
 *
 * unigram.h: cuts a piece of text into the likeliest sequence of vocabulary entries. Kudo 2018, arXiv:1804.10959, section 3.1 (the
 *     Viterbi search); Hugging Face tokenizers models/unigram.
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "engine.h"

typedef struct cw_unigram cw_unigram;

/* From the "model" part of tokenizer.json, which must outlive it. */
cw_unigram *cw_unigram_new (const json_t *model, const char *path, cw_error *error);
void        cw_unigram_free (cw_unigram *unigram);
uint32_t    cw_unigram_n_ids (const cw_unigram *unigram);

/* Appends the ids (int32_t) of @piece, valid UTF-8, to @ids. Characters that no entry covers become the unknown id, neighbours
 * one together. False when memory is short. */
bool cw_unigram_encode (const cw_unigram *unigram, const char *piece, size_t n, cw_buffer *ids);
