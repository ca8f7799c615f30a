/* SPDX-License-Identifier: MIT
 *
 * test-windows.c: MODEL …, or --stream SECONDS MODEL: clips longer than the window, continuation, prompts over time and endless clips, against what single windows
 *     give when they are put together by hand.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "generate/model.h"
#include "generate/windows.h"

/* ---- the plan -------------------------------------------------------------------------------------------------------- */

/* audiocraft's loop, in frames: [start, given, length] of each window. Returns their number. */
static size_t
audiocraft_windows (size_t total, size_t window, size_t stride, size_t prompt, size_t (*list)[3], size_t most)
{
  size_t offset = 0, n = 0;

  while (offset + prompt < total && n < most) {
    const size_t length = total - offset < window ? total - offset : window;

    list[n][0] = offset;
    list[n][1] = prompt;
    list[n++][2] = length;
    prompt = length - stride;
    offset += stride;
    if (length < window)
      break; /* the clip's end */
  }
  return n;
}

static void
test_plan (void)
{
  size_t list[400][3];

  for (size_t total = 1; total < 90; total++)
    for (size_t stride = 1; stride < 20; stride++)
      for (size_t given = 0; given < 20 && given < total; given++) {
        const cw_windows plan = { total, given, 20, stride };
        const size_t     n = audiocraft_windows (total, 20, stride, given, list, 400);
        cw_window        window = cw_windows_first (&plan);
        size_t           i = 0, n_windows, made, fed, made_here = 0;

        do {
          CHECK (i < n && window.start == list[i][0] && window.n_given == list[i][1] && window.n_frames == list[i][2],
                 "total %zu stride %zu given %zu: window %zu is %zu %zu %zu", total, stride, given, i, window.start, window.n_given,
                 window.n_frames);
          made_here += window.n_frames - window.n_given;
          i++;
        } while (i < n && cw_windows_next (&plan, &window));
        CHECK (i == n && !cw_windows_next (&plan, &window), "total %zu stride %zu given %zu: %zu windows, %zu expected", total, stride, given, i, n);
        cw_windows_count (&plan, &n_windows, &made, &fed);
        CHECK (n_windows == n && made == made_here && made == total - given, "total %zu: %zu frames made", total, made);
      }
  /* sound that does not fit into a window: its last part is heard */
  const cw_windows long_prompt = { 100, 50, 20, 12 };
  const cw_window  first = cw_windows_first (&long_prompt);
  CHECK (first.start == 42 && first.n_given == 8 && first.n_frames == 20, "a long prompt: %zu %zu %zu", first.start, first.n_given, first.n_frames);
}

/* ---- one clip -------------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_codes   *codes;
  float      *samples;  /* of the first take */
  size_t      n, room;  /* floats */
  size_t      n_blocks;
  size_t      stop_after; /* floats; 0: never */
  size_t      n_sound, n_sound_calls; /* frames of the sound to continue, and how often they were told of */
  size_t      stop_in_sound; /* the call after which to stop; 0: never */
  atomic_bool cancel;
  bool        last;
  cw_progress progress;
  cw_status   status;
} clip;

static void
take_block (const cw_block *block, void *user)
{
  clip        *c = user;
  const size_t n = block->n_samples * block->n_channels;

  if (block->take != 0)
    return;
  CHECK (!c->last, "a block after the last");
  CHECK (block->start * block->n_channels == c->n, "a block starts at %zu, %zu samples were there", block->start, c->n);
  if (c->n + n > c->room)
    c->samples = realloc (c->samples, (c->room = 2 * c->room + n) * sizeof *c->samples);
  memcpy (c->samples + c->n, block->samples, n * sizeof *c->samples);
  c->n += n;
  c->n_blocks++;
  if (c->stop_after && c->n >= c->stop_after)
    atomic_store (&c->cancel, true);
  if (block->last)
    c->last = true;
}

