/* SPDX-License-Identifier: MIT
 *
 * seanet.c: see seanet.h.
 *
 *     encoder:  conv k, then for each ratio (finest first): residual blocks, ELU, conv of stride ratio that doubles the channels;
 *               then LSTM, ELU, conv to the latent
 *     decoder:  conv from the latent, LSTM, then for each ratio: ELU, transposed conv of stride ratio that halves the channels,
 *               residual blocks; then ELU, conv to sound
 *
 * An ELU belongs to the convolution behind it, but within a residual block to the one before it. The numbers in the tensors' names count
 * ELUs too.
 *
 * A layer takes what the one before gave in pieces that stay in the processor's caches on their way through all layers behind it.
 */
#include "models/seanet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/seanet-nodes.h"

#define PIECE_FLOATS  (128 * 1024) /* of a layer's input */
#define PIECE_COLUMNS 48           /* a multiple of every twin's tile of columns */

/* ---- loading ------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_fetch   fetch;
  cw_seanet *net;
  unsigned   index; /* the next layer's number in the tensors' names */
  cw_dtype   in_file; /* of a sketch: what the LSTM's matrices are in the file */
} builder;

static cw_node *
new_node (builder *b, cw_node_kind kind, size_t c_out)
{
  cw_node *n = &b->net->nodes[b->net->n_nodes++];

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
  cw_conv_fetch (&b->fetch, &new_node (b, CW_NODE_CONV, c_out)->conv, &b->net->config, c_in, c_out, shape, name);
}

