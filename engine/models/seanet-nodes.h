/* SPDX-License-Identifier: MIT
 *
 * seanet-nodes.h: what a cw_seanet is made of, and what its streams remember, for those that run it: seanet.c on the processor,
 *     seanet-card.c on a card.
 */
#pragma once

#include "base/arena.h"
#include "models/conv.h"
#include "models/layers.h"
#include "models/seanet.h"

#define CW_SEANET_LSTM_MAX 8 /* layers */

typedef enum { CW_NODE_CONV, CW_NODE_RESIDUAL, CW_NODE_LSTM } cw_node_kind;

/* ELU, conv of kernel 3 (dilated), ELU, conv 1x1; plus the input, or a 1x1 convolution of it. */
typedef struct {
  cw_conv first, second, shortcut;
  bool    has_shortcut;
} cw_residual;

typedef struct {
  size_t    c, n_layers;
  cw_linear input[CW_SEANET_LSTM_MAX], recurrent[CW_SEANET_LSTM_MAX]; /* [4 c, c]; input's bias is the sum of both */
} cw_lstm;

typedef struct {
  cw_node_kind kind;
  size_t       c_out;
  union {
    cw_conv     conv;
    cw_residual residual;
    cw_lstm     lstm;
  };
} cw_node;

/* The convolution through which a node that is no LSTM streams: of a residual block the first one, the others are pointwise. */
static inline const cw_conv *
cw_node_conv (const cw_node *node)
{
  return node->kind == CW_NODE_CONV ? &node->conv : &node->residual.first;
}

static inline size_t
cw_node_c_in (const cw_node *node)
{
  return node->kind == CW_NODE_LSTM ? node->lstm.c : cw_node_conv (node)->c_in;
}

/* Columns that can come out of a push of @max_push. */
static inline size_t
cw_node_max_out (const cw_node *node, size_t max_push)
{
  return node->kind == CW_NODE_LSTM ? max_push : cw_conv_max_out (cw_node_conv (node), max_push);
}

struct cw_seanet {
  cw_backend      *be;
  cw_seanet_config config;
  cw_arena         arena;
  size_t           n_nodes, c_in;
  cw_node         *nodes;
};

/* ---- what a stream remembers between two pushes ------------------------------------------------------------------------

 * Beside the place of each node there are numbers, node after node: of a convolution the columns of its buffer, [N, c_in, room] with
 * room = cw_conv_capacity (conv, 0); of a residual block those of its first one, then as many of the input that it has not caught up with;
 * of an LSTM the hidden states and the cells, [layers, N, c] each. */
typedef struct {
  cw_conv_place conv;      /* of a residual block: its first one's */
  size_t        n_waiting; /* of a residual block */
} cw_node_place;

size_t cw_node_state_floats (const cw_node *node, size_t n_signals);
/* A stream of the processor's goes on where another, of as many signals, stood. */
void   cw_seanet_stream_restore (cw_seanet_stream *stream, const cw_node_place *places, const float *state);
