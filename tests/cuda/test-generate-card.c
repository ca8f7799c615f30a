/* SPDX-License-Identifier: MIT
 *
 * test-generate-card.c: clips made on the card have the processor's codes: greedy, drawn by top-k and by top-p, with and without guidance,
 *     in several takes, continued, and longer than the window. And when the card fails, at whatever launch or allocation, the clip is
 *     finished on the processor, it is the same clip, and a sentence says so; a card that was lost is opened again for a later clip.
 *
 *     test-generate-card MODEL [failures|lost|precisions]
 */
#define _GNU_SOURCE
#include "clip.h"

#include "models/encodec-card.h"
#include "models/musicgen-card.h"
#include "models/t5-card.h"
#include "models/t5-weights.h"

static const char *folder;

static cw_request
request_of (const side *s, double duration_s)
{
  cw_request request;

  cw_request_init (&request, cw_model_get_info (s->model));
  request.prompt = "soft rain on a tin roof";
  request.duration_s = duration_s;
  request.seed = 11;
  return request;
}

/* ---- what is planned --------------------------------------------------------------------------------------------------------- */

/* What each part has taken is what was counted before it was loaded, to the byte: decoder, what makes the keys and values of texts, text
 * encoder, and the run and the codec's stream of a take with guidance. */
static void
test_bytes (const side *card, const char *name)
{
  const cw_model       *model = card->model;
  const cw_plan_ask    *ask = &model->ask;
  const cw_plan_need   *need = &model->plan.needs[model->info.precision];
  const size_t          n_steps = cw_plan_n_steps (ask), n_later = n_steps > ask->decoder.n_positions ? n_steps - ask->decoder.n_positions : 0;
  const size_t          c = ask->decoder.width, used = model->engine->card->used;
  float                *later = n_later ? calloc (n_later * c, sizeof *later) : NULL, *states = calloc (CW_PLAN_TEXT_TOKENS * c, sizeof *states);
  cw_error              error = { 0 };
  cw_musicgen_card_run *run = cw_musicgen_card_run_new (model->musicgen->card, 2, n_steps, 1, later, &error);
  cw_encodec_stream    *stream;
  size_t                weights = cw_musicgen_card_n_bytes (model->musicgen->card), text = cw_musicgen_card_text_n_bytes (model->musicgen->card);

  CHECK (model->planned && model->plan.on_card && !model->plan.lowered, "%s: %s", name, model->plan.sentence);
  CHECK (weights == need->weights, "%s: the decoder takes %zu bytes, %zu were planned", name, weights, need->weights);
  CHECK (run && (ask->decoder.prefixed || cw_musicgen_card_run_set_states (run, 0, states, CW_PLAN_TEXT_TOKENS)), "%s: %s", name, error.message);
  CHECK (cw_musicgen_card_run_n_bytes (run) == need->caches + need->workspace, "%s: a clip takes %zu bytes, %zu were planned", name,
         cw_musicgen_card_run_n_bytes (run), need->caches + need->workspace);
  cw_musicgen_card_run_free (run);
  text += cw_t5_card_n_bytes (model->t5->card);
  CHECK (text == need->text, "%s: what reads texts takes %zu bytes, %zu were planned", name, text, need->text);
  CHECK (cw_encodec_bytes_on_card (model->codec) == need->codec, "%s: the codec takes %zu bytes, %zu were planned", name,
         cw_encodec_bytes_on_card (model->codec), need->codec);
  CHECK (model->engine->card->used == used && used == weights + text + need->codec, "%s: %zu bytes are taken", name, used);
  stream = cw_encodec_stream_new (model->codec, CW_PUSH_FRAMES, cw_model_n_sides (model), &error);
  CHECK (model->engine->card->used - used == need->codec_stream, "%s: the codec's stream takes %zu bytes, %zu were planned", name,
         model->engine->card->used - used, need->codec_stream);
  cw_encodec_stream_free (stream);
  free (later);
  free (states);
}

/* ---- the same clip ----------------------------------------------------------------------------------------------------------- */

