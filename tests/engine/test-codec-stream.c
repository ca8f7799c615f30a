/* SPDX-License-Identifier: MIT
 *
 * test-codec-stream.c: test-codec-stream MODEL: the codec's decoder gives the same bits for the same codes, in pushes of any size, with any
 *     number of signals side by side, for any number of threads, with its LSTM in f32, 16 and 8 bits; and 8 bits are close to f32.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "generate/model.h"

#define FRAMES  31
#define SIGNALS 3
#define BOOKS   2

static int32_t codes[SIGNALS][BOOKS][FRAMES];

static void
stop (const cw_error *error)
{
  fprintf (stderr, "%s\n", error->message);
  exit (1);
}

/* Signal @first and the next @n_signals - 1, in pushes of @push frames: [n_signals, C, FRAMES * hop]. */
static float *
decode (cw_model *model, size_t first, size_t n_signals, size_t push)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const size_t             n = FRAMES * config->hop_samples, c = config->net.n_channels;
  cw_error                 error = { 0 };
  cw_encodec_stream       *stream = cw_encodec_stream_new (model->codec, push, n_signals, &error);
  float                   *sound = calloc (n_signals * c * n, sizeof *sound);
  size_t                   done = 0;

  if (!stream || !sound)
    stop (&error);
  for (size_t at = 0; at < FRAMES; at += push) {
    const size_t   now = FRAMES - at < push ? FRAMES - at : push;
    const int32_t *in[SIGNALS];
    const float   *out[SIGNALS];
    size_t         ld, n_new;

    for (size_t i = 0; i < n_signals; i++)
      in[i] = codes[first + i][0] + at;
    n_new = cw_encodec_stream_push (stream, in, FRAMES, BOOKS, now, at + now == FRAMES, out, &ld);
    CHECK (done + n_new <= n, "%zu samples after %zu frames", done + n_new, at + now);
    for (size_t i = 0; i < n_signals * c && done + n_new <= n; i++)
      memcpy (sound + i * n + done, out[i / c] + i % c * ld, n_new * sizeof *sound);
    done += n_new;
  }
  CHECK (done == n, "%zu samples, expected %zu", done, n);
  cw_encodec_stream_free (stream);
  return sound;
}

static void
same (const float *a, const float *b, size_t n, const char *what, size_t number)
{
  CHECK (memcmp (a, b, n * sizeof *a) == 0, "%s %zu: other samples than whole and alone", what, number);
}

/* All ways to decode with @model against @expected, [SIGNALS] of n samples each. */
static void
check_ways (cw_model *model, float *const *expected, size_t n)
{
  static const size_t pushes[] = { 1, 7, 24, FRAMES };
  const bool          whole = cw_encodec_get_config (model->codec)->net.group_norm;

  for (size_t i = whole ? 3 : 0; i < sizeof pushes / sizeof *pushes; i++) {
    float *one = decode (model, 1, 1, pushes[i]), *all = decode (model, 0, SIGNALS, pushes[i]);

    same (one, expected[1], n, "pushes of", pushes[i]);
    for (size_t j = 0; j < SIGNALS; j++)
      same (all + j * n, expected[j], n, "side by side, pushes of", pushes[i]);
    free (one), free (all);
  }
}

static double
signal_to_noise (const float *exact, const float *other, size_t n)
{
  double signal = 0.0, noise = 0.0;

  for (size_t i = 0; i < n; i++) {
    signal += (double) exact[i] * exact[i];
    noise += ((double) exact[i] - other[i]) * ((double) exact[i] - other[i]);
  }
  return 10.0 * log10 (signal / noise);
}

int
main (int argc, char **argv)
{
  static const unsigned     threads[] = { 1, 2, 3, 8 };
  static const cw_precision precisions[] = { CW_PRECISION_F32, CW_PRECISION_F16, CW_PRECISION_INT8 };
  float                    *exact = NULL;

  if (argc != 2)
    return 2;
  for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
    float *expected[SIGNALS] = { NULL };
    size_t n = 0;

    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
      cw_error   error = { 0 };
      cw_engine *engine = cw_engine_new (&(cw_engine_options){ .n_threads = threads[i] }, &error);
      cw_model  *model = engine ? cw_model_load (engine, argv[1], &(cw_model_options){ .precision = precisions[p] }, &error) : NULL;

      if (!model)
        stop (&error);
      n = FRAMES * cw_encodec_get_config (model->codec)->hop_samples * cw_encodec_get_config (model->codec)->net.n_channels;
      for (size_t j = 0; j < SIGNALS * BOOKS * FRAMES; j++)
        codes[j / FRAMES / BOOKS][j / FRAMES % BOOKS][j % FRAMES] = (int32_t) (j * 7919 % 1009 % model->info.codebook_size);
      for (size_t j = 0; j < SIGNALS && !expected[j]; j++)
        expected[j] = decode (model, j, 1, FRAMES);
      check_ways (model, expected, n);
      cw_model_free (model);
      cw_engine_free (engine);
    }
    if (exact) {
      const double ratio = signal_to_noise (exact, expected[0], n);
      fprintf (stderr, "%s: %.1f dB\n", cw_precision_name (precisions[p]), ratio);
      CHECK (ratio > 30.0, "%s: %.1f dB against f32", cw_precision_name (precisions[p]), ratio);
    }
    for (size_t j = exact ? 0 : 1; j < SIGNALS; j++)
      free (expected[j]);
    exact = exact ? exact : expected[0];
  }
  free (exact);
  return check_done ();
}
