/* SPDX-License-Identifier: MIT
 *
 * magnet-stages.c: see magnet-stages.h.
 */
#include "generate/magnet-stages.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "sampling/sampler.h"
#include "sampling/span-mask.h"

#define KEEP_SCORE (-1e4f) /* of what must not be masked again */
#define COOLEST    0.01    /* the least temperature that probabilities are made with */

typedef struct {
  const cw_magnet_plan *plan;
  cw_magnet_run        *run;
  cw_pool              *pool;
  cw_arena              arena;
  size_t                k, v, span, n_rows; /* n_rows: of the run */
  size_t                unit, n_units;      /* frames that are masked together: a span, or 1; how many in a clip */
  size_t                stage, step;        /* step: over all stages */
  float                 guidance;
  cw_sampling           sampling;
  int32_t              *ids;     /* [n_rows of the run, K, T] */
  float                *scores;  /* [rows, n_units]: how unsure, the unsurest first */
  bool                 *picked;  /* [rows, T]: to be drawn in this step */
  double               *uniforms; /* [rows, T]: the step's draws, -1 where nothing is picked */
  int32_t              *tokens;  /* [rows, T]: what was drawn */
  float                *sure;    /* [rows, T]: its probability */
  float                *logits;  /* [n_rows of the run, T, V] */
  uint32_t             *order;   /* [T] */
  float                *sums;    /* [T] */
  bool                 *units;   /* [n_units] */
  char                 *scratch; /* for sampling, a piece a thread */
  size_t                scratch_bytes;
} fill;

size_t
cw_magnet_frames (const cw_magnet_config *config, size_t n_frames, bool overlap)
{
  if (n_frames < config->span_len)
    return config->span_len;
  return overlap ? n_frames : n_frames - n_frames % config->span_len;
}

static int32_t *
id_at (const fill *f, size_t row, size_t frame)
{
  return f->ids + (row * f->k + f->stage) * f->plan->n_frames + frame;
}

/* ---- a step -------------------------------------------------------------------------------------------------------------- */

/* Which frames of @row are picked: the least sure spans, as many as @share says. */
static void
pick (fill *f, size_t row, float share)
{
  const size_t t = f->plan->n_frames, n_given = f->plan->n_prompt / f->unit;
  const size_t n_masked = cw_mask_count (share, f->n_units - n_given);
  const float *scores = f->scores + row * f->n_units;
  bool        *picked = f->picked + row * t;

  if (f->plan->overlap && f->span > 1) {
    cw_mask_spans (scores, t, f->span, n_masked, picked, f->order, f->sums);
    return;
  }
  cw_mask_highest (scores, f->n_units, n_masked, f->units, f->order);
  for (size_t frame = 0; frame < t; frame++)
    picked[frame] = f->units[frame / f->unit];
}

/* Masks what was picked; the prompt is written back into it. Frame by frame, those count as picked that are masked now: fewer, where there
 * is a prompt, or more, in a stage's first step, where overlapping spans need not reach all of the masked frames. */
static void
mask (fill *f, float share)
{
  for (size_t row = 0; row < f->plan->n_rows; row++) {
    bool *picked = f->picked + row * f->plan->n_frames;

    pick (f, row, share);
    for (size_t frame = 0; frame < f->plan->n_frames; frame++) {
      int32_t *id = id_at (f, row, frame);

      if (frame < f->plan->n_prompt)
        *id = f->plan->prompt[f->stage * f->plan->n_prompt + frame];
      else if (picked[frame])
        *id = (int32_t) f->v;
      if (f->unit == 1)
        picked[frame] = *id == (int32_t) f->v;
    }
  }
}

/* One task a row and frame. */
static void
draw_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  fill        *f = arg;
  const size_t n = f->plan->n_rows * f->plan->n_frames;

  for (size_t i = begin; i < end; i++) {
    float *logits = f->logits + i * f->v;

    if (!f->picked[i])
      continue;
    if (f->plan->guided)
      cw_guide (logits, logits + n * f->v, f->v, f->guidance);
    f->tokens[i] = cw_sample_scored (logits, f->v, &f->sampling, f->plan->greedy, f->uniforms[i], f->scratch + thread * f->scratch_bytes, &f->sure[i]);
  }
}

/* A look, on the card with its draws or here. A span counts with all of its frames, those of the prompt too; what was not picked need not be
 * drawn. The null branches read what their rows read. */
static void
look_and_draw (fill *f)
{
  const size_t         t = f->plan->n_frames, n = f->plan->n_rows * t, n_ids = n * f->k;
  const cw_magnet_draw how = { f->sampling, f->plan->greedy, f->plan->guided, f->guidance, f->uniforms };

  if (f->plan->guided)
    memcpy (f->ids + n_ids, f->ids, n_ids * sizeof *f->ids);
  for (size_t i = 0; i < n; i++)
    f->uniforms[i] = f->picked[i] ? f->plan->uniform (f->plan->user, i / t, f->step, i % t) : -1.0;
  if (!cw_magnet_run_draw (f->run, f->ids, f->stage, &how, f->tokens, f->sure)) {
    cw_magnet_run_forward (f->run, f->ids, f->stage, f->logits);
    cw_pool_run (f->pool, n, 8, draw_task, f);
  }
  for (size_t i = 0; i < n; i++) {
    int32_t *id = id_at (f, i / t, i % t);

    if (f->picked[i] && *id == (int32_t) f->v)
      *id = f->tokens[i];
  }
}

