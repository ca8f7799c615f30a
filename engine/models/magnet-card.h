/* SPDX-License-Identifier: MIT
 *
 * magnet-card.h: MAGNeT's looks at a clip on a card, behind magnet.h. One row's grid at a time goes through all layers, so that takes need no more
 *     room. A function that returns false found the card failed or without room; nothing is lost by it, as a look depends on no look before.
 */
#pragma once

#include "models/magnet.h"
#include "models/musicgen-card.h"

typedef struct cw_magnet_card_run cw_magnet_card_run;

/* As cw_magnet_run_new; @weights must outlive it. */
cw_magnet_card_run *cw_magnet_card_run_new (cw_musicgen_card *weights, const cw_magnet_config *config, size_t n_frames, size_t n_texts, cw_error *error);
void                cw_magnet_card_run_free (cw_magnet_card_run *run);
size_t              cw_magnet_card_run_n_bytes (const cw_magnet_card_run *run);
/* The same of one that is not there yet, without and of its texts, of @n_tokens tokens in all; SIZE_MAX when that is not a size. */
size_t              cw_magnet_card_work_bytes (const cw_musicgen_config *config, size_t n_frames, size_t n_texts);
size_t              cw_magnet_card_text_bytes (const cw_musicgen_config *config, size_t n_tokens);
/* Why it is of no use any more: the card, or no room on it. */
void                cw_magnet_card_run_why (const cw_magnet_card_run *run, cw_error *error);

/* Copies the text's keys and values. */
bool                cw_magnet_card_run_set_text (cw_magnet_card_run *run, size_t text, const cw_text_cache *cache);
/* One row's grid, @ids [K, n_frames], that reads @text or CW_NO_TEXT, gives its @logits [n_frames, V] of codebook @stage. */
bool                cw_magnet_card_run_look (cw_magnet_card_run *run, const int32_t *ids, size_t text, size_t stage, float *logits);
/* The same of @texts[0], guided by a look that reads @texts[1]; of it the row's @tokens and how @sure it was, [n_frames], for its @uniforms: see
 * cw_magnet_run_draw. */
bool                cw_magnet_card_run_draw (cw_magnet_card_run *run, const int32_t *ids, const size_t texts[2], size_t stage, const cw_magnet_draw *draw,
                                             const double *uniforms, int32_t *tokens, float *sure);

/* See cw_magnet_product_rate. */
double              cw_magnet_card_product_rate (cw_musicgen_card *weights, size_t n_frames);
