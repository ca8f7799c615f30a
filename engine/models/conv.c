/* SPDX-License-Identifier: MIT
 *
 * conv.c: see conv.h.
 *
 * Coordinates of a convolution: padded sample i is input sample i - pad_left; output t reads padded samples
 * t s … t s + (kernel - 1) dilation. The buffer keeps what the next output needs, and as much of the end as a reflection could.
 */
#include "models/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* w = g v / |v|, the norm over all axes but the first. Salimans and Kingma 2016, arXiv:1602.07868. */
static void
fold_weight_norm (float *v, const float *g, size_t first, size_t rest)
{
  for (size_t i = 0; i < first; i++) {
    double squares = 0.0;
    float  scale;

    for (size_t j = 0; j < rest; j++)
      squares += (double) v[i * rest + j] * v[i * rest + j];
    scale = (float) (g[i] / sqrt (squares));
    for (size_t j = 0; j < rest; j++)
      v[i * rest + j] *= squares > 0.0 ? scale : 0.0f;
  }
}

void
cw_conv_fetch_weight (cw_fetch *fetch, float **w, const uint64_t *dims, unsigned n_dims, const char *name)
{
  const uint64_t norms[CW_DIMS_MAX] = { dims[0], 1, 1, 1, 1, 1, 1, 1 };
  float         *g = NULL;
  size_t         rest = 1;

  if (cw_fetch_has (fetch, "%s.conv.weight_v", name)) {
    cw_fetch_widened (fetch, w, dims, n_dims, "%s.conv.weight_v", name);
    cw_fetch_widened (fetch, &g, norms, n_dims, "%s.conv.weight_g", name);
  } else if (cw_fetch_has (fetch, "%s.conv.parametrizations.weight.original1", name)) {
    cw_fetch_widened (fetch, w, dims, n_dims, "%s.conv.parametrizations.weight.original1", name);
    cw_fetch_widened (fetch, &g, norms, n_dims, "%s.conv.parametrizations.weight.original0", name);
  } else {
    cw_fetch_widened (fetch, w, dims, n_dims, "%s.conv.weight", name);
  }
  for (unsigned i = 1; i < n_dims; i++)
    rest *= dims[i];
  if (!fetch->failed && g)
    fold_weight_norm (*w, g, dims[0], rest);
}

/* [c_in, c_out, kernel] to rows (c_out, phase), taps (c_in, shift): see conv.h. */
static cw_taps
pack_transposed (cw_fetch *fetch, const cw_conv *conv, const float *w, const float *bias)
{
  const size_t m = conv->c_out * conv->stride, r = conv->c_in * conv->n_shifts;
  float       *rows = calloc (m * r, sizeof *rows), *row_bias = calloc (m, sizeof *row_bias);
  cw_taps      taps = { 0 };

  if (!rows || !row_bias) {
    cw_fail_memory (fetch->error, "the codec's weights", m * r * sizeof *rows);
    fetch->failed = true;
  } else {
    for (size_t co = 0; co < conv->c_out; co++)
      for (size_t phase = 0; phase < conv->stride; phase++) {
        const size_t row = co * conv->stride + phase;
        row_bias[row] = bias[co];
        for (size_t ci = 0; ci < conv->c_in; ci++)
          for (size_t j = 0; phase + j * conv->stride < conv->kernel; j++)
            rows[row * r + ci * conv->n_shifts + j] =
              w[(ci * conv->c_out + co) * conv->kernel + phase + j * conv->stride];
      }
    taps = cw_taps_pack (fetch->arena, m, r, rows, row_bias);
  }
  free (rows);
  free (row_bias);
  return taps;
}

