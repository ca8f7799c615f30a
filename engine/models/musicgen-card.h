/* SPDX-License-Identifier: MIT
 *
 * musicgen-card.h: MusicGen's decoder on a card: its weights there, and runs over them. Behind musicgen.h, whose run keeps what it would
 *     take to go on without the card. A function that returns false found the card failed; the run is then of no use.
 */
#pragma once

#include "cuda/card.h"
#include "models/musicgen-weights.h"

typedef struct cw_musicgen_card     cw_musicgen_card;
typedef struct cw_musicgen_card_run cw_musicgen_card_run;

/* Copies the weights as they are stored. @model and @card must outlive it. NULL and @error: no room, or a shape that the kernels do not do. */
cw_musicgen_card *cw_musicgen_card_new (cw_card *card, const cw_musicgen *model, cw_error *error);
void              cw_musicgen_card_free (cw_musicgen_card *weights);
/* Bytes that they take there, without those of cw_musicgen_card_add_texts; and a run, with its texts. */
size_t            cw_musicgen_card_n_bytes (const cw_musicgen_card *weights);
size_t            cw_musicgen_card_text_n_bytes (const cw_musicgen_card *weights);
size_t            cw_musicgen_card_run_n_bytes (const cw_musicgen_card_run *run);

/* ---- the same before anything is there, from the configuration alone; SIZE_MAX when that is not a size -------------------------- */

/* @storage: of the layers; @in_file: of the file's matrices, and so of the tables; @positions: of their table. */
size_t            cw_musicgen_card_weight_bytes (const cw_musicgen_config *config, cw_storage storage, cw_dtype in_file, cw_dtype positions);
size_t            cw_musicgen_card_text_weight_bytes (const cw_musicgen_config *config, cw_storage storage, cw_dtype in_file);
/* A run's caches of keys and values: of the steps, and of texts of @n_tokens tokens in all. And what else it takes. */
size_t            cw_musicgen_card_cache_bytes (const cw_musicgen_config *config, cw_storage storage, size_t n_rows, size_t max_steps, size_t n_tokens);
size_t            cw_musicgen_card_work_bytes (const cw_musicgen_config *config, size_t n_rows, size_t max_steps);

/* Columns of a row that go through the layers together, at most. */
size_t            cw_musicgen_card_batch (size_t n_rows);

/* As cw_musicgen_run_new; @later: positions behind the model's table, or NULL. */
cw_musicgen_card_run *cw_musicgen_card_run_new (cw_musicgen_card *weights, size_t n_rows, size_t max_steps, size_t n_texts, const float *later,
                                                cw_error *error);
void                  cw_musicgen_card_run_free (cw_musicgen_card_run *run);
/* Why it is of no use any more: the card, or no room on it, or none on this side for the way back. */
void                  cw_musicgen_card_run_why (const cw_musicgen_card_run *run, cw_error *error);
/* The weights, too, that make the keys and values of texts: else the processor makes them. Not in a prefixed model. */
bool                  cw_musicgen_card_add_texts (cw_musicgen_card *weights, cw_error *error);
bool                  cw_musicgen_card_makes_texts (const cw_musicgen_card *weights);
/* As cw_musicgen_run_set_states. */
bool                  cw_musicgen_card_run_set_states (cw_musicgen_card_run *run, size_t text, const float *states, size_t n);
/* Copies the text's keys and values. */
bool                  cw_musicgen_card_run_set_text (cw_musicgen_card_run *run, size_t text, const cw_text_cache *cache);
void                  cw_musicgen_card_run_use_text (cw_musicgen_card_run *run, size_t row, size_t text);
bool                  cw_musicgen_card_run_step (cw_musicgen_card_run *run, const int32_t *ids, float *logits, const cw_musicgen_probe *probe);
bool                  cw_musicgen_card_run_feed (cw_musicgen_card_run *run, const int32_t *ids, size_t n);
bool                  cw_musicgen_card_run_feed_vectors (cw_musicgen_card_run *run, const float *vectors, size_t n);
void                  cw_musicgen_card_run_rewind (cw_musicgen_card_run *run);

/* As cw_musicgen_run_plan and cw_musicgen_run_draw. */
bool                  cw_musicgen_card_run_plan (cw_musicgen_card_run *run, const cw_musicgen_plan *plan);
bool                  cw_musicgen_card_run_draw (cw_musicgen_card_run *run, int32_t *tokens);
/* Kernels and copies of one drawn step; 0 before the first. */
size_t                cw_musicgen_card_run_n_nodes (const cw_musicgen_card_run *run);
