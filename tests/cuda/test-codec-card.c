/* SPDX-License-Identifier: MIT
 *
 * test-codec-card.c: the codec's decoder on a card gives the processor's samples to the bit: in pushes of any size, with several signals side
 *     by side, with its LSTM in f32, 16 and 8 bits; and a clip that is stopped keeps what is whole. When the card fails, at whatever call, the
 *     processor goes on from where the stream stood, with the same samples.
 *
 *     A codec with group norm has them but for its last bits.
 *
 *     test-codec-card MODEL [failures]
 */
#define _GNU_SOURCE
#include <math.h>

#include "side.h"

#define FRAMES  19
#define SIGNALS 3
#define BOOKS   2
#define NORM_ERROR 1e-6f /* sums in double precision of another order may tip a last bit */

static const char *folder;
static int32_t     codes[SIGNALS][BOOKS][FRAMES];

/* All signals in pushes of @push frames: [SIGNALS, C, FRAMES * hop]. @left receives whether a card was left. */
static float *
decode (const side *s, size_t n_signals, size_t push, bool *left)
{
  const cw_encodec_config *config = cw_encodec_get_config (s->model->codec);
  const size_t             n = FRAMES * config->hop_samples, c = config->net.n_channels;
  cw_error                 error = { 0 };
  cw_encodec_stream       *stream = cw_encodec_stream_new (s->model->codec, push, n_signals, &error);
  float                   *sound = calloc (n_signals * c * n, sizeof *sound);
  size_t                   done = 0;

  if (!stream || !sound)
    exit (1);
  for (size_t at = 0; at < FRAMES; at += push) {
    const size_t   now = FRAMES - at < push ? FRAMES - at : push;
    const int32_t *in[SIGNALS];
    const float   *out[SIGNALS];
    size_t         ld, n_new = 0;

    for (size_t i = 0; i < n_signals; i++)
      in[i] = codes[i][0] + at;
    cw_encodec_stream_queue (stream, in, FRAMES, BOOKS, now, at + now == FRAMES);
    for (int polls = 0; !cw_encodec_stream_collect (stream, polls > 400, out, &ld, &n_new); polls++)
      ;
    CHECK (done + n_new <= n, "%zu samples after %zu frames", done + n_new, at + now);
    for (size_t i = 0; i < n_signals * c && done + n_new <= n; i++)
      memcpy (sound + i * n + done, out[i / c] + i % c * ld, n_new * sizeof *sound);
    done += n_new;
  }
  CHECK (done == n, "%zu samples, expected %zu", done, n);
  *left = cw_encodec_stream_trouble (stream)->code != CW_OK;
  cw_encodec_stream_free (stream);
  return sound;
}

static void
same (const side *s, const float *found, const float *expected, size_t n_signals, const char *what)
{
  const cw_encodec_config *config = cw_encodec_get_config (s->model->codec);
  const size_t             n = n_signals * config->net.n_channels * FRAMES * config->hop_samples;

  for (size_t i = 0; i < n; i++)
    if (config->net.group_norm ? !(fabsf (found[i] - expected[i]) <= NORM_ERROR) : memcmp (&found[i], &expected[i], sizeof *found) != 0) {
      CHECK (false, "%s: sample %zu of %zu is %.9g, the processor gives %.9g", what, i, n, (double) found[i], (double) expected[i]);
      return;
    }
}

/* ---- a clip that is stopped ------------------------------------------------------------------------------------------------------- */

#define STOP_STEP 29

typedef struct {
  atomic_bool cancel;
  size_t      n_samples, n_steps, n_notices;
  double      sum;
} stopped;

static void
add_block (const cw_block *block, void *user)
{
  stopped *s = user;

  CHECK (block->start == s->n_samples, "a block begins at %zu, %zu samples were given", block->start, s->n_samples);
  s->n_samples += block->n_samples;
  for (size_t i = 0; i < block->n_samples * block->n_channels; i++)
    s->sum += (double) block->samples[i] * (double) ((block->start + i) % 97 + 1);
}

static void
stop_soon (const cw_progress *progress, void *user)
{
  stopped *s = user;

  s->n_steps = progress->step;
  if (progress->step == STOP_STEP)
    atomic_store (&s->cancel, true);
}

static stopped
make_stopped (const side *s, cw_codes **kept)
{
  stopped       result = { 0 };
  const cw_sink sink = { .block = add_block, .progress = stop_soon, .cancel = &result.cancel, .user = &result };
  cw_request    request;
  cw_error      error = { 0 };

  cw_request_init (&request, cw_model_get_info (s->model));
  request.prompt = "a bell";
  request.duration_s = 60.0 / cw_model_get_info (s->model)->frame_rate_hz;
  CHECK (cw_generate (s->model, &request, &sink, kept, &error) == CW_ERROR_CANCELLED, "%s", error.message);
  return result;
}

static void
count_notice (const char *sentence, void *user)
{
  stopped *s = user;

  s->n_notices++;
  CHECK (strstr (sentence, "failed") && strstr (sentence, "The processor"), "“%s”", sentence);
}

/* A whole clip, in which the nth launch fails: the person is told, once. */
static void
test_notice (fail_fn fail)
{
  for (long nth = 80; nth < 330; nth += 80) {
    side          card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    stopped       result = { 0 };
    const cw_sink sink = { .block = add_block, .user = &result, .notice = count_notice };
    cw_request    request;
    cw_error      error = { 0 };

    cw_request_init (&request, cw_model_get_info (card.model));
    request.prompt = "a bell";
    request.duration_s = 60.0 / cw_model_get_info (card.model)->frame_rate_hz;
    fail (COC_LAUNCH, nth, LAUNCH_FAILURE);
    CHECK (cw_generate (card.model, &request, &sink, NULL, &error) == CW_OK, "%s", error.message);
    fail (COC_LAUNCH, -1, 0);
    CHECK (result.n_notices == 1, "launch %ld fails: %zu notices", nth, result.n_notices);
    close_side (&card);
  }
}

