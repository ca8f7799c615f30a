/* SPDX-License-Identifier: MIT
 *
 * backend-cpu.c: the ops on the CPU: splits each over the pool's threads and calls the kernels of the level that this machine runs.
 *     No result depends on how the work was split. "cpu-scalar" is the same with the plain C kernels and one thread.
 */
#include "backend/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ops/lanes.h"

#define LINEAR_ROWS 16   /* a piece of a linear layer: a multiple of every twin's tile */
#define LINEAR_COLS 16
#define LINEAR_PIECES 8  /* a thread, at least, of a layer with rows enough */
#define COLUMNS     64   /* quantised inputs at a time */
#define CONV_COLUMNS 240 /* a piece of a convolution's frames: likewise */
#define ROWS_FLOATS 4096   /* of what is done row by row: worth waking another thread for */
#define WORTH_SHARING 32768 /* multiply-adds of a job, likewise: a microsecond or two, as long as another thread takes to notice */

/* Tasks that a thread takes at a time: @piece, or all where the whole job, of @work multiply-adds, is too small to share. */
static size_t
grain_of (size_t n_tasks, size_t piece, size_t work)
{
  return work < WORTH_SHARING ? n_tasks : piece;
}

#define LINE (64 / sizeof (int16_t)) /* elements of a quantised column on a line of the cache */
_Static_assert (CW_PAD % (2 * LINE) == 0, "a padded column fills an even number of lines");

static size_t
padded (size_t n_in)
{
  return (n_in + CW_PAD - 1) / CW_PAD * CW_PAD;
}

/* From one quantised column of @n_in elements to the next: an odd number of lines, whatever the width. Columns a multiple of 4096 bytes
 * apart would meet in the same few places of the first-level cache. */
static size_t
column_stride (size_t n_in)
{
  return padded (n_in) + LINE;
}

/* ---- linear ------------------------------------------------------------------------------------------------- */

#define FUSED_MAX 8

/* Layers over the same columns; tasks are blocks of LINEAR_ROWS rows, the layers' one after another. */
typedef struct {
  cw_backend      *be;
  const float     *x;
  size_t           ld_x, n, ld_y;
  size_t           n_layers;
  const cw_linear *layers[FUSED_MAX];
  float           *y[FUSED_MAX];
  size_t           first_block[FUSED_MAX + 1];
  cw_activation    activation;
  const float     *addend, *gate;   /* only with one layer */
  const int16_t   *columns;         /* [n, column_stride]: x in integers, if the weights are */
  float            scales[COLUMNS]; /* of those */
} linear_job;