void
cw_conv_fetch (cw_fetch *fetch, cw_conv *conv, const cw_seanet_config *config, size_t c_in, size_t c_out,
               cw_conv_shape shape, const char *name)
{
  const size_t   span = (shape.kernel - 1) * shape.dilation + 1, total = span - shape.stride;
  const uint64_t dims[] = { shape.transposed ? c_in : c_out, shape.transposed ? c_out : c_in, shape.kernel };
  cw_arena       unpacked = { 0 };
  cw_fetch       local = *fetch;
  float         *w = NULL;
  const float   *bias = NULL;

  *conv = (cw_conv){ .c_in = c_in,
                     .c_out = c_out,
                     .kernel = shape.kernel,
                     .stride = shape.stride,
                     .dilation = shape.dilation,
                     .transposed = shape.transposed,
                     .elu = shape.elu,
                     .elu_after = shape.elu_after,
                     .pad_mode = config->pad_mode,
                     .n_shifts = (shape.kernel + shape.stride - 1) / shape.stride };
  if (shape.transposed)
    conv->pad_right = config->causal ? (size_t) ceil ((double) total * config->trim_right_ratio) : total / 2;
  else
    conv->pad_right = config->causal ? 0 : total / 2;
  conv->pad_left = total - conv->pad_right;
  conv->normed = config->group_norm;
  conv->taps.m = shape.transposed ? c_out * shape.stride : c_out;
  conv->taps.r = c_in * (shape.transposed ? conv->n_shifts : shape.kernel);
  if (!fetch->source.weights) /* a sketch */
    return;

  local.arena = &unpacked;
  cw_conv_fetch_weight (&local, &w, dims, 3, name);
  cw_fetch_vector (&local, &bias, c_out, "%s.conv.bias", name);
  fetch->failed = local.failed;
  if (!fetch->failed) {
    conv->taps = shape.transposed ? pack_transposed (fetch, conv, w, bias)
                                  : cw_taps_pack (fetch->arena, c_out, c_in * shape.kernel, w, bias);
    if (!fetch->failed)
      fetch->failed = !cw_arena_ok (fetch->arena, "the codec's weights", fetch->error);
  }
  cw_arena_free (&unpacked);

  if (conv->normed) {
    cw_fetch_vector (fetch, &conv->norm.gamma, c_out, "%s.norm.weight", name);
    cw_fetch_vector (fetch, &conv->norm.beta, c_out, "%s.norm.bias", name);
    conv->norm.eps = 1e-5f;
  }
}

/* ---- where a stream stands -------------------------------------------------------------------------------------- */

static size_t
span_of (const cw_conv *conv)
{
  return (conv->kernel - 1) * conv->dilation + 1;
}

/* The most that is ever added on the right. */
static size_t
most_right (const cw_conv *conv)
{
  return conv->pad_right + conv->stride - 1;
}

bool
cw_conv_is_pointwise (const cw_conv *conv)
{
  return !conv->transposed && !conv->elu && conv->kernel == 1 && conv->stride == 1;
}

size_t
cw_conv_capacity (const cw_conv *conv, size_t max_push)
{
  /* transposed: n_shifts - 1 old columns, the new ones, and n_shifts - 1 zeros at the end */
  return conv->transposed ? max_push + 2 * conv->n_shifts
                          : span_of (conv) + conv->stride + most_right (conv) + conv->pad_left + 2 + max_push + most_right (conv);
}

size_t
cw_conv_max_out (const cw_conv *conv, size_t max_push)
{
  const size_t capacity = cw_conv_capacity (conv, max_push);

  return conv->transposed ? capacity * conv->stride : capacity / conv->stride + 1;
}

void
cw_conv_begin (const cw_conv *conv, cw_conv_place *place)
{
  /* room for the left padding; before the first input of a transposed convolution there are zeros */
  *place = (cw_conv_place){ .length = conv->transposed ? conv->n_shifts - 1 : conv->pad_left };
}

static void
next_conv (const cw_conv *conv, cw_conv_place *place, bool end, cw_conv_move *move)
{
  const size_t s = conv->stride, span = span_of (conv), n = place->n_in;
  size_t       keep;

  move->n_signal = move->extended = n;
  if (end) {
    const size_t right = conv->pad_right + (n + s - 1) / s * s - n;
    const size_t longest = conv->pad_left > right ? conv->pad_left : right;

    move->extended = n <= longest ? longest + 1 : n;
    move->n_right = right;
  }
  if (!place->started && (end || n > conv->pad_left)) {
    move->n_left = conv->pad_left;
    place->started = true;
  }
  if (!place->started)
    return;
  place->length += move->n_right;
  if (place->base + place->length >= place->n_out * s + span)
    move->n_columns = (place->base + place->length - place->n_out * s - span) / s + 1;
  move->first = place->n_out * s - place->base;
  move->n_made = move->n_out = move->n_columns;
  place->n_out += move->n_columns;

  /* the next window's start, or what the reflection at the end could need */
  keep = conv->pad_left + n > most_right (conv) + 1 ? conv->pad_left + n - most_right (conv) - 1 : 0;
  if (keep > place->n_out * s)
    keep = place->n_out * s;
  if (keep > place->base)
    move->drop = keep - place->base;
}

