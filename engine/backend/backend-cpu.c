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
#define CONV_COLUMNS 240 /* a piece of a convolution's frames: likewise */

/* ---- linear ------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_backend      *be;
  float           *y;
  size_t           ld_y;
  const float     *x;
  size_t           ld_x, n;
  const cw_linear *layer;
  cw_activation    activation;
  const float     *addend, *gate;
} linear_job;

static float
activate (float x, cw_activation activation)
{
  switch (activation) {
  case CW_ACTIVATION_RELU:
    return x > 0.0f ? x : 0.0f;
  case CW_ACTIVATION_GELU:
    return 0.5f * x * (1.0f + erff (x * 0.70710678118654752440f));
  case CW_ACTIVATION_GELU_TANH:
    return 0.5f * x * (1.0f + tanhf (0.79788456080286535588f * (x + 0.044715f * x * x * x)));
  case CW_ACTIVATION_NONE:
    break;
  }
  return x;
}

static cw_dot_rows_fn
dot_rows (const cw_kernels *kernels, cw_dtype dtype)
{
  return dtype == CW_F32 ? kernels->dot_rows_f32 : dtype == CW_F16 ? kernels->dot_rows_f16 : kernels->dot_rows_bf16;
}

/* Bias, activation, gate and addend of the sums of @rows rows from @m on, for column @j. */
static void
linear_finish (const linear_job *job, const float *sums, size_t j, size_t m, size_t rows)
{
  for (size_t i = 0; i < rows; i++) {
    const size_t at = j * job->ld_y + m + i;
    float        value = sums[i];

    if (job->layer->bias)
      value += job->layer->bias[m + i];
    value = activate (value, job->activation);
    if (job->gate)
      value *= job->gate[at];
    if (job->addend)
      value += job->addend[at];
    job->y[at] = value;
  }
}

static void
linear_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const linear_job *job = arg;
  const cw_tensor  *w = &job->layer->w;
  const size_t      n_in = w->dims[1], row_bytes = n_in * cw_dtype_size (w->dtype);
  cw_dot_rows_fn    dot = dot_rows (job->be->kernels, w->dtype);

  (void) thread;
  for (size_t m = begin; m < end; m += LINEAR_ROWS) {
    const size_t rows = end - m < LINEAR_ROWS ? end - m : LINEAR_ROWS;

    for (size_t j = 0; j < job->n; j += LINEAR_COLS) {
      const size_t cols = job->n - j < LINEAR_COLS ? job->n - j : LINEAR_COLS;
      float        sums[LINEAR_COLS][LINEAR_ROWS];

      dot (sums[0], LINEAR_ROWS, job->x + j * job->ld_x, job->ld_x, cols, (const char *) w->data + m * row_bytes, rows,
           n_in);
      for (size_t i = 0; i < cols; i++)
        linear_finish (job, sums[i], j + i, m, rows);
    }
  }
}

static void
linear (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t n, const cw_linear *layer,
        cw_activation activation, const float *addend, const float *gate)
{
  linear_job job = { be, y, ld_y, x, ld_x, n, layer, activation, addend, gate };

  cw_pool_run (be->pool, layer->w.dims[0], LINEAR_ROWS, linear_task, &job);
}

/* ---- norms and embeddings: small, done by the caller's thread -------------------------------------------------- */

static void
layer_norm (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm)
{
  (void) be;
  for (size_t j = 0; j < n; j++, x += c, y += c) {
    double sum = 0.0, squares = 0.0;
    float  mean, scale;

    for (size_t i = 0; i < c; i++)
      sum += x[i];
    for (size_t i = 0; i < c; i++)
      squares += (x[i] - sum / (double) c) * (x[i] - sum / (double) c);
    mean = (float) (sum / (double) c);
    scale = (float) (1.0 / sqrt (squares / (double) c + norm->eps));
    for (size_t i = 0; i < c; i++)
      y[i] = (x[i] - mean) * scale * norm->gamma[i] + (norm->beta ? norm->beta[i] : 0.0f);
  }
}

static void
rms_norm (cw_backend *be, float *y, const float *x, size_t n, size_t c, const cw_norm *norm)
{
  (void) be;
  for (size_t j = 0; j < n; j++, x += c, y += c) {
    double squares = 0.0;
    float  scale;

    for (size_t i = 0; i < c; i++)
      squares += (double) x[i] * x[i];
    scale = (float) (1.0 / sqrt (squares / (double) c + norm->eps));
    for (size_t i = 0; i < c; i++)
      y[i] = norm->gamma[i] * (x[i] * scale);
  }
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

/* One task is one head of one query. */
static void
attention_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const attention_job *job = arg;
  const cw_attention  *a = job->attention;
  float               *scores = job->be->scratch + thread * job->be->scratch_floats;

  for (size_t task = begin; task < end; task++) {
    const size_t      query = task / a->n_heads, head = task % a->n_heads, at = query * a->ld + head * a->d;
    const cw_context *context = &a->contexts[query];

    job->be->kernels->attend (a->y + at, a->q + at, context->k + head * a->head_stride, a->key_stride,
                              context->v + head * a->head_stride, a->key_stride, context->n_keys, a->d, a->scale,
                              context->bias ? context->bias + head * a->bias_head_stride : NULL, scores);
  }
}