static void
activate (const cw_kernels *kernels, float *x, size_t n, cw_activation activation)
{
  switch (activation) {
  case CW_ACTIVATION_RELU:
    for (size_t i = 0; i < n; i++)
      x[i] = x[i] > 0.0f ? x[i] : 0.0f;
    break;
  case CW_ACTIVATION_GELU:
    kernels->gelu (x, n);
    break;
  case CW_ACTIVATION_GELU_TANH:
    for (size_t i = 0; i < n; i++)
      x[i] = 0.5f * x[i] * (1.0f + tanhf (0.79788456080286535588f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
    break;
  case CW_ACTIVATION_NONE:
    break;
  }
}

static cw_dot_rows_fn
dot_rows (const cw_kernels *kernels, cw_dtype dtype)
{
  return dtype == CW_F32 ? kernels->dot_rows_f32 : dtype == CW_F16 ? kernels->dot_rows_f16 : kernels->dot_rows_bf16;
}

/* Bias, activation, gate and addend of the sums of @rows rows of layer @l from @m on, for column @j. */
static void
linear_finish (const linear_job *job, size_t l, float *sums, size_t j, size_t m, size_t rows)
{
  const float *bias = job->layers[l]->bias;
  const size_t at = j * job->ld_y + m;

  if (bias)
    for (size_t i = 0; i < rows; i++)
      sums[i] += bias[m + i];
  activate (job->be->kernels, sums, rows, job->activation);
  if (job->gate)
    for (size_t i = 0; i < rows; i++)
      sums[i] *= job->gate[at + i];
  if (job->addend)
    for (size_t i = 0; i < rows; i++)
      sums[i] += job->addend[at + i];
  memcpy (job->y[l] + at, sums, rows * sizeof *sums);
}

/* Rows m … m + rows - 1 of @layer times columns j … j + cols - 1, whatever the weights are stored as. */
static void
linear_products (const linear_job *job, const cw_linear *layer, float *sums, size_t m, size_t rows, size_t j, size_t cols)
{
  const cw_kernels *kernels = job->be->kernels;
  const cw_tensor  *w = &layer->w;
  const size_t      n_in = w->dims[1], ld = column_stride (n_in), n_padded = padded (n_in);
  const int16_t    *columns = job->columns + j * ld;

  switch (w->dtype) {
  case CW_I8:
    kernels->dot_q8 (sums, LINEAR_ROWS, columns, ld, job->scales + j, cols, (const int8_t *) w->data + m * n_padded,
                     layer->scales + m, rows, n_padded);
    break;
  case CW_U8:
    kernels->dot_q4 (sums, LINEAR_ROWS, columns, ld, job->scales + j, cols, (const uint8_t *) w->data + m * n_padded / 2,
                     layer->groups + m * n_padded / CW_Q4_GROUP, layer->scales + m, rows, n_padded);
    break;
  default:
    dot_rows (kernels, w->dtype) (sums, LINEAR_ROWS, job->x + j * job->ld_x, job->ld_x, cols,
                                  (const char *) w->data + m * n_in * cw_dtype_size (w->dtype), rows, n_in);
  }
}

static void
linear_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const linear_job *job = arg;
  size_t            l = 0;

  (void) thread;
  for (size_t block = begin; block < end; block++) {
    float sums[LINEAR_COLS][LINEAR_ROWS];

    while (block >= job->first_block[l + 1])
      l++;
    const size_t n_rows = job->layers[l]->w.dims[0], m = (block - job->first_block[l]) * LINEAR_ROWS;
    const size_t rows = n_rows - m < LINEAR_ROWS ? n_rows - m : LINEAR_ROWS;

    for (size_t j = 0; j < job->n; j += LINEAR_COLS) {
      const size_t cols = job->n - j < LINEAR_COLS ? job->n - j : LINEAR_COLS;

      linear_products (job, job->layers[l], sums[0], m, rows, j, cols);
      for (size_t i = 0; i < cols; i++)
        linear_finish (job, l, sums[i], j + i, m, rows);
    }
  }
}

static void
quantise_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  linear_job  *job = arg;
  const size_t n_in = job->layers[0]->w.dims[1];

  (void) thread;
  for (size_t j = begin; j < end; j++)
    job->scales[j] = job->be->kernels->quantise (job->be->columns + j * column_stride (n_in), job->x + j * job->ld_x, n_in);
}

static bool
is_quantised (const cw_linear *layer)
{
  return layer->w.dtype == CW_I8 || layer->w.dtype == CW_U8;
}

/* The job's n columns, at most COLUMNS of them if the weights are quantised. Blocks go out in pieces that leave each thread a few:
 * long ones read memory faster, many let the threads end together. */
static void
linear_columns (linear_job *job)
{
  const size_t n_blocks = job->first_block[job->n_layers];
  const size_t piece = n_blocks / (cw_pool_n_threads (job->be->pool) * LINEAR_PIECES);
  const size_t work = n_blocks * LINEAR_ROWS * job->layers[0]->w.dims[1] * job->n;

  if (is_quantised (job->layers[0]))
    cw_pool_run (job->be->pool, job->n, grain_of (job->n, 4, work), quantise_task, job);
  cw_pool_run (job->be->pool, n_blocks, grain_of (n_blocks, piece, work), linear_task, job);
}

static void
linear_run (linear_job *job)
{
  const size_t n = job->n;

  for (size_t l = 0; l < job->n_layers; l++)
    job->first_block[l + 1] = job->first_block[l] + (job->layers[l]->w.dims[0] + LINEAR_ROWS - 1) / LINEAR_ROWS;
  if (!is_quantised (job->layers[0])) {
    linear_columns (job);
    return;
  }
  job->columns = job->be->columns;
  for (size_t j = 0; j < n; j += COLUMNS) {
    job->n = n - j < COLUMNS ? n - j : COLUMNS;
    linear_columns (job);
    job->x += COLUMNS * job->ld_x;
    for (size_t l = 0; l < job->n_layers; l++)
      job->y[l] += COLUMNS * job->ld_y;
    if (job->addend)
      job->addend += COLUMNS * job->ld_y;
    if (job->gate)
      job->gate += COLUMNS * job->ld_y;
  }
}

