/* SPDX-License-Identifier: MIT
 *
 * generate.c: a request from the prompt to the last block.
 *
 *     prompt ─ tokenizer ─ T5 ─ keys and values of cross attention                                       once
 *     columns of the delay pattern ─ decoder step ─ guidance ─ sampling ─ the next column                each step
 *     frames that are whole ─ codec's stream ─ block                                                      each FIRST_PUSH or PUSH frames
 *
 * Rows of a step: the takes with the text, then, with guidance, the same takes without: one pass over the weights for all.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "generate/clip-decoder.h"
#include "models/delay-pattern.h"
#include "sampling/philox.h"
#include "sampling/sampler.h"

#define FIRST_PUSH 10 /* frames of the first pushes: sound comes soon */
#define PUSH       25

typedef struct {
  cw_model         *model;
  const cw_request *request;
  const cw_sink    *sink;
  cw_arena          arena;
  cw_musicgen_run  *run;
  cw_delay_pattern  pattern;
  size_t            n_takes, n_rows, k, v;
  size_t            step, n_steps;
  size_t            n_decoded; /* frames that went to the codec */
  int32_t          *codes;     /* [n_takes, K, n_frames] */
  int32_t          *ids;       /* [n_rows, K] */
  float            *logits;    /* [n_rows, K, V] */
  char             *scratch;   /* for sampling: n_threads of scratch_bytes */
  size_t            scratch_bytes;
  cw_clip_decoder  *decoders;  /* [n_takes] */
  double            began_s, stepping_s; /* clock at the call and at the first step */
} pass;