static void
test_same (const side *cpu, const side *card)
{
  const double frame_s = 1.0 / cw_model_get_info (cpu->model)->frame_rate_hz;
  cw_request   request = request_of (cpu, 9.0 * frame_s);
  clip         a, b, continued;

  CHECK (strcmp (cw_model_get_info (card->model)->device, "cpu") != 0, "the decoder is not on the card: %s", cw_model_get_info (card->model)->device_note);
  CHECK (strstr (cw_model_get_info (card->model)->device_note, "codec is on the card, too") && strstr (cw_model_get_info (card->model)->device_note, "text encoder:"),
         "not all of it is on the card: %s", cw_model_get_info (card->model)->device_note);
  test_bytes (card, "f32");
  request.temperature = 0.0f;
  a = make (cpu, &request);
  b = make (card, &request);
  same (&a, &b, "greedy");
  CHECK (b.n_notices == 0, "“%s”", b.notice);
  cw_codes_free (b.codes);

  request.temperature = 0.9f;
  request.top_k = 20;
  request.continue_codes = a.codes;
  request.duration_s = 14.0 * frame_s;
  continued = make (cpu, &request);
  b = make (card, &request);
  same (&continued, &b, "continued, top-k");
  cw_codes_free (continued.codes);
  cw_codes_free (b.codes);
  cw_codes_free (a.codes);

  request.continue_codes = NULL;
  request.n_takes = 2;
  request.first_take = 3;
  request.guidance = 1.0f;
  request.top_p = 0.8f;
  a = make (cpu, &request);
  b = make (card, &request);
  same (&a, &b, "two takes without guidance, top-p");
  cw_codes_free (a.codes);
  cw_codes_free (b.codes);
}

/* Of every precision: the processor's clip, but for int4, whose keys have 8 bits there and 16 on the card; it agrees in most codes. */
static void
test_precisions (void)
{
  for (cw_precision precision = CW_PRECISION_BF16; precision < CW_N_PRECISIONS; precision++) {
    const char *name = cw_precision_name (precision);
    side        cpu = open_side (folder, "cpu", precision), card = open_side (folder, "cuda-on-cpu", precision);
    cw_request  request = request_of (&cpu, 9.0 / cw_model_get_info (cpu.model)->frame_rate_hz);
    clip        a, b;

    CHECK (strcmp (cw_model_get_info (card.model)->device, "cpu") != 0, "%s: the decoder is not on the card", name);
    test_bytes (&card, name);
    request.n_takes = 2;
    request.temperature = 0.0f;
    a = make (&cpu, &request);
    b = make (&card, &request);
    check_agreement (&a, &b, precision == CW_PRECISION_INT4, name);
    cw_codes_free (a.codes);
    cw_codes_free (b.codes);
    close_side (&cpu);
    close_side (&card);
  }
}

/* Room for one take, or for two: the others are made in later turns, are the same clips, and a sentence says so. The sound to continue is read
 * once. */
static void
test_turns (const side *cpu, side *card)
{
  cw_model    *model = card->model;
  cw_card     *there = model->engine->card;
  const size_t budget = there->budget, n_frames = 12;
  cw_request   request = request_of (cpu, (double) n_frames / cw_model_get_info (cpu->model)->frame_rate_hz);
  int32_t     *ids = NULL;
  size_t       n_tokens = 0, n_steps = n_frames + model->ask.decoder.n_codebooks / model->ask.decoder.n_channels - 1;
  clip         given, expected;

  CHECK (cw_tokenizer_encode (model->tokenizer, request.prompt, strlen (request.prompt), &ids, &n_tokens, NULL) == CW_OK, "the prompt");
  free (ids);
  n_steps += model->melody ? model->ask.n_prefix + n_tokens : 0;
  request.temperature = 0.0f;
  request.duration_s /= 4.0;
  given = make (cpu, &request);
  request.temperature = 1.0f;
  request.duration_s *= 4.0;
  request.n_takes = 3;
  request.continue_codes = given.codes;
  expected = make (cpu, &request);
  for (size_t n_each = 1; n_each <= 3; n_each++) {
    const size_t run = cw_musicgen_run_bytes_on_card (model->musicgen, 2 * n_each, n_steps, n_tokens);
    const size_t stream = cw_encodec_stream_bytes_on_card (model->codec, CW_PUSH_FRAMES, n_each * cw_model_n_sides (model));
    clip         c;
    char         turns[64];

    there->budget = there->used + run + stream;
    snprintf (turns, sizeof turns, "%zu of the 3 takes at once, so they are made in %d turns", n_each, n_each == 1 ? 3 : 2);
    c = make (card, &request);
    same (&expected, &c, turns);
    CHECK (n_each == 3 ? c.n_notices == 0 : c.n_notices == 1 && strstr (c.notice, turns), "%u notices, “%s”", c.n_notices, c.notice);
    cw_codes_free (c.codes);
  }
  there->budget = budget;
  cw_codes_free (given.codes);
  cw_codes_free (expected.codes);
}