static void
linear (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t n, const cw_linear *layer,
        cw_activation activation, const float *addend, const float *gate)
{
  linear_job job = { .be = be, .x = x, .ld_x = ld_x, .n = n, .ld_y = ld_y, .n_layers = 1, .layers = { layer }, .y = { y },
                     .activation = activation, .addend = addend, .gate = gate };

  linear_run (&job);
}

static void
linears (cw_backend *be, float *const *y, size_t ld_y, const float *x, size_t ld_x, size_t n,
         const cw_linear *const *layers, size_t n_layers)
{
  for (size_t first = 0; first < n_layers; first += FUSED_MAX) {
    linear_job job = { .be = be, .x = x, .ld_x = ld_x, .n = n, .ld_y = ld_y };

    for (; job.n_layers < FUSED_MAX && first + job.n_layers < n_layers; job.n_layers++) {
      job.layers[job.n_layers] = layers[first + job.n_layers];
      job.y[job.n_layers] = y[first + job.n_layers];
    }
    linear_run (&job);
  }
}

/* ---- norms and embeddings: small, done by the caller's thread -------------------------------------------------- */

static void
layer_norm (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm)
{
  for (size_t j = 0; j < n; j++)
    be->kernels->layer_norm (y + j * c, x + j * c, c, norm->gamma, norm->beta, norm->eps);
}

static void
rms_norm (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm)
{
  for (size_t j = 0; j < n; j++)
    be->kernels->rms_norm (y + j * c, x + j * c, c, norm->gamma, norm->eps);
}

static void
narrow (cw_backend *be, uint16_t *y, const float *x, size_t n)
{
  be->kernels->narrow (y, x, n);
}

static float
quantise_key (cw_backend *be, int8_t *y, const float *x, size_t n)
{
  return be->kernels->quantise_key (y, x, n);
}

static void
add_row (cw_backend *be, float *y, const cw_tensor *table, size_t row)
{
  const size_t c = table->dims[1];

  (void) be;
  for (size_t i = 0; i < c; i++)
    y[i] += cw_tensor_at (table, row * c + i);
}

/* ---- attention ---------------------------------------------------------------------------------------------- */

typedef struct {
  cw_backend         *be;
  const cw_attention *attention;
} attention_job;

/* Head @head of the query at @at, over a cache of 8 bits. */
static void
attend_q8 (const attention_job *job, size_t query, size_t head, size_t at, float *scores)
{
  const cw_attention *a = job->attention;
  const cw_kernels   *kernels = job->be->kernels;
  const cw_context   *context = &a->contexts[query];
  const size_t        first = head * a->head_stride, first_scale = head * a->scale_stride;
  int16_t             q[CW_KEY_MAX];
  const float         scale = kernels->quantise (q, a->q + at, a->d);

  kernels->attend_q8 (a->y + at, q, scale * a->scale, (const int8_t *) context->k + first, a->scales[query].k + first_scale,
                      (const int8_t *) context->v + first, a->scales[query].v + first_scale, context->n_keys, a->d, scores);
}

/* One task is one head of one query. */
static void
attention_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const attention_job *job = arg;
  const cw_attention  *a = job->attention;
  const cw_attend_fn   attend = a->cache == CW_F16 ? job->be->kernels->attend_f16 : job->be->kernels->attend_f32;
  float               *scores = job->be->scratch + thread * job->be->scratch_floats;

  for (size_t task = begin; task < end; task++) {
    const size_t      query = task / a->n_heads, head = task % a->n_heads, at = query * a->ld + head * a->d;
    const cw_context *context = &a->contexts[query];
    const size_t      first = head * a->head_stride * cw_dtype_size (a->cache); /* byte */

    if (a->cache == CW_I8)
      attend_q8 (job, query, head, at, scores);
    else
      attend (a->y + at, a->q + at, (const char *) context->k + first, a->key_stride, (const char *) context->v + first,
              a->key_stride, context->n_keys, a->d, a->scale, context->bias ? context->bias + head * a->bias_head_stride : NULL,
              scores);
  }
}