static double
now_s (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static bool
is_cancelled (const pass *p)
{
  return p->sink && p->sink->cancel && atomic_load_explicit (p->sink->cancel, memory_order_relaxed);
}

static void
tell_progress (const pass *p, cw_stage stage)
{
  const double now = now_s ();
  cw_progress  progress = {
    .stage = stage,
    .step = p->step,
    .n_steps = p->n_steps,
    .n_samples = p->decoders[0].n_samples,
    .n_samples_total = p->pattern.n_frames * p->model->info.hop_samples,
    .elapsed_s = now - p->began_s,
    .remaining_s = -1.0,
  };

  if (!p->sink || !p->sink->progress)
    return;
  if (p->step >= 4)
    progress.remaining_s = (now - p->stepping_s) / (double) p->step * (double) (p->n_steps - p->step);
  p->sink->progress (&progress, p->sink->user);
}

/* ---- before the first step ----------------------------------------------------------------------------------------- */

/* All memory of the pass, but for what the text needs. */
static cw_status
prepare (pass *p, cw_error *error)
{
  cw_model                 *model = p->model;
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const bool                guided = p->request->guidance != 1.0f;
  const bool                whole = cw_encodec_get_config (model->codec)->net.group_norm;
  cw_status                 status = CW_OK;

  p->k = config->n_codebooks;
  p->v = config->codebook_size;
  p->pattern = (cw_delay_pattern){ p->k, cw_frames_of (&model->info, p->request->duration_s), config->n_channels, true };
  p->n_steps = cw_delay_n_steps (&p->pattern);
  p->n_takes = p->request->n_takes;
  p->n_rows = guided ? 2 * p->n_takes : p->n_takes;
  p->scratch_bytes = (cw_sampler_scratch_bytes (p->v) + 63) & ~(size_t) 63;
  p->codes = cw_arena_new (&p->arena, int32_t, p->n_takes * p->k * p->pattern.n_frames);
  p->ids = cw_arena_new (&p->arena, int32_t, p->n_rows * p->k);
  p->logits = cw_arena_new (&p->arena, float, p->n_rows * p->k * p->v);
  p->scratch = cw_arena_take (&p->arena, cw_pool_n_threads (model->engine->be->pool), p->scratch_bytes);
  p->decoders = cw_arena_new (&p->arena, cw_clip_decoder, p->n_takes);
  if (!cw_arena_ok (&p->arena, "the clip", error))
    return CW_ERROR_MEMORY;
  for (size_t i = 0; i < p->n_takes && status == CW_OK; i++)
    status = cw_clip_decoder_init (&p->decoders[i], model, p->request->first_take + (unsigned) i,
                                   whole ? p->pattern.n_frames : PUSH, error);
  if (status == CW_OK && !(p->run = cw_musicgen_run_new (model->musicgen, p->n_rows, p->n_steps, 1, error)))
    status = CW_ERROR_MEMORY;
  return status;
}

static cw_status
set_text (pass *p, cw_error *error)
{
  cw_model  *model = p->model;
  const size_t width = cw_t5_get_config (model->t5)->width, vocab = cw_t5_get_config (model->t5)->vocab;
  int32_t   *ids = NULL;
  float     *hidden = NULL;
  size_t     n = 0, n_floats;
  cw_status  status = cw_tokenizer_encode (model->tokenizer, p->request->prompt, strlen (p->request->prompt), &ids, &n, error);

  for (size_t i = 0; status == CW_OK && i < n; i++)
    if ((size_t) ids[i] >= vocab)
      status = cw_fail (error, CW_ERROR_FORMAT, "“%s”: the tokenizer gives id %d, but the text encoder knows ids below %zu.",
                        model->folder, ids[i], vocab);
  if (status == CW_OK && (!cw_mul (n, width, &n_floats) || !(hidden = calloc (n_floats, sizeof *hidden))))
    status = cw_fail_memory (error, "the text", n * width * sizeof *hidden);
  if (status == CW_OK)
    status = cw_t5_encode (model->t5, ids, n, n, hidden, error);
  if (status == CW_OK)
    status = cw_musicgen_run_set_text (p->run, 0, hidden, n, NULL, error);
  for (size_t row = 0; status == CW_OK && row < p->n_takes; row++)
    cw_musicgen_run_use_text (p->run, row, 0);
  free (hidden);
  free (ids);
  return status;
}

/* ---- a step -------------------------------------------------------------------------------------------------------- */

/* Column @step of the pattern: what is known, and the pad elsewhere; the null rows read what their take reads. */
static void
fill_column (pass *p)
{
  for (size_t row = 0; row < p->n_rows; row++)
    for (size_t k = 0; k < p->k; k++) {
      const size_t take = row % p->n_takes;
      size_t       frame;

      p->ids[row * p->k + k] = cw_delay_frame (&p->pattern, k, p->step, &frame)
                                 ? p->codes[(take * p->k + k) * p->pattern.n_frames + frame]
                                 : (int32_t) p->v;
    }
}

/* One task a take and codebook: the draws depend on their place alone, so any thread may make them. */
static void
sample_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  pass             *p = arg;
  const cw_request *request = p->request;
  const cw_sampling sampling = { request->temperature, request->top_k, request->top_p < 1.0f ? request->top_p : 0.0f };

  for (size_t i = begin; i < end; i++) {
    const size_t take = i / p->k, k = i % p->k;
    float       *logits = p->logits + i * p->v;
    size_t       frame;
    double       uniform;

    if (!cw_delay_frame (&p->pattern, k, p->step + 1, &frame))
      continue;
    if (p->n_rows > p->n_takes)
      cw_guide (logits, logits + p->n_takes * p->k * p->v, p->v, request->guidance);
    uniform = cw_philox_uniform (request->seed, request->first_take + (uint32_t) take, (uint32_t) p->step, (uint32_t) k);
    p->codes[(take * p->k + k) * p->pattern.n_frames + frame] =
      cw_sample (logits, p->v, &sampling, uniform, p->scratch + thread * p->scratch_bytes);
  }
}

