/* SPDX-License-Identifier: MIT
 *
 * test-magnet-card.c: MAGNeT's clips made on the card have the processor's codes: greedy and drawn, in takes, continued, with either kind of
 *     spans. What it takes there is what was planned, to the byte. And when the card fails, at whatever launch or allocation, the clip is finished on
 *     the processor, it is the same clip, and a sentence says so.
 *
 *     test-magnet-card CASES [failures]
 */
#define _GNU_SOURCE
#include "clip.h"

#include "models/encodec-card.h"
#include "models/magnet-card.h"
#include "models/t5-card.h"
#include "models/t5-weights.h"

static char folder[4096], text_encoder[4096];

static side
open_magnet (const char *backend, cw_precision precision)
{
  return open_side_with (folder, backend, (cw_model_options){ .precision = precision, .text_encoder = text_encoder });
}

/* Few steps and frames, as the stand-in is slow. */
static cw_request
request_of (const side *s)
{
  cw_request request;

  cw_request_init (&request, cw_model_get_info (s->model));
  request.prompt = "soft rain on a tin roof";
  request.seed = 11;
  request.duration_s = 0.25;
  for (unsigned i = 0; i < 4; i++)
    request.decoding_steps[i] = 2;
  return request;
}

/* ---- what is planned --------------------------------------------------------------------------------------------------------- */

static void
test_bytes (const side *card, const char *name)
{
  const cw_model           *model = card->model;
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const cw_plan_need       *need = &model->plan.needs[model->info.precision];
  const size_t              used = model->engine->card->used, n = config->n_layers * CW_PLAN_TEXT_TOKENS * config->width;
  float                    *numbers = calloc (n, sizeof *numbers);
  cw_error                  error = { 0 };
  cw_magnet_card_run       *run = cw_magnet_card_run_new (model->musicgen->card, &model->magnet, model->ask.n_frames, 1, &error);
  const size_t              weights = cw_musicgen_card_n_bytes (model->musicgen->card), text = cw_t5_card_n_bytes (model->t5->card);
  cw_encodec_stream        *stream;

  CHECK (model->planned && model->plan.on_card && !model->plan.lowered && model->plan.n_takes == CW_TAKES_MAX, "%s: %u takes: %s", name, model->plan.n_takes,
         model->plan.sentence);
  CHECK (weights == need->weights, "%s: the decoder takes %zu bytes, %zu were planned", name, weights, need->weights);
  CHECK (run && cw_magnet_card_run_set_text (run, 0, &(cw_text_cache){ CW_PLAN_TEXT_TOKENS, numbers, numbers }), "%s: %s", name, error.message);
  CHECK (cw_magnet_card_run_n_bytes (run) == need->caches + need->workspace, "%s: a clip takes %zu bytes, %zu were planned", name,
         cw_magnet_card_run_n_bytes (run), need->caches + need->workspace);
  cw_magnet_card_run_free (run);
  CHECK (text == need->text, "%s: what reads texts takes %zu bytes, %zu were planned", name, text, need->text);
  CHECK (cw_encodec_bytes_on_card (model->codec) == need->codec && used == weights + text + need->codec, "%s: %zu bytes are taken", name, used);
  stream = cw_encodec_stream_new (model->codec, CW_MAGNET_PUSH_FRAMES, 1, &error);
  CHECK (model->engine->card->used - used == need->codec_stream, "%s: the codec's stream takes %zu bytes, %zu were planned", name,
         model->engine->card->used - used, need->codec_stream);
  cw_encodec_stream_free (stream);
  free (numbers);
}

/* ---- the same clip ----------------------------------------------------------------------------------------------------------- */

static void
compare (const side *cpu, const side *card, const cw_request *request, const char *what)
{
  const long before = n_kernels ();
  clip       a = make (cpu, request), b;
  const long none = n_kernels () - before;

  b = make (card, request);
  same (&a, &b, what);
  CHECK (none == 0 && n_kernels () - before > 8 * 8, "%s: the card ran %ld kernels", what, n_kernels () - before);
  CHECK (b.n_notices == 0, "%s: “%s”", what, b.notice);
  cw_codes_free (a.codes);
  cw_codes_free (b.codes);
}

static void
test_same (void)
{
  side       cpu = open_magnet ("cpu", CW_PRECISION_F32), card = open_magnet ("cuda-on-cpu", CW_PRECISION_F32);
  cw_request request = request_of (&cpu);
  clip       given;

  CHECK (strcmp (cw_model_get_info (card.model)->device, "cpu") != 0, "the decoder is not on the card: %s", cw_model_get_info (card.model)->device_note);
  CHECK (strstr (cw_model_get_info (card.model)->device_note, "codec is on the card, too") && strstr (cw_model_get_info (card.model)->device_note, "text encoder:"),
         "not all of it is on the card: %s", cw_model_get_info (card.model)->device_note);
  test_bytes (&card, "f32");
  CHECK (cw_magnet_product_rate (card.model->musicgen, 8) > 0.0 && cw_magnet_product_rate (cpu.model->musicgen, 8) == 0.0, "a product's rate");
  compare (&cpu, &card, &request, "drawn by top-p");
  request.temperature = 0.0f;
  compare (&cpu, &card, &request, "greedy");
  request.duration_s = 0.15;
  given = make (&cpu, &request);
  request.continue_codes = given.codes;
  request.duration_s = 0.35;
  request.temperature = 2.0f;
  request.top_k = 30;
  request.overlapping_spans = true;
  compare (&cpu, &card, &request, "continued, top-k, spans that overlap");
  cw_codes_free (given.codes);
  request.continue_codes = NULL;
  request.n_takes = 2;
  request.first_take = 3;
  request.guidance = request.guidance_last = 1.0f;
  compare (&cpu, &card, &request, "two takes without guidance");
  close_side (&cpu);
  close_side (&card);
}