static void
attention (cw_backend *be, const cw_attention *a)
{
  attention_job job = { be, a };
  const size_t  n_tasks = a->n_queries * a->n_heads;
  size_t        n_keys = 0;

  for (size_t i = 0; i < a->n_queries; i++)
    n_keys += a->contexts[i].n_keys;
  cw_pool_run (be->pool, n_tasks, grain_of (n_tasks, 1, 2 * n_keys * a->n_heads * a->d), attention_task, &job);
}

bool
cw_backend_reserve (cw_backend *be, size_t n_keys, cw_error *error)
{
  size_t n = (n_keys + 15) / 16 * 16, n_floats, n_bytes;
  float *scratch;

  if (n <= be->scratch_floats)
    return true;
  if (!cw_mul (n, cw_pool_n_threads (be->pool), &n_floats) || !cw_mul (n_floats, sizeof *scratch, &n_bytes) ||
      !(scratch = realloc (be->scratch, n_bytes))) {
    cw_fail_memory (error, "the attention's scores", n_floats);
    return false;
  }
  be->scratch = scratch;
  be->scratch_floats = n;
  return true;
}

bool
cw_backend_reserve_columns (cw_backend *be, size_t n_in, cw_error *error)
{
  const size_t n = column_stride (n_in);
  size_t       n_bytes;
  int16_t     *columns;

  if (n <= be->column_size)
    return true;
  /* a register's worth of a column lies on one line of the cache */
  if (!cw_mul (n, COLUMNS * sizeof *columns, &n_bytes) || !(columns = aligned_alloc (64, n_bytes))) {
    cw_fail_memory (error, "the columns of a linear layer", n);
    return false;
  }
  free (be->columns);
  be->columns = columns;
  be->column_size = n;
  return true;
}

/* ---- convolution -------------------------------------------------------------------------------------------- */

typedef struct {
  cw_backend           *be;
  float                *y;
  size_t                ld_y;
  const cw_taps        *taps;
  const float *const   *rows;
  size_t                n, n_blocks;
  const cw_taps_finish *finish;
} taps_job;

/* Four numbers at a time: gcc 12 makes no vectors of plain loops at -O2. */
typedef float four __attribute__ ((vector_size (16), aligned (4), may_alias));

static void
add_floats (float *y, const float *x, size_t n)
{
  size_t j = 0;

  for (; j + 4 <= n; j += 4)
    *(four *) (y + j) += *(const four *) (x + j);
  for (; j < n; j++)
    y[j] += x[j];
}

/* Rows m … m + n_rows - 1 of columns t … t + n - 1, in @y, to what they are to become, while they are in the cache. */
static void
taps_finish (const taps_job *job, float *y, size_t m, size_t n_rows, size_t t, size_t n)
{
  const cw_taps_finish *finish = job->finish;

  for (size_t i = 0; i < n_rows; i++) {
    float *row = y + i * job->ld_y;

    if (finish->addend)
      add_floats (row, finish->addend + (m + i) * finish->ld_addend + t, n);
    if (finish->elu)
      job->be->kernels->elu (row, row, n);
  }
}

/* to[j * s + i] = x[i][j] for four rows i of CONV_COLUMNS and @n columns j. */
static void
interleave_four (float *to, size_t s, const float *x, size_t n)
{
  typedef int four_places __attribute__ ((vector_size (16)));
  const four_places low = { 0, 4, 1, 5 }, high = { 2, 6, 3, 7 };
  size_t            j = 0;

  for (; j + 4 <= n; j += 4) {
    const four a = *(const four *) (x + j), b = *(const four *) (x + CONV_COLUMNS + j), c = *(const four *) (x + 2 * CONV_COLUMNS + j),
               d = *(const four *) (x + 3 * CONV_COLUMNS + j);
    const four ac0 = __builtin_shuffle (a, c, low), ac1 = __builtin_shuffle (a, c, high);
    const four bd0 = __builtin_shuffle (b, d, low), bd1 = __builtin_shuffle (b, d, high);

    *(four *) (to + j * s) = __builtin_shuffle (ac0, bd0, low);
    *(four *) (to + (j + 1) * s) = __builtin_shuffle (ac0, bd0, high);
    *(four *) (to + (j + 2) * s) = __builtin_shuffle (ac1, bd1, low);
    *(four *) (to + (j + 3) * s) = __builtin_shuffle (ac1, bd1, high);
  }
  for (; j < n; j++)
    for (size_t i = 0; i < 4; i++)
      to[j * s + i] = x[i * CONV_COLUMNS + j];
}