/* Untrimmed samples done … done + n_columns s - 1 are made; those of the signal are first … last - 1. */
static void
next_transposed (const cw_conv *conv, cw_conv_place *place, bool end, cw_conv_move *move)
{
  const size_t s = conv->stride, old = conv->n_shifts - 1, done = place->n_out, total = (place->n_in - 1) * s + conv->kernel;
  const size_t first = done < conv->pad_left ? conv->pad_left : done;
  size_t       last;

  move->n_right = end ? old : 0;
  place->length += move->n_right;
  move->n_columns = place->length - old;
  if (move->n_columns == 0)
    return;
  last = end ? total : done + move->n_columns * s;
  move->first = old;
  move->n_made = last - done;
  if (end)
    last = total - conv->pad_right;
  move->n_cut = first - done;
  move->n_out = last > first ? last - first : 0;
  move->drop = place->length - old;
  place->n_out = done + move->n_columns * s;
}

cw_conv_move
cw_conv_next (const cw_conv *conv, cw_conv_place *place, size_t n, bool end)
{
  cw_conv_move move = { .at = place->length, .n = n, .origin = (long) conv->pad_left - (long) place->base };

  place->length += n;
  place->n_in += n;
  if (conv->transposed)
    next_transposed (conv, place, end, &move);
  else
    next_conv (conv, place, end, &move);
  place->base += move.drop;
  place->length -= move.drop;
  return move;
}

/* ---- the stream ------------------------------------------------------------------------------------------------ */

void
cw_conv_stream_init (cw_conv_stream *stream, const cw_conv *conv, size_t max_push, cw_arena *arena)
{
  *stream = (cw_conv_stream){ .conv = conv, .max_push = max_push };
  stream->capacity = cw_conv_capacity (conv, max_push);
  stream->max_out = cw_conv_max_out (conv, max_push);
  if (!conv->transposed && conv->stride > 1) {
    stream->dealt_ld = stream->max_out;
    stream->dealt = cw_arena_new (arena, float, conv->c_in * conv->stride * stream->dealt_ld);
  }
  stream->buffer = cw_arena_new (arena, float, cw_conv_is_pointwise (conv) ? 0 : conv->c_in * stream->capacity);
  stream->rows = cw_arena_new (arena, const float *, conv->taps.r);
  stream->out = cw_arena_new (arena, float, conv->c_out * stream->max_out);
  if (stream->buffer && stream->out)
    cw_conv_stream_reset (stream);
}

void
cw_conv_stream_reset (cw_conv_stream *stream)
{
  const cw_conv *conv = stream->conv;

  stream->y = stream->out;
  if (cw_conv_is_pointwise (conv))
    return;
  cw_conv_begin (conv, &stream->place);
  for (size_t i = 0; i < conv->c_in; i++)
    memset (stream->buffer + i * stream->capacity, 0, stream->place.length * sizeof (float));
}

static void
append (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, const cw_conv_move *move)
{
  const cw_conv *conv = stream->conv;
  float         *to = stream->buffer + move->at;

  if (conv->elu)
    be->elu (be, to, stream->capacity, x, ld_x, conv->c_in, move->n);
  else
    be->copy (be, to, stream->capacity, x, ld_x, conv->c_in, move->n);
}

/* Drops the first columns of the buffer. */
static void
drop (cw_conv_stream *stream, size_t n)
{
  if (n == 0)
    return;
  for (size_t i = 0; i < stream->conv->c_in; i++) {
    float *row = stream->buffer + i * stream->capacity;
    memmove (row, row + n, stream->place.length * sizeof *row);
  }
}

/* Samples @first … @first + @n - 1, which lie before or behind the signal. */
static void
pad (cw_conv_stream *stream, const cw_conv_move *move, long first, size_t n)
{
  for (size_t c = 0; c < stream->conv->c_in && n > 0; c++) {
    float *row = stream->buffer + c * stream->capacity + move->origin;

    for (long i = first; i < first + (long) n; i++) {
      const long from = (long) cw_pad_source (stream->conv->pad_mode, i, (int64_t) move->n_signal, (int64_t) move->extended);
      row[i] = from < 0 ? 0.0f : row[from];
    }
  }
}

/* Points the taps at the buffer. */
static void
aim (cw_conv_stream *stream, const cw_conv_move *move, size_t length)
{
  const cw_conv *conv = stream->conv;
  const size_t   s = conv->stride, at = move->first;

  if (s > 1) {
    const size_t n_dealt = move->n_columns + (span_of (conv) - 1) / s;
    for (size_t c = 0; c < conv->c_in; c++)
      for (size_t phase = 0; phase < s; phase++) {
        const float *from = stream->buffer + c * stream->capacity + at + phase;
        float       *to = stream->dealt + (c * s + phase) * stream->dealt_ld;
        for (size_t i = 0; i < n_dealt && at + phase + i * s < length; i++)
          to[i] = from[i * s];
      }
  }
  for (size_t c = 0; c < conv->c_in; c++)
    for (size_t j = 0; j < conv->kernel; j++) {
      const size_t shift = j * conv->dilation;
      stream->rows[c * conv->kernel + j] =
        s > 1 ? stream->dealt + (c * s + shift % s) * stream->dealt_ld + shift / s
              : stream->buffer + c * stream->capacity + at + shift;
    }
}

