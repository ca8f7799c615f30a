/* SPDX-License-Identifier: MIT
 *
 * test-request.c: every field of a request at its edges: what is taken, what is refused, and that the sentence names it.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "engine.h"

static const cw_model_info musician = {
  .name = "musician", .family = "musicgen", .rate_hz = 32000, .n_channels = 2, .n_codebooks = 8, .codebook_size = 64,
  .frame_rate_hz = 50, .hop_samples = 640, .window_s = 30.0, .max_duration_s = CW_DURATION_MAX_S, .extend_stride_s = 18.0,
  .can_generate = true, .can_continue = true, .can_follow_melody = true, .can_extend = true, .can_change_prompt = true,
  .guidance = 3.0f, .temperature = 1.0f, .top_k = 250,
};
/* The same with nothing but a prompt. */
static const cw_model_info plain = {
  .name = "plain", .family = "musicgen", .rate_hz = 32000, .n_channels = 2, .n_codebooks = 8, .codebook_size = 64,
  .frame_rate_hz = 50, .hop_samples = 640, .window_s = 30.0, .max_duration_s = 30.0, .can_generate = true,
  .guidance = 3.0f, .temperature = 1.0f, .top_k = 250,
};

static float sound[2 * 64000];

/* Expects CW_OK when @word is NULL, else a refusal whose sentence has the word. */
static void
expect (const cw_request *request, const cw_model_info *info, const char *word)
{
  cw_error        error = { 0 };
  const cw_status status = cw_request_check (request, info, &error);

  CHECK (status == (word ? CW_ERROR_ARGUMENT : CW_OK), "%s: %s", word ? word : "taken", error.message);
  CHECK (!word || strstr (error.message, word), "“%s” is missing in: %s", word, error.message);
}

static cw_request
ask (void)
{
  cw_request request;

  cw_request_init (&request, &musician);
  request.prompt = "x";
  return request;
}

static void
test_length (void)
{
  const double wrong[] = { 0.0, -1.0, 600.1, NAN, INFINITY };
  cw_request   request = ask ();

  expect (&request, &musician, NULL);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    request.duration_s = wrong[i];
    expect (&request, &musician, "duration");
  }
  request.duration_s = 600.0;
  expect (&request, &musician, NULL);
  CHECK (cw_request_n_samples (&request, &musician) == 600 * 32000, "10 minutes are %zu samples", cw_request_n_samples (&request, &musician));
  expect (&request, &plain, "30.00");
  request.extend_stride_s = 0.02;
  expect (&request, &musician, NULL);
  request.extend_stride_s = 29.98;
  expect (&request, &musician, NULL);
  for (size_t i = 0; i < 4; i++) {
    request.extend_stride_s = ((const double[]){ 30.0, 0.01, -1.0, NAN })[i];
    expect (&request, &musician, "stride");
  }
  request = ask ();
  request.extend_stride_s = 10.0;
  expect (&request, &plain, "stride");
  request = ask ();
  request.endless = true;
  request.duration_s = -1.0; /* not looked at */
  expect (&request, &musician, NULL);
  CHECK (cw_request_n_samples (&request, &musician) == 0, "an endless clip has no length");
  request.n_takes = 2;
  expect (&request, &musician, "takes");
  request = ask ();
  request.endless = true;
  expect (&request, &plain, "endless");
}

static void
test_magnet_alone (void)
{
  cw_request request = ask ();

  request.guidance_last = 1.0f;
  expect (&request, &musician, "MAGNeT");
  request = ask ();
  request.overlapping_spans = true;
  expect (&request, &musician, "MAGNeT");
  request = ask ();
  request.decoding_steps[CW_DECODING_STAGES_MAX - 1] = 1;
  expect (&request, &musician, "MAGNeT");
}