static void
add_residual (builder *b, size_t c, size_t dilation)
{
  const cw_seanet_config *config = &b->net->config;
  const size_t            hidden = c / config->compress;
  cw_residual            *r = &new_node (b, CW_NODE_RESIDUAL, c)->residual;
  char                    name[48];

  snprintf (name, sizeof name, "layers.%u.block.1", b->index);
  cw_conv_fetch (&b->fetch, &r->first, config, c, hidden,
                 (cw_conv_shape){ config->residual_kernel, 1, dilation, false, true, true }, name);
  snprintf (name, sizeof name, "layers.%u.block.3", b->index);
  cw_conv_fetch (&b->fetch, &r->second, config, hidden, c, (cw_conv_shape){ 1, 1, 1, false, false, false }, name);
  r->has_shortcut = config->conv_shortcut;
  if (r->has_shortcut) {
    snprintf (name, sizeof name, "layers.%u.shortcut", b->index);
    cw_conv_fetch (&b->fetch, &r->shortcut, config, c, c, (cw_conv_shape){ 1, 1, 1, false, false, false }, name);
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

/* The shapes of one of its matrices, where there are no weights. */
static void
sketch_gates (cw_linear *linear, size_t c, cw_storage storage, cw_dtype in_file)
{
  linear->w = (cw_tensor){ .dtype = cw_stored_dtype (storage, in_file), .n_dims = 2, .dims = { 4 * c, c } };
}

static void
add_lstm (builder *b, size_t c)
{
  cw_lstm *l = &new_node (b, CW_NODE_LSTM, c)->lstm;

  l->c = c;
  l->n_layers = b->net->config.n_lstm;
  for (unsigned i = 0; i < l->n_layers && !b->fetch.failed; i++) {
    const uint64_t   dims[] = { 4 * c };
    const cw_storage storage = b->fetch.source.storage;
    float           *bias = NULL;
    const float     *second = NULL;

    /* a gate's rows begin where a tile does */
    if (c % CW_TILE_ROWS != 0 && storage > CW_STORE_F16)
      b->fetch.source.storage = CW_STORE_F16;
    if (!b->fetch.source.weights) {
      sketch_gates (&l->input[i], c, b->fetch.source.storage, b->in_file);
      sketch_gates (&l->recurrent[i], c, b->fetch.source.storage, b->in_file);
      b->fetch.source.storage = storage;
      continue;
    }
    cw_fetch_linear (&b->fetch, &l->input[i], 4 * c, c, "layers.%u.lstm.weight_ih_l%u", b->index, i);
    cw_fetch_linear (&b->fetch, &l->recurrent[i], 4 * c, c, "layers.%u.lstm.weight_hh_l%u", b->index, i);
    b->fetch.source.storage = storage;
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
  add_conv (b, config->n_channels, c, (cw_conv_shape){ config->kernel, 1, 1, false, false, false });
  for (size_t i = config->n_ratios; i-- > 0 && !b->fetch.failed; c *= 2) {
    add_residuals (b, c);
    add_conv (b, c, 2 * c, (cw_conv_shape){ 2 * config->ratios[i], config->ratios[i], 1, false, true, false });
  }
  if (!b->fetch.failed)
    add_lstm (b, c);
  if (!b->fetch.failed)
    add_conv (b, c, config->latent, (cw_conv_shape){ config->last_kernel, 1, 1, false, true, false });
}

static void
build_decoder (builder *b)
{
  const cw_seanet_config *config = &b->net->config;
  size_t                  c = config->n_filters << config->n_ratios;

  b->net->c_in = config->latent;
  add_conv (b, config->latent, c, (cw_conv_shape){ config->kernel, 1, 1, false, false, false });
  if (!b->fetch.failed)
    add_lstm (b, c);
  for (size_t i = 0; i < config->n_ratios && !b->fetch.failed; i++, c /= 2) {
    add_conv (b, c, c / 2, (cw_conv_shape){ 2 * config->ratios[i], config->ratios[i], 1, true, true, false });
    add_residuals (b, c / 2);
  }
  if (!b->fetch.failed)
    add_conv (b, c, config->n_channels, (cw_conv_shape){ config->last_kernel, 1, 1, false, true, false });
}

static cw_seanet *
build (cw_backend *be, const cw_seanet_config *config, cw_seanet_half half, const cw_source *source, cw_dtype in_file, const char *prefix,
       cw_error *error)
{
  cw_seanet *net = calloc (1, sizeof *net);
  builder    b = { .net = net, .in_file = in_file };

  if (!net) {
    cw_fail_memory (error, "the codec", sizeof *net);
    return NULL;
  }
  net->be = be;
  net->config = *config;
  net->nodes = cw_arena_new (&net->arena, cw_node, 3 + config->n_ratios * (1 + config->n_residual));
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

cw_seanet *
cw_seanet_load (cw_backend *be, const cw_seanet_config *config, cw_seanet_half half, const cw_source *source, const char *prefix, cw_error *error)
{
  return build (be, config, half, source, CW_F32, prefix, error);
}

cw_seanet *
cw_seanet_sketch (const cw_seanet_config *config, cw_seanet_half half, cw_storage storage, cw_dtype in_file, cw_error *error)
{
  return build (NULL, config, half, &(cw_source){ .storage = storage }, in_file, "", error);
}

void
cw_seanet_free (cw_seanet *net)
{
  if (!net)
    return;
  cw_arena_free (&net->arena);
  free (net);
}

static double
conv_operations (const cw_conv *conv)
{
  return 2.0 * (double) conv->c_in * (double) conv->c_out * (double) conv->kernel;
}

double
cw_seanet_operations (const cw_seanet *net)
{
  double columns = 1.0, n = 0.0;

  for (size_t i = 0; i < net->n_nodes; i++) {
    const cw_node *this = &net->nodes[i];

    if (this->kind == CW_NODE_CONV) {
      /* a transposed one's products belong to the input's columns, another's to the output's */
      if (!this->conv.transposed)
        columns /= (double) this->conv.stride;
      n += columns * conv_operations (&this->conv);
      if (this->conv.transposed)
        columns *= (double) this->conv.stride;
    } else if (this->kind == CW_NODE_RESIDUAL) {
      n += columns * (conv_operations (&this->residual.first) + conv_operations (&this->residual.second));
      if (this->residual.has_shortcut)
        n += columns * conv_operations (&this->residual.shortcut);
    } else {
      n += columns * 16.0 * (double) this->lstm.n_layers * (double) this->lstm.c * (double) this->lstm.c;
    }
  }
  return n;
}

/* ---- streaming ------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_conv_stream first, second, shortcut;
  float         *waiting; /* [c, capacity]: input that the block has not caught up with */
  size_t         capacity, n_waiting;
} residual_stream;

/* Of all signals together: they share each read of the weights. */
typedef struct {
  float *rows, *gates, *hidden, *cell; /* [T, N, c], [T, N, 4 c], [layers, N, c], [layers, N, c] */
  float *mixed;                        /* [T, N, c] */
  float *out;                          /* [N, c, max_push] */
  size_t max_push;
} lstm_stream;

typedef union {
  cw_conv_stream  conv;
  residual_stream residual;
} signal_stream;

typedef struct {
  signal_stream *signals; /* [N], for convolutions and residual blocks */
  lstm_stream    lstm;
  size_t         piece;   /* columns that it takes at a time */
  const float  **x;       /* [N]: what comes in */
} node_stream;

struct cw_seanet_stream {
  cw_seanet    *net;
  cw_arena      arena;
  size_t        n_signals;
  node_stream  *nodes;
  float        *out; /* [N, channels out, max_out]: of one push */
  size_t        max_out, n_out;
};

/* Columns that pass from one layer to the next, of each signal. */
typedef struct {
  const float **x;
  size_t        ld, n;
} columns;

static void
residual_init (residual_stream *stream, const cw_residual *r, size_t max_push, cw_arena *arena)
{
  cw_conv_stream_init (&stream->first, &r->first, max_push, arena);
  cw_conv_stream_init (&stream->second, &r->second, stream->first.max_out, arena);
  stream->capacity = stream->first.capacity + max_push;
  stream->waiting = cw_arena_new (arena, float, r->first.c_in * stream->capacity);
  if (r->has_shortcut)
    cw_conv_stream_init (&stream->shortcut, &r->shortcut, stream->first.max_out, arena);
}

static void
lstm_init (lstm_stream *stream, const cw_lstm *l, size_t max_push, size_t n_signals, cw_arena *arena)
{
  const size_t c = n_signals * l->c;

  stream->max_push = max_push;
  stream->rows = cw_arena_new (arena, float, max_push * c);
  stream->mixed = cw_arena_new (arena, float, max_push * c);
  stream->gates = cw_arena_new (arena, float, max_push * 4 * c);
  stream->hidden = cw_arena_new (arena, float, l->n_layers * c);
  stream->cell = cw_arena_new (arena, float, l->n_layers * c);
  stream->out = cw_arena_new (arena, float, max_push * c);
}

/* Memory of one node for pushes of @max_push columns. A group norm must see all of them; an LSTM's weights are read once for a few or
 * for many. */
static void
node_init (cw_seanet_stream *stream, const cw_node *n, node_stream *s, size_t max_push)
{
  const size_t fitting = PIECE_FLOATS / cw_node_c_in (n) / PIECE_COLUMNS * PIECE_COLUMNS;

  s->piece = fitting > PIECE_COLUMNS ? fitting : PIECE_COLUMNS;
  if (s->piece > max_push || n->kind == CW_NODE_LSTM || stream->net->config.group_norm)
    s->piece = max_push;
  s->x = cw_arena_new (&stream->arena, const float *, stream->n_signals);
  if (n->kind == CW_NODE_LSTM) {
    lstm_init (&s->lstm, &n->lstm, s->piece, stream->n_signals, &stream->arena);
    return;
  }
  s->signals = cw_arena_new (&stream->arena, signal_stream, stream->n_signals);
  for (size_t i = 0; s->signals && i < stream->n_signals; i++)
    if (n->kind == CW_NODE_CONV)
      cw_conv_stream_init (&s->signals[i].conv, &n->conv, s->piece, &stream->arena);
    else
      residual_init (&s->signals[i].residual, &n->residual, s->piece, &stream->arena);
}

cw_seanet_stream *
cw_seanet_stream_new (cw_seanet *net, size_t max_push, size_t n_signals, cw_error *error)
{
  cw_seanet_stream *stream = calloc (1, sizeof *stream);

  if (!stream) {
    cw_fail_memory (error, "the codec", sizeof *stream);
    return NULL;
  }
  stream->net = net;
  stream->n_signals = n_signals;
  stream->max_out = max_push;
  stream->nodes = cw_arena_new (&stream->arena, node_stream, net->n_nodes + 1);
  for (size_t i = 0; stream->nodes && i < net->n_nodes; i++) {
    node_init (stream, &net->nodes[i], &stream->nodes[i], max_push);
    max_push = cw_node_max_out (&net->nodes[i], stream->nodes[i].piece);
    stream->max_out = cw_node_max_out (&net->nodes[i], stream->max_out);
  }
  if (stream->nodes)
    stream->nodes[net->n_nodes].x = cw_arena_new (&stream->arena, const float *, n_signals);
  stream->out = cw_arena_new (&stream->arena, float, n_signals * net->nodes[net->n_nodes - 1].c_out * stream->max_out);
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

size_t
cw_seanet_stream_max_out (const cw_seanet_stream *stream)
{
  return stream->max_out;
}

static void
residual_reset (residual_stream *stream, const cw_residual *r)
{
  cw_conv_stream_reset (&stream->first);
  cw_conv_stream_reset (&stream->second);
  if (r->has_shortcut)
    cw_conv_stream_reset (&stream->shortcut);
  stream->n_waiting = 0;
}

void
cw_seanet_stream_reset (cw_seanet_stream *stream)
{
  for (size_t i = 0; i < stream->net->n_nodes; i++) {
    const cw_node *n = &stream->net->nodes[i];
    node_stream   *s = &stream->nodes[i];

    if (n->kind == CW_NODE_LSTM) {
      const size_t n_bytes = n->lstm.n_layers * stream->n_signals * n->lstm.c * sizeof (float);

      memset (s->lstm.hidden, 0, n_bytes);
      memset (s->lstm.cell, 0, n_bytes);
      continue;
    }
    for (size_t j = 0; j < stream->n_signals; j++)
      if (n->kind == CW_NODE_CONV)
        cw_conv_stream_reset (&s->signals[j].conv);
      else
        residual_reset (&s->signals[j].residual, &n->residual);
  }
}

/* ---- going on where another stood ----------------------------------------------------------------------------------------- */

size_t
cw_node_state_floats (const cw_node *node, size_t n_signals)
{
  if (node->kind == CW_NODE_LSTM)
    return 2 * node->lstm.n_layers * n_signals * node->lstm.c;
  return (node->kind == CW_NODE_RESIDUAL ? 2 : 1) * n_signals * cw_node_c_in (node) * cw_conv_capacity (cw_node_conv (node), 0);
}

/* Columns of signal @signal, @n of each of @c channels, from the numbers at @state. */
static void
restore_columns (float *to, size_t ld, const float *state, size_t room, size_t signal, size_t c, size_t n)
{
  for (size_t i = 0; i < c; i++)
    memcpy (to + i * ld, state + (signal * c + i) * room, n * sizeof *to);
}

static void
restore_conv (cw_conv_stream *stream, const cw_conv_place *place, const float *state, size_t signal)
{
  const cw_conv *conv = stream->conv;

  stream->place = *place;
  if (!cw_conv_is_pointwise (conv))
    restore_columns (stream->buffer, stream->capacity, state, cw_conv_capacity (conv, 0), signal, conv->c_in, place->length);
}

void
cw_seanet_stream_restore (cw_seanet_stream *stream, const cw_node_place *places, const float *state)
{
  for (size_t i = 0; i < stream->net->n_nodes; i++) {
    const cw_node *n = &stream->net->nodes[i];
    node_stream   *s = &stream->nodes[i];
    const size_t   n_floats = cw_node_state_floats (n, stream->n_signals);

    for (size_t j = 0; j < stream->n_signals && n->kind != CW_NODE_LSTM; j++)
      if (n->kind == CW_NODE_CONV) {
        restore_conv (&s->signals[j].conv, &places[i].conv, state, j);
      } else {
        residual_stream *r = &s->signals[j].residual;

        restore_conv (&r->first, &places[i].conv, state, j);
        r->n_waiting = places[i].n_waiting;
        restore_columns (r->waiting, r->capacity, state + n_floats / 2, cw_conv_capacity (&n->residual.first, 0), j, n->residual.first.c_in,
                         r->n_waiting);
      }
    if (n->kind == CW_NODE_LSTM) {
      memcpy (s->lstm.hidden, state, n_floats / 2 * sizeof *state);
      memcpy (s->lstm.cell, state + n_floats / 2, n_floats / 2 * sizeof *state);
    }
    state += n_floats;
  }
}

/* ---- a push ------------------------------------------------------------------------------------------------------------------ */

/* Returns the number of columns in s->second.y. */
static size_t
push_residual (cw_backend *be, const cw_residual *r, residual_stream *s, const float *x, size_t ld_x, size_t n, bool end)
{
  const size_t c = r->first.c_in;
  const float *skip = s->waiting;
  size_t       n_out, ld_skip = s->capacity;

  be->copy (be, s->waiting + s->n_waiting, s->capacity, x, ld_x, c, n);
  s->n_waiting += n;
  n_out = cw_conv_stream_push (&s->first, be, x, ld_x, n, end, NULL, 0);
  if (r->has_shortcut) {
    cw_conv_stream_push (&s->shortcut, be, s->waiting, s->capacity, n_out, end, NULL, 0);
    skip = s->shortcut.y;
    ld_skip = s->shortcut.max_out;
  }
  cw_conv_stream_push (&s->second, be, s->first.y, s->first.max_out, n_out, end, skip, ld_skip);
  s->n_waiting -= n_out;
  for (size_t i = 0; i < c; i++) {
    float *row = s->waiting + i * s->capacity;
    memmove (row, row + n_out, s->n_waiting * sizeof *row);
  }
  return n_out;
}

/* The skip surrounds all layers together. */
static columns
push_lstm (cw_seanet_stream *stream, const cw_lstm *l, lstm_stream *s, columns in, const float **y)
{
  const size_t c = l->c, n = in.n, n_signals = stream->n_signals, row = n_signals * c;
  cw_backend  *be = stream->net->be;

  for (size_t j = 0; j < n_signals; j++)
    for (size_t i = 0; i < c; i++)
      for (size_t t = 0; t < n; t++)
        s->rows[t * row + j * c + i] = in.x[j][i * in.ld + t];
  for (size_t i = 0; i < l->n_layers; i++) {
    be->linear (be, s->gates, 4 * c, i == 0 ? s->rows : s->mixed, c, n * n_signals, &l->input[i], CW_ACTIVATION_NONE, NULL, NULL);
    be->lstm (be, s->mixed, s->gates, n, n_signals, c, &l->recurrent[i], s->hidden + i * row, s->cell + i * row);
  }
  for (size_t j = 0; j < n_signals; j++) {
    float *out = s->out + j * c * s->max_push;

    for (size_t i = 0; i < c; i++)
      for (size_t t = 0; t < n; t++)
        out[i * s->max_push + t] = s->mixed[t * row + j * c + i] + in.x[j][i * in.ld + t];
    y[j] = out;
  }
  return (columns){ y, s->max_push, n };
}

/* The same columns of each signal through one convolution or residual block. */
static columns
push_signals (cw_seanet_stream *stream, const cw_node *n, node_stream *s, columns in, bool end, const float **y)
{
  cw_backend *be = stream->net->be;
  columns     out = { .x = y };

  for (size_t j = 0; j < stream->n_signals; j++)
    if (n->kind == CW_NODE_CONV) {
      cw_conv_stream *conv = &s->signals[j].conv;

      out.n = cw_conv_stream_push (conv, be, in.x[j], in.ld, in.n, end, NULL, 0);
      out.ld = conv->max_out;
      y[j] = conv->y;
    } else {
      residual_stream *r = &s->signals[j].residual;

      out.n = push_residual (be, &n->residual, r, in.x[j], in.ld, in.n, end);
      out.ld = r->second.max_out;
      y[j] = r->second.y;
    }
  return out;
}

static void push_from (cw_seanet_stream *stream, size_t first, columns c, bool end);

/* @c from node @index on, in pieces that it takes. */
static void
push_pieces (cw_seanet_stream *stream, size_t index, columns c, bool end)
{
  node_stream *s = &stream->nodes[index];

  for (size_t at = 0; at < c.n; at += s->piece) {
    const size_t n = c.n - at < s->piece ? c.n - at : s->piece;

    push_from (stream, index, (columns){ c.x, c.ld, n }, end && at + n == c.n);
    for (size_t j = 0; j < stream->n_signals; j++)
      c.x[j] += n;
  }
}

/* Nodes @first and on take @c; what comes out behind the last is appended to stream->out. */
static void
push_from (cw_seanet_stream *stream, size_t first, columns c, bool end)
{
  const cw_seanet *net = stream->net;

  for (size_t i = first; i < net->n_nodes; i++) {
    const cw_node   *this = &net->nodes[i];
    node_stream  *s = &stream->nodes[i];
    const float **y = stream->nodes[i + 1].x;

    if (c.n > s->piece) {
      push_pieces (stream, i, c, end);
      return;
    }
    if (c.n == 0 && !end)
      return;
    c = this->kind == CW_NODE_LSTM ? push_lstm (stream, &this->lstm, &s->lstm, c, y) : push_signals (stream, this, s, c, end, y);
  }
  for (size_t j = 0; j < stream->n_signals; j++) {
    const size_t c_out = net->nodes[net->n_nodes - 1].c_out;
    float       *out = stream->out + j * c_out * stream->max_out + stream->n_out;

    for (size_t i = 0; i < c_out; i++)
      memcpy (out + i * stream->max_out, c.x[j] + i * c.ld, c.n * sizeof *out);
  }
  stream->n_out += c.n;
}

void
cw_seanet_stream_push (cw_seanet_stream *stream, const float *const *x, size_t ld_x, size_t n, bool end, const float **y,
                       size_t *ld_y, size_t *n_out)
{
  const size_t c_out = stream->net->nodes[stream->net->n_nodes - 1].c_out;
  columns      c = { stream->nodes[0].x, ld_x, n };

  memcpy (c.x, x, stream->n_signals * sizeof *x);
  stream->n_out = 0;
  push_from (stream, 0, c, end);
  for (size_t j = 0; j < stream->n_signals; j++)
    y[j] = stream->out + j * c_out * stream->max_out;
  *ld_y = stream->max_out;
  *n_out = stream->n_out;
}
