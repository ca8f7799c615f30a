/* SPDX-License-Identifier: MIT
 *
 * generate.c: a request from the prompt to the last block.
 *
 *     prompts ─ tokenizer ─ T5 ─ keys and values of cross attention, or vectors in front                 once
 *     melody ─ chroma ─ vectors in front of the codes                                                    each window
 *     sound to continue ─ codec's encoder ─ codes of the clip's first frames                             once
 *     columns of what a window begins with ─ fed to the decoder's caches                                 each window
 *     columns of the delay pattern ─ decoder step ─ guidance ─ sampling ─ the next column                each step
 *     frames that are whole ─ codec's stream ─ block                                                      each FIRST_PUSH or CW_PUSH_FRAMES
 *
 * Rows of a step: the takes with the text, then, with guidance, the same takes without: one pass over the weights for all.
 * The caches hold one window; the codec's stream runs through all of them. See windows.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "generate/card-return.h"
#include "generate/card-trouble.h"
#include "generate/clip-decoder.h"
#include "generate/conditions.h"
#include "generate/magnet.h"
#include "generate/take-turns.h"
#include "generate/windows.h"
#include "models/delay-pattern.h"
#include "sampling/philox.h"
#include "sampling/sampler.h"

#define FIRST_PUSH 10 /* frames of the first pushes: sound comes soon */
#define FEED       64 /* columns that are fed between two looks at the cancel flag */

/* How much is done, and what it took. */
typedef struct {
  size_t n_steps, n_fed;             /* so far */
  size_t n_steps_total, n_fed_total; /* 0 when the clip is endless */
  double steps_s, feeding_s;
} tally;

/* All takes of the request, or those of one turn: see take-turns.h. Then what stands behind arena is made anew for each. */
typedef struct {
  cw_model         *model;
  cw_request        turn;      /* the request, with its takes only */
  const cw_request *request;   /* that */
  const cw_sink    *sink;
  cw_take_turns     turns;
  unsigned          n_turn;    /* this one's number */
  int32_t          *given;     /* [K, plan.n_given]: codes of the sound to continue, once they are known; freed at the end */
  cw_arena          arena;
  cw_musicgen_run  *run;
  cw_conditions     conditions;
  cw_windows        plan;
  cw_window         window;    /* that is being made */
  cw_delay_pattern  pattern;   /* of its frames */
  size_t            step;      /* its column that is read next */
  size_t            n_takes, n_rows, k, v;
  size_t            n_decoded; /* frames of the clip that went to the codec */
  int32_t          *codes;     /* [n_takes, K, n_kept]: of the clip's frames from first_kept on */
  size_t            n_kept, first_kept;
  int32_t          *ids;       /* [n_rows, FEED, K] */
  float            *logits;    /* [n_rows, K, V] */
  int32_t          *columns;   /* [n_takes, longest window + 1, K]: the window's, for a card */
  int32_t          *tokens;    /* [n_takes, K] */
  char             *scratch;   /* for sampling: n_threads of scratch_bytes */
  size_t            scratch_bytes;
  cw_clip_decoder   decoder;   /* of all takes */
  bool              guided;    /* the null branches are there, too */
  bool              whole;     /* its codec normalises over the clip: all frames in one push */
  double            began_s;   /* clock at the call */
  tally             done;
  cw_told           told;
} pass;

static bool
is_cancelled (const pass *p)
{
  return p->sink && p->sink->cancel && atomic_load_explicit (p->sink->cancel, memory_order_relaxed);
}

static bool
is_endless (const pass *p)
{
  return p->request->endless;
}

static void
tell_progress (const pass *p, cw_stage stage)
{
  const tally *done = &p->done;
  cw_progress  progress = {
    .stage = stage,
    .step = done->n_steps,
    .n_steps = done->n_steps_total,
    .n_samples = p->n_turn == 0 ? p->decoder.n_samples : p->plan.n_frames * p->model->info.hop_samples,
    .n_samples_total = is_endless (p) ? 0 : p->plan.n_frames * p->model->info.hop_samples,
    .elapsed_s = cw_now_s () - p->began_s,
    .remaining_s = -1.0,
  };

  if (!p->sink || !p->sink->progress)
    return;
  if (done->n_steps >= 4 && !is_endless (p)) {
    const double step_s = done->steps_s / (double) done->n_steps;
    const double column_s = done->n_fed ? done->feeding_s / (double) done->n_fed : step_s;

    progress.remaining_s = step_s * (double) (done->n_steps_total - done->n_steps) + column_s * (double) (done->n_fed_total - done->n_fed);
  }
  p->sink->progress (&progress, p->sink->user);
}