static void
take_progress (const cw_progress *progress, void *user)
{
  clip *c = user;

  if (progress->stage == CW_STAGE_SOUND) {
    c->n_sound = progress->step;
    c->n_sound_calls++;
    if (c->stop_in_sound && c->n_sound_calls == c->stop_in_sound)
      atomic_store (&c->cancel, true);
  }
  CHECK (progress->stage != c->progress.stage || progress->step >= c->progress.step, "step %zu after %zu", progress->step, c->progress.step);
  CHECK ( (progress->n_steps == 0 || progress->step <= progress->n_steps), "step %zu of %zu",
         progress->step, progress->n_steps);
  c->progress = *progress;
}

static void
make (clip *c, cw_model *model, const cw_request *request)
{
  const cw_sink sink = { .block = take_block, .progress = take_progress, .cancel = &c->cancel, .user = c };
  cw_error      error = { 0 };

  c->status = cw_generate (model, request, &sink, &c->codes, &error);
  CHECK (c->status == (c->stop_after ? CW_ERROR_CANCELLED : CW_OK), "%s", error.message);
  CHECK (c->last, "no last block");
}

static void
clear (clip *c)
{
  cw_codes_free (c->codes);
  free (c->samples);
  *c = (clip){ 0 };
}

static double
seconds (const cw_model *model, size_t n_frames)
{
  return (double) n_frames * model->info.hop_samples / model->info.rate_hz;
}

static cw_request
greedy (const cw_model *model, size_t n_frames)
{
  cw_request request;

  cw_request_init (&request, &model->info);
  request.prompt = "80s pop track with bassy drums and synth";
  request.temperature = 0.0f;
  request.duration_s = seconds (model, n_frames);
  return request;
}

/* Frames first … first + n - 1; free with cw_codes_free. */
static cw_codes *
cut (const cw_codes *codes, size_t first, size_t n)
{
  cw_codes *part = malloc (sizeof *part);

  *part = *codes;
  part->n_frames = n;
  part->scales = NULL;
  part->codes = malloc (n * codes->n_codebooks * sizeof *part->codes);
  for (size_t k = 0; k < codes->n_codebooks; k++)
    memcpy (part->codes + k * n, codes->codes + k * codes->n_frames + first, n * sizeof *part->codes);
  return part;
}

/* The first frame in which frames a_first … of @a and b_first … of @b differ, @n when none does. */
static size_t
first_difference (const cw_codes *a, size_t a_first, const cw_codes *b, size_t b_first, size_t n)
{
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < a->n_codebooks; k++)
      if (a->codes[k * a->n_frames + a_first + i] != b->codes[k * b->n_frames + b_first + i])
        return i;
  return n;
}

static bool
same_sound (const clip *a, const clip *b, size_t n)
{
  return a->n >= n && b->n >= n && memcmp (a->samples, b->samples, n * sizeof (float)) == 0;
}

/* ---- feeding --------------------------------------------------------------------------------------------------------- */

/* Columns fed together leave the caches as steps one by one do, to the bit. */
static void
test_feed (cw_model *model)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (model->musicgen);
  const size_t              k = config->n_codebooks, v = config->codebook_size, n_rows = 3, n_most = 77;
  const size_t              width = config->text_width;
  int32_t                  *ids = malloc (n_rows * n_most * k * sizeof *ids), *step_ids = malloc (n_rows * k * sizeof *ids);
  float                    *hidden = malloc (5 * width * sizeof *hidden), *logits[2];

  for (size_t i = 0; i < 5 * width; i++)
    hidden[i] = (float) (i * 7919 % 101) / 50.0f - 1.0f;
  for (size_t i = 0; i < 2; i++)
    logits[i] = malloc (n_rows * k * v * sizeof (float));
  for (size_t n = 1; n <= n_most; n += n < 4 ? 1 : 23) {
    for (size_t i = 0; i < n_rows * n * k; i++)
      ids[i] = (int32_t) (i * 31 % (v + 1));
    for (size_t way = 0; way < 2; way++) {
      cw_musicgen_run *run = cw_musicgen_run_new (model->musicgen, n_rows, n_most + 1, 1, NULL);

      if (!config->prefixed) {
        cw_musicgen_run_set_text (run, 0, hidden, 5, NULL, NULL);
        cw_musicgen_run_use_text (run, 0, 0);
        cw_musicgen_run_use_text (run, 1, 0);
      }
      for (size_t again = 0; again < 2; again++) { /* and once more after going back */
        cw_musicgen_run_rewind (run);
        if (way == 0)
          cw_musicgen_run_feed (run, ids, n);
        for (size_t j = 0; j < n && way == 1; j++) {
          for (size_t row = 0; row < n_rows; row++)
            memcpy (step_ids + row * k, ids + (row * n + j) * k, k * sizeof *ids);
          cw_musicgen_run_step (run, step_ids, logits[1], NULL);
        }
        for (size_t i = 0; i < n_rows * k; i++)
          step_ids[i] = (int32_t) (i % v);
        cw_musicgen_run_step (run, step_ids, logits[way], NULL);
      }
      cw_musicgen_run_free (run);
    }
    CHECK (memcmp (logits[0], logits[1], n_rows * k * v * sizeof (float)) == 0, "%zu columns fed together differ from steps", n);
  }
  free (logits[0]);
  free (logits[1]);
  free (hidden);
  free (step_ids);
  free (ids);
}

