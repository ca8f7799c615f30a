/* SPDX-License-Identifier: MIT
 *
 * seanet.c: see seanet.h.
 *
 *     encoder:  conv k, then for each ratio (finest first): residual blocks, ELU, conv of stride ratio that doubles the channels;
 *               then LSTM, ELU, conv to the latent
 *     decoder:  conv from the latent, LSTM, then for each ratio: ELU, transposed conv of stride ratio that halves the channels,
 *               residual blocks; then ELU, conv to sound
 *
 * An ELU belongs to the convolution behind it. The numbers in the tensors' names count ELUs too.
 */
#include "models/seanet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/conv.h"
#include "models/layers.h"

#define LSTM_MAX 8

typedef enum { NODE_CONV, NODE_RESIDUAL, NODE_LSTM } node_kind;

/* ELU, conv of kernel 3 (dilated), ELU, conv 1x1; plus the input, or a 1x1 convolution of it. */
typedef struct {
  cw_conv first, second, shortcut;
  bool    has_shortcut;
} residual;

typedef struct {
  size_t    c, n_layers;
  cw_linear input[LSTM_MAX], recurrent[LSTM_MAX]; /* [4 c, c]; input's bias is the sum of both */
} lstm;

typedef struct {
  node_kind kind;
  size_t    c_out;
  union {
    cw_conv  conv;
    residual residual;
    lstm     lstm;
  };
} node;

struct cw_seanet {
  cw_backend      *be;
  cw_seanet_config config;
  cw_arena         arena;
  size_t           n_nodes, c_in;
  node            *nodes;
};

/* ---- loading ------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_fetch   fetch;
  cw_seanet *net;
  unsigned   index; /* the next layer's number in the tensors' names */
} builder;

static node *
new_node (builder *b, node_kind kind, size_t c_out)
{
  node *n = &b->net->nodes[b->net->n_nodes++];

  n->kind = kind;
  n->c_out = c_out;
  return n;
}

static void
add_conv (builder *b, size_t c_in, size_t c_out, cw_conv_shape shape)
{
  char name[32];

  b->index += shape.elu; /* the ELU is a layer of its own in the file */
  snprintf (name, sizeof name, "layers.%u", b->index++);
  cw_conv_fetch (&b->fetch, &new_node (b, NODE_CONV, c_out)->conv, &b->net->config, c_in, c_out, shape, name);
}

static void
add_residual (builder *b, size_t c, size_t dilation)
{
  const cw_seanet_config *config = &b->net->config;
  const size_t            hidden = c / config->compress;
  residual               *r = &new_node (b, NODE_RESIDUAL, c)->residual;
  char                    name[48];

  snprintf (name, sizeof name, "layers.%u.block.1", b->index);
  cw_conv_fetch (&b->fetch, &r->first, config, c, hidden,
                 (cw_conv_shape){ config->residual_kernel, 1, dilation, false, true }, name);
  snprintf (name, sizeof name, "layers.%u.block.3", b->index);
  cw_conv_fetch (&b->fetch, &r->second, config, hidden, c, (cw_conv_shape){ 1, 1, 1, false, true }, name);
  r->has_shortcut = config->conv_shortcut;
  if (r->has_shortcut) {
    snprintf (name, sizeof name, "layers.%u.shortcut", b->index);
    cw_conv_fetch (&b->fetch, &r->shortcut, config, c, c, (cw_conv_shape){ 1, 1, 1, false, false }, name);
  }
  b->index++;
}

static void
add_residuals (builder *b, size_t c)
{
  size_t dilation = 1;

  for (size_t i = 0; i < b->net->config.n_residual; i++, dilation *= b->net->config.dilation_growth)
    add_residual (b, c, dilation);
}

static void
add_lstm (builder *b, size_t c)
{
  lstm *l = &new_node (b, NODE_LSTM, c)->lstm;

  l->c = c;
  l->n_layers = b->net->config.n_lstm;
  for (unsigned i = 0; i < l->n_layers && !b->fetch.failed; i++) {
    const uint64_t dims[] = { 4 * c };
    float         *bias = NULL;
    const float   *second = NULL;

    cw_fetch_linear (&b->fetch, &l->input[i], 4 * c, c, "layers.%u.lstm.weight_ih_l%u", b->index, i);
    cw_fetch_linear (&b->fetch, &l->recurrent[i], 4 * c, c, "layers.%u.lstm.weight_hh_l%u", b->index, i);
    cw_fetch_widened (&b->fetch, &bias, dims, 1, "layers.%u.lstm.bias_ih_l%u", b->index, i);
    cw_fetch_vector (&b->fetch, &second, 4 * c, "layers.%u.lstm.bias_hh_l%u", b->index, i);
    if (!b->fetch.failed)
      for (size_t j = 0; j < 4 * c; j++)
        bias[j] += second[j];
    l->input[i].bias = bias;
  }
  b->index++;
}

