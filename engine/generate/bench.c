/* SPDX-License-Identifier: MIT
 *
 * bench.c: how fast a model runs here, against what this machine's memory allows, in one run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "generate/clip-decoder.h"
#include "generate/conditions.h"

#define READ_BYTES   ((size_t) 256 << 20) /* far more than caches hold */
#define READ_PASSES  5
#define READ_PIECE   ((size_t) 4 << 20)
#define READ_RUNS    4
#define RUN_BYTES    ((size_t) 4096)
#define PROMPT       "slow blues guitar, vinyl crackle"
#define WARM_STEPS   3
#define PEAK_S       0.02
#define CODEC_PASSES 3
#define STREAM_FRAMES 24 /* generate.c's PUSH */

static int
compare (const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (double *values, size_t n)
{
  qsort (values, n, sizeof *values, compare);
  return values[n / 2];
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef uint64_t line __attribute__ ((vector_size (64)));

typedef struct {
  const char  *bytes;
  atomic_ullong sum; /* what is read must be used */
} reading;

/* As the products read: READ_RUNS runs of addresses beside one another, and what lies behind them asked for. Faster than one run. */
static void
read_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  reading *r = arg;

  (void) thread;
  for (size_t piece = begin; piece < end; piece++) {
    const char *from = r->bytes + piece * READ_PIECE;
    line        a = { 0 }, b = { 0 };

    for (size_t group = 0; group < READ_PIECE; group += READ_RUNS * RUN_BYTES)
      for (size_t at = group; at < group + RUN_BYTES; at += sizeof (line)) {
        CW_UNROLL
        for (size_t i = 0; i < READ_RUNS; i += 2) {
          const char *run = from + at + i * RUN_BYTES;

          __builtin_prefetch (run + READ_RUNS * RUN_BYTES);
          __builtin_prefetch (run + (READ_RUNS + 1) * RUN_BYTES);
          a ^= *(const line *) run;
          b ^= *(const line *) (run + RUN_BYTES);
        }
      }
    a ^= b;
    atomic_fetch_xor (&r->sum, a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7]);
  }
}

/* Bytes a second that the card reads and writes together in a copy within its memory; 0 when it has no room for one. */
static double
card_bandwidth (cw_card *card)
{
  const cw_cuda_module *module = card->module;
  cw_card_arena         arena = { .card = card };
  void                 *from = cw_card_take (&arena, READ_BYTES, 1), *to = cw_card_take (&arena, READ_BYTES, 1);
  double                times[READ_PASSES], bandwidth = 0.0;

  if (from && to) {
    module->zero (card->gpu, CW_GPU_STEPS, from, READ_BYTES);
    for (size_t i = 0; i < READ_PASSES; i++) {
      module->wait (card->gpu, CW_GPU_STEPS);
      const double began = cw_now_s ();
      module->copy (card->gpu, CW_GPU_STEPS, to, from, READ_BYTES);
      module->wait (card->gpu, CW_GPU_STEPS);
      times[i] = cw_now_s () - began;
    }
    bandwidth = 2.0 * (double) READ_BYTES / median (times, READ_PASSES);
  }
  cw_card_arena_free (&arena);
  return bandwidth;
}

/* Bytes a second that the engine's threads read from memory together; 0 when memory is short. */
static double
processor_bandwidth (cw_pool *pool)
{
  cw_arena arena = { 0 };
  char    *bytes = cw_arena_take_huge (&arena, READ_BYTES + READ_RUNS * RUN_BYTES, 1);
  reading  r = { .bytes = bytes };
  double   times[READ_PASSES];

  if (!bytes)
    return 0.0;
  memset (bytes, 1, READ_BYTES);
  for (size_t i = 0; i < READ_PASSES; i++) {
    const double began = cw_now_s ();
    cw_pool_run (pool, READ_BYTES / READ_PIECE, 1, read_task, &r);
    times[i] = cw_now_s () - began;
  }
  cw_arena_free (&arena);
  return (double) READ_BYTES / median (times, READ_PASSES);
}