/* ---- longer than the window -------------------------------------------------------------------------------------------- */

static void
test_long (cw_model *model)
{
  const size_t window = model->window_frames, stride = window / 3, total = 2 * window + 7;
  cw_request   request = greedy (model, total), part;
  clip         whole = { 0 }, first = { 0 }, decoded = { 0 };
  cw_codes    *given = NULL;
  size_t       known = window;

  request.extend_stride_s = seconds (model, stride);
  make (&whole, model, &request);
  CHECK (whole.codes->n_frames == total, "%zu frames, %zu were asked for", whole.codes->n_frames, total);
  CHECK (whole.n == total * model->info.hop_samples * model->info.n_channels, "%zu floats", whole.n);
  CHECK (whole.progress.step == whole.progress.n_steps, "progress ends at %zu of %zu", whole.progress.step, whole.progress.n_steps);

  /* by hand: a clip of one window, then clips that continue what it left */
  part = greedy (model, window);
  make (&first, model, &part);
  CHECK (first_difference (whole.codes, 0, first.codes, 0, window) == window, "the first window differs");
  for (size_t start = stride; known < total; start += stride) {
    clip         next = { 0 };
    const size_t n = total - start < window ? total - start : window;

    given = cut (whole.codes, start, known - start);
    part = greedy (model, n);
    part.continue_codes = given;
    make (&next, model, &part);
    CHECK (first_difference (whole.codes, start, next.codes, 0, n) == n, "the window from %zu on differs in frame %zu", start,
           first_difference (whole.codes, start, next.codes, 0, n));
    known = start + n;
    clear (&next);
    cw_codes_free (given);
  }

  /* the sound is what the codec makes of all codes in one go */
  const cw_sink sink = { .block = take_block, .user = &decoded };
  CHECK (cw_decode (model, whole.codes, &sink, NULL) == CW_OK, "decoding");
  CHECK (decoded.n == whole.n && same_sound (&whole, &decoded, whole.n), "the stream over windows differs from one decode");
  clear (&decoded);
  clear (&first);
  clear (&whole);
}

/* ---- the same for any threads and takes ----------------------------------------------------------------------------------- */

static void
test_same (cw_model *model, cw_model *other)
{
  const size_t     total = model->window_frames * 3 / 2;
  cw_prompt_change changes[] = { { seconds (model, 9), "heavy rain" } };
  cw_request       request = greedy (model, total);
  clip             a = { 0 }, b = { 0 }, c = { 0 };

  request.temperature = 1.0f;
  request.seed = 7;
  request.changes = changes;
  request.n_changes = 1;
  make (&a, model, &request);
  make (&b, other, &request);
  CHECK (a.n == b.n && same_sound (&a, &b, a.n), "another number of threads gives another clip");
  request.n_takes = 2;
  make (&c, model, &request);
  CHECK (a.n == c.n && same_sound (&a, &c, a.n), "a second take changes the first");
  clear (&a);
  clear (&b);
  clear (&c);
}

/* ---- continuing -------------------------------------------------------------------------------------------------------- */