static void
give_notice (const pass *p, const char *sentence)
{
  if (p->sink && p->sink->notice)
    p->sink->notice (sentence, p->sink->user);
}

static void
tell_turns (const pass *p)
{
  char sentence[480];

  snprintf (sentence, sizeof sentence,
            "The card “%.200s” has room for %u of the %u takes at once, so they are made in %u turns. Shorter clips or weights of fewer bits need less.",
            p->model->engine->card->info.name, p->turns.n_each, p->request->n_takes, p->turns.n_turns);
  give_notice (p, sentence);
}

static void
tell_trouble (pass *p)
{
  cw_tell_left (p->sink, &p->told, cw_musicgen_run_trouble (p->run), cw_clip_decoder_trouble (&p->decoder), p->done.n_steps > 0);
}

/* ---- before the first step ----------------------------------------------------------------------------------------- */

static void
go_to_first_window (pass *p)
{
  p->window = cw_windows_first (&p->plan);
  p->pattern.n_frames = p->window.n_frames;
}

/* The windows, what they add up to in a turn, and how many frames of codes are kept: all, or what an endless clip still needs. */
static void
plan_windows (pass *p)
{
  const cw_request    *request = p->request;
  const cw_model_info *info = &p->model->info;
  const double         stride_s = request->extend_stride_s != 0.0 ? request->extend_stride_s : info->extend_stride_s;
  size_t               n_windows;

  p->plan = (cw_windows){
    .n_frames = request->endless ? SIZE_MAX : cw_frames_of (info, request->duration_s),
    .n_given = cw_request_n_given (request, info),
    .n_window = p->model->window_frames,
    .stride = cw_stride_of (p->model, stride_s),
  };
  go_to_first_window (p);
  cw_windows_count (&p->plan, &n_windows, &p->done.n_steps_total, &p->done.n_fed_total);
  p->done.n_steps_total += n_windows * (cw_delay_count (&p->pattern) - 1);
  p->n_kept = request->endless ? p->window.start + p->plan.n_window : p->plan.n_frames;
}

/* Columns that the caches hold: no window has more than the first. */
static size_t
n_columns (const pass *p)
{
  return cw_conditions_n_prefix (&p->conditions) + cw_delay_n_steps (&p->pattern);
}

/* Frames that go to the codec together, at most. */
static size_t
max_push (const pass *p)
{
  return p->whole ? p->plan.n_frames : CW_PUSH_FRAMES;
}

/* What all turns have in common. */
static void
plan_turns (pass *p)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (p->model->musicgen);

  p->guided = p->turn.guidance != 1.0f && cw_conditions_any (&p->conditions);
  p->whole = cw_encodec_get_config (p->model->codec)->net.group_norm;
  p->k = config->n_codebooks;
  p->v = config->codebook_size;
  p->pattern = (cw_delay_pattern){ .n_codebooks = p->k, .group = config->n_channels, .delayed = true };
  plan_windows (p);
  p->turns = cw_take_turns_of (&p->conditions, p->turn.n_takes, p->guided ? 2 : 1, n_columns (p), max_push (p));
  p->done.n_steps_total *= p->turns.n_turns;
  p->done.n_fed_total *= p->turns.n_turns;
  cw_tell_plan (p->sink, p->model);
  if (p->turns.n_turns > 1)
    tell_turns (p);
}

/* All memory of the turn. */
static cw_status
prepare (pass *p, cw_error *error)
{
  cw_model *model = p->model;
  size_t    n_codes;

  go_to_first_window (p);
  p->step = p->n_decoded = 0;
  p->n_takes = p->request->n_takes;
  p->n_rows = p->guided ? 2 * p->n_takes : p->n_takes;
  p->scratch_bytes = (cw_sampler_scratch_bytes (p->v) + 63) & ~(size_t) 63;
  p->codes = cw_mul (p->n_takes * p->k, p->n_kept, &n_codes) ? cw_arena_new (&p->arena, int32_t, n_codes) : NULL;
  p->ids = cw_arena_new (&p->arena, int32_t, p->n_rows * FEED * p->k);
  p->logits = cw_arena_new (&p->arena, float, p->n_rows * p->k * p->v);
  p->columns = cw_arena_new (&p->arena, int32_t, p->n_takes * (cw_delay_n_steps (&p->pattern) + 1) * p->k);
  p->tokens = cw_arena_new (&p->arena, int32_t, p->n_takes * p->k);
  p->scratch = cw_arena_take (&p->arena, cw_pool_n_threads (model->engine->be->pool), p->scratch_bytes);
  if (!cw_arena_ok (&p->arena, "the clip", error))
    return CW_ERROR_MEMORY;
  if (!p->codes)
    return cw_fail_memory (error, "the clip's codes", p->n_kept);
  return CW_OK;
}

