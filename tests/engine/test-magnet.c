/* SPDX-License-Identifier: MIT
 *
 * test-magnet.c: which spans are masked, by hand; and a MAGNeT through cw_generate: progress by codebook, a stop between steps keeps the
 * codebooks that are complete, takes and threads change nothing, prompts and values out of range. (That the codes are the published
 * code's is what the reference case proves.)
 *
 *     test-magnet CASES
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "generate/model.h"
#include "engine.h"
#include "sampling/span-mask.h"

/* ---- masks ----------------------------------------------------------------------------------------------------------- */

static size_t
count (const bool *masked, size_t n)
{
  size_t sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += masked[i];
  return sum;
}

static void
test_masks (void)
{
  const float scores[10] = { 0.1f, 0.9f, -1e4f, 0.5f, 0.9f, 0.3f, 0.2f, 0.8f, 0.7f, 0.0f };
  bool        masked[64];
  uint32_t    order[64];
  float       sums[64], flat[64];

  CHECK (cw_mask_share (0, 20) == 1.0f && cw_mask_share (0, 1) == 1.0f && fabsf (cw_mask_share (19, 20)) < 1e-6f, "%g", cw_mask_share (19, 20));
  CHECK (cw_mask_count (1.0f, 166) == 166 && cw_mask_count (0.5f, 7) == 3 && cw_mask_count (-4e-8f, 7) == 1, "counts");
  cw_mask_highest (scores, 10, 3, masked, order);
  CHECK (count (masked, 10) == 3 && masked[1] && masked[4] && masked[7], "the three highest are 1, 4 and 7");
  cw_mask_highest (scores, 10, 1, masked, order);
  CHECK (masked[1] && count (masked, 10) == 1, "of equal ones the earlier");
  /* sums of 3: 0-2 … 7-9; the highest starts at 3 (1.7), then 6 (1.7), 7 (1.5), 5 (1.3) … */
  cw_mask_spans (scores, 10, 3, 3, masked, order, sums);
  CHECK (masked[3] && masked[4] && masked[5] && count (masked, 10) == 3, "one span, from 3 on");
  for (size_t n = 3; n <= 50; n++) {
    for (size_t i = 0; i < 50; i++)
      flat[i] = sinf ((float) (i * i));
    cw_mask_spans (flat, 50, 3, n, masked, order, sums);
    CHECK (count (masked, 50) <= n + 3 && count (masked, 50) + 3 >= n, "%zu of %zu wanted frames are masked", count (masked, 50), n);
  }
}

/* ---- a clip ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  float       samples[4][40000];
  size_t      n[4], n_progress, n_steps, stop_after;
  unsigned    codebook, n_codebooks, last;
  bool        in_order;
  atomic_bool cancel;
} heard;

static void
take_block (const cw_block *block, void *user)
{
  heard *h = user;

  CHECK (block->take < 4 && block->start == h->n[block->take] && h->n[block->take] + block->n_samples <= 40000, "block at %zu", block->start);
  memcpy (h->samples[block->take] + block->start, block->samples, block->n_samples * sizeof (float));
  h->n[block->take] += block->n_samples;
  h->last += block->last;
}

static void
take_progress (const cw_progress *progress, void *user)
{
  heard *h = user;

  if (progress->stage != CW_STAGE_CODES)
    return;
  h->in_order = h->in_order && progress->codebook >= h->codebook && progress->step >= h->n_steps && progress->step <= progress->n_steps;
  h->codebook = progress->codebook;
  h->n_codebooks = progress->n_codebooks;
  h->n_steps = progress->step;
  h->n_progress++;
  if (h->stop_after && progress->step >= h->stop_after)
    atomic_store (&h->cancel, true);
}

static cw_status
run (cw_model *model, const cw_request *request, heard *h, size_t stop_after, cw_codes **codes, cw_error *error)
{
  memset (h, 0, sizeof *h);
  h->in_order = true;
  h->stop_after = stop_after;
  return cw_generate (model, request, &(cw_sink){ .block = take_block, .progress = take_progress, .cancel = &h->cancel, .user = h }, codes, error);
}

static cw_model *
load (cw_engine *engine, const char *cases)
{
  char      folder[4096], text[4096];
  cw_error  error = { 0 };
  cw_model *model;

  snprintf (folder, sizeof folder, "%s/models/ac_magnet", cases);
  snprintf (text, sizeof text, "%s/models/ac_t5", cases);
  model = cw_model_load (engine, folder, &(cw_model_options){ .text_encoder = text }, &error);
  CHECK (model, "%s", error.message);
  return model;
}

/* None is published, so this one's codebooks take turns, left and right: after a stop there is as much of the one as of the other. */
static void
test_stereo (cw_model *model, cw_request *request)
{
  static const struct {
    size_t   stop_after; /* of 4 stages of 2 steps */
    unsigned n_kept;
  } stops[] = { { 0, 4 }, { 7, 2 }, { 5, 2 }, { 3, 0 }, { 1, 0 } };
  cw_musicgen_config *config = (cw_musicgen_config *) cw_musicgen_get_config (model->musicgen);
  static heard        one;

  for (unsigned i = 0; i < 4; i++)
    request->decoding_steps[i] = 2;
  config->n_channels = model->info.n_channels = 2;
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    cw_codes      *codes = NULL;
    cw_error       error = { 0 };
    const cw_status status = run (model, request, &one, stops[i].stop_after, &codes, &error);

    CHECK (status == (stops[i].stop_after ? CW_ERROR_CANCELLED : CW_OK), "%s", error.message);
    CHECK ((codes ? codes->n_codebooks : 0) == stops[i].n_kept && (one.n[0] > 0) == (stops[i].n_kept > 0), "stop after %zu: %u codebooks, %zu samples",
           stops[i].stop_after, codes ? codes->n_codebooks : 0, one.n[0]);
    cw_codes_free (codes);
  }
  config->n_channels = model->info.n_channels = 1;
}

