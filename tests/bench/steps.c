/* SPDX-License-Identifier: MIT
 *
 * steps.c: clipwright-steps MODEL PRECISION TAKES POSITION…: what a step of the decoder takes at positions of a clip, for a number of takes
 *     with guidance, on all cores. What lies before a position is fed, and a few steps are made there that do not count. Prints the median
 *     of those that do, in ms, a line for each position, which must ascend. CLIPWRIGHT_WEIGHTS may name a folder for converted weights.
 *
 * clipwright-steps MODEL PRECISION TAKES products: the matrix products of a step alone, of all rows, as compare.py measures its peers:
 *     prints the mean of PRODUCT_RUNS passes behind PRODUCT_WARM.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "generate/conditions.h"
#include "models/musicgen-weights.h"

#define WARM_STEPS 4
#define STEPS 21
#define PRODUCT_WARM 3
#define PRODUCT_RUNS 30

typedef struct {
  cw_musicgen_run *run;
  size_t           n_rows, k, v, position;
  int32_t         *ids;    /* [n_rows, most positions, K] */
  float           *logits; /* [n_rows, K, V] */
} decoder;

static void
stop (const char *why)
{
  fprintf (stderr, "clipwright-steps: %s\n", why);
  exit (2);
}

static size_t
number (const char *text)
{
  char               *end;
  const unsigned long n = (errno = 0, strtoul (text, &end, 10));

  if (errno || end == text || *end != '\0' || n == 0 || n > 100000)
    stop ("takes and positions are numbers of 1 to 100000");
  return n;
}