/* While the sound to continue is read: no sound, no codes, and a sentence. */
static void
test_stop_in_sound (cw_model *model, const cw_request *request)
{
  clip          c = { .stop_in_sound = 1 };
  const cw_sink sink = { .block = take_block, .progress = take_progress, .cancel = &c.cancel, .user = &c };
  cw_error      error = { 0 };

  CHECK (cw_generate (model, request, &sink, &c.codes, &error) == CW_ERROR_CANCELLED && strstr (error.message, "the sound to continue"), "%s",
         error.message);
  CHECK (!c.codes && c.n == 0 && c.n_sound_calls == 1, "%zu samples after %zu pieces", c.n, c.n_sound_calls);
  clear (&c);
}

static void
test_continue (cw_model *model)
{
  const size_t n_channels = model->info.n_channels, hop = model->info.hop_samples, n_samples = hop * 11 + 5, n_given = 12;
  const size_t window = model->window_frames;
  float       *sound = malloc (3 * window * hop * n_channels * sizeof *sound);
  cw_request   request = greedy (model, n_given + 9), long_request = greedy (model, 2 * window + 20);
  clip         by_sound = { 0 }, by_codes = { 0 }, silent = { 0 }, longer = { 0 };
  cw_codes    *codes;

  for (size_t i = 0; i < 3 * window * hop * n_channels; i++)
    sound[i] = (float) ((double) (i * 2654435761u % 4096) / 4096.0 - 0.5) * 0.3f;
  request.continue_sound = (cw_signal){ sound, n_samples, (unsigned) n_channels };
  make (&by_sound, model, &request);
  codes = cw_encode (model, sound, n_samples, 0.0, NULL);
  CHECK (codes->n_frames == n_given, "%zu frames", codes->n_frames);
  CHECK (first_difference (by_sound.codes, 0, codes, 0, n_given) == n_given, "the clip does not begin with the sound's codes");
  CHECK (by_sound.codes->n_frames == n_given + 9, "%zu frames in all", by_sound.codes->n_frames);
  request.continue_sound.n_samples = 0;
  request.continue_codes = codes;
  make (&by_codes, model, &request);
  CHECK (first_difference (by_sound.codes, 0, by_codes.codes, 0, n_given + 9) == n_given + 9, "sound and codes give different clips");
  request.prompt = "";
  make (&silent, model, &request);
  cw_codes_free (codes);

  /* longer than a window: all of it is in the clip, the last part is heard */
  long_request.continue_sound = (cw_signal){ sound, (window * 3 / 2) * hop, (unsigned) n_channels };
  long_request.extend_stride_s = seconds (model, window / 2);
  make (&longer, model, &long_request);
  CHECK (longer.n_sound == window * 3 / 2 && longer.n_sound_calls >= longer.n_sound * hop / CW_ENCODE_PUSH_SAMPLES, "%zu frames of it in %zu pieces",
         longer.n_sound, longer.n_sound_calls);
  test_stop_in_sound (model, &long_request);
  codes = cw_encode (model, sound, window * 3 / 2 * hop, 0.0, NULL);
  CHECK (first_difference (longer.codes, 0, codes, 0, codes->n_frames) == codes->n_frames, "a long beginning is not kept");
  const size_t heard = window - window / 2;
  clip         next = { 0 };
  cw_codes    *tail = cut (codes, codes->n_frames - heard, heard);
  cw_request   part = greedy (model, window);
  part.continue_codes = tail;
  make (&next, model, &part);
  CHECK (first_difference (longer.codes, codes->n_frames - heard, next.codes, 0, window) == window, "after a long beginning");
  cw_codes_free (codes);
  cw_codes_free (tail);
  clear (&next);
  clear (&longer);
  clear (&silent);
  clear (&by_codes);
  clear (&by_sound);
  free (sound);
}

/* ---- prompts over time --------------------------------------------------------------------------------------------------- */