/* Sends the frames that are whole to the codec: all of them at the @end, else in pushes of a good size. */
static void
decode_ready (pass *p, bool end)
{
  const size_t done = cw_delay_frames_done (&p->pattern, p->step), n_frames = p->pattern.n_frames;
  const size_t limit = n_frames * p->model->info.hop_samples;

  for (;;) {
    const size_t most = p->decoders[0].max_frames, ready = done - p->n_decoded;
    const size_t push = most > PUSH ? most : p->n_decoded < 2 * FIRST_PUSH ? FIRST_PUSH : PUSH;
    const size_t now = ready < push ? ready : push;
    const bool   last = end && now == ready;

    if (!end && ready < push)
      return;
    if (p->n_decoded + now > 0)
      for (size_t take = 0; take < p->n_takes; take++)
        cw_clip_decoder_push (&p->decoders[take], p->codes + take * p->k * n_frames + p->n_decoded, n_frames, p->k, now, last,
                              limit, p->sink);
    p->n_decoded += now;
    if (last || ready == 0)
      return;
    tell_progress (p, CW_STAGE_AUDIO);
  }
}

static cw_status
run_steps (pass *p, cw_error *error)
{
  cw_pool *pool = p->model->engine->be->pool;

  p->stepping_s = now_s ();
  while (p->step < p->n_steps) {
    if (is_cancelled (p)) {
      decode_ready (p, true);
      return cw_fail (error, CW_ERROR_CANCELLED, "Stopped after %zu of %zu steps; %.2f s of sound are kept.", p->step,
                      p->n_steps, (double) p->decoders[0].n_samples / p->model->info.rate_hz);
    }
    fill_column (p);
    cw_musicgen_run_step (p->run, p->ids, p->logits, NULL);
    cw_pool_run (pool, p->n_takes * p->k, 1, sample_task, p);
    p->step++;
    decode_ready (p, p->step == p->n_steps);
    tell_progress (p, CW_STAGE_CODES);
  }
  return CW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* The codes of the first take, as far as its frames are whole; NULL when there are none or memory is short. */
static cw_codes *
keep_codes (const pass *p)
{
  const size_t t = cw_delay_frames_done (&p->pattern, p->step);
  cw_codes    *codes = t ? calloc (1, sizeof *codes) : NULL;

  if (!codes)
    return NULL;
  *codes = (cw_codes){
    .n_codebooks = (unsigned) p->k,
    .n_chunks = 1,
    .n_frames = t,
    .codebook_size = (unsigned) p->v,
    .rate_hz = p->model->info.rate_hz,
    .n_channels = p->model->info.n_channels,
    .n_samples = t * p->model->info.hop_samples,
    .codes = malloc (p->k * t * sizeof *codes->codes),
  };
  if (!codes->codes) {
    free (codes);
    return NULL;
  }
  for (size_t k = 0; k < p->k; k++)
    memcpy (codes->codes + k * t, p->codes + k * p->pattern.n_frames, t * sizeof *codes->codes);
  return codes;
}

cw_status
cw_generate (cw_model *model, const cw_request *request, const cw_sink *sink, cw_codes **codes, cw_error *error)
{
  pass      p = { .model = model, .request = request, .sink = sink, .began_s = now_s () };
  cw_error  spare;
  cw_status status;

  if (!error)
    error = &spare;
  *error = (cw_error){ 0 };
  if (codes)
    *codes = NULL;
  if ((status = cw_request_check (request, &model->info, error)) != CW_OK)
    return status;
  status = prepare (&p, error);
  if (status == CW_OK) {
    tell_progress (&p, CW_STAGE_TEXT);
    status = set_text (&p, error);
  }
  if (status == CW_OK)
    status = run_steps (&p, error);
  if (codes && p.step > 0)
    *codes = keep_codes (&p);
  for (size_t i = 0; p.decoders && i < p.n_takes; i++)
    cw_clip_decoder_clear (&p.decoders[i]);
  cw_musicgen_run_free (p.run);
  cw_arena_free (&p.arena);
  return status;
}
