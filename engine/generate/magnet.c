/* SPDX-License-Identifier: MIT
 *
 * magnet.c: see magnet.h. Sound comes at the end: until the last codebook is filled, every frame may still change.
 *
 *     prompt ─ T5 ─ cross attention                           once
 *     grid of masks ─ stage 0 … K - 1 (magnet-stages.c) ─ codes
 *     codes ─ codec ─ blocks
 */
#include "generate/magnet.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "generate/card-trouble.h"
#include "generate/clip-decoder.h"
#include "generate/conditions.h"
#include "generate/magnet-stages.h"
#include "sampling/philox.h"

typedef struct {
  cw_model         *model;
  const cw_request *request;
  const cw_sink    *sink;
  cw_arena          arena;
  cw_conditions     conditions;
  cw_magnet_run    *run;
  cw_clip_decoder   decoder;
  cw_magnet_plan    plan;
  unsigned          n_steps[CW_DECODING_STAGES_MAX];
  size_t            k, n_steps_total, step, stage, n_stages; /* n_stages: complete ones */
  int32_t          *codes; /* [takes, K, T] */
  double            began_s, stepping_s;
  cw_told           told;
} pass;

static void
tell_progress (const pass *p, cw_stage stage)
{
  cw_progress progress = {
    .stage = stage,
    .step = p->step,
    .n_steps = p->n_steps_total,
    .codebook = (unsigned) p->stage,
    .n_codebooks = (unsigned) p->k,
    .n_samples = p->decoder.n_samples,
    .n_samples_total = p->plan.n_frames * p->model->info.hop_samples,
    .elapsed_s = cw_now_s () - p->began_s,
    .remaining_s = -1.0,
  };

  if (!p->sink || !p->sink->progress)
    return;
  if (p->step >= 1)
    progress.remaining_s = (cw_now_s () - p->stepping_s) / (double) p->step * (double) (p->n_steps_total - p->step);
  p->sink->progress (&progress, p->sink->user);
}

static void
tell_trouble (pass *p)
{
  cw_tell_left (p->sink, &p->told, cw_magnet_run_trouble (p->run), cw_clip_decoder_trouble (&p->decoder), p->step > 0);
}

/* ---- what the stages ask for ---------------------------------------------------------------------------------------- */

static double
draw (const void *user, size_t row, size_t step, size_t frame)
{
  const pass *p = user;

  return cw_philox_uniform (p->request->seed, p->request->first_take + (uint32_t) row, (uint32_t) frame, (uint32_t) step);
}

static bool
between_steps (void *user, size_t stage, size_t done)
{
  pass *p = user;

  p->stage = stage;
  p->step = done;
  if (done == 0)
    p->stepping_s = cw_now_s ();
  tell_trouble (p);
  tell_progress (p, CW_STAGE_CODES);
  return !(p->sink && p->sink->cancel && atomic_load_explicit (p->sink->cancel, memory_order_relaxed));
}

/* ---- before the first step ------------------------------------------------------------------------------------------- */

static void
plan (pass *p)
{
  const cw_request *request = p->request;
  const float       last = request->guidance_last != 0.0f ? request->guidance_last : p->model->info.guidance_last;
  const size_t      n_frames = cw_request_n_samples (request, &p->model->info) / p->model->info.hop_samples;

  for (size_t i = 0; i < p->k; i++)
    p->n_steps_total += p->n_steps[i] = request->decoding_steps[i] ? request->decoding_steps[i] : p->model->info.decoding_steps[i];
  p->plan = (cw_magnet_plan){
    .n_rows = request->n_takes,
    .n_frames = n_frames,
    .n_prompt = cw_request_n_given (request, &p->model->info),
    /* how sure the model is orders the spans, so that greedy needs a temperature, too: the model's own */
    .greedy = request->temperature == 0.0f,
    .temperature = request->temperature == 0.0f ? p->model->info.temperature : request->temperature,
    .overlap = request->overlapping_spans,
    .guided = p->conditions.n_texts > 0 && (request->guidance != 1.0f || last != 1.0f),
    .guidance_first = request->guidance,
    .guidance_last = last,
    .top_k = request->top_k,
    .top_p = request->top_p < 1.0f ? request->top_p : 0.0f,
    .n_steps = p->n_steps,
    .uniform = draw,
    .progress = between_steps,
    .user = p,
  };
}

