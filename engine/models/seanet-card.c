/* SPDX-License-Identifier: MIT
 *
 * seanet-card.c: see seanet-card.h, and seanet.c for the network.
 *
 * Between two pushes the card keeps what seanet-nodes.h says a stream remembers, and nothing else. In a push each convolution puts its
 * remembered columns and the new ones side by side into a buffer that all of them use in turn. What goes where is known here without
 * looking at the card (cw_conv_next), so a push is launches and copies that are queued one behind the other. All signals share each
 * launch.
 */
#include "models/seanet-card.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define ROWS_MAX 65535u /* of a grid: channels of all signals together */

typedef struct {
  const float *panels, *bias;
  const float *gamma, *beta; /* of its group norm */
} card_taps;

typedef struct {
  card_taps     conv, second, shortcut; /* conv: a residual block's first */
  cw_gpu_matrix input[CW_SEANET_LSTM_MAX], recurrent[CW_SEANET_LSTM_MAX];
} card_node;

struct cw_seanet_card {
  cw_card         *card;
  const cw_seanet *net;
  cw_card_arena    arena;
  cw_arena         host;
  card_node       *nodes;
};

struct cw_seanet_card_stream {
  cw_seanet_card *weights;
  cw_card_arena   arena;
  cw_arena        host;
  size_t          n_signals, max_out, n_state;
  cw_node_place  *places;
  float          *state;
  float          *input;         /* a convolution's buffer */
  float          *y[2];          /* what nodes give out, in turns */
  float          *inner, *waiting, *skip; /* of a residual block */
  float          *rows, *gates, *mixed;   /* of the LSTM: [T, N, c], [T, N, 4 c], [T, N, c] */
};

/* Columns of all signals, [N, channels, ld], on the card. */
typedef struct {
  const float *x;
  size_t       ld, n;
} columns;

/* ---- weights ---------------------------------------------------------------------------------------------------------- */

static size_t
taps_rows (const cw_taps *taps)
{
  return (taps->m + CW_PANEL - 1) / CW_PANEL * CW_PANEL;
}

static size_t
conv_bytes (const cw_conv *conv)
{
  return (taps_rows (&conv->taps) * (conv->taps.r + 1) + (conv->normed ? 2 * conv->c_out : 0)) * sizeof (float);
}

static card_taps
put_conv (cw_card_arena *arena, const cw_conv *conv)
{
  const cw_taps *from = &conv->taps;
  card_taps      taps = { .panels = cw_card_put (arena, from->panels, taps_rows (from) * from->r, sizeof (float)),
                          .bias = cw_card_put (arena, from->bias, taps_rows (from), sizeof (float)) };

  if (conv->normed) {
    taps.gamma = cw_card_put (arena, conv->norm.gamma, conv->c_out, sizeof (float));
    taps.beta = cw_card_put (arena, conv->norm.beta, conv->c_out, sizeof (float));
  }
  return taps;
}

static void
put_node (cw_card_arena *arena, card_node *to, const cw_node *from)
{
  switch (from->kind) {
  case CW_NODE_CONV:
    to->conv = put_conv (arena, &from->conv);
    break;
  case CW_NODE_RESIDUAL:
    to->conv = put_conv (arena, &from->residual.first);
    to->second = put_conv (arena, &from->residual.second);
    if (from->residual.has_shortcut)
      to->shortcut = put_conv (arena, &from->residual.shortcut);
    break;
  case CW_NODE_LSTM:
    for (size_t i = 0; i < from->lstm.n_layers; i++) {
      to->input[i] = cw_card_put_linear (arena, &from->lstm.input[i]);
      to->recurrent[i] = cw_card_put_linear (arena, &from->lstm.recurrent[i]);
    }
  }
}

static size_t
matrix_bytes (const cw_linear *linear)
{
  return cw_card_matrix_bytes (linear->w.dims[0], linear->w.dims[1], linear->w.dtype);
}