/* So many columns are fed in one go that cuBLAS takes weights of 16 bits: its rounding may tip a token. With others the clip is the same. */
static void
test_long (const side *cpu, const side *card)
{
  const double frame_s = 1.0 / cw_model_get_info (cpu->model)->frame_rate_hz;
  cw_request   request = request_of (cpu, 70.0 * frame_s);
  size_t       n, n_same;
  clip         given, a, b;

  if (cw_model_get_info (cpu->model)->window_s < request.duration_s)
    request.duration_s = cw_model_get_info (cpu->model)->window_s;
  request.temperature = 0.0f;
  given = make (cpu, &request);
  request.continue_codes = given.codes;
  request.duration_s += 12.0 * frame_s;
  a = make (cpu, &request);
  b = make (card, &request);
  n = a.codes->n_codebooks * a.codes->n_frames;
  n_same = count_same (&a, &b);
  fprintf (stderr, "continued from %zu frames: %zu of %zu codes are the processor's\n", given.codes->n_frames, n_same, n);
  CHECK (n_same >= n - 4 * a.codes->n_codebooks, "%zu of %zu codes are the processor's", n_same, n);
  cw_codes_free (a.codes);
  cw_codes_free (b.codes);
  cw_codes_free (given.codes);
}

/* ---- the card fails ----------------------------------------------------------------------------------------------------------- */

#define FRAMES 9.0

/* Calls of a kind that go to the card for a clip, and the clip. */
static long
count_calls (fail_fn fail, int call, clip *c)
{
  side       card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
  cw_request request = request_of (&card, FRAMES / cw_model_get_info (card.model)->frame_rate_hz);
  const long before = n_kernels ();
  long       n;

  fail (call, COUNT_FROM, OUT_OF_MEMORY);
  *c = make (&card, &request);
  n = counted (call);
  c->n_kernels = n_kernels () - before;
  fail (call, -1, 0);
  close_side (&card);
  return n;
}

static void
test_launches (fail_fn fail, const clip *expected)
{
  clip        whole;
  const long  n = count_calls (fail, COC_LAUNCH, &whole);
  const long  nth[] = { 0, 3, n / 4, n / 2, 3 * n / 4, n - 2 };

  CHECK (n > 16 && whole.n_notices == 0, "a clip makes %ld launches and %u notices", n, whole.n_notices);
  cw_codes_free (whole.codes);
  for (size_t i = 0; i < sizeof nth / sizeof *nth; i++) {
    side       card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    cw_request request = request_of (&card, FRAMES / cw_model_get_info (card.model)->frame_rate_hz);
    clip       c;
    char       what[64];
    long       before;

    snprintf (what, sizeof what, "launch %ld of %ld fails", nth[i], n);
    fail (COC_LAUNCH, nth[i], LAUNCH_FAILURE);
    c = make (&card, &request);
    CHECK (counted (COC_LAUNCH) > COUNT_FROM, "%s: it did not come", what);
    fail (COC_LAUNCH, -1, 0);
    same (expected, &c, what);
    CHECK (c.n_notices == 1 && strstr (c.notice, "failed") && strstr (c.notice, "The processor"), "%s: %u notices, “%s”", what, c.n_notices,
           c.notice);
    cw_codes_free (c.codes);
    before = n_kernels ();
    c = make (&card, &request);
    same (expected, &c, "the clip behind a failure");
    CHECK (n_kernels () - before == whole.n_kernels && c.n_notices == 1 && strstr (c.notice, "opened again"), "%s: behind it the card ran %ld of %ld kernels; “%s”",
           what, n_kernels () - before, whole.n_kernels, c.notice);
    cw_codes_free (c.codes);
    close_side (&card);
  }
}