/* Many columns with weights of 16 bits go to cuBLAS, whose rounding may tip a token. */
static void
test_precisions (void)
{
  for (cw_precision precision = CW_PRECISION_BF16; precision < CW_N_PRECISIONS; precision++) {
    const char *name = cw_precision_name (precision);
    side        cpu = open_magnet ("cpu", precision), card = open_magnet ("cuda-on-cpu", precision);
    cw_request  request = request_of (&cpu);
    clip        a, b;

    request.duration_s = precision == CW_PRECISION_F16 ? 0.7 : 0.15; /* enough columns for cuBLAS, or too few */
    a = make (&cpu, &request);
    b = make (&card, &request);
    test_bytes (&card, name);
    check_agreement (&a, &b, precision == CW_PRECISION_F16, name);
    cw_codes_free (a.codes);
    cw_codes_free (b.codes);
    close_side (&cpu);
    close_side (&card);
  }
}

/* ---- the card fails ----------------------------------------------------------------------------------------------------------- */

/* Calls of a kind that go to the card for a clip. */
static long
count_calls (fail_fn fail, int call)
{
  side       card = open_magnet ("cuda-on-cpu", CW_PRECISION_F32);
  cw_request request = request_of (&card);
  clip       c;
  long       n;

  fail (call, COUNT_FROM, OUT_OF_MEMORY);
  c = make (&card, &request);
  n = counted (call);
  fail (call, -1, 0);
  cw_codes_free (c.codes);
  close_side (&card);
  return n;
}

/* The @nth call of the kind fails in a clip; the one behind it is the same again. */
static unsigned
test_failure (fail_fn fail, int call, long nth, int code, const clip *expected)
{
  side       card = open_magnet ("cuda-on-cpu", CW_PRECISION_F32);
  cw_request request = request_of (&card);
  unsigned   n_notices;
  clip       c;
  char       what[64];

  snprintf (what, sizeof what, "%s %ld fails", call == COC_LAUNCH ? "launch" : "allocation", nth);
  fail (call, nth, code);
  c = make (&card, &request);
  CHECK (counted (call) > COUNT_FROM, "%s: it did not come", what);
  fail (call, -1, 0);
  same (expected, &c, what);
  n_notices = c.n_notices;
  CHECK (n_notices == 0 || (strstr (c.notice, code == OUT_OF_MEMORY ? "no room for the c" : "failed") && strstr (c.notice, "The processor")), "%s: “%s”", what, c.notice);
  cw_codes_free (c.codes);
  c = make (&card, &request);
  same (expected, &c, "the clip behind a failure");
  CHECK (code != OUT_OF_MEMORY || c.n_notices == 0, "behind one without room: “%s”", c.notice);
  cw_codes_free (c.codes);
  close_side (&card);
  return n_notices;
}

static void
test_failures (fail_fn fail)
{
  side       cpu = open_magnet ("cpu", CW_PRECISION_F32);
  cw_request request = request_of (&cpu);
  clip       expected = make (&cpu, &request);
  const long n_launches = count_calls (fail, COC_LAUNCH), n_allocations = count_calls (fail, COC_ALLOCATION);
  const long nth[] = { 0, n_launches / 3, n_launches / 2, 4 * n_launches / 5, n_launches - 2 };
  unsigned   n_told = 0;

  for (size_t i = 0; i < sizeof nth / sizeof *nth; i++)
    CHECK (test_failure (fail, COC_LAUNCH, nth[i], LAUNCH_FAILURE, &expected) == 1, "launch %ld of %ld: not told once", nth[i], n_launches);
  for (long i = 0; i < n_allocations; i += 3)
    n_told += test_failure (fail, COC_ALLOCATION, i, OUT_OF_MEMORY, &expected);
  CHECK (n_told >= 4, "%u of %ld allocations that failed were told of", n_told, n_allocations);
  cw_codes_free (expected.codes);
  close_side (&cpu);
}

int
main (int argc, char **argv)
{
  const fail_fn fail = find_fail ();

  if (argc < 2)
    return 2;
  snprintf (folder, sizeof folder, "%s/models/ac_magnet", argv[1]);
  snprintf (text_encoder, sizeof text_encoder, "%s/models/ac_t5", argv[1]);
  if (argc == 2) {
    test_same ();
    test_precisions ();
  } else {
    need_stand_in (fail);
    test_failures (fail);
  }
  return check_done ();
}
