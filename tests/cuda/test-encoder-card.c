/* SPDX-License-Identifier: MIT
 *
 * test-encoder-card.c: the codec's encoder on a card gives the processor's codes, in pushes of any size, with its LSTM in f32, 16 and 8 bits; its
 *     room is given back behind it. When the card fails, at whatever call, the processor goes on from where the stream stood, with the same codes,
 *     and why is said. A clip that continues a sound begins with the processor's codes of it.
 *
 *     The latents are the processor's to the bit, but for group norm, whose sums have another order.
 *
 *     test-encoder-card MODEL [failures]
 */
#define _GNU_SOURCE
#include <math.h>

#include "clip.h"
#include "generate/codes-file.h"

#define SECONDS    0.4
#define NORM_ERROR 1e-5f

static const char *folder;
static float      *sound; /* [n_samples, n_channels] */
static size_t      n_samples;

/* A tone that rises, with noise, so that frames differ; the channels, too. */
static void
make_sound (const cw_model_info *info)
{
  uint32_t noise = 1;

  n_samples = (size_t) (SECONDS * info->rate_hz) + 17;
  sound = calloc (n_samples * info->n_channels, sizeof *sound);
  for (size_t i = 0; i < n_samples; i++)
    for (unsigned c = 0; c < info->n_channels; c++) {
      noise = noise * 1664525u + 1013904223u;
      sound[i * info->n_channels + c] = (float) (0.4 * sin (6e-6 * (double) (i * i) + c) + 0.2 * ((double) noise / 4294967296.0 - 0.5));
    }
}

/* ---- codes ------------------------------------------------------------------------------------------------------------------------- */

/* In pushes of @push samples; @left receives why a card was left, or nothing. */
static cw_codes *
encode (const side *s, size_t push, char left[512])
{
  cw_error          error = { 0 };
  cw_encoder       *encoder = cw_encoder_new (s->model, 0.0, &error);
  cw_codes_gathered gathered = { 0 };
  cw_codes         *codes;

  if (!encoder)
    exit (1);
  gathered.n_codebooks = cw_encoder_get_info (encoder)->n_codebooks;
  for (size_t at = 0; at < n_samples; at += push) {
    const size_t now = n_samples - at < push ? n_samples - at : push;

    CHECK (cw_encoder_push (encoder, sound + at * cw_model_get_info (s->model)->n_channels, now, cw_codes_gather, &gathered, &error) == CW_OK, "%s",
           error.message);
  }
  CHECK (cw_encoder_finish (encoder, cw_codes_gather, &gathered, &error) == CW_OK, "%s", error.message);
  codes = cw_codes_from_gathered (&gathered, cw_encoder_get_info (encoder), &error);
  snprintf (left, 512, "%s", cw_encoder_get_notice (encoder) ? cw_encoder_get_notice (encoder) : "");
  cw_codes_gathered_clear (&gathered);
  cw_encoder_free (encoder);
  return codes;
}

static void
same_codes (const cw_codes *found, const cw_codes *expected, const char *what)
{
  const size_t n = expected ? expected->n_codebooks * expected->n_chunks * expected->n_frames : 0;

  CHECK (n > 0 && found && found->n_frames == expected->n_frames && found->n_chunks == expected->n_chunks, "%s: no codes, or another number of them", what);
  for (size_t i = 0; i < n && found; i++)
    if (found->codes[i] != expected->codes[i]) {
      CHECK (false, "%s: code %zu of %zu is %d, the processor's %d", what, i, n, found->codes[i], expected->codes[i]);
      return;
    }
}