static size_t
node_bytes (const cw_node *node)
{
  size_t n = 0;

  switch (node->kind) {
  case CW_NODE_CONV:
    return conv_bytes (&node->conv);
  case CW_NODE_RESIDUAL:
    return conv_bytes (&node->residual.first) + conv_bytes (&node->residual.second) +
           (node->residual.has_shortcut ? conv_bytes (&node->residual.shortcut) : 0);
  case CW_NODE_LSTM:
    for (size_t i = 0; i < node->lstm.n_layers; i++)
      n += matrix_bytes (&node->lstm.input[i]) + matrix_bytes (&node->lstm.recurrent[i]) + 4 * node->lstm.c * sizeof (float);
  }
  return n;
}

size_t
cw_seanet_card_n_bytes (const cw_seanet_card *weights)
{
  return weights->arena.n_bytes;
}

size_t
cw_seanet_card_weight_bytes (const cw_seanet *net)
{
  size_t n = 0;

  for (size_t i = 0; i < net->n_nodes; i++)
    n = cw_sum (n, node_bytes (&net->nodes[i]));
  return n;
}

static bool
fits (const cw_seanet *net, cw_error *error)
{
  for (size_t i = 0; i < net->n_nodes; i++) {
    const cw_node *node = &net->nodes[i];

    if ((node->kind == CW_NODE_LSTM && node->lstm.c > CW_CARD_WIDTH_MAX) ||
        (node->kind == CW_NODE_CONV && node->conv.taps.m / CW_PANEL >= ROWS_MAX)) {
      cw_fail (error, CW_ERROR_UNSUPPORTED, "A codec with %zu channels is not one that the card's kernels run.", cw_node_c_in (node));
      return false;
    }
  }
  return true;
}

cw_seanet_card *
cw_seanet_card_new (cw_card *card, const cw_seanet *net, cw_error *error)
{
  cw_seanet_card *weights;

  if (!fits (net, error))
    return NULL;
  if (!(weights = calloc (1, sizeof *weights))) {
    cw_fail_memory (error, "the codec", sizeof *weights);
    return NULL;
  }
  weights->card = weights->arena.card = card;
  weights->net = net;
  weights->nodes = cw_arena_new (&weights->host, card_node, net->n_nodes);
  if (cw_arena_ok (&weights->host, "the codec", error)) {
    for (size_t i = 0; i < net->n_nodes && !weights->arena.failed; i++)
      put_node (&weights->arena, &weights->nodes[i], &net->nodes[i]);
    card->module->wait (card->gpu, CW_GPU_STEPS);
    if (cw_card_arena_ok (&weights->arena, "the codec's weights", error))
      return weights;
  }
  cw_seanet_card_free (weights);
  return NULL;
}

void
cw_seanet_card_free (cw_seanet_card *weights)
{
  if (!weights)
    return;
  cw_card_arena_free (&weights->arena);
  cw_arena_free (&weights->host);
  free (weights);
}

/* ---- a stream ---------------------------------------------------------------------------------------------------------- */

/* What the nodes need at the most, in floats of one signal. */
typedef struct {
  size_t input, y, inner, waiting, skip, lstm;
  size_t widest;           /* channels of a node's input */
  size_t state, max_out;   /* floats that the stream remembers, of all signals; columns that come out of a push */
} needs;

static void
at_least (size_t *n, size_t floats)
{
  if (*n < floats)
    *n = floats;
}

/* @max_push columns come in; returns how many can come out. */
static size_t
add_needs (needs *all, const cw_node *node, size_t max_push)
{
  const cw_residual *r = &node->residual;
  const cw_conv     *conv = cw_node_conv (node);
  const size_t       max_out = cw_node_max_out (node, max_push);

  if (node->kind == CW_NODE_LSTM) {
    at_least (&all->lstm, max_push * node->lstm.c);
    at_least (&all->y, max_push * node->lstm.c);
    return max_out;
  }
  at_least (&all->input, conv->c_in * cw_conv_capacity (conv, max_push));
  at_least (&all->y, node->c_out * max_out);
  if (node->kind == CW_NODE_RESIDUAL) {
    at_least (&all->inner, r->first.c_out * max_out);
    at_least (&all->waiting, r->first.c_in * (cw_conv_capacity (conv, 0) + max_push));
    if (r->has_shortcut)
      at_least (&all->skip, node->c_out * max_out);
  }
  return max_out;
}