static void
test_continuation (void)
{
  int32_t    numbers[8 * 3] = { 0 };
  cw_codes   codes = { .n_codebooks = 8, .n_chunks = 1, .n_frames = 3, .codebook_size = 64, .codes = numbers };
  cw_request request = ask ();

  request.continue_sound = (cw_signal){ sound, 64000, 2 };
  expect (&request, &musician, NULL);
  expect (&request, &plain, "continue");
  request.prompt = " ";
  expect (&request, &musician, NULL); /* need not be described */
  request.duration_s = 2.0;
  expect (&request, &musician, "longer clip");
  request.duration_s = 2.02;
  expect (&request, &musician, NULL);
  request.continue_sound.n_channels = 1;
  expect (&request, &musician, "channels");
  request.continue_sound = (cw_signal){ NULL, 1, 2 };
  expect (&request, &musician, "memory");
  request.continue_sound = (cw_signal){ sound, 1000, 2 };
  sound[1999] = NAN;
  expect (&request, &musician, "sample 999");
  sound[1999] = 0.0f;
  request.continue_codes = &codes;
  expect (&request, &musician, "Both");
  request.continue_sound.n_samples = 0;
  expect (&request, &musician, NULL);
  numbers[23] = 64;
  expect (&request, &musician, "64");
  numbers[23] = -1;
  expect (&request, &musician, "-1");
  numbers[23] = 0;
  codes.n_codebooks = 4;
  expect (&request, &musician, "codebooks");
  codes.n_codebooks = 8;
  codes.n_frames = 0;
  expect (&request, &musician, "frames");
}

static void
test_melody (void)
{
  cw_request request = ask ();

  request.melody = (cw_signal){ sound, 64000, 1 };
  expect (&request, &musician, NULL);
  expect (&request, &plain, "melody");
  request.prompt = NULL;
  expect (&request, &musician, NULL);
  request.melody.n_channels = 3;
  expect (&request, &musician, "channels");
  request.melody = (cw_signal){ 0 };
  expect (&request, &musician, "empty");
}

static void
test_changes (void)
{
  cw_prompt_change changes[CW_PROMPT_CHANGES_MAX + 1];
  cw_request       request = ask ();

  for (size_t i = 0; i <= CW_PROMPT_CHANGES_MAX; i++)
    changes[i] = (cw_prompt_change){ 0.1 * (double) (i + 1), "y" };
  request.duration_s = 10.0;
  request.changes = changes;
  request.n_changes = CW_PROMPT_CHANGES_MAX;
  expect (&request, &musician, NULL);
  expect (&request, &plain, "later");
  request.n_changes++;
  expect (&request, &musician, "64");
  request.n_changes = 2;
  changes[1].from_s = changes[0].from_s;
  expect (&request, &musician, "Prompt 3");
  changes[1].from_s = 10.0;
  expect (&request, &musician, "end");
  request.endless = true;
  expect (&request, &musician, NULL);
  for (size_t i = 0; i < 4; i++) {
    changes[0].from_s = ((const double[]){ 0.0, -1.0, NAN, INFINITY })[i];
    expect (&request, &musician, "Prompt 2");
  }
  changes[0] = (cw_prompt_change){ 1.0, "\t" };
  expect (&request, &musician, "empty");
  changes[0].prompt = "\xff";
  expect (&request, &musician, "UTF-8");
}

static void
test_percentiles (void)
{
  const cw_percentiles p = { { 0.0, 1.0, 2.0, 3.0, 4.0 } };

  CHECK (cw_percentile_of (&p, -0.1) == 0.0 && cw_percentile_of (&p, 0.5) == 15.0 && cw_percentile_of (&p, 2.0) == 50.0, "percentiles");
  CHECK (cw_percentile_of (&p, 4.0) == 95.0 && cw_percentile_of (&p, 4.1) == 100.0 && isnan (cw_percentile_of (&p, NAN)), "percentiles at the end");
}

int
main (void)
{
  test_percentiles ();
  test_length ();
  test_magnet_alone ();
  test_continuation ();
  test_melody ();
  test_changes ();
  return check_done ();
}