/* How unsure: of a span, 1 - the surest of its frames; of a frame alone, - log of its probability. */
static void
score (fill *f)
{
  const size_t t = f->plan->n_frames;

  for (size_t row = 0; row < f->plan->n_rows; row++)
    for (size_t u = 0; u < f->n_units; u++) {
      const bool  *picked = f->picked + row * t + u * f->unit;
      const float *sure = f->sure + row * t + u * f->unit;
      float        surest = sure[0], *to = &f->scores[row * f->n_units + u];

      for (size_t i = 1; i < f->unit; i++)
        surest = sure[i] > surest ? sure[i] : surest;
      *to = !picked[0] ? KEEP_SCORE : f->unit > 1 ? 1.0f - surest : -logf (surest);
    }
}

/* Step @i of @n of the stage. Guidance and temperature fall with it. */
static void
run_step (fill *f, size_t i, size_t n)
{
  const cw_magnet_plan *plan = f->plan;
  const float           share = cw_mask_share (i, n);
  const double          left = (double) (n - 1 - i) / (double) n;

  f->guidance = (float) ((double) share * (double) plan->guidance_first + (1.0 - (double) share) * (double) plan->guidance_last);
  f->sampling = (cw_sampling){ (float) fmax ((double) plan->temperature * left, COOLEST), plan->top_k, plan->top_p };
  mask (f, share);
  look_and_draw (f);
  score (f);
  f->step++;
}

/* ---- all stages ------------------------------------------------------------------------------------------------------------ */

static void
begin_stage (fill *f)
{
  const size_t n_given = f->plan->n_prompt / f->unit;

  for (size_t row = 0; row < f->plan->n_rows; row++)
    for (size_t u = 0; u < f->n_units; u++)
      f->scores[row * f->n_units + u] = u < n_given ? KEEP_SCORE : 0.0f;
}

static bool
take_memory (fill *f, cw_error *error)
{
  const size_t t = f->plan->n_frames, rows = f->plan->n_rows;

  f->scratch_bytes = (cw_sampler_scratch_bytes (f->v) + 63) & ~(size_t) 63;
  f->ids = cw_arena_new (&f->arena, int32_t, f->n_rows * f->k * t);
  f->logits = cw_arena_new (&f->arena, float, f->n_rows * t * f->v);
  f->scores = cw_arena_new (&f->arena, float, rows * f->n_units);
  f->picked = cw_arena_new (&f->arena, bool, rows * t);
  f->uniforms = cw_arena_new (&f->arena, double, rows * t);
  f->tokens = cw_arena_new (&f->arena, int32_t, rows * t);
  f->sure = cw_arena_new (&f->arena, float, rows * t);
  f->order = cw_arena_new (&f->arena, uint32_t, t);
  f->sums = cw_arena_new (&f->arena, float, t);
  f->units = cw_arena_new (&f->arena, bool, f->n_units);
  f->scratch = cw_arena_take (&f->arena, cw_pool_n_threads (f->pool), f->scratch_bytes);
  return cw_arena_ok (&f->arena, "the clip's grid", error);
}

cw_status
cw_magnet_fill (cw_model *model, cw_magnet_run *run, const cw_magnet_plan *plan, int32_t *codes, size_t *n_stages, cw_error *error)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  fill                      f = { .plan = plan, .run = run, .pool = model->engine->be->pool, .k = config->n_codebooks, .v = config->codebook_size,
                                  .span = model->magnet.span_len, .n_rows = plan->guided ? 2 * plan->n_rows : plan->n_rows };
  bool                      go_on = true;

  *n_stages = 0;
  f.unit = plan->overlap ? 1 : f.span;
  f.n_units = plan->n_frames / f.unit;
  if (!take_memory (&f, error)) {
    cw_arena_free (&f.arena);
    return CW_ERROR_MEMORY;
  }
  for (size_t i = 0; i < plan->n_rows * f.k * plan->n_frames; i++) {
    const size_t frame = i % plan->n_frames, k = i / plan->n_frames % f.k;
    f.ids[i] = frame < plan->n_prompt ? plan->prompt[k * plan->n_prompt + frame] : (int32_t) f.v;
  }
  for (f.stage = 0; f.stage < f.k && go_on; f.stage++) {
    begin_stage (&f);
    for (size_t i = 0; i < plan->n_steps[f.stage] && (go_on = !plan->progress || plan->progress (plan->user, f.stage, f.step)); i++)
      run_step (&f, i, plan->n_steps[f.stage]);
    *n_stages += go_on;
  }
  if (go_on && plan->progress)
    plan->progress (plan->user, f.k - 1, f.step);
  memcpy (codes, f.ids, plan->n_rows * f.k * plan->n_frames * sizeof *codes);
  cw_arena_free (&f.arena);
  return CW_OK;
}