/* The decoder's caches and what the clip follows; then the codec, which on a card takes what they leave. */
static cw_status
prepare_run (pass *p, cw_error *error)
{
  cw_status status;

  if (!(p->run = cw_musicgen_run_new (p->model->musicgen, p->n_rows, n_columns (p), p->conditions.n_texts, error)))
    return CW_ERROR_MEMORY;
  if ((status = cw_conditions_bind (&p->conditions, p->run, p->n_rows, p->plan.n_frames > p->plan.n_window, error)) != CW_OK)
    return status;
  return cw_clip_decoder_init (&p->decoder, p->model, p->request->first_take, p->request->n_takes, max_push (p), error);
}

/* The sound to continue becomes the first codes of every take. */
static cw_status
set_given (pass *p, cw_error *error)
{
  const size_t n = p->plan.n_given;
  cw_status    status = CW_OK;

  if (n && !p->given) {
    if (!(p->given = calloc (p->k * n, sizeof *p->given)))
      return cw_fail_memory (error, "the sound to continue", p->k * n * sizeof *p->given);
    status = cw_read_given (p->model, p->request, p->sink, n, p->given, error);
  }
  for (size_t i = 0; i < p->n_takes * p->k && n && status == CW_OK; i++)
    memcpy (p->codes + i * p->n_kept, p->given + i % p->k * n, n * sizeof *p->given);
  return status;
}

/* ---- frames that are known go to the codec --------------------------------------------------------------------------- */

/* Frames of the clip whose every codebook is known. */
static size_t
frames_known (const pass *p)
{
  const size_t done = cw_delay_frames_done (&p->pattern, p->step);

  return p->window.start + (done > p->window.n_given ? done : p->window.n_given);
}

typedef enum { DECODE_MANY, DECODE_ALL, DECODE_END } decode_what;

/* DECODE_MANY: in pushes of a good size, as long as there are enough; DECODE_ALL: all that are known; DECODE_END: and no more follow. */
static void
decode_ready (pass *p, decode_what what)
{
  const size_t known = frames_known (p);
  const size_t limit = is_endless (p) ? SIZE_MAX : p->plan.n_frames * p->model->info.hop_samples;

  cw_clip_decoder_collect (&p->decoder, false, p->sink);
  for (;;) {
    const size_t ready = known - p->n_decoded;
    const size_t push = p->whole || p->n_decoded >= 2 * FIRST_PUSH ? max_push (p) : FIRST_PUSH;
    const size_t now = ready < push ? ready : push;
    const bool   last = what == DECODE_END && now == ready;

    if (what == DECODE_MANY && ready < push)
      return;
    if (last ? p->n_decoded + now > 0 : now > 0)
      cw_clip_decoder_push (&p->decoder, p->codes + (p->n_decoded - p->first_kept), p->k * p->n_kept, p->n_kept, p->k, now, last, limit,
                            p->sink);
    p->n_decoded += now;
    if (last || now == ready)
      return;
    tell_progress (p, CW_STAGE_AUDIO);
  }
}

static cw_status
stop (pass *p, cw_error *error)
{
  decode_ready (p, DECODE_END);
  return cw_fail (error, CW_ERROR_CANCELLED, "Stopped after %zu%s%.0zu steps; %.2f s of sound are kept.", p->done.n_steps,
                  is_endless (p) ? "" : " of ", p->done.n_steps_total, (double) p->decoder.n_samples / p->model->info.rate_hz);
}

/* ---- a step -------------------------------------------------------------------------------------------------------- */

static int32_t *
code (const pass *p, size_t take, size_t k, size_t frame)
{
  return &p->codes[(take * p->k + k) * p->n_kept + p->window.start - p->first_kept + frame];
}

