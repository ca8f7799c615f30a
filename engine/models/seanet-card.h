/* SPDX-License-Identifier: MIT
 *
 * seanet-card.h: EnCodec's network on a card: its weights there, and streams over them, on the stream CW_GPU_CODEC. The numbers are the
 *     processor's to the bit, but for group norm, whose sums in double precision have another order.
 */
#pragma once

#include "cuda/card.h"
#include "models/seanet-nodes.h"

typedef struct cw_seanet_card        cw_seanet_card;
typedef struct cw_seanet_card_stream cw_seanet_card_stream;

/* Copies the weights as they are stored; @net and @card must outlive it. NULL and @error: no room, or a network that is not for a card. */
cw_seanet_card *cw_seanet_card_new (cw_card *card, const cw_seanet *net, cw_error *error);
void            cw_seanet_card_free (cw_seanet_card *weights);
/* Bytes that they take there. */
size_t          cw_seanet_card_n_bytes (const cw_seanet_card *weights);
/* The same of a network that is only sketched; the most columns that a push gives out, and what a stream takes: SIZE_MAX when that is not a size. */
size_t          cw_seanet_card_weight_bytes (const cw_seanet *net);
size_t          cw_seanet_card_max_out (const cw_seanet *net, size_t max_push);
size_t          cw_seanet_card_stream_bytes (const cw_seanet *net, size_t max_push, size_t n_signals);

/* As cw_seanet_stream_new. */
cw_seanet_card_stream *cw_seanet_card_stream_new (cw_seanet_card *weights, size_t max_push, size_t n_signals, cw_error *error);
/* Waits for what is queued. */
void                   cw_seanet_card_stream_free (cw_seanet_card_stream *stream);
size_t                 cw_seanet_card_stream_max_out (const cw_seanet_card_stream *stream);
void                   cw_seanet_card_stream_reset (cw_seanet_card_stream *stream);
size_t                 cw_seanet_card_stream_n_bytes (const cw_seanet_card_stream *stream);

/* Queues a push: @x [N, channels in, ld_x] and the result [N, channels out, *ld_y], *n_out columns, lie on the card, the latter until the next push. */
const float *cw_seanet_card_stream_push (cw_seanet_card_stream *stream, const float *x, size_t ld_x, size_t n, bool end, size_t *ld_y,
                                         size_t *n_out);

/* What the stream remembers behind the last push, as seanet-nodes.h says: places [n_nodes] here, the numbers on the card. */
const cw_node_place *cw_seanet_card_stream_places (const cw_seanet_card_stream *stream);
const float         *cw_seanet_card_stream_state (const cw_seanet_card_stream *stream, size_t *n_floats);