static int
ascending (const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Any codes: of @n columns a row. */
static void
fill_ids (decoder *d, size_t n)
{
  for (size_t i = 0; i < d->n_rows * n * d->k; i++)
    d->ids[i] = (int32_t) ((i * 7 + d->position * 31) % d->v);
}

static double
step_at (decoder *d, size_t position)
{
  double times[STEPS];

  fill_ids (d, position - d->position);
  cw_musicgen_run_feed (d->run, d->ids, position - d->position);
  d->position = position;
  for (size_t i = 0; i < WARM_STEPS + STEPS; i++) {
    const double began = cw_now_s ();

    fill_ids (d, 1);
    cw_musicgen_run_step (d->run, d->ids, d->logits, NULL);
    if (i >= WARM_STEPS)
      times[i - WARM_STEPS] = cw_now_s () - began;
    d->position++;
  }
  qsort (times, STEPS, sizeof *times, ascending);
  return times[STEPS / 2];
}

static void
measure (cw_model *model, size_t n_takes, char **positions, size_t n_positions)
{
  const size_t     n = number (positions[n_positions - 1]) + WARM_STEPS + STEPS;
  const cw_request request = { .prompt = "a calm piano", .n_takes = (unsigned) n_takes };
  cw_error         error = { 0 };
  cw_conditions    conditions;
  decoder          d = { .n_rows = 2 * n_takes };

  d.k = cw_musicgen_get_config (model->musicgen)->n_codebooks;
  d.v = cw_musicgen_get_config (model->musicgen)->codebook_size;
  d.ids = calloc (d.n_rows * n * d.k, sizeof *d.ids);
  d.logits = calloc (d.n_rows * d.k * d.v, sizeof *d.logits);
  if (!d.ids || !d.logits)
    stop ("not enough memory");
  if (cw_conditions_read (&conditions, model, &request, &error) != CW_OK ||
      !(d.run = cw_musicgen_run_new (model->musicgen, d.n_rows, cw_conditions_n_prefix (&conditions) + n, 1, &error)) ||
      cw_conditions_bind (&conditions, d.run, d.n_rows, false, &error) != CW_OK)
    stop (error.message);
  cw_conditions_begin (&conditions, 0, 0);
  cw_conditions_use (&conditions, 0);
  for (size_t i = 0; i < n_positions; i++) {
    const size_t position = number (positions[i]);

    if (position < d.position)
      stop ("each position must lie behind the steps at the one before");
    printf ("%zu takes, position %5zu: %7.2f ms\n", n_takes, position, 1e3 * step_at (&d, position));
  }
  cw_conditions_clear (&conditions);
  cw_musicgen_run_free (d.run);
  free (d.ids);
  free (d.logits);
}

/* One pass over the weights of a step: the same columns, @x [n, ffn], for every product; each @y [n, @ld] is written over. */
static void
products (const cw_musicgen *model, const float *x, float *const *y, size_t ld, size_t n)
{
  const cw_musicgen_config *config = &model->config;
  const size_t              c = config->width, ffn = config->ffn;
  cw_backend               *be = model->be;

  for (size_t i = 0; i < config->n_layers; i++) {
    const cw_musicgen_layer *l = &model->layers[i];

    be->linears (be, y, ld, x, ffn, n, (const cw_linear *const[]){ &l->q, &l->k, &l->v }, 3);
    be->linear (be, y[0], ld, x, ffn, n, &l->o, CW_ACTIVATION_NONE, NULL, NULL);
    if (!config->prefixed) {
      be->linear (be, y[0], ld, x, ffn, n, &l->cross_q, CW_ACTIVATION_NONE, NULL, NULL);
      be->linear (be, y[0], ld, x, ffn, n, &l->cross_o, CW_ACTIVATION_NONE, NULL, NULL);
    }
    be->linear (be, y[0], ld, x, ffn, n, &l->fc1, CW_ACTIVATION_NONE, NULL, NULL);
    be->linear (be, y[0], ld, x, ffn, n, &l->fc2, CW_ACTIVATION_NONE, NULL, NULL);
  }
  be->linears (be, y, ld, x, c, n, model->head_list, config->n_codebooks);
}

static void
measure_products (const cw_model *model, size_t n_takes)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const size_t              n = 2 * n_takes, ld = config->n_codebooks * config->codebook_size + config->width + config->ffn;
  float                    *x = calloc (n * config->ffn, sizeof *x), *sums = calloc (8 * n * ld, sizeof *sums);
  float                    *y[64];
  double                    began = 0.0;

  if (!x || !sums)
    stop ("not enough memory");
  for (size_t i = 0; i < n * config->ffn; i++)
    x[i] = (float) (i * 7 % 31) / 16.0f - 1.0f;
  for (size_t i = 0; i < 64; i++)
    y[i] = sums + i % 8 * n * ld;
  for (size_t i = 0; i < PRODUCT_WARM + PRODUCT_RUNS; i++) {
    if (i == PRODUCT_WARM)
      began = cw_now_s ();
    products (model->musicgen, x, y, ld, n);
  }
  printf ("%zu takes, products alone: %7.2f ms\n", n_takes, 1e3 * (cw_now_s () - began) / PRODUCT_RUNS);
  free (x);
  free (sums);
}

int
main (int argc, char **argv)
{
  cw_error         error = { 0 };
  cw_model_options options = { .cache_folder = getenv ("CLIPWRIGHT_WEIGHTS") };
  cw_engine       *engine = cw_engine_new (&(cw_engine_options){ .backend = "cpu" }, &error);
  cw_model        *model;

  if (argc < 5)
    stop ("a model's folder, a precision, a number of takes and positions were expected");
  if (!cw_precision_from_name (argv[2], &options.precision))
    stop ("there is no such precision");
  if (!engine || !(model = cw_model_load (engine, argv[1], &options, &error)))
    stop (error.message);
  if (!model->musicgen || model->magnet.span_len)
    stop ("the model makes no steps");
  if (strcmp (argv[4], "products") == 0)
    measure_products (model, number (argv[3]));
  else
    measure (model, number (argv[3]), argv + 4, (size_t) argc - 4);
  cw_model_free (model);
  cw_engine_free (engine);
  return 0;
}