/* Every call fails for a while, as behind a suspend: the clip goes on here, those behind it are made here, and when the card answers again one is
 * its own, all of it. Nothing is tried while something is on the card, nor again right behind a try. */
static void
test_lost (const clip *expected)
{
  void (*lose) (int error);
  side               card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
  cw_engine         *engine = card.engine;
  const size_t       used = engine->card->used;
  cw_request         request = request_of (&card, FRAMES / cw_model_get_info (card.model)->frame_rate_hz);
  cw_error           error = { 0 };
  cw_encodec_stream *stream = cw_encodec_stream_new (card.model->codec, CW_PUSH_FRAMES, cw_model_n_sides (card.model), &error);
  clip               c;
  long               before;

  find_in_stand_in ("coc_lose_device", &lose);
  lose (LAUNCH_FAILURE);
  c = make (&card, &request);
  same (expected, &c, "the device is lost");
  CHECK (c.n_notices == 1 && strstr (c.notice, "A later clip tries the card again"), "%u notices, “%s”", c.n_notices, c.notice);
  cw_codes_free (c.codes);
  lose (0);
  c = make (&card, &request);
  same (expected, &c, "something is on the card that was lost");
  CHECK (engine->tried_card_s == 0.0, "it was opened again under a stream");
  cw_codes_free (c.codes);
  cw_encodec_stream_free (stream);

  lose (LAUNCH_FAILURE);
  before = n_kernels ();
  c = make (&card, &request);
  same (expected, &c, "the device is still lost");
  CHECK (engine->tried_card_s > 0.0 && engine->card->used == 0 && c.n_notices == 0, "%zu bytes are taken, %u notices", engine->card->used, c.n_notices);
  cw_codes_free (c.codes);
  lose (0);
  c = make (&card, &request);
  same (expected, &c, "right behind a try");
  CHECK (n_kernels () == before && c.n_notices == 0 && strcmp (cw_model_get_info (card.model)->device, "cpu") == 0, "%ld kernels", n_kernels () - before);
  cw_codes_free (c.codes);
  engine->tried_card_s -= 60.0;
  c = make (&card, &request);
  same (expected, &c, "the device is there again");
  CHECK (c.n_notices == 1 && strstr (c.notice, "opened again") && n_kernels () > before + 100 && strcmp (cw_model_get_info (card.model)->device, "cpu") != 0,
         "%u notices, “%s”, %ld kernels", c.n_notices, c.notice, n_kernels () - before);
  CHECK (engine->card->used == used, "%zu bytes are taken, %zu were", engine->card->used, used);
  cw_codes_free (c.codes);
  close_side (&card);
}

/* A model that is loaded while the card is lost, which the load finds out, or knew before, goes there as soon as it is back. */
static void
test_loaded_while_lost (const clip *expected)
{
  void (*lose) (int error);
  side                   whole = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
  const size_t           used = whole.engine->card->used;
  const cw_model_options options = { .precision = CW_PRECISION_F32 };
  cw_error               error = { 0 };
  cw_request             request = request_of (&whole, FRAMES / cw_model_get_info (whole.model)->frame_rate_hz);
  side                   card;
  clip                   c;
  long                   before;

  close_side (&whole);
  find_in_stand_in ("coc_lose_device", &lose);
  for (int known = 0; known < 2; known++) {
    const char *what = known ? "loaded on a card that was lost" : "lost while it is loaded";

    card.engine = cw_engine_new (&(cw_engine_options){ .backend = "cuda-on-cpu", .n_threads = 2 }, &error);
    lose (LAUNCH_FAILURE);
    card.model = cw_model_load (card.engine, folder, &options, &error);
    if (known) {
      cw_model_free (card.model);
      card.model = cw_model_load (card.engine, folder, &options, &error);
    }
    CHECK (card.model && strcmp (cw_model_get_info (card.model)->device, "cpu") == 0 && strstr (cw_model_get_info (card.model)->device_note, "The processor"),
           "%s: %s", what, error.message);
    before = n_kernels ();
    c = make (&card, &request);
    same (expected, &c, what);
    CHECK (n_kernels () == before && c.n_notices == 0, "%s: %ld kernels", what, n_kernels () - before);
    cw_codes_free (c.codes);
    lose (0);
    card.engine->tried_card_s -= 60.0;
    c = make (&card, &request);
    same (expected, &c, what);
    CHECK (c.n_notices == 1 && strstr (c.notice, "opened again") && n_kernels () > before + 100 && strcmp (cw_model_get_info (card.model)->device, "cpu") != 0,
           "%s: %u notices, “%s”, %ld kernels", what, c.n_notices, c.notice, n_kernels () - before);
    CHECK (card.engine->card->used == used, "%s: %zu bytes are taken, %zu would be", what, card.engine->card->used, used);
    cw_codes_free (c.codes);
    close_side (&card);
  }
}