/* Rows of @x, one a phase, into one another. */
static void
taps_interleave (const taps_job *job, const float *x, size_t m, size_t n_rows, size_t t, size_t n)
{
  const size_t s = job->finish->phases;

  for (size_t i = 0, now; i < n_rows; i += now) {
    const size_t phase = (m + i) % s;
    float       *to = job->y + (m + i) / s * job->ld_y + t * s + phase;

    now = phase + 4 <= s && i + 4 <= n_rows ? 4 : 1;
    if (now == 4)
      interleave_four (to, s, x + i * CONV_COLUMNS, n);
    else
      for (size_t j = 0; j < n; j++)
        to[j * s] = x[i * CONV_COLUMNS + j];
  }
}

/* One task is one panel over one block of columns; neighbouring tasks share the columns. */
static void
taps_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const taps_job *job = arg;
  const cw_taps  *taps = job->taps;
  const size_t    n_panels = (taps->m + CW_PANEL - 1) / CW_PANEL;

  (void) thread;
  for (size_t task = begin; task < end; task++) {
    const size_t panel = task % n_panels, block = task / n_panels, m = panel * CW_PANEL, t = block * CONV_COLUMNS;
    const size_t n_rows = taps->m - m < CW_PANEL ? taps->m - m : CW_PANEL;
    const size_t n = job->n - t < CONV_COLUMNS ? job->n - t : CONV_COLUMNS;
    const bool   phases = job->finish->phases > 1;
    float        apart[CW_PANEL * CONV_COLUMNS], *y = phases ? apart : job->y + m * job->ld_y + t;

    job->be->kernels->taps (y, phases ? CONV_COLUMNS : job->ld_y, taps->panels + m * taps->r, job->rows, taps->r, taps->bias + m, n,
                            n_rows, t);
    if (phases)
      taps_interleave (job, apart, m, n_rows, t, n);
    else
      taps_finish (job, y, m, n_rows, t, n);
  }
}

static void
taps_product (cw_backend *be, float *y, size_t ld_y, const cw_taps *taps, const float *const *rows, size_t n,
              const cw_taps_finish *finish)
{
  const size_t n_blocks = (n + CONV_COLUMNS - 1) / CONV_COLUMNS;
  const size_t n_tasks = n_blocks * ((taps->m + CW_PANEL - 1) / CW_PANEL);
  taps_job     job = { be, y, ld_y, taps, rows, n, n_blocks, finish };

  cw_pool_run (be->pool, n_tasks, grain_of (n_tasks, 1, taps->m * taps->r * n), taps_task, &job);
}

cw_taps
cw_taps_pack (cw_arena *arena, size_t m, size_t r, const float *w, const float *bias)
{
  const size_t n_panels = (m + CW_PANEL - 1) / CW_PANEL;
  size_t       n = 0;
  cw_taps      taps = { m, r, NULL, NULL };

  taps.panels = cw_mul (n_panels * CW_PANEL, r, &n) ? cw_arena_new (arena, float, n)
                                                    : cw_arena_new (arena, float, SIZE_MAX);
  taps.bias = cw_arena_new (arena, float, n_panels * CW_PANEL);
  if (!taps.panels || !taps.bias)
    return taps;
  for (size_t i = 0; i < m; i++) {
    float *panel = taps.panels + i / CW_PANEL * CW_PANEL * r + i % CW_PANEL;
    for (size_t j = 0; j < r; j++)
      panel[j * CW_PANEL] = w[i * r + j];
    if (bias)
      taps.bias[i] = bias[i];
  }
  return taps;
}