static void
test_changes (cw_model *model)
{
  const size_t     total = model->window_frames * 5 / 4, at = total / 2, late = cw_musicgen_get_config (model->musicgen)->n_codebooks;
  cw_prompt_change changes[] = { { seconds (model, at), "A grand orchestral arrangement" }, { seconds (model, at + 20), "lofi chill beat" } };
  cw_request       request = greedy (model, total);
  clip             plain = { 0 }, changed = { 0 }, again = { 0 };
  size_t           differs;

  make (&plain, model, &request);
  request.changes = changes;
  request.n_changes = 1;
  make (&changed, model, &request);
  differs = first_difference (plain.codes, 0, changed.codes, 0, total);
  CHECK (differs + late > at && differs < total, "the prompt changes at frame %zu, the codes at %zu of %zu", at, differs, total);
  changes[0].prompt = request.prompt; /* a change to the same prompt is none */
  make (&again, model, &request);
  CHECK (same_sound (&plain, &again, plain.n), "the same prompt from frame %zu on changes the clip", at);
  clear (&again);
  changes[0].prompt = "A grand orchestral arrangement";
  request.n_changes = 2;
  make (&again, model, &request);
  differs = first_difference (changed.codes, 0, again.codes, 0, total);
  CHECK (differs + late > at + 20, "the second change comes at frame %zu, the codes differ at %zu", at + 20, differs);
  clear (&plain);
  clear (&changed);
  clear (&again);
}

/* ---- a melody ------------------------------------------------------------------------------------------------------------- */

/* Every window hears the melody from its own start on, over and over where it is shorter. */
static void
test_melody (cw_model *model)
{
  const size_t hop = model->info.hop_samples, window = model->window_frames, stride = window / 2, total = window + stride;
  const size_t n = window * hop * 2 / 3; /* of the melody, shorter than a window */
  float       *sound = malloc (n * 2 * sizeof *sound), *rolled = malloc (window * hop * sizeof *rolled);
  cw_request   request = greedy (model, total), part;
  clip         whole = { 0 }, plain = { 0 }, first = { 0 }, second = { 0 };
  cw_codes    *given;

  for (size_t i = 0; i < n; i++) { /* a scale, a note each 0.25 s, louder on the left */
    const double note = (double) (i / (model->info.rate_hz / 4) * 2 % 12), t = (double) i / model->info.rate_hz;
    sound[2 * i] = (float) (0.5 * sin (2.0 * M_PI * 261.63 * exp2 (note / 12.0) * t));
    sound[2 * i + 1] = 0.25f * sound[2 * i];
  }
  request.extend_stride_s = seconds (model, stride);
  make (&plain, model, &request);
  request.melody = (cw_signal){ sound, n, 2 };
  make (&whole, model, &request);
  CHECK (first_difference (plain.codes, 0, whole.codes, 0, window) < window, "the melody changes nothing");

  for (size_t start = 0; start <= stride; start += stride) {
    for (size_t i = 0; i < window * hop; i++)
      rolled[i] = 0.5f * (sound[(start * hop + i) % n * 2] + sound[(start * hop + i) % n * 2 + 1]);
    part = greedy (model, window);
    part.melody = (cw_signal){ rolled, window * hop, 1 };
    given = cut (whole.codes, start, start ? window - stride : 1);
    part.continue_codes = start ? given : NULL;
    make (start ? &second : &first, model, &part);
    cw_codes_free (given);
  }
  CHECK (first_difference (whole.codes, 0, first.codes, 0, window) == window, "the first window differs");
  CHECK (first_difference (whole.codes, stride, second.codes, 0, window) == window, "the second window differs in frame %zu",
         first_difference (whole.codes, stride, second.codes, 0, window));
  clear (&whole);
  clear (&plain);
  clear (&first);
  clear (&second);

  request = greedy (model, 20); /* without a word */
  request.prompt = "";
  request.melody = (cw_signal){ sound, n, 2 };
  make (&plain, model, &request);
  clear (&plain);
  free (sound);
  free (rolled);
}

/* ---- endless ----------------------------------------------------------------------------------------------------------- */

