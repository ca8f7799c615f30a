/* SPDX-License-Identifier: MIT
 *
 * t5-card.h: the layers of T5's encoder on a card, behind t5.h.
 */
#pragma once

#include "cuda/card.h"
#include "models/t5-weights.h"

typedef struct cw_t5_card cw_t5_card;

/* Copies the weights as they are stored; @t5 and @card must outlive it. NULL and @error: no room, or a shape that the kernels do not do. */
cw_t5_card *cw_t5_card_new (cw_card *card, const cw_t5 *t5, cw_error *error);
void        cw_t5_card_free (cw_t5_card *weights);
/* Bytes that they take there. */
size_t      cw_t5_card_n_bytes (const cw_t5_card *weights);
/* The same of a model that is not loaded yet, its matrices as @dtype: SIZE_MAX when that is not a size. */
size_t      cw_t5_card_weight_bytes (const cw_t5_config *config, cw_dtype dtype);

/* @x [n, width], embeddings, through all layers, in place, but for the last norm; nobody attends to those from @n_real on. @bias [heads, 2 n - 1]
 * as in t5.c. False when there was no room or the card failed: x is then of no use. */
bool        cw_t5_card_run (cw_t5_card *weights, float *x, size_t n, size_t n_real, const float *bias);