/* Columns @column … of the pattern, @n of each row: what is known, and the pad elsewhere; the null rows read what their take reads. */
static void
fill_columns (pass *p, size_t column, size_t n)
{
  for (size_t row = 0; row < p->n_rows; row++)
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k < p->k; k++) {
        size_t frame;

        p->ids[(row * n + j) * p->k + k] =
          cw_delay_frame (&p->pattern, k, column + j, &frame) ? *code (p, row % p->n_takes, k, frame) : (int32_t) p->v;
      }
}

/* One task a take and codebook: the draws depend on their place in the clip alone, so any thread may make them, and windows do not
 * matter. What is given stays. */
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

    if (!cw_delay_frame (&p->pattern, k, p->step + 1, &frame) || frame < p->window.n_given)
      continue;
    if (p->n_rows > p->n_takes)
      cw_guide (logits, logits + p->n_takes * p->k * p->v, p->v, request->guidance);
    uniform = cw_philox_uniform (request->seed, request->first_take + (uint32_t) take, (uint32_t) (p->window.start + p->step), (uint32_t) k);
    *code (p, take, k, frame) = cw_sample (logits, p->v, &sampling, uniform, p->scratch + thread * p->scratch_bytes);
  }
}

/* ---- a window --------------------------------------------------------------------------------------------------------- */

/* Fills the caches with the columns before @end. */
static cw_status
feed (pass *p, size_t end, cw_error *error)
{
  const double began_s = cw_now_s ();

  cw_conditions_begin (&p->conditions, p->window.start, p->window.start + end);
  for (size_t column = 0, n; column < end; column += n) {
    const size_t change = cw_conditions_next (&p->conditions, p->window.start + column) - p->window.start;

    if (is_cancelled (p))
      return stop (p, error);
    n = (end < change ? end : change) - column;
    n = n < FEED ? n : FEED;
    cw_conditions_use (&p->conditions, p->window.start + column);
    fill_columns (p, column, n);
    cw_musicgen_run_feed (p->run, p->ids, n);
    p->done.n_fed += n;
    tell_progress (p, CW_STAGE_CODES);
  }
  p->done.feeding_s += cw_now_s () - began_s;
  return CW_OK;
}

/* The window's columns, with what the steps draw left open, for a card that draws by itself. */
static void
plan_columns (pass *p)
{
  const cw_request *request = p->request;
  const size_t      n_columns = cw_delay_n_steps (&p->pattern) + 1;
  cw_musicgen_plan  plan = { .seed = request->seed,
                             .first_take = request->first_take,
                             .n_takes = p->n_takes,
                             .first_step = p->window.start,
                             .guidance = request->guidance,
                             .sampling = { request->temperature, request->top_k, request->top_p < 1.0f ? request->top_p : 0.0f },
                             .columns = p->columns,
                             .n_columns = n_columns };

  for (size_t take = 0; take < p->n_takes; take++)
    for (size_t column = 0; column < n_columns; column++)
      for (size_t k = 0; k < p->k; k++) {
        int32_t *id = &p->columns[(take * n_columns + column) * p->k + k];
        size_t   frame;

        *id = !cw_delay_frame (&p->pattern, k, column, &frame) ? (int32_t) p->v : frame < p->window.n_given ? *code (p, take, k, frame) : CW_TO_DRAW;
      }
  cw_musicgen_run_plan (p->run, &plan);
}

/* The tokens of the column behind p->step: drawn where the decoder runs, or from its logits. */
static void
make_tokens (pass *p)
{
  if (cw_musicgen_run_draw (p->run, p->tokens)) {
    for (size_t i = 0; i < p->n_takes * p->k; i++) {
      size_t frame;

      if (cw_delay_frame (&p->pattern, i % p->k, p->step + 1, &frame) && frame >= p->window.n_given)
        *code (p, i / p->k, i % p->k, frame) = p->tokens[i];
    }
    return;
  }
  fill_columns (p, p->step, 1);
  cw_musicgen_run_step (p->run, p->ids, p->logits, NULL);
  cw_pool_run (p->model->engine->be->pool, p->n_takes * p->k, 1, sample_task, p);
}