/* ---- elu, lstm, nearest --------------------------------------------------------------------------------------- */

typedef struct {
  cw_backend  *be;
  float       *y;
  size_t       ld_y;
  const float *x;
  size_t       ld_x, n;
} rows_job;

static void
elu_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const rows_job *job = arg;

  (void) thread;
  for (size_t i = begin; i < end; i++)
    job->be->kernels->elu (job->y + i * job->ld_y, job->x + i * job->ld_x, job->n);
}

static void
copy_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const rows_job *job = arg;

  (void) thread;
  for (size_t i = begin; i < end; i++)
    memcpy (job->y + i * job->ld_y, job->x + i * job->ld_x, job->n * sizeof *job->y);
}

static void
elu (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n)
{
  cw_pool_run (be->pool, c, ROWS_FLOATS / (n + 1) + 1, elu_task, &(rows_job){ be, y, ld_y, x, ld_x, n });
}

static void
copy (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n)
{
  cw_pool_run (be->pool, c, 4 * ROWS_FLOATS / (n + 1) + 1, copy_task, &(rows_job){ be, y, ld_y, x, ld_x, n });
}

/* Frame @frame of the N sequences; tasks are blocks of LINEAR_ROWS units, with all four gates. */
typedef struct {
  linear_job   linear;    /* the products of all gates; its columns are the sequences' hidden states */
  const float *gates; /* of the frame, from the inputs: [N, 4 C] */
  float       *y, *cell; /* [N, C] */
  size_t       n, c;
  bool         backwards;
  int16_t     *next; /* the hidden states in integers, for the next frame; NULL: not needed */
} lstm_job;

/* Where a thread's share of the tasks is walked to and fro: what it read last, of weights larger than its caches, it reads first. */
static size_t
to_and_fro (const cw_pool *pool, size_t n_tasks, size_t task, bool backwards)
{
  size_t begin = 0, end = 0;

  if (!backwards)
    return task;
  for (unsigned i = 0; task >= end; i++)
    cw_pool_share (pool, n_tasks, i, &begin, &end);
  return begin + (end - 1 - task);
}

static void
lstm_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const lstm_job   *job = arg;
  const linear_job *linear = &job->linear;
  const size_t      c = job->c, n_blocks = (c + LINEAR_ROWS - 1) / LINEAR_ROWS;

  (void) thread;
  for (size_t task = begin; task < end; task++) {
    const size_t m = to_and_fro (linear->be->pool, n_blocks, task, job->backwards) * LINEAR_ROWS;
    const size_t rows = c - m < LINEAR_ROWS ? c - m : LINEAR_ROWS;

    for (size_t j = 0; j < job->n; j += LINEAR_COLS) {
      const size_t cols = job->n - j < LINEAR_COLS ? job->n - j : LINEAR_COLS;
      float        sums[4][LINEAR_COLS][LINEAR_ROWS], gates[4][LINEAR_ROWS];

      for (size_t g = 0; g < 4; g++)
        linear_products (linear, linear->layers[0], sums[g][0], g * c + m, rows, j, cols);
      for (size_t i = 0; i < cols; i++) {
        const float *in = job->gates + (j + i) * 4 * c + m;
        int16_t     *next = job->next ? job->next + (j + i) * column_stride (c) + m : NULL;

        for (size_t g = 0; g < 4; g++)
          for (size_t row = 0; row < rows; row++)
            gates[g][row] = sums[g][i][row] + in[g * c + row];
        linear->be->kernels->lstm_cell (job->y + (j + i) * c + m, next, job->cell + (j + i) * c + m, gates[0], LINEAR_ROWS, rows);
      }
    }
  }
}

/* 8-bit weights take the hidden states, which lie between -1 and 1, in steps of 1 / CW_UNIT: that needs no look at all of them first.
 * be->columns holds those of this frame and of the next in turns. */