static needs
count_needs (const cw_seanet *net, size_t max_push, size_t n_signals)
{
  needs all = { .max_out = max_push };

  for (size_t i = 0; i < net->n_nodes; i++) {
    all.state = cw_sum (all.state, cw_node_state_floats (&net->nodes[i], n_signals));
    all.max_out = add_needs (&all, &net->nodes[i], all.max_out);
    at_least (&all.widest, cw_node_c_in (&net->nodes[i]));
  }
  return all;
}

size_t
cw_seanet_card_stream_bytes (const cw_seanet *net, size_t max_push, size_t n_signals)
{
  const needs  all = count_needs (net, max_push, n_signals);
  const size_t signal = cw_sum (cw_sum (all.input, 2 * all.y), cw_sum (cw_sum (all.inner, all.waiting), cw_sum (all.skip, 6 * all.lstm)));
  const size_t n_empty = (all.inner == 0) + (all.waiting == 0) + (all.skip == 0); /* a byte each */

  return cw_sum (cw_product (cw_sum (cw_product (n_signals, signal), all.state), sizeof (float)), n_empty);
}

size_t
cw_seanet_card_max_out (const cw_seanet *net, size_t max_push)
{
  return count_needs (net, max_push, 1).max_out;
}

static float *
take (cw_seanet_card_stream *stream, size_t n_floats)
{
  size_t n;

  if (!cw_mul (n_floats, stream->n_signals, &n))
    n = SIZE_MAX;
  return cw_card_new (&stream->arena, float, n);
}

cw_seanet_card_stream *
cw_seanet_card_stream_new (cw_seanet_card *weights, size_t max_push, size_t n_signals, cw_error *error)
{
  const cw_seanet       *net = weights->net;
  cw_seanet_card_stream *stream = calloc (1, sizeof *stream);
  const needs            all = count_needs (net, max_push, n_signals);

  if (!stream) {
    cw_fail_memory (error, "the codec", sizeof *stream);
    return NULL;
  }
  *stream = (cw_seanet_card_stream){ .weights = weights, .arena = { .card = weights->card }, .n_signals = n_signals, .max_out = all.max_out,
                                     .n_state = all.state };
  if (all.widest * n_signals > ROWS_MAX) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "%zu signals of up to %zu channels are more than the card's kernels take.", n_signals, all.widest);
    free (stream);
    return NULL;
  }
  stream->places = cw_arena_new (&stream->host, cw_node_place, net->n_nodes);
  stream->state = cw_card_new (&stream->arena, float, stream->n_state);
  stream->input = take (stream, all.input);
  stream->y[0] = take (stream, all.y);
  stream->y[1] = take (stream, all.y);
  stream->inner = take (stream, all.inner);
  stream->waiting = take (stream, all.waiting);
  stream->skip = take (stream, all.skip);
  stream->rows = take (stream, all.lstm);
  stream->mixed = take (stream, all.lstm);
  stream->gates = take (stream, 4 * all.lstm);
  if (!cw_arena_ok (&stream->host, "the codec", error) || !cw_card_arena_ok (&stream->arena, "the codec's buffers", error)) {
    cw_seanet_card_stream_free (stream);
    return NULL;
  }
  cw_seanet_card_stream_reset (stream);
  return stream;
}

void
cw_seanet_card_stream_free (cw_seanet_card_stream *stream)
{
  if (!stream)
    return;
  stream->weights->card->module->wait (stream->weights->card->gpu, CW_GPU_CODEC);
  cw_card_arena_free (&stream->arena);
  cw_arena_free (&stream->host);
  free (stream);
}

size_t
cw_seanet_card_stream_n_bytes (const cw_seanet_card_stream *stream)
{
  return stream->arena.n_bytes;
}

size_t
cw_seanet_card_stream_max_out (const cw_seanet_card_stream *stream)
{
  return stream->max_out;
}

void
cw_seanet_card_stream_reset (cw_seanet_card_stream *stream)
{
  const cw_seanet *net = stream->weights->net;
  cw_card         *card = stream->weights->card;

  for (size_t i = 0; i < net->n_nodes; i++) {
    const cw_node *node = &net->nodes[i];

    stream->places[i] = (cw_node_place){ 0 };
    if (node->kind != CW_NODE_LSTM)
      cw_conv_begin (cw_node_conv (node), &stream->places[i].conv);
  }
  card->module->zero (card->gpu, CW_GPU_CODEC, stream->state, stream->n_state * sizeof (float));
}