static cw_status
make_window (pass *p, cw_error *error)
{
  cw_status status;
  size_t    n_steps;

  p->pattern.n_frames = p->window.n_frames;
  n_steps = cw_delay_n_steps (&p->pattern);
  p->step = 0;
  decode_ready (p, DECODE_MANY);
  if ((status = feed (p, p->window.n_given, error)) != CW_OK)
    return status;
  plan_columns (p);
  tell_trouble (p);
  for (p->step = p->window.n_given; p->step < n_steps; ) {
    const double began_s = cw_now_s ();

    if (is_cancelled (p))
      return stop (p, error);
    if (!cw_conditions_use (&p->conditions, p->window.start + p->step) && (status = feed (p, p->step, error)) != CW_OK)
      return status;
    make_tokens (p);
    tell_trouble (p); /* when the codec found the card failed, the run has by now, too */
    p->step++;
    p->done.n_steps++;
    decode_ready (p, DECODE_MANY);
    p->done.steps_s += cw_now_s () - began_s;
    tell_progress (p, CW_STAGE_CODES);
  }
  return CW_OK;
}

/* An endless clip keeps the codes that the next window begins with, and forgets those before. */
static void
forget_codes (pass *p, size_t before)
{
  const size_t n = before - p->first_kept;

  decode_ready (p, DECODE_ALL);
  for (size_t i = 0; i < p->n_takes * p->k; i++)
    memmove (p->codes + i * p->n_kept, p->codes + i * p->n_kept + n, (p->n_kept - n) * sizeof *p->codes);
  p->first_kept = before;
}

static cw_status
make_windows (pass *p, cw_error *error)
{
  cw_status status;
  cw_window next;

  for (;;) {
    if ((status = make_window (p, error)) != CW_OK)
      return status;
    next = p->window;
    if (!cw_windows_next (&p->plan, &next))
      break;
    if (is_endless (p))
      forget_codes (p, next.start);
    p->window = next;
  }
  decode_ready (p, DECODE_END);
  tell_trouble (p);
  tell_progress (p, CW_STAGE_CODES);
  return CW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* The codes of the first take, as far as its frames are whole; NULL when there are none or memory is short. */
static cw_codes *
keep_codes (const pass *p)
{
  const size_t t = frames_known (p);
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
    memcpy (codes->codes + k * t, p->codes + k * p->n_kept, t * sizeof *codes->codes);
  return codes;
}

/* The takes of a turn. Those of the first are heard of in @codes, which may be NULL. */
static cw_status
make_turn (pass *p, cw_codes **codes, cw_error *error)
{
  cw_status status = prepare (p, error);

  if (status == CW_OK)
    status = prepare_run (p, error);
  if (status == CW_OK) {
    tell_progress (p, CW_STAGE_TEXT);
    status = set_given (p, error);
  }
  if (status == CW_OK) {
    status = make_windows (p, error);
    if (codes && p->n_turn == 0 && (status == CW_OK || status == CW_ERROR_CANCELLED) && !p->request->endless)
      *codes = keep_codes (p);
  }
  cw_clip_decoder_clear (&p->decoder);
  cw_musicgen_run_free (p->run);
  p->run = NULL;
  cw_arena_free (&p->arena);
  return status;
}

cw_status
cw_generate (cw_model *model, const cw_request *request, const cw_sink *sink, cw_codes **codes, cw_error *error)
{
  pass      p = { .model = model, .turn = *request, .request = &p.turn, .sink = sink, .turns = { 1, 1 }, .began_s = cw_now_s () };
  cw_error  spare;
  cw_status status;

  if (!error)
    error = &spare;
  *error = (cw_error){ 0 };
  if (codes)
    *codes = NULL;
  if ((status = cw_request_check (request, &model->info, error)) != CW_OK)
    return status;
  cw_model_return_to_card (model, sink);
  if (model->magnet.span_len)
    return cw_magnet_generate (model, request, sink, codes, error);
  status = cw_conditions_read (&p.conditions, model, &p.turn, error);
  if (status == CW_OK)
    plan_turns (&p);
  for (unsigned done = 0; status == CW_OK && done < request->n_takes; done += p.turn.n_takes, p.n_turn++) {
    p.turn.first_take = request->first_take + done;
    p.turn.n_takes = request->n_takes - done < p.turns.n_each ? request->n_takes - done : p.turns.n_each;
    status = make_turn (&p, codes, error);
  }
  cw_conditions_clear (&p.conditions);
  free (p.given);
  return status;
}
