/* SPDX-License-Identifier: MIT
 *
 * charsmap.h: SentencePiece's precompiled table of replacements, as Hugging Face's tokenizers apply it.
 *
 * The table is a double-array trie of keys and, behind it, the NUL-separated texts that replace them. Applied per grapheme cluster:
 * a cluster of fewer than 6 bytes is replaced as a whole by what its first (shortest) matching prefix maps to; otherwise each
 * character by itself. SentencePiece would take the longest prefix at each place; the reference does not.
 */
#pragma once

#include "base/buffer.h"
#include "engine.h"

typedef struct cw_charsmap cw_charsmap;

/* From the base64 text of tokenizer.json; @path is for messages. */
cw_charsmap *cw_charsmap_new (const char *base64, const char *path, cw_error *error);
void         cw_charsmap_free (cw_charsmap *map);

/* Appends the normalised form of @text, @n bytes of valid UTF-8, to @out. False when memory is short. */
bool cw_charsmap_apply (const cw_charsmap *map, const char *text, size_t n, cw_buffer *out);