/* Of the memory that the decoder's weights lie in. */
static double
read_bandwidth (const cw_model *model)
{
  return model->plan.on_card ? card_bandwidth (model->engine->card) : processor_bandwidth (model->engine->be->pool);
}

/* ---- the decoder ------------------------------------------------------------------------------------------------ */

/* On a card the steps draw their own tokens, as those of a clip do. @columns [n + 1, K]. */
static void
plan_draws (const cw_model *model, cw_musicgen_run *run, int32_t *columns, size_t n)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const cw_musicgen_plan    plan = { .n_takes = 1, .guidance = model->info.guidance, .sampling = { 1.0f, model->info.top_k, 0.0f },
                                     .columns = columns, .n_columns = n + 1 };

  for (size_t i = 0; i < (n + 1) * config->n_codebooks; i++)
    columns[i] = i < config->n_codebooks ? (int32_t) config->codebook_size : CW_TO_DRAW;
  cw_musicgen_run_plan (run, &plan);
}

/* Steps of a clip's first @n positions, for one take with guidance. */
static cw_status
time_steps (cw_model *model, size_t n, cw_bench_result *result, const atomic_bool *cancel, cw_error *error)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const size_t              k = config->n_codebooks, v = config->codebook_size;
  const cw_request          request = { .prompt = PROMPT, .n_takes = 1 };
  cw_conditions             conditions;
  cw_arena                  arena = { 0 };
  int32_t                  *ids = cw_arena_new (&arena, int32_t, 2 * k);
  float                    *logits = cw_arena_new (&arena, float, 2 * k * v);
  double                   *times = cw_arena_new (&arena, double, n);
  int32_t                  *columns = cw_arena_new (&arena, int32_t, (n + 1) * k);
  cw_musicgen_run          *run = NULL;
  cw_status                 status = cw_conditions_read (&conditions, model, &request, error);
  double                    sum = 0.0;
  size_t                    done = 0;

  if (status == CW_OK && !cw_arena_ok (&arena, "the measurement", error))
    status = CW_ERROR_MEMORY;
  if (status == CW_OK && !(run = cw_musicgen_run_new (model->musicgen, 2, cw_conditions_n_prefix (&conditions) + n, 1, error)))
    status = CW_ERROR_MEMORY;
  if (status == CW_OK)
    status = cw_conditions_bind (&conditions, run, 2, false, error);
  if (status == CW_OK) {
    cw_conditions_begin (&conditions, 0, 0);
    cw_conditions_use (&conditions, 0);
    plan_draws (model, run, columns, n);
  }
  for (size_t i = 0; status == CW_OK && i < n; i++) {
    const double began = cw_now_s ();

    for (size_t j = 0; j < 2 * k; j++)
      ids[j] = (int32_t) ((i * 31 + j * 7) % v);
    if (!cw_musicgen_run_draw (run, ids))
      cw_musicgen_run_step (run, ids, logits, NULL);
    if (i >= WARM_STEPS || n <= WARM_STEPS)
      sum += times[done++] = cw_now_s () - began;
    if (cancel && atomic_load (cancel))
      status = cw_fail (error, CW_ERROR_CANCELLED, "The measurement was stopped.");
  }
  if (status == CW_OK) {
    result->steps_per_s = (double) done / sum;
    result->first_step_s = times[0];
    result->last_step_s = times[done - 1];
    result->step_s = median (times, done);
    result->weight_bytes_per_step = cw_musicgen_step_bytes (model->musicgen);
    result->launches_per_step = cw_musicgen_run_n_nodes (run);
  }
  cw_conditions_clear (&conditions);
  cw_musicgen_run_free (run);
  cw_arena_free (&arena);
  return status;
}

/* ---- a whole clip, and the codec alone -------------------------------------------------------------------------- */

typedef struct {
  double  began, first_step, first_block;
  double *steps, last; /* [CW_DECODING_STAGES_MAX * CW_DECODING_STEPS_MAX] of a MAGNeT, or NULL; when the one before ended */
  size_t  n_steps;
} moments;