static void
attention (cw_backend *be, const cw_attention *a)
{
  attention_job job = { be, a };

  cw_pool_run (be->pool, a->n_queries * a->n_heads, 1, attention_task, &job);
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

/* ---- convolution -------------------------------------------------------------------------------------------- */

typedef struct {
  cw_backend         *be;
  float              *y;
  size_t              ld_y;
  const cw_taps      *taps;
  const float *const *rows;
  size_t              n, n_blocks;
} taps_job;

/* One task is one panel over one block of columns; neighbouring tasks share the columns. */
static void
taps_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const taps_job *job = arg;
  const cw_taps  *taps = job->taps;
  const size_t    n_panels = (taps->m + CW_PANEL - 1) / CW_PANEL;
  float          *y;

  (void) thread;
  for (size_t task = begin; task < end; task++) {
    const size_t panel = task % n_panels, block = task / n_panels, m = panel * CW_PANEL, t = block * CONV_COLUMNS;
    const size_t n_rows = taps->m - m < CW_PANEL ? taps->m - m : CW_PANEL;
    const size_t n = job->n - t < CONV_COLUMNS ? job->n - t : CONV_COLUMNS;

    y = job->y + m * job->ld_y + t;
    job->be->kernels->taps (y, job->ld_y, taps->panels + m * taps->r, job->rows, taps->r, taps->bias + m, n, n_rows, t);
  }
}

static void
taps_product (cw_backend *be, float *y, size_t ld_y, const cw_taps *taps, const float *const *rows, size_t n)
{
  const size_t n_blocks = (n + CONV_COLUMNS - 1) / CONV_COLUMNS;
  taps_job     job = { be, y, ld_y, taps, rows, n, n_blocks };

  cw_pool_run (be->pool, n_blocks * ((taps->m + CW_PANEL - 1) / CW_PANEL), 1, taps_task, &job);
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
} elu_job;

static void
elu_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  const elu_job *job = arg;

  (void) thread;
  for (size_t i = begin; i < end; i++)
    job->be->kernels->elu (job->y + i * job->ld_y, job->x + i * job->ld_x, job->n);
}

static void
elu (cw_backend *be, float *y, size_t ld_y, const float *x, size_t ld_x, size_t c, size_t n)
{
  elu_job job = { be, y, ld_y, x, ld_x, n };

  cw_pool_run (be->pool, c, n < 4096 ? 4096 / (n + 1) + 1 : 1, elu_task, &job);
}

static inline float
sigmoid (float x)
{
  return 1.0f / (1.0f + cw_expf (-x));
}

static inline float
hyperbolic_tangent (float x)
{
  const float e = cw_expm1f (2.0f * x);

  return e / (e + 2.0f);
}

static void
lstm (cw_backend *be, float *y, float *gates, size_t t, size_t c, const cw_linear *w_hh, float *hidden, float *cell)
{
  for (size_t frame = 0; frame < t; frame++, gates += 4 * c, y += c) {
    linear (be, gates, 4 * c, hidden, c, 1, w_hh, CW_ACTIVATION_NONE, gates, NULL);
    for (size_t i = 0; i < c; i++) {
      const float input = sigmoid (gates[i]), forget = sigmoid (gates[c + i]);
      const float candidate = hyperbolic_tangent (gates[2 * c + i]), output = sigmoid (gates[3 * c + i]);

      cell[i] = forget * cell[i] + input * candidate;
      hidden[i] = output * hyperbolic_tangent (cell[i]);
      y[i] = hidden[i];
    }
  }
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

  cw_pool_run (be->pool, n, 4, nearest_task, &job);
}

/* ---- making one --------------------------------------------------------------------------------------------- */

cw_backend *
cw_backend_new (const char *name, unsigned n_threads, cw_error *error)
{
  const bool  scalar = name && strcmp (name, "cpu-scalar") == 0;
  cw_backend *be;

  if (name && !scalar && strcmp (name, "cpu") != 0) {
    cw_fail (error, CW_ERROR_ARGUMENT, "There is no backend “%s”; this build has “cpu” and “cpu-scalar”.", name);
    return NULL;
  }
  if (!(be = calloc (1, sizeof *be))) {
    cw_fail_memory (error, "the backend", sizeof *be);
    return NULL;
  }
  *be = (cw_backend){
    .name = scalar ? "cpu-scalar" : "cpu",
    .kernels = cw_kernels_choose (scalar ? CW_LEVEL_C : CW_LEVEL_AVX512),
    .linear = linear,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .attention = attention,
    .add_row = add_row,
    .taps = taps_product,
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
  free (be);
}