/* One channel set's samples, as the codec itself takes them: the latents. */
static void
test_latents (const side *cpu, const side *card)
{
  const cw_encodec_config *config = cw_encodec_get_config (cpu->model->codec);
  const size_t             c = config->net.n_channels, n = config->chunk_samples && config->chunk_samples < n_samples ? config->chunk_samples : n_samples;
  const size_t             t = cw_encodec_n_frames (config, n), d = config->net.latent;
  float                   *x = calloc (c * n, sizeof *x), *latents[2];
  int32_t                 *codes = calloc (config->n_books * t, sizeof *codes);
  cw_error                 error = { 0 };

  for (size_t i = 0; i < c * n; i++)
    x[i] = sound[i % n * cw_model_get_info (cpu->model)->n_channels + i / n];
  for (int i = 0; i < 2; i++) {
    latents[i] = calloc (d * t, sizeof *latents[i]);
    CHECK (cw_encodec_encode ((i ? card : cpu)->model->codec, x, n, n, latents[i], config->n_books, codes, &error) == CW_OK, "%s", error.message);
  }
  for (size_t i = 0; i < d * t; i++)
    if (config->net.group_norm ? !(fabsf (latents[0][i] - latents[1][i]) <= NORM_ERROR) : memcmp (&latents[0][i], &latents[1][i], sizeof (float)) != 0) {
      CHECK (false, "latent %zu of %zu is %.9g, the processor gives %.9g", i, d * t, (double) latents[1][i], (double) latents[0][i]);
      break;
    }
  free (latents[0]);
  free (latents[1]);
  free (codes);
  free (x);
}

/* Of a codec alone: what it takes is what was planned, to the byte. */
static void
test_bytes (const side *card, cw_precision precision)
{
  const cw_plan_need *need = &card->model->plan.needs[precision];
  const size_t        used = card->engine->card->used;
  cw_error            error = { 0 };
  cw_encodec_stream  *stream = cw_encodec_stream_new (card->model->codec, card->model->ask.n_frames, 1, &error);
  cw_encoder         *encoder;

  CHECK (card->model->planned && card->model->plan.on_card && strstr (card->model->plan.sentence, "decodes and encodes"), "“%s”", card->model->plan.sentence);
  CHECK (used == need->codec, "the codec takes %zu bytes, %zu were planned", used, need->codec);
  CHECK (card->engine->card->used - used == need->codec_stream, "a stream of it takes %zu bytes, %zu were planned", card->engine->card->used - used,
         need->codec_stream);
  cw_encodec_stream_free (stream);
  encoder = cw_encoder_new (card->model, 0.0, &error);
  CHECK (card->engine->card->used - used == need->encoder + need->encoder_stream, "the encoder takes %zu bytes, %zu were planned",
         card->engine->card->used - used, need->encoder + need->encoder_stream);
  cw_encoder_free (encoder);
}

static void
test_same (cw_precision precision)
{
  side          cpu = open_side (folder, "cpu", precision), card = open_side (folder, "cuda-on-cpu", precision);
  const size_t  pushes[] = { n_samples, 1000, CW_ENCODE_PUSH_SAMPLES }, used = card.engine->card->used;
  char          left[512];
  cw_codes     *expected = encode (&cpu, n_samples, left);

  for (size_t i = 0; i < sizeof pushes / sizeof *pushes; i++) {
    const long before = n_kernels ();
    cw_codes  *found = encode (&card, pushes[i], left);
    char       what[80];

    snprintf (what, sizeof what, "%s, pushes of %zu", cw_precision_name (precision), pushes[i]);
    CHECK (!*left && n_kernels () > before + 20, "%s: the card ran %ld kernels: “%s”", what, n_kernels () - before, left);
    same_codes (found, expected, what);
    CHECK (card.engine->card->used == used, "%s: %zu bytes more are taken", what, card.engine->card->used - used);
    cw_codes_free (found);
  }
  test_latents (&cpu, &card);
  if (!cw_model_get_info (card.model)->can_generate)
    test_bytes (&card, precision);
  cw_codes_free (expected);
  close_side (&card);
  close_side (&cpu);
}

/* ---- a clip that goes on from a sound ----------------------------------------------------------------------------------------------------- */

static clip
continue_sound (const side *s)
{
  const cw_model_info *info = cw_model_get_info (s->model);
  cw_request           request;

  cw_request_init (&request, info);
  request.prompt = "a bell";
  request.continue_sound = (cw_signal){ .samples = sound, .n_samples = n_samples, .n_channels = info->n_channels };
  request.duration_s = SECONDS + 8.0 / info->frame_rate_hz;
  return make (s, &request);
}