/* Within a step, with the sound of all frames that are whole, also of a push that was on its way. */
static void
test_stop (const side *cpu, const side *card)
{
  cw_codes     *a = NULL, *b = NULL;
  const stopped expected = make_stopped (cpu, &a), found = make_stopped (card, &b);

  CHECK (found.n_steps == STOP_STEP, "stopped after %zu steps", found.n_steps);
  CHECK (a && b && a->n_frames == b->n_frames && memcmp (a->codes, b->codes, a->n_frames * a->n_codebooks * sizeof *a->codes) == 0, "other codes are kept");
  CHECK (found.n_samples == expected.n_samples && found.n_samples > 0 && memcmp (&found.sum, &expected.sum, sizeof found.sum) == 0,
         "%zu samples are kept, on the processor %zu", found.n_samples, expected.n_samples);
  cw_codes_free (a);
  cw_codes_free (b);
}

/* ---- the same samples --------------------------------------------------------------------------------------------------------------- */

static void
test_same (cw_precision precision)
{
  static const size_t pushes[][2] = { { 1, 1 }, { 7, SIGNALS }, { FRAMES, 2 } };
  side                cpu = open_side (folder, "cpu", precision), card = open_side (folder, "cuda-on-cpu", precision);
  bool                left;

  CHECK (strcmp (cw_model_get_info (card.model)->device, "cpu") != 0 || strstr (cw_model_get_info (card.model)->device_note, "codec is on the card"),
         "the codec is not on the card: %s", cw_model_get_info (card.model)->device_note);
  /* a group norm takes all in one push */
  for (size_t i = cw_encodec_get_config (cpu.model->codec)->net.group_norm ? 2 : 0; i < sizeof pushes / sizeof *pushes; i++) {
    float *expected = decode (&cpu, pushes[i][1], FRAMES, &left), *found = decode (&card, pushes[i][1], pushes[i][0], &left);
    char   what[80];

    snprintf (what, sizeof what, "%s, pushes of %zu, %zu signals", cw_precision_name (precision), pushes[i][0], pushes[i][1]);
    CHECK (!left, "%s: the card was left", what);
    same (&cpu, found, expected, pushes[i][1], what);
    free (expected);
    free (found);
  }
  if (cw_model_get_info (cpu.model)->can_generate && precision == CW_PRECISION_F32)
    test_stop (&cpu, &card);
  close_side (&card);
  close_side (&cpu);
}

/* The nth call of a kind fails while the sound is decoded. Returns whether the card was left for it. */
static bool
test_failure (fail_fn fail, int call, long nth, int code, const side *cpu, const float *expected)
{
  side   card = open_side (folder, "cuda-on-cpu", CW_PRECISION_INT8);
  float *found;
  bool   left;
  char   what[64];

  snprintf (what, sizeof what, "%s %ld answers %d", call == COC_LAUNCH ? "launch" : call == COC_ALLOCATION ? "allocation" : "call", nth, code);
  fail (call, nth, code);
  found = decode (&card, 2, 8, &left);
  fail (call, -1, 0);
  same (cpu, found, expected, 2, what);
  free (found);
  close_side (&card);
  return left;
}

static void
test_failures (fail_fn fail)
{
  side   cpu = open_side (folder, "cpu", CW_PRECISION_INT8);
  bool   left;
  float *expected = decode (&cpu, 2, FRAMES, &left);
  size_t n_left = 0;

  for (long nth = 0; nth < 400; nth += nth < 4 ? 1 : 37)
    n_left += test_failure (fail, COC_LAUNCH, nth, LAUNCH_FAILURE, &cpu, expected);
  CHECK (n_left > 4, "the card was left %zu times", n_left);
  for (long nth = 0; nth < 600; nth += nth < 40 ? 9 : 61)
    n_left += test_failure (fail, COC_ANY_CALL, nth, LAUNCH_FAILURE, &cpu, expected);
  for (long nth = 0; nth < 16; nth++) {
    left = test_failure (fail, COC_ALLOCATION, nth, OUT_OF_MEMORY, &cpu, expected);
    CHECK (left || nth > 8, "allocation %ld fails, and nothing is said", nth);
  }
  free (expected);
  close_side (&cpu);
}

int
main (int argc, char **argv)
{
  const fail_fn fail = find_fail ();
  side          any;
  bool          makes_clips;

  if (argc < 2)
    return 2;
  folder = argv[1];
  any = open_side (folder, "cpu", CW_PRECISION_F32);
  makes_clips = cw_model_get_info (any.model)->can_generate;
  for (size_t j = 0; j < SIGNALS * BOOKS * FRAMES; j++)
    codes[j / FRAMES / BOOKS][j / FRAMES % BOOKS][j % FRAMES] = (int32_t) (j * 7919 % 1009 % cw_model_get_info (any.model)->codebook_size);
  close_side (&any);
  if (argc == 2) {
    test_same (CW_PRECISION_F32);
    test_same (CW_PRECISION_F16);
    test_same (CW_PRECISION_INT8);
    if (fail && makes_clips)
      test_notice (fail);
    return check_done ();
  }
  need_stand_in (fail);
  test_failures (fail);
  return check_done ();
}