/* All takes read the one text; the null rows behind them none. */
static cw_status
set_text (pass *p, cw_error *error)
{
  const cw_condition_text *text = &p->conditions.texts[0];
  const size_t             c = cw_musicgen_get_config (p->model->musicgen)->width;
  float                   *states;
  cw_status                status;

  if (p->conditions.n_texts == 0)
    return CW_OK;
  if (!(states = cw_arena_new (&p->arena, float, text->n * c)))
    return cw_arena_ok (&p->arena, "the text", error) ? CW_OK : CW_ERROR_MEMORY;
  cw_musicgen_project_text (p->model->musicgen, text->vectors, text->n, states);
  status = cw_magnet_run_set_states (p->run, 0, states, text->n, error);
  for (size_t row = 0; row < p->plan.n_rows; row++)
    cw_magnet_run_use_text (p->run, row, 0);
  return status;
}

static cw_status
prepare (pass *p, cw_error *error)
{
  const size_t t = p->plan.n_frames, rows = p->plan.n_rows;
  const bool   whole = cw_encodec_get_config (p->model->codec)->net.group_norm;
  int32_t     *given = cw_arena_new (&p->arena, int32_t, p->k * p->plan.n_prompt);
  cw_status    status;

  p->codes = cw_arena_new (&p->arena, int32_t, rows * p->k * t);
  if (!cw_arena_ok (&p->arena, "the clip", error))
    return CW_ERROR_MEMORY;
  if (p->plan.n_prompt >= t)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The sound to continue is %zu frames long and the whole clip has %zu; ask for a longer clip.",
                    p->plan.n_prompt, t);
  p->plan.prompt = given;
  if ((status = cw_read_given (p->model, p->request, p->sink, p->plan.n_prompt, given, error)) != CW_OK ||
      (status = cw_clip_decoder_init (&p->decoder, p->model, p->request->first_take, p->request->n_takes, whole ? t : CW_MAGNET_PUSH_FRAMES, error)) != CW_OK)
    return status;
  p->run = cw_magnet_run_new (p->model->musicgen, &p->model->magnet, p->plan.guided ? 2 * rows : rows, t, p->conditions.n_texts, error);
  return p->run ? set_text (p, error) : CW_ERROR_MEMORY;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

/* The codebooks that are complete, as sound: all of them, or after a stop the coarser ones. */
static void
decode (pass *p)
{
  const size_t t = p->plan.n_frames, most = p->decoder.max_frames;

  for (size_t at = 0, now; at < t; at += now) {
    now = t - at < most ? t - at : most;
    cw_clip_decoder_push (&p->decoder, p->codes + at, p->k * t, t, p->n_stages, now, at + now == t, t * p->model->info.hop_samples, p->sink);
    tell_progress (p, CW_STAGE_AUDIO);
    tell_trouble (p);
  }
}

/* The complete codebooks of the first take. */
static cw_codes *
keep_codes (const pass *p)
{
  cw_codes *codes = calloc (1, sizeof *codes);
  size_t    n = p->n_stages * p->plan.n_frames;

  if (!codes || !(codes->codes = malloc (n * sizeof *codes->codes))) {
    free (codes);
    return NULL;
  }
  codes->n_codebooks = (unsigned) p->n_stages;
  codes->n_chunks = 1;
  codes->n_frames = p->plan.n_frames;
  codes->codebook_size = p->model->info.codebook_size;
  codes->rate_hz = p->model->info.rate_hz;
  codes->n_channels = p->model->info.n_channels;
  codes->n_samples = p->plan.n_frames * p->model->info.hop_samples;
  memcpy (codes->codes, p->codes, n * sizeof *codes->codes);
  return codes;
}

cw_status
cw_magnet_generate (cw_model *model, const cw_request *request, const cw_sink *sink, cw_codes **codes, cw_error *error)
{
  pass      p = { .model = model, .request = request, .sink = sink, .k = model->info.n_codebooks, .began_s = cw_now_s () };
  cw_status status = cw_conditions_read (&p.conditions, model, request, error);

  if (status == CW_OK) {
    plan (&p);
    cw_tell_plan (sink, model);
    status = prepare (&p, error);
  }
  if (status == CW_OK) {
    tell_progress (&p, CW_STAGE_TEXT);
    status = cw_magnet_fill (model, p.run, &p.plan, p.codes, &p.n_stages, error);
    p.n_stages -= p.n_stages % cw_model_n_sides (model); /* of stereo both sides or none */
  }
  if (status == CW_OK && p.n_stages > 0) {
    decode (&p);
    if (codes)
      *codes = keep_codes (&p);
  }
  if (status == CW_OK && p.n_stages < p.k)
    status = cw_fail (error, CW_ERROR_CANCELLED, "Stopped after %zu of %zu steps; %zu of %zu codebooks are complete and kept.", p.step,
                      p.n_steps_total, p.n_stages, p.k);
  cw_clip_decoder_clear (&p.decoder);
  cw_conditions_clear (&p.conditions);
  cw_magnet_run_free (p.run);
  cw_arena_free (&p.arena);
  return status;
}