/* @fail: a launch of the encoder fails. */
static void
test_continued (fail_fn fail)
{
  side cpu = open_side (folder, "cpu", CW_PRECISION_F32), card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
  clip expected = continue_sound (&cpu), found = continue_sound (&card);

  same (&found, &expected, "a clip that continues a sound");
  CHECK (expected.n_notices + found.n_notices == 0, "“%s”, “%s”", expected.notice, found.notice);
  cw_codes_free (found.codes);
  close_side (&card);
  for (long nth = 40; fail && nth < 400; nth += 90) {
    card = open_side (folder, "cuda-on-cpu", CW_PRECISION_F32);
    fail (COC_LAUNCH, nth, LAUNCH_FAILURE);
    found = continue_sound (&card);
    fail (COC_LAUNCH, -1, 0);
    same (&found, &expected, "a clip whose card fails");
    CHECK (found.n_notices >= 1 && strstr (found.notice, "failed") && strstr (found.notice, "The processor"), "launch %ld: %u notices, “%s”", nth,
           found.n_notices, found.notice);
    cw_codes_free (found.codes);
    close_side (&card);
  }
  cw_codes_free (expected.codes);
  close_side (&cpu);
}

/* ---- the card fails ------------------------------------------------------------------------------------------------------------------------ */

/* Returns whether the card was left for it. */
static bool
test_failure (fail_fn fail, int call, long nth, int code, const cw_codes *expected)
{
  side      card = open_side (folder, "cuda-on-cpu", CW_PRECISION_INT8);
  char      what[64], left[512], later[512];
  cw_codes *found;
  bool      came;

  snprintf (what, sizeof what, "%s %ld answers %d", call == COC_LAUNCH ? "launch" : call == COC_ALLOCATION ? "allocation" : "call", nth, code);
  fail (call, nth, code);
  found = encode (&card, 1000, left);
  came = counted (call) > COUNT_FROM;
  fail (call, -1, 0);
  same_codes (found, expected, what);
  CHECK (!*left || (strstr (left, "The processor encodes") && strstr (left, code == OUT_OF_MEMORY ? "no room" : "failed")), "%s: “%s”", what, left);
  CHECK (!came || *left, "%s, and nothing is said", what);
  cw_codes_free (found);
  /* without a device that is lost, the next is the card's again */
  if (code == OUT_OF_MEMORY) {
    found = encode (&card, n_samples, later);
    same_codes (found, expected, "behind one without room");
    CHECK (!*later, "behind one without room: “%s”", later);
    cw_codes_free (found);
  }
  close_side (&card);
  return *left;
}

static void
test_failures (fail_fn fail)
{
  side      cpu = open_side (folder, "cpu", CW_PRECISION_INT8);
  char      left[512];
  cw_codes *expected = encode (&cpu, n_samples, left);
  size_t    n_left = 0;

  for (long nth = 0; nth < 400; nth += nth < 4 ? 1 : 37)
    n_left += test_failure (fail, COC_LAUNCH, nth, LAUNCH_FAILURE, expected);
  CHECK (n_left > 4, "the card was left %zu times", n_left);
  for (long nth = 30; nth < 600; nth += nth < 60 ? 9 : 61)
    test_failure (fail, COC_ANY_CALL, nth, LAUNCH_FAILURE, expected);
  n_left = 0;
  for (long nth = 0; nth < 70; nth += 3)
    n_left += test_failure (fail, COC_ALLOCATION, nth, OUT_OF_MEMORY, expected);
  CHECK (n_left > 8, "%zu of the allocations that failed were told of", n_left);
  cw_codes_free (expected);
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
  make_sound (cw_model_get_info (any.model));
  close_side (&any);
  if (argc == 2) {
    test_same (CW_PRECISION_F32);
    test_same (CW_PRECISION_F16);
    test_same (CW_PRECISION_INT8);
    if (makes_clips)
      test_continued (fail);
  } else {
    need_stand_in (fail);
    test_failures (fail);
  }
  free (sound);
  return check_done ();
}