const cw_node_place *
cw_seanet_card_stream_places (const cw_seanet_card_stream *stream)
{
  return stream->places;
}

const float *
cw_seanet_card_stream_state (const cw_seanet_card_stream *stream, size_t *n_floats)
{
  *n_floats = stream->n_state;
  return stream->state;
}

/* ---- one push ------------------------------------------------------------------------------------------------------------ */

/* @n columns of all signals' @c channels. */
static void
copy_columns (cw_seanet_card_stream *stream, float *to, size_t ld_to, const float *from, size_t ld_from, size_t c, size_t n)
{
  cw_card *card = stream->weights->card;

  card->module->copy_rows (card->gpu, CW_GPU_CODEC, to, ld_to * sizeof *to, from, ld_from * sizeof *from, n * sizeof *to, stream->n_signals * c);
}

/* @n columns of the buffer from @column on are those of the samples from @first on, which lie outside of the signal. */
static void
pad (cw_seanet_card_stream *stream, size_t ld, size_t c, size_t column, long first, size_t n, cw_pad_mode mode, const cw_conv_move *move)
{
  cw_card *card = stream->weights->card;

  card->module->pad (card->gpu, CW_GPU_CODEC,
                     &(cw_gpu_pad){ .x = stream->input, .ld = (uint32_t) ld, .rows = (uint32_t) (stream->n_signals * c), .column = (uint32_t) column,
                                    .n = (uint32_t) n, .first = first, .origin = move->origin, .n_signal = (int64_t) move->n_signal,
                                    .extended = (int64_t) move->extended, .mode = mode });
}

/* What the remembered columns and @in become, in the buffer. */
static void
fill (cw_seanet_card_stream *stream, const cw_conv *conv, const float *state, size_t ld, columns in, const cw_conv_move *move)
{
  cw_card     *card = stream->weights->card;
  const size_t c = conv->c_in;

  copy_columns (stream, stream->input, ld, state, cw_conv_capacity (conv, 0), c, move->at);
  if (conv->elu)
    card->module->elu (card->gpu, CW_GPU_CODEC, stream->input + move->at, (uint32_t) ld, in.x, (uint32_t) in.ld,
                       (uint32_t) (stream->n_signals * c), (uint32_t) in.n);
  else
    copy_columns (stream, stream->input + move->at, ld, in.x, in.ld, c, in.n);
  if (conv->transposed) {
    pad (stream, ld, c, move->at + in.n, 0, move->n_right, CW_PAD_CONSTANT, &(cw_conv_move){ 0 });
    return;
  }
  pad (stream, ld, c, (size_t) (move->origin - (long) move->n_left), -(long) move->n_left, move->n_left, conv->pad_mode, move);
  pad (stream, ld, c, move->at + in.n, (long) move->n_signal, move->n_right, conv->pad_mode, move);
}

/* The group norm over @n columns of y behind a convolution; the convolution itself has left @addend and the ELU to it. */
static void
normalise (cw_seanet_card_stream *stream, const cw_conv *conv, const card_taps *taps, float *y, size_t ld_y, size_t n, const columns *addend)
{
  cw_card *card = stream->weights->card;

  if (conv->normed)
    card->module->group_norm (card->gpu, CW_GPU_CODEC,
                              &(cw_gpu_group_norm){ .y = y, .gamma = taps->gamma, .beta = taps->beta, .addend = addend ? addend->x : NULL,
                                                    .eps = conv->norm.eps, .c = (uint32_t) conv->c_out, .n = (uint32_t) n, .ld_y = (uint32_t) ld_y,
                                                    .ld_addend = addend ? (uint32_t) addend->ld : 0, .n_signals = (uint32_t) stream->n_signals,
                                                    .elu = conv->elu_after });
}