/* Group norm with one group: over all channels and all time. Wu and He 2018, arXiv:1803.08494. */
static void
group_norm (const cw_norm *norm, float *y, size_t ld_y, size_t c, size_t n)
{
  double sum = 0.0, squares = 0.0, mean, scale;

  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      sum += y[i * ld_y + t];
  mean = sum / (double) (c * n);
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      squares += (y[i * ld_y + t] - mean) * (y[i * ld_y + t] - mean);
  scale = 1.0 / sqrt (squares / (double) (c * n) + norm->eps);
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      y[i * ld_y + t] = (float) ((y[i * ld_y + t] - mean) * scale) * norm->gamma[i] + norm->beta[i];
}

static size_t
push_conv (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, size_t n, bool end, const cw_taps_finish *finish)
{
  const cw_conv_move move = cw_conv_next (stream->conv, &stream->place, n, end);

  append (stream, be, x, ld_x, &move);
  pad (stream, &move, -(long) move.n_left, move.n_left);
  pad (stream, &move, (long) move.n_signal, move.n_right);
  if (move.n_columns > 0) {
    aim (stream, &move, stream->place.length + move.drop);
    be->taps (be, stream->out, stream->max_out, &stream->conv->taps, stream->rows, move.n_columns, finish);
  }
  drop (stream, move.drop);
  return move.n_out;
}

static size_t
push_transposed (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, size_t n, bool end)
{
  const cw_conv     *conv = stream->conv;
  const cw_conv_move move = cw_conv_next (conv, &stream->place, n, end);

  append (stream, be, x, ld_x, &move);
  for (size_t c = 0; c < conv->c_in; c++)
    memset (stream->buffer + c * stream->capacity + move.at + n, 0, move.n_right * sizeof (float));
  if (move.n_columns == 0)
    return 0;
  for (size_t c = 0; c < conv->c_in; c++)
    for (size_t j = 0; j < conv->n_shifts; j++)
      stream->rows[c * conv->n_shifts + j] = stream->buffer + c * stream->capacity + move.first - j;
  be->taps (be, stream->out, stream->max_out, &conv->taps, stream->rows, move.n_columns, &(cw_taps_finish){ .phases = conv->stride });
  if (conv->normed)
    group_norm (&conv->norm, stream->out, stream->max_out, conv->c_out, move.n_made);
  stream->y = stream->out + move.n_cut;
  drop (stream, move.drop);
  return move.n_out;
}

static size_t
push_pointwise (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, size_t n, const cw_taps_finish *finish)
{
  for (size_t c = 0; c < stream->conv->c_in; c++)
    stream->rows[c] = x + c * ld_x;
  be->taps (be, stream->out, stream->max_out, &stream->conv->taps, stream->rows, n, finish);
  return n;
}

static void
add_rows (float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n)
{
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < n; t++)
      y[i * ld_y + t] += x[i * ld_x + t];
}

size_t
cw_conv_stream_push (cw_conv_stream *stream, cw_backend *be, const float *x, size_t ld_x, size_t n, bool end, const float *addend,
                     size_t ld_addend)
{
  const cw_conv       *conv = stream->conv;
  const cw_taps_finish finish = { conv->elu_after, addend, ld_addend, 1 }, none = { .phases = 1 };
  size_t               n_new;

  if (conv->transposed)
    return push_transposed (stream, be, x, ld_x, n, end);
  if (cw_conv_is_pointwise (conv))
    n_new = push_pointwise (stream, be, x, ld_x, n, conv->normed ? &none : &finish);
  else
    n_new = push_conv (stream, be, x, ld_x, n, end, conv->normed ? &none : &finish);
  if (conv->normed && n_new > 0) {
    group_norm (&conv->norm, stream->out, stream->max_out, conv->c_out, n_new);
    if (addend)
      add_rows (stream->out, stream->max_out, addend, ld_addend, conv->c_out, n_new);
    if (conv->elu_after)
      be->elu (be, stream->out, stream->max_out, stream->out, stream->max_out, conv->c_out, n_new);
  }
  return n_new;
}