static void
build_encoder (builder *b)
{
  const cw_seanet_config *config = &b->net->config;
  size_t                  c = config->n_filters;

  b->net->c_in = config->n_channels;
  add_conv (b, config->n_channels, c, (cw_conv_shape){ config->kernel, 1, 1, false, false });
  for (size_t i = config->n_ratios; i-- > 0 && !b->fetch.failed; c *= 2) {
    add_residuals (b, c);
    add_conv (b, c, 2 * c, (cw_conv_shape){ 2 * config->ratios[i], config->ratios[i], 1, false, true });
  }
  if (!b->fetch.failed)
    add_lstm (b, c);
  if (!b->fetch.failed)
    add_conv (b, c, config->latent, (cw_conv_shape){ config->last_kernel, 1, 1, false, true });
}

static void
build_decoder (builder *b)
{
  const cw_seanet_config *config = &b->net->config;
  size_t                  c = config->n_filters << config->n_ratios;

  b->net->c_in = config->latent;
  add_conv (b, config->latent, c, (cw_conv_shape){ config->kernel, 1, 1, false, false });
  if (!b->fetch.failed)
    add_lstm (b, c);
  for (size_t i = 0; i < config->n_ratios && !b->fetch.failed; i++, c /= 2) {
    add_conv (b, c, c / 2, (cw_conv_shape){ 2 * config->ratios[i], config->ratios[i], 1, true, true });
    add_residuals (b, c / 2);
  }
  if (!b->fetch.failed)
    add_conv (b, c, config->n_channels, (cw_conv_shape){ config->last_kernel, 1, 1, false, true });
}

cw_seanet *
cw_seanet_load (cw_backend *be, const cw_seanet_config *config, cw_seanet_half half, const cw_source *source,
                const char *prefix, cw_error *error)
{
  cw_seanet *net = calloc (1, sizeof *net);
  builder    b = { .net = net };

  if (!net) {
    cw_fail_memory (error, "the codec", sizeof *net);
    return NULL;
  }
  net->be = be;
  net->config = *config;
  net->nodes = cw_arena_new (&net->arena, node, 3 + config->n_ratios * (1 + config->n_residual));
  b.fetch = (cw_fetch){ be, *source, &net->arena, prefix, error, !cw_arena_ok (&net->arena, "the codec", error) };
  if (!b.fetch.failed) {
    if (half == CW_SEANET_ENCODER)
      build_encoder (&b);
    else
      build_decoder (&b);
  }
  if (b.fetch.failed) {
    cw_seanet_free (net);
    return NULL;
  }
  return net;
}

void
cw_seanet_free (cw_seanet *net)
{
  if (!net)
    return;
  cw_arena_free (&net->arena);
  free (net);
}

/* ---- streaming ------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_conv_stream first, second, shortcut;
  float         *waiting; /* [c, capacity]: input that the block has not caught up with */
  size_t         capacity, n_waiting;
} residual_stream;

typedef struct {
  float *rows, *gates, *hidden, *cell; /* [T, c], [T, 4 c], [layers, c], [layers, c] */
  float *mixed;                        /* [T, c] */
  float *out;                          /* [c, max_push] */
  size_t max_push;
} lstm_stream;

typedef union {
  cw_conv_stream  conv;
  residual_stream residual;
  lstm_stream     lstm;
} node_stream;

struct cw_seanet_stream {
  cw_seanet   *net;
  cw_arena     arena;
  node_stream *nodes;
};

/* Columns that pass from one layer to the next. */
typedef struct {
  const float *x;
  size_t       ld, n;
} columns;

static void
residual_init (residual_stream *stream, const residual *r, size_t max_push, cw_arena *arena)
{
  cw_conv_stream_init (&stream->first, &r->first, max_push, arena);
  cw_conv_stream_init (&stream->second, &r->second, stream->first.max_out, arena);
  stream->capacity = stream->first.capacity + max_push;
  stream->waiting = cw_arena_new (arena, float, r->first.c_in * stream->capacity);
  if (r->has_shortcut)
    cw_conv_stream_init (&stream->shortcut, &r->shortcut, stream->first.max_out, arena);
}

static void
lstm_init (lstm_stream *stream, const lstm *l, size_t max_push, cw_arena *arena)
{
  stream->max_push = max_push;
  stream->rows = cw_arena_new (arena, float, max_push * l->c);
  stream->mixed = cw_arena_new (arena, float, max_push * l->c);
  stream->gates = cw_arena_new (arena, float, max_push * 4 * l->c);
  stream->hidden = cw_arena_new (arena, float, l->n_layers * l->c);
  stream->cell = cw_arena_new (arena, float, l->n_layers * l->c);
  stream->out = cw_arena_new (arena, float, max_push * l->c);
}