/* Allocations that the text encoder makes; without room the processor reads the text, and nothing is said. */
static long
count_text_calls (fail_fn fail)
{
  side          card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
  const int32_t ids[] = { 1, 2, 3 };
  float        *hidden = calloc (3 * cw_t5_get_config (card.model->t5)->width, sizeof *hidden);
  long          n;

  fail (COC_ALLOCATION, COUNT_FROM, OUT_OF_MEMORY);
  CHECK (cw_t5_encode (card.model->t5, ids, 3, 3, hidden, NULL) == CW_OK, "the text is not encoded");
  n = counted (COC_ALLOCATION);
  fail (COC_ALLOCATION, -1, 0);
  free (hidden);
  close_side (&card);
  return n;
}

/* Memory runs out within a clip, and the card is well: a sentence says so exactly where the processor makes some of it, and the next clip is the
 * card's again. */
static void
test_clip_allocations (fail_fn fail, const clip *expected)
{
  clip       whole;
  const long n = count_calls (fail, COC_ALLOCATION, &whole), n_text = count_text_calls (fail);
  unsigned   n_told = 0;

  CHECK (n > n_text + 10 && n_text > 3, "a clip makes %ld allocations, its text %ld", n, n_text);
  cw_codes_free (whole.codes);
  for (long nth = n_text; nth < n; nth += nth < n_text + 16 ? 1 : 3) {
    side       card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    cw_request request = request_of (&card, FRAMES / cw_model_get_info (card.model)->frame_rate_hz);
    const long before = n_kernels ();
    clip       c;
    char       what[96];

    snprintf (what, sizeof what, "allocation %ld of %ld fails in a clip", nth, n);
    fail (COC_ALLOCATION, nth, OUT_OF_MEMORY);
    c = make (&card, &request);
    c.n_kernels = n_kernels () - before;
    CHECK (counted (COC_ALLOCATION) > COUNT_FROM, "%s: it did not come", what);
    fail (COC_ALLOCATION, -1, 0);
    same (expected, &c, what);
    CHECK (c.n_notices == (c.n_kernels < whole.n_kernels), "%s: %u notices, “%s”; the card ran %ld of %ld kernels", what, c.n_notices, c.notice,
           c.n_kernels, whole.n_kernels);
    CHECK (c.n_notices == 0 || (strstr (c.notice, "no room for the c") && strstr (c.notice, "The processor") && strstr (c.notice, "need less")),
           "%s: “%s”", what, c.notice);
    n_told += c.n_notices;
    cw_codes_free (c.codes);
    c = make (&card, &request);
    same (expected, &c, "the clip behind one without room");
    CHECK (c.n_notices == 0, "behind one without room: “%s”", c.notice);
    cw_codes_free (c.codes);
    close_side (&card);
  }
  CHECK (n_told > 10, "%u notices", n_told);
}

/* While the columns of a continuation are fed, by cuBLAS where the weights have 16 bits: an error that stays, and one that does not. */
static void
test_long_launches (fail_fn fail, const side *cpu)
{
  for (long nth = 24; nth < 120; nth += 19)
    for (int sticky = 0; sticky < 2; sticky++) {
      side card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);

      fail (COC_LAUNCH, nth, sticky ? LAUNCH_FAILURE : INVALID_VALUE);
      test_long (cpu, &card);
      fail (COC_LAUNCH, -1, 0);
      close_side (&card);
    }
}