/* The next @in of the stream of @conv, whose memory is @place and @state; y [N, c_out, …] is written. */
static columns
run_conv (cw_seanet_card_stream *stream, const cw_conv *conv, const card_taps *taps, cw_conv_place *place, float *state, columns in, bool end,
          float *y)
{
  cw_card           *card = stream->weights->card;
  const cw_conv_move move = cw_conv_next (conv, place, in.n, end);
  const size_t       ld = cw_conv_capacity (conv, in.n);
  /* a norm sees what is cut off, too */
  const size_t       n_cut = conv->normed ? 0 : move.n_cut, n_made = conv->normed ? move.n_made : move.n_out;
  const columns      out = { y + (move.n_cut - n_cut), cw_conv_max_out (conv, in.n), move.n_out };

  fill (stream, conv, state, ld, in, &move);
  if (move.n_columns > 0)
    card->module->conv (card->gpu, CW_GPU_CODEC,
                        &(cw_gpu_conv){ .y = y, .x = stream->input, .panels = taps->panels, .bias = taps->bias, .m = (uint32_t) conv->taps.m,
                                        .c_in = (uint32_t) conv->c_in, .kernel = (uint32_t) (conv->transposed ? conv->n_shifts : conv->kernel),
                                        .n = (uint32_t) move.n_columns, .ld_x = (uint32_t) ld, .ld_y = (uint32_t) out.ld,
                                        .first = (int32_t) move.first, .dilation = conv->transposed ? -1 : (int32_t) conv->dilation,
                                        .stride = conv->transposed ? 1 : (int32_t) conv->stride,
                                        .phases = conv->transposed ? (uint32_t) conv->stride : 1, .skip = (int32_t) n_cut,
                                        .n_out = (uint32_t) n_made, .n_signals = (uint32_t) stream->n_signals,
                                        .elu = conv->elu_after && !conv->normed });
  normalise (stream, conv, taps, y, out.ld, n_made, NULL);
  copy_columns (stream, state, cw_conv_capacity (conv, 0), stream->input + move.drop, ld, conv->c_in, place->length);
  return out;
}

/* y = a 1x1 convolution of @in + @addend. */
static columns
run_pointwise (cw_seanet_card_stream *stream, const cw_conv *conv, const card_taps *taps, columns in, const columns *addend, float *y)
{
  cw_card *card = stream->weights->card;

  card->module->conv (card->gpu, CW_GPU_CODEC,
                      &(cw_gpu_conv){ .y = y, .x = in.x, .panels = taps->panels, .bias = taps->bias,
                                      .addend = addend && !conv->normed ? addend->x : NULL, .m = (uint32_t) conv->taps.m, .c_in = (uint32_t) conv->c_in, .kernel = 1, .n = (uint32_t) in.n,
                                      .ld_x = (uint32_t) in.ld, .ld_y = (uint32_t) in.ld, .ld_addend = addend ? (uint32_t) addend->ld : 0,
                                      .dilation = 1, .stride = 1, .phases = 1, .n_out = (uint32_t) in.n,
                                      .n_signals = (uint32_t) stream->n_signals, .elu = conv->elu_after && !conv->normed });
  normalise (stream, conv, taps, y, in.ld, in.n, addend);
  return (columns){ y, in.ld, in.n };
}

static columns
run_residual (cw_seanet_card_stream *stream, const cw_residual *r, const card_node *weights, cw_node_place *place, float *state, columns in,
              bool end, float *y)
{
  const size_t  c = r->first.c_in, room = cw_conv_capacity (&r->first, 0), n_before = place->n_waiting;
  const columns hidden = run_conv (stream, &r->first, &weights->conv, &place->conv, state, in, end, stream->inner);
  float        *kept = state + stream->n_signals * c * room;
  columns       skip = { in.x, in.ld, hidden.n };

  place->n_waiting = n_before + in.n - hidden.n;
  if (n_before > 0 || place->n_waiting > 0) {
    skip = (columns){ stream->waiting, room + in.n, hidden.n };
    copy_columns (stream, stream->waiting, skip.ld, kept, room, c, n_before);
    copy_columns (stream, stream->waiting + n_before, skip.ld, in.x, in.ld, c, in.n);
    copy_columns (stream, kept, room, stream->waiting + hidden.n, skip.ld, c, place->n_waiting);
  }
  if (hidden.n == 0)
    return (columns){ y, 1, 0 };
  if (r->has_shortcut)
    skip = run_pointwise (stream, &r->shortcut, &weights->shortcut, skip, NULL, stream->skip);
  return run_pointwise (stream, &r->second, &weights->second, hidden, &skip, y);
}