static void
test_clip (const char *cases)
{
  static heard  all, one;
  cw_engine    *engine = cw_engine_new (&(cw_engine_options){ .n_threads = 2 }, NULL), *alone = cw_engine_new (&(cw_engine_options){ .n_threads = 1 }, NULL);
  cw_model     *model = load (engine, cases), *other = load (alone, cases);
  cw_request    request;
  cw_codes     *codes = NULL;
  cw_error      error = { 0 };

  if (!model || !other)
    return;
  cw_request_init (&request, cw_model_get_info (model));
  CHECK (strcmp (cw_model_get_info (model)->family, "magnet") == 0 && request.duration_s == 1.0 && request.guidance == 10.0f, "defaults");
  CHECK (cw_request_n_samples (&request, cw_model_get_info (model)) == 48 * 640, "50 frames are 16 spans of 3");
  request.prompt = "rain";
  request.n_takes = 2;
  request.seed = 5;
  CHECK (run (model, &request, &all, 0, &codes, &error) == CW_OK, "%s", error.message);
  CHECK (all.n[0] == 48 * 640 && all.n[1] == 48 * 640 && all.last == 2, "%zu samples", all.n[0]);
  CHECK (all.in_order && all.n_steps == 50 && all.n_codebooks == 4 && all.codebook == 3 && all.n_progress == 51, "%zu steps, %zu times", all.n_steps, all.n_progress);
  CHECK (codes && codes->n_codebooks == 4 && codes->n_frames == 48, "codes");
  cw_codes_free (codes);

  /* take 1 alone, on one thread */
  request.n_takes = 1;
  request.first_take = 1;
  CHECK (run (other, &request, &one, 0, NULL, &error) == CW_OK, "%s", error.message);
  CHECK (memcmp (one.samples[1], all.samples[1], sizeof one.samples[1]) == 0, "take 1 is another one alone");

  /* a stop in the second stage: the first codebook is kept, as sound, too */
  request.first_take = 0;
  CHECK (run (model, &request, &one, 25, &codes, &error) == CW_ERROR_CANCELLED, "not stopped");
  CHECK (codes && codes->n_codebooks == 1 && one.n[0] == 48 * 640 && one.last == 1 && one.n_steps == 25, "%zu samples after %zu steps", one.n[0], one.n_steps);
  cw_codes_free (codes);
  CHECK (run (model, &request, &one, 3, &codes, &error) == CW_ERROR_CANCELLED && !codes && one.n[0] == 0, "something was kept of nothing");

  /* other steps and spans; then values that are refused */
  request.overlapping_spans = true;
  for (unsigned i = 0; i < 4; i++)
    request.decoding_steps[i] = 1 + i;
  CHECK (run (model, &request, &one, 0, NULL, &error) == CW_OK && one.n[0] == 50 * 640 && one.n_steps == 10, "%zu samples, %zu steps", one.n[0], one.n_steps);
  request.decoding_steps[2] = CW_DECODING_STEPS_MAX + 1;
  CHECK (run (model, &request, &one, 0, NULL, &error) == CW_ERROR_ARGUMENT && strstr (error.message, "Codebook 3"), "%s", error.message);
  request.decoding_steps[2] = 1;
  request.guidance_last = NAN;
  CHECK (run (model, &request, &one, 0, NULL, &error) == CW_ERROR_ARGUMENT, "NaN is taken for a guidance");
  request.guidance_last = 0.0f;
  request.duration_s = 2.0;
  CHECK (run (model, &request, &one, 0, NULL, &error) == CW_ERROR_ARGUMENT, "longer than the window");
  request.duration_s = 1.0;
  test_stereo (model, &request);
  cw_model_free (model);
  cw_model_free (other);
  cw_engine_free (engine);
  cw_engine_free (alone);
}

int
main (int argc, char **argv)
{
  test_masks ();
  if (argc > 1)
    test_clip (argv[1]);
  return check_done ();
}