static void
lstm (cw_backend *be, float *y, const float *gates, size_t t, size_t n, size_t c, const cw_linear *w_hh, float *hidden,
      float *cell)
{
  const bool quantised = is_quantised (w_hh);
  const size_t ld = column_stride (c);
  int16_t   *q[2] = { be->columns, be->columns + n * ld };
  lstm_job   job = { .linear = { .be = be, .ld_x = c, .n = n, .n_layers = 1, .layers = { w_hh } }, .cell = cell, .n = n, .c = c };
  const size_t n_blocks = (c + LINEAR_ROWS - 1) / LINEAR_ROWS;

  for (size_t j = 0; quantised && j < n; j++) {
    job.linear.scales[j] = 1.0f / CW_UNIT;
    for (size_t half = 0; half < 2; half++)
      memset (q[half] + j * ld, 0, ld * sizeof *q[half]);
    for (size_t i = 0; i < c; i++)
      q[0][j * ld + i] = (int16_t) rintf (hidden[j * c + i] * CW_UNIT);
  }
  for (size_t frame = 0; frame < t; frame++) {
    job.linear.x = frame ? y + (frame - 1) * n * c : hidden;
    job.linear.columns = q[frame % 2];
    job.next = quantised ? q[(frame + 1) % 2] : NULL;
    job.y = y + frame * n * c;
    job.gates = gates + frame * n * 4 * c;
    job.backwards = frame % 2;
    cw_pool_run (be->pool, n_blocks, grain_of (n_blocks, 1, 4 * c * c * n), lstm_task, &job);
  }
  if (t)
    memcpy (hidden, y + (t - 1) * n * c, n * c * sizeof *hidden);
}

typedef struct {
  int32_t         *codes;
  float           *x;
  size_t           ld_x, c;
  const cw_tensor *book;
} nearest_job;

static void
nearest_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const nearest_job *job = arg;
  const size_t       v = job->book->dims[0], c = job->c;
  const float       *book = job->book->data;

  (void) thread;
  for (size_t t = begin; t < end; t++) {
    float  smallest = INFINITY;
    size_t best = 0;

    for (size_t i = 0; i < v; i++) {
      float distance = 0.0f;
      for (size_t k = 0; k < c; k++) {
        const float difference = job->x[k * job->ld_x + t] - book[i * c + k];
        distance = fmaf (difference, difference, distance);
      }
      if (distance < smallest) {
        smallest = distance;
        best = i;
      }
    }
    job->codes[t] = (int32_t) best;
    for (size_t k = 0; k < c; k++)
      job->x[k * job->ld_x + t] -= book[best * c + k];
  }
}

static void
nearest (cw_backend *be, int32_t *codes, float *x, size_t ld_x, size_t n, size_t c, const cw_tensor *book)
{
  nearest_job job = { codes, x, ld_x, c, book };

  cw_pool_run (be->pool, n, grain_of (n, 4, n * c * book->dims[0]), nearest_task, &job);
}

/* ---- making one --------------------------------------------------------------------------------------------- */

cw_backend *
cw_backend_new (const char *name, unsigned n_threads, cw_error *error)
{
  const bool  scalar = name && strcmp (name, "cpu-scalar") == 0;
  cw_backend *be;

  if (name && !scalar && strcmp (name, "cpu") != 0) {
    cw_fail (error, CW_ERROR_ARGUMENT, "There is no backend “%s”; there are “cpu”, “cpu-scalar”, “cuda” and “cuda:1” and so on.", name);
    return NULL;
  }
  if (!(be = calloc (1, sizeof *be))) {
    cw_fail_memory (error, "the backend", sizeof *be);
    return NULL;
  }
  *be = (cw_backend){
    .name = scalar ? "cpu-scalar" : "cpu",
    .kernels = cw_kernels_choose (scalar ? CW_LEVEL_C : CW_LEVEL_VNNI),
    .linear = linear,
    .linears = linears,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .attention = attention,
    .narrow = narrow,
    .quantise_key = quantise_key,
    .add_row = add_row,
    .taps = taps_product,
    .copy = copy,
    .elu = elu,
    .lstm = lstm,
    .nearest = nearest,
  };
  be->pool = cw_pool_new (scalar ? 1 : n_threads ? n_threads : cw_physical_cores (), error);
  if (!be->pool) {
    cw_backend_free (be);
    return NULL;
  }
  return be;
}

void
cw_backend_free (cw_backend *be)
{
  if (!be)
    return;
  cw_pool_free (be->pool);
  free (be->scratch);
  free (be->columns);
  free (be);
}
