/* SPDX-License-Identifier: MIT
 *
 * tokenizer.h: text to token ids, as transformers' T5TokenizerFast does it from tokenizer.json.
 *
 *     text ─ special tokens cut out ─ normaliser ─ pre-tokenizer (Metaspace) ─ Unigram (Viterbi) ─ post-processor
 *
 * The pipeline is read from the file, not assumed: Precompiled, Strip, Replace, Sequence; Metaspace (prepend_scheme
 * first, always, never), WhitespaceSplit, Sequence; TemplateProcessing. What the file asks for and this does not
 * know is an error by name. Kudo 2018, arXiv:1804.10959; Hugging Face tokenizers, models/unigram and normalizers.
 */
#pragma once

#include "engine.h"

typedef struct cw_tokenizer cw_tokenizer;

/* Returns NULL and fills @error when the file is missing, broken or of an unknown kind. */
cw_tokenizer *cw_tokenizer_load (const char *path, cw_error *error);
void          cw_tokenizer_free (cw_tokenizer *tokenizer);

/* Size of the vocabulary with added tokens: every id is below it. */
uint32_t cw_tokenizer_n_ids (const cw_tokenizer *tokenizer);

/* @text is @n bytes of UTF-8 and may hold NUL; invalid UTF-8 is CW_ERROR_ARGUMENT with the byte's place. On success *ids
 * is malloc'ed (the caller's, free()) and holds *n_ids ids, the end mark included; at least one. */
cw_status cw_tokenizer_encode (const cw_tokenizer *tokenizer, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                               cw_error *error);