/* The nth allocation says that there is no room: in loading, where the model then stays on the processor, or in a clip. */
static void
test_allocations (fail_fn fail, const clip *expected)
{
  for (long nth = 0; nth < 400; nth += nth < 8 ? 1 : 29) {
    cw_request request;
    side       card;
    clip       c;
    char       what[64];

    snprintf (what, sizeof what, "allocation %ld fails", nth);
    fail (COC_ALLOCATION, nth, OUT_OF_MEMORY);
    card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    request = request_of (&card, 9.0 / cw_model_get_info (card.model)->frame_rate_hz);
    c = make (&card, &request);
    same (expected, &c, what);
    cw_codes_free (c.codes);
    fail (COC_ALLOCATION, -1, 0);
    CHECK (*cw_model_get_info (card.model)->device_note, "nothing is said about the device");
    close_side (&card);
  }
}

/* Where the precision is left open, the next narrower one takes the place of one that found no room, the clip is that precision's, and a
 * sentence says so. */
static void
test_lower (fail_fn fail)
{
  side     any = open_side (folder, "cuda-on-cpu", CW_PRECISION_AUTO);
  cw_error error = { 0 };
  long     n; /* allocations of the decoder, which is the first to go there */

  fail (COC_ALLOCATION, COUNT_FROM, OUT_OF_MEMORY);
  CHECK (cw_musicgen_to_card (any.model->musicgen, any.engine->card, &error), "%s", error.message);
  n = counted (COC_ALLOCATION);
  CHECK (n > 20, "the decoder makes %ld allocations", n);
  close_side (&any);
  for (long nth = 0; nth < n; nth += (n - 1) / 2) {
    side        card, cpu;
    cw_request  request;
    clip        c, expected;
    const char *note;

    fail (COC_ALLOCATION, nth, OUT_OF_MEMORY);
    card = open_side (folder, "cuda-on-cpu", CW_PRECISION_AUTO);
    CHECK (counted (COC_ALLOCATION) > COUNT_FROM, "allocation %ld did not come", nth);
    fail (COC_ALLOCATION, -1, 0);
    note = cw_model_get_info (card.model)->device_note;
    CHECK (cw_model_get_info (card.model)->precision == CW_PRECISION_F16 && strcmp (cw_model_get_info (card.model)->device, "cpu") != 0 &&
             strstr (note, "Instead of f32 it makes the clips in f16"), "allocation %ld: %s", nth, note);
    cpu = open_side (folder, "cpu", CW_PRECISION_F16);
    request = request_of (&card, FRAMES / cw_model_get_info (card.model)->frame_rate_hz);
    c = make (&card, &request);
    expected = make (&cpu, &request);
    same (&expected, &c, "the clip in f16");
    CHECK (c.n_notices == 1 && strstr (c.notice, "Instead of f32"), "%u notices, “%s”", c.n_notices, c.notice);
    cw_codes_free (c.codes);
    c = make (&card, &request);
    CHECK (c.n_notices == 0, "it is said again: “%s”", c.notice);
    cw_codes_free (c.codes);
    cw_codes_free (expected.codes);
    close_side (&card);
    close_side (&cpu);
  }
}

int
main (int argc, char **argv)
{
  side cpu, card;

  folder = argv[1];
  if (argc == 3 && strcmp (argv[2], "precisions") == 0) {
    test_precisions ();
    return check_done ();
  }
  cpu = open_side (folder, "cpu", CW_PRECISION_F32);
  if (argc < 3) {
    card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    test_same (&cpu, &card);
    test_turns (&cpu, &card);
    if (cw_model_get_info (cpu.model)->can_continue)
      test_long (&cpu, &card);
    close_side (&card);
    close_side (&cpu);
    return check_done ();
  }

  const fail_fn fail = find_fail ();
  cw_request    request = request_of (&cpu, FRAMES / cw_model_get_info (cpu.model)->frame_rate_hz);
  clip          expected = make (&cpu, &request);

  need_stand_in (fail);
  if (strcmp (argv[2], "lost") == 0) {
    test_lost (&expected);
    test_loaded_while_lost (&expected);
  } else {
    test_launches (fail, &expected);
    test_long_launches (fail, &cpu);
    test_clip_allocations (fail, &expected);
    test_allocations (fail, &expected);
    test_lower (fail);
  }
  cw_codes_free (expected.codes);
  close_side (&cpu);
  return check_done ();
}