static void
note_progress (const cw_progress *progress, void *user)
{
  moments     *m = user;
  const double now = cw_now_s ();

  if (progress->stage != CW_STAGE_CODES)
    return;
  if (m->first_step == 0.0)
    m->first_step = now;
  if (m->steps && progress->step == m->n_steps + 1)
    m->steps[m->n_steps++] = now - m->last;
  m->last = now;
}

static void
note_block (const cw_block *block, void *user)
{
  moments *m = user;

  if (m->first_block == 0.0 && block->n_samples > 0)
    m->first_block = cw_now_s ();
}

/* What MAGNeT's looks at the whole clip of @n_frames took. */
static void
take_looks (const cw_model *model, moments *m, size_t n_frames, cw_bench_result *result)
{
  double sum = 0.0;

  if (m->n_steps == 0)
    return;
  for (size_t i = 0; i < m->n_steps; i++)
    sum += m->steps[i];
  result->steps_per_s = (double) m->n_steps / sum;
  result->first_step_s = m->steps[0];
  result->last_step_s = m->steps[m->n_steps - 1];
  result->step_s = median (m->steps, m->n_steps);
  result->weight_bytes_per_step = cw_musicgen_step_bytes (model->musicgen);
  result->operations_per_step = cw_magnet_operations (model->musicgen, 2, n_frames);
  result->operations_peak = cw_magnet_product_rate (model->musicgen, n_frames);
}

static cw_status
time_clip (cw_model *model, double seconds, cw_bench_result *result, const atomic_bool *cancel, cw_codes **codes, cw_error *error)
{
  cw_arena      arena = { 0 };
  const bool    magnet = model->magnet.span_len > 0;
  moments       m = { .began = cw_now_s (),
                      .steps = magnet ? cw_arena_new (&arena, double, CW_DECODING_STAGES_MAX * CW_DECODING_STEPS_MAX) : NULL };
  const cw_sink sink = { .block = note_block, .progress = note_progress, .cancel = cancel, .user = &m };
  cw_request    request;
  cw_status     status;
  double        took;

  cw_request_init (&request, &model->info);
  request.prompt = PROMPT;
  request.duration_s = seconds;
  status = cw_arena_ok (&arena, "the measurement", error) ? cw_generate (model, &request, &sink, codes, error) : CW_ERROR_MEMORY;
  took = cw_now_s () - m.began;
  if (status == CW_OK && magnet && *codes)
    take_looks (model, &m, (*codes)->n_frames, result);
  cw_arena_free (&arena);
  if (status != CW_OK)
    return status;
  result->times_real_time = seconds / took;
  result->first_sound_s = m.first_block - m.began;
  /* a MAGNeT tells of its steps before the first, too, the others behind it */
  result->text_s = m.first_step - m.began - (magnet ? 0.0 : result->first_step_s);
  result->until_block_s = result->first_sound_s - result->text_s;
  return CW_OK;
}

typedef struct {
  const cw_kernels *kernels;
  size_t            n;
  atomic_uint       sink; /* what is computed must be used */
} peak_job;

static void
peak_task (void *arg, size_t begin, size_t end, unsigned thread)
{
  peak_job *job = arg;

  (void) thread;
  for (size_t i = begin; i < end; i++)
    atomic_fetch_add (&job->sink, (unsigned) job->kernels->peak (job->n));
}

/* Operations a second that the engine's threads do together in f32. */
static double
multiply_add_peak (const cw_backend *be)
{
  const size_t n_tasks = 8 * cw_pool_n_threads (be->pool);
  peak_job     job = { .kernels = be->kernels, .n = 1000 };
  double       took;

  do {
    const double began = cw_now_s ();

    job.n *= 2;
    cw_pool_run (be->pool, n_tasks, 1, peak_task, &job);
    took = cw_now_s () - began;
  } while (took < PEAK_S);
  return 2.0 * CW_PEAK_CHAINS * (double) job.n * (double) n_tasks / took;
}