cw_seanet_stream *
cw_seanet_stream_new (cw_seanet *net, size_t max_push, cw_error *error)
{
  cw_seanet_stream *stream = calloc (1, sizeof *stream);

  if (!stream) {
    cw_fail_memory (error, "the codec", sizeof *stream);
    return NULL;
  }
  stream->net = net;
  stream->nodes = cw_arena_new (&stream->arena, node_stream, net->n_nodes);
  for (size_t i = 0; stream->nodes && i < net->n_nodes; i++) {
    const node  *n = &net->nodes[i];
    node_stream *s = &stream->nodes[i];

    if (n->kind == NODE_CONV) {
      cw_conv_stream_init (&s->conv, &n->conv, max_push, &stream->arena);
      max_push = s->conv.max_out;
    } else if (n->kind == NODE_RESIDUAL) {
      residual_init (&s->residual, &n->residual, max_push, &stream->arena);
      max_push = s->residual.second.max_out;
    } else {
      lstm_init (&s->lstm, &n->lstm, max_push, &stream->arena);
    }
  }
  if (!cw_arena_ok (&stream->arena, "the codec's buffers", error)) {
    cw_seanet_stream_free (stream);
    return NULL;
  }
  return stream;
}

void
cw_seanet_stream_free (cw_seanet_stream *stream)
{
  if (!stream)
    return;
  cw_arena_free (&stream->arena);
  free (stream);
}

void
cw_seanet_stream_reset (cw_seanet_stream *stream)
{
  for (size_t i = 0; i < stream->net->n_nodes; i++) {
    const node  *n = &stream->net->nodes[i];
    node_stream *s = &stream->nodes[i];

    if (n->kind == NODE_CONV) {
      cw_conv_stream_reset (&s->conv);
    } else if (n->kind == NODE_RESIDUAL) {
      cw_conv_stream_reset (&s->residual.first);
      cw_conv_stream_reset (&s->residual.second);
      if (n->residual.has_shortcut)
        cw_conv_stream_reset (&s->residual.shortcut);
      s->residual.n_waiting = 0;
    } else {
      memset (s->lstm.hidden, 0, n->lstm.n_layers * n->lstm.c * sizeof (float));
      memset (s->lstm.cell, 0, n->lstm.n_layers * n->lstm.c * sizeof (float));
    }
  }
}

static columns
push_residual (cw_backend *be, const residual *r, residual_stream *s, columns in, bool end)
{
  const size_t c = r->first.c_in;
  const float *skip = s->waiting;
  size_t       n_out, ld_skip = s->capacity;

  for (size_t i = 0; i < c; i++)
    memcpy (s->waiting + i * s->capacity + s->n_waiting, in.x + i * in.ld, in.n * sizeof (float));
  s->n_waiting += in.n;

  n_out = cw_conv_stream_push (&s->first, be, in.x, in.ld, in.n, end);
  n_out = cw_conv_stream_push (&s->second, be, s->first.out, s->first.max_out, n_out, end);
  if (r->has_shortcut) {
    cw_conv_stream_push (&s->shortcut, be, s->waiting, s->capacity, n_out, end);
    skip = s->shortcut.out;
    ld_skip = s->shortcut.max_out;
  }
  for (size_t i = 0; i < c; i++) {
    float       *y = s->second.out + i * s->second.max_out;
    const float *x = skip + i * ld_skip;
    for (size_t t = 0; t < n_out; t++)
      y[t] += x[t];
  }
  s->n_waiting -= n_out;
  for (size_t i = 0; i < c; i++) {
    float *row = s->waiting + i * s->capacity;
    memmove (row, row + n_out, s->n_waiting * sizeof *row);
  }
  return (columns){ s->second.out, s->second.max_out, n_out };
}

/* The skip surrounds all layers together. */
static columns
push_lstm (cw_backend *be, const lstm *l, lstm_stream *s, columns in)
{
  const size_t c = l->c, n = in.n;

  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      s->rows[t * c + i] = in.x[i * in.ld + t];
  for (size_t i = 0; i < l->n_layers; i++) {
    be->linear (be, s->gates, 4 * c, i == 0 ? s->rows : s->mixed, c, n, &l->input[i], CW_ACTIVATION_NONE, NULL, NULL);
    be->lstm (be, s->mixed, s->gates, n, c, &l->recurrent[i], s->hidden + i * c, s->cell + i * c);
  }
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      s->out[i * s->max_push + t] = s->mixed[t * c + i] + in.x[i * in.ld + t];
  return (columns){ s->out, s->max_push, n };
}

void
cw_seanet_stream_push (cw_seanet_stream *stream, const float *x, size_t ld_x, size_t n, bool end, const float **y,
                       size_t *ld_y, size_t *n_out)
{
  cw_backend *be = stream->net->be;
  columns     c = { x, ld_x, n };

  for (size_t i = 0; i < stream->net->n_nodes; i++) {
    const node  *this = &stream->net->nodes[i];
    node_stream *s = &stream->nodes[i];

    switch (this->kind) {
    case NODE_CONV:
      c.n = cw_conv_stream_push (&s->conv, be, c.x, c.ld, c.n, end);
      c.x = s->conv.out;
      c.ld = s->conv.max_out;
      break;
    case NODE_RESIDUAL:
      c = push_residual (be, &this->residual, &s->residual, c, end);
      break;
    case NODE_LSTM:
      c = push_lstm (be, &this->lstm, &s->lstm, c);
      break;
    }
  }
  *y = c.x;
  *ld_y = c.ld;
  *n_out = c.n;
}