static void
test_endless (cw_model *model)
{
  const size_t window = model->window_frames, stride = window - 3, total = window + 4 * stride;
  cw_request   request = greedy (model, total);
  clip         finite = { 0 }, endless = { 0 };

  request.extend_stride_s = seconds (model, stride);
  request.temperature = 1.0f;
  make (&finite, model, &request);
  request.endless = true;
  endless.stop_after = finite.n * 9 / 10;
  make (&endless, model, &request);
  CHECK (!endless.codes, "codes of an endless clip");
  CHECK (endless.progress.n_steps == 0 && endless.progress.n_samples_total == 0, "an endless clip knows its end");
  /* what came after the cancel is what was known of the window, so it can differ from the finite one only by its length */
  CHECK (endless.n >= endless.stop_after && endless.n < finite.n, "%zu samples of %zu", endless.n, finite.n);
  CHECK (same_sound (&finite, &endless, endless.stop_after / 2), "an endless clip differs from one of %zu frames", total);
  clear (&finite);
  clear (&endless);
}

/* Minutes of an endless clip need no more memory than its first seconds. */
typedef struct {
  size_t      n, first, most; /* samples; when memory is looked at first, and where it ends */
  long        early, late;    /* resident pages */
  atomic_bool cancel;
} watch;

static long
resident_pages (void)
{
  FILE *file = fopen ("/proc/self/statm", "r");
  long  size = 0, resident = 0;

  if (!file || fscanf (file, "%ld %ld", &size, &resident) != 2)
    resident = 0;
  if (file)
    fclose (file);
  return resident;
}

static void
watch_block (const cw_block *block, void *user)
{
  watch *w = user;

  w->n += block->n_samples;
  if (!w->early && w->n >= w->first)
    w->early = resident_pages ();
  w->late = resident_pages ();
  if (w->n >= w->most)
    atomic_store (&w->cancel, true);
}

static void
test_memory (cw_model *model, size_t n_seconds)
{
  const size_t  rate = model->info.rate_hz;
  watch         w = { .first = 10 * rate, .most = n_seconds * rate }; /* two windows of the test's models, or more */
  const cw_sink sink = { .block = watch_block, .cancel = &w.cancel, .user = &w };
  cw_request    request = greedy (model, 1);
  cw_error      error = { 0 };

  request.endless = true;
  CHECK (cw_generate (model, &request, &sink, NULL, &error) == CW_ERROR_CANCELLED, "%s", error.message);
  CHECK (w.n >= w.most, "only %zu samples were made", w.n);
  CHECK (w.early > 0 && w.late - w.early < 256, "memory grew from %ld to %ld pages", w.early, w.late);
}

static void
test_model (const char *folder)
{
  const cw_precision precisions[] = { CW_PRECISION_F32, CW_PRECISION_INT8 };

  for (size_t i = 0; i < 2; i++) {
    cw_error               error = { 0 };
    const cw_model_options options = { .precision = precisions[i] };
    cw_engine             *engine = cw_engine_new (&(cw_engine_options){ .n_threads = 2 }, &error), *one = cw_engine_new (&(cw_engine_options){ .n_threads = 1 }, &error);
    cw_model              *model = cw_model_load (engine, folder, &options, &error), *other = cw_model_load (one, folder, &options, &error);

    CHECK (model && other, "%s", error.message);
    if (!model || !other)
      return;
    test_feed (model);
    test_long (model);
    test_same (model, other);
    test_continue (model);
    test_changes (model);
    test_endless (model);
    if (model->melody)
      test_melody (model);
    else if (precisions[i] == CW_PRECISION_F32)
      test_memory (model, 25);
    cw_model_free (model);
    cw_model_free (other);
    cw_engine_free (engine);
    cw_engine_free (one);
  }
}

/* The long way: so many seconds of an endless clip. */
static void
test_stream (const char *folder, size_t n_seconds)
{
  cw_error   error = { 0 };
  cw_engine *engine = cw_engine_new (NULL, &error);
  cw_model  *model = engine ? cw_model_load (engine, folder, NULL, &error) : NULL;

  CHECK (model, "%s", error.message);
  if (model)
    test_memory (model, n_seconds);
  cw_model_free (model);
  cw_engine_free (engine);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && strcmp (argv[1], "--stream") == 0) {
    test_stream (argv[3], (size_t) atol (argv[2]));
    return check_done ();
  }
  test_plan ();
  for (int i = 1; i < argc; i++)
    test_model (argv[i]);
  return check_done ();
}