/* One layer: its @n frames, from @x to mixed. */
static void
run_lstm_layer (cw_seanet_card_stream *stream, size_t c, const cw_gpu_matrix *input, const cw_gpu_matrix *recurrent, const float *x, size_t n,
                float *hidden, float *cell)
{
  cw_card     *card = stream->weights->card;
  const size_t row = stream->n_signals * c;

  card->module->linear (card->gpu, CW_GPU_CODEC,
                        &(cw_gpu_linear){ .layers = { *input }, .y = { stream->gates }, .n_layers = 1, .n = (uint32_t) (n * stream->n_signals),
                                          .ld_x = (uint32_t) c, .ld_y = (uint32_t) (4 * c), .x = x });
  for (size_t t = 0; t < n; t++)
    card->module->lstm (card->gpu, CW_GPU_CODEC,
                        &(cw_gpu_lstm){ .gates = stream->gates + t * 4 * row, .hidden_in = t ? stream->mixed + (t - 1) * row : hidden, .cell = cell,
                                        .y = stream->mixed + t * row, .w_hh = *recurrent, .c = (uint32_t) c, .n = (uint32_t) stream->n_signals });
  card->module->copy (card->gpu, CW_GPU_CODEC, hidden, stream->mixed + (n - 1) * row, row * sizeof *hidden);
}

/* The skip surrounds all layers together. */
static columns
run_lstm (cw_seanet_card_stream *stream, const cw_lstm *l, const card_node *weights, float *state, columns in, float *y)
{
  cw_card     *card = stream->weights->card;
  const size_t c = l->c, row = stream->n_signals * c;
  float       *cells = state + l->n_layers * row;

  for (size_t j = 0; j < stream->n_signals; j++)
    card->module->transpose (card->gpu, CW_GPU_CODEC, stream->rows + j * c, (uint32_t) row, in.x + j * c * in.ld, (uint32_t) in.ld, (uint32_t) c,
                             (uint32_t) in.n, NULL, 0);
  for (size_t i = 0; i < l->n_layers; i++)
    run_lstm_layer (stream, c, &weights->input[i], &weights->recurrent[i], i == 0 ? stream->rows : stream->mixed, in.n, state + i * row,
                    cells + i * row);
  for (size_t j = 0; j < stream->n_signals; j++)
    card->module->transpose (card->gpu, CW_GPU_CODEC, y + j * c * in.n, (uint32_t) in.n, stream->mixed + j * c, (uint32_t) row, (uint32_t) in.n,
                             (uint32_t) c, in.x + j * c * in.ld, (uint32_t) in.ld);
  return (columns){ y, in.n, in.n };
}

const float *
cw_seanet_card_stream_push (cw_seanet_card_stream *stream, const float *x, size_t ld_x, size_t n, bool end, size_t *ld_y, size_t *n_out)
{
  const cw_seanet *net = stream->weights->net;
  columns          c = { x, ld_x, n };
  float           *state = stream->state;

  for (size_t i = 0; i < net->n_nodes && (c.n > 0 || end); i++) {
    const cw_node   *node = &net->nodes[i];
    const card_node *weights = &stream->weights->nodes[i];
    cw_node_place   *place = &stream->places[i];
    float           *y = stream->y[i % 2];

    switch (node->kind) {
    case CW_NODE_CONV:
      c = run_conv (stream, &node->conv, &weights->conv, &place->conv, state, c, end, y);
      break;
    case CW_NODE_RESIDUAL:
      c = run_residual (stream, &node->residual, weights, place, state, c, end, y);
      break;
    case CW_NODE_LSTM:
      c = c.n > 0 ? run_lstm (stream, &node->lstm, weights, state, c, y) : (columns){ y, 1, 0 };
    }
    state += cw_node_state_floats (node, stream->n_signals);
  }
  *ld_y = c.ld;
  *n_out = c.n;
  return c.x;
}