/* The clip again in pushes of cw_generate's size. */
static cw_status
stream_codec (cw_model *model, const cw_codes *codes, cw_error *error)
{
  const size_t    t = codes->n_frames, push = cw_encodec_get_config (model->codec)->net.group_norm ? t : STREAM_FRAMES;
  cw_clip_decoder decoder;
  cw_status       status = cw_clip_decoder_init (&decoder, model, 0, 1, push, error);

  for (size_t at = 0; at < t && status == CW_OK; at += push) {
    const size_t now = t - at < push ? t - at : push;
    cw_clip_decoder_push (&decoder, codes->codes + at, 0, t, codes->n_codebooks, now, at + now == t, codes->n_samples, NULL);
  }
  cw_clip_decoder_clear (&decoder);
  return status;
}

/* Whole and in small pushes in turns, the median of each. */
static cw_status
time_codec (cw_model *model, const cw_codes *codes, cw_bench_result *result, cw_error *error)
{
  const double seconds = (double) codes->n_samples / codes->rate_hz, before = multiply_add_peak (model->engine->be);
  double       whole[CODEC_PASSES], stream[CODEC_PASSES];
  cw_status    status = CW_OK;

  for (size_t i = 0; i < CODEC_PASSES && status == CW_OK; i++) {
    double began = cw_now_s ();

    status = cw_decode (model, codes, NULL, error);
    whole[i] = cw_now_s () - began;
    began = cw_now_s ();
    if (status == CW_OK)
      status = stream_codec (model, codes, error);
    stream[i] = cw_now_s () - began;
  }
  if (status != CW_OK)
    return status;
  result->multiply_add_peak = (before + multiply_add_peak (model->engine->be)) / 2.0;
  result->codec_times_real_time = seconds / median (whole, CODEC_PASSES);
  result->codec_streaming_times_real_time = seconds / median (stream, CODEC_PASSES);
  result->codec_fraction = cw_encodec_decode_operations (model->codec) * (double) (codes->n_frames * cw_model_n_sides (model)) /
                           (seconds / result->codec_times_real_time) / result->multiply_add_peak;
  return CW_OK;
}

cw_status
cw_bench (cw_model *model, double seconds, const atomic_bool *cancel, cw_bench_result *result, cw_error *error)
{
  cw_codes *codes = NULL;
  cw_status status = CW_OK;
  double    before;
  size_t    n_steps;

  if (error)
    *error = (cw_error){ 0 };
  *result = (cw_bench_result){ 0 };
  if (!model->musicgen)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” is a codec alone: there is no decoder to measure.", model->info.name);
  if (!(seconds > 0.0) || seconds > model->info.window_s)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The length is %g s; more than 0 and at most %g s were expected.", seconds,
                    model->info.window_s);
  n_steps = cw_frames_of (&model->info, seconds);
  before = read_bandwidth (model);
  status = model->magnet.span_len ? time_clip (model, seconds, result, cancel, &codes, error) : time_steps (model, n_steps, result, cancel, error);
  result->read_bandwidth = (before + read_bandwidth (model)) / 2.0;
  if (result->read_bandwidth > 0.0)
    result->bandwidth_fraction = (double) result->weight_bytes_per_step * result->steps_per_s / result->read_bandwidth;
  if (status == CW_OK && !model->magnet.span_len)
    status = time_clip (model, seconds, result, cancel, &codes, error);
  if (status == CW_OK && !codes)
    status = cw_fail_memory (error, "the clip's codes", sizeof *codes);
  if (status == CW_OK)
    status = time_codec (model, codes, result, error);
  if (status == CW_OK && !model->plan.on_card)
    result->operations_peak = result->multiply_add_peak;
  if (status == CW_OK && result->operations_peak > 0.0)
    result->operations_fraction = result->operations_per_step * result->steps_per_s / result->operations_peak;
  cw_codes_free (codes);
  return status;
}
