/* SPDX-License-Identifier: MIT
 *
 * analyze.c: clipwright analyze FILE [OTHER]: loudness, peaks and defects of sound files, how far two are apart, and how real they sound to
 *     the discriminator that trained a codec. Everything is measured while the files pass, in memory that does not grow with them.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "audio-stream.h"
#include "commands/commands.h"
#include "error.h"
#include "meter.h"

typedef struct {
  char    *model, *discriminator;
  gboolean json;
  char   **rest;
} Options;

/* ---- one file ---------------------------------------------------------------------------------------------------------- */

static json_t *
number (double value)
{
  return isfinite (value) ? json_real (value) : json_null ();
}

static json_t *
describe (const char *path, const CwAudioStream *stream, CwMeter *meter)
{
  const CwMeasures m = cw_meter_read (meter);
  const guint      rate_hz = cw_audio_stream_get_rate (stream), n_channels = cw_audio_stream_get_n_channels (stream);
  g_autofree char *shown = g_filename_display_name (path);
  json_t          *dc = json_array ();

  for (guint i = 0; i < n_channels; i++)
    json_array_append_new (dc, json_real (cw_meter_get_dc (meter, i)));
  return json_pack ("{s:s, s:I, s:I, s:I, s:f, s:o, s:f, s:o, s:o, s:I, s:I, s:o}", "path", shown, "rate_hz", (json_int_t) rate_hz, "channels",
                    (json_int_t) n_channels, "samples", (json_int_t) m.n_samples, "duration_s", (double) m.n_samples / rate_hz,
                    "loudness_lufs", number (m.loudness_lufs), "loudness_range_lu", m.range_lu, "true_peak_dbtp", number (m.true_peak_dbtp),
                    "peak_dbfs", number (m.peak_dbfs), "clipped_samples", (json_int_t) m.n_clipped, "clipped_runs",
                    (json_int_t) m.n_clipped_runs, "dc", dc);
}

static json_t *
measure (const char *path, GError **error)
{
  g_autoptr (CwAudioStream) stream = cw_audio_stream_open (path, error);
  g_autoptr (CwMeter)       meter = NULL;
  const float              *samples;
  gssize                    n;

  if (!stream || !(meter = cw_meter_new (cw_audio_stream_get_n_channels (stream), cw_audio_stream_get_rate (stream), error)))
    return NULL;
  while ((n = cw_audio_stream_next (stream, &samples, error)) > 0)
    if (!cw_meter_add (meter, samples, (gsize) n, error))
      return NULL;
  return n < 0 ? NULL : describe (path, stream, meter);
}

/* ---- two files --------------------------------------------------------------------------------------------------------- */

/* A file, and what is left of its present block. */
typedef struct {
  CwAudioStream *stream;
  const float   *samples;
  gssize         n; /* 0: at its end; -1: failed */
} Side;

static gboolean
refill (Side *side, GError **error)
{
  if (side->n == 0)
    side->n = cw_audio_stream_next (side->stream, &side->samples, error);
  return side->n > 0;
}

/* The two files from their first samples on, as long as both last. */
static gboolean
pass_both (Side sides[2], guint n_channels, CwComparison *comparison, GError **error)
{
  while (refill (&sides[0], error) && refill (&sides[1], error)) {
    const gsize n = (gsize) MIN (sides[0].n, sides[1].n);

    if (!cw_comparison_add (comparison, sides[0].samples, sides[1].samples, n, error))
      return FALSE;
    for (guint i = 0; i < 2; i++) {
      sides[i].samples += n * n_channels;
      sides[i].n -= (gssize) n;
    }
  }
  return sides[0].n >= 0 && sides[1].n >= 0;
}

/* @b is converted to the rate and channels of @a where they differ. */
static json_t *
compare (const char *a, const char *b, GError **error)
{
  g_autoptr (CwAudioStream) first = cw_audio_stream_open (a, error);
  g_autoptr (CwAudioStream) second = first ? cw_audio_stream_open (b, error) : NULL;
  g_autoptr (CwComparison)  comparison = NULL;
  Side                      sides[2] = { { first, NULL, 0 }, { second, NULL, 0 } };
  CwDifference              d;
  guint                     n_channels, rate_hz;
  gboolean                  converted;
  g_autofree char          *shown_a = g_filename_display_name (a), *shown_b = g_filename_display_name (b);

  if (!second)
    return NULL;
  n_channels = cw_audio_stream_get_n_channels (first);
  rate_hz = cw_audio_stream_get_rate (first);
  converted = cw_audio_stream_get_n_channels (second) != n_channels || cw_audio_stream_get_rate (second) != rate_hz;
  if (converted && n_channels > 2) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("“%s” has %u channels; only a file of as many, at the same rate, can be compared with it."),
                 a, n_channels);
    return NULL;
  }
  if ((converted && !cw_audio_stream_convert (second, rate_hz, n_channels, error)) ||
      !(comparison = cw_comparison_new (n_channels, rate_hz, error)) || !pass_both (sides, n_channels, comparison, error) ||
      !cw_comparison_finish (comparison, &d, error))
    return NULL;
  return json_pack ("{s:s, s:s, s:I, s:f, s:b, s:b, s:o, s:f, s:o, s:o}", "reference", shown_a, "other", shown_b, "compared_samples",
                    (json_int_t) d.n_samples, "compared_s", (double) d.n_samples / rate_hz, "converted", (int) converted, "identical",
                    (int) d.identical, "si_sdr_db", d.identical ? json_null () : number (d.si_sdr_db), "max_difference", d.max_difference,
                    "mel_distance", d.has_mel ? json_real (d.mel_distance) : json_null (), "log_mel_l1",
                    d.has_mel ? json_real (d.log_mel_l1) : json_null ());
}

/* ---- the discriminator ------------------------------------------------------------------------------------------------- */

/* A codec's discriminator, or NULL when there is none. */
typedef struct {
  CwLoaded          loaded;
  cw_discriminator *discriminator;
  char             *folder;
  guint             rate_hz;
} Judge;

static void
judge_clear (Judge *judge)
{
  cw_discriminator_free (judge->discriminator);
  cw_command_unload (&judge->loaded);
  g_free (judge->folder);
}

/* The folder that was named, or the one beside the model. Without one there is no judge, which is a failure only for who named one: so is
 * a starter model that is not there. */
static gboolean
judge_open (Judge *judge, const Options *options, CwExit *code, GError **error)
{
  cw_error problem = { 0 };

  if (!cw_command_load (&judge->loaded, options->model, &(CwHow){ .precision = "f32" }, code, error)) {
    if (options->model || options->discriminator)
      return FALSE;
    g_clear_error (error);
    return TRUE;
  }
  judge->folder = options->discriminator ? g_strdup (options->discriminator)
                                         : g_build_filename (judge->loaded.place->folder, "discriminator", NULL);
  if (!options->discriminator && !g_file_test (judge->folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  *code = CW_EXIT_MODEL;
  if (!(judge->discriminator = cw_discriminator_load (judge->loaded.engine, judge->folder, &problem))) {
    cw_take_error (error, &problem);
    return FALSE;
  }
  judge->rate_hz = cw_discriminator_get_info (judge->discriminator)->rate_hz;
  if (judge->rate_hz == 0)
    judge->rate_hz = cw_model_get_info (judge->loaded.model)->rate_hz;
  return TRUE;
}

/* Mean score over windows of one length, of @n_all samples. Nothing in @score when the sound is too short. */
static gboolean
judge_windows (Judge *judge, CwAudioStream *stream, guint64 n_all, double *score, gboolean *judged, GError **error)
{
  const guint   n_channels = cw_discriminator_get_info (judge->discriminator)->n_channels;
  const guint64 most = (guint64) (CW_JUDGE_WINDOW_S * judge->rate_hz), n_windows = (n_all + most - 1) / most;
  const gsize   length = (gsize) (n_all / n_windows);
  g_autofree float *window = g_try_malloc_n (length, n_channels * sizeof (float));
  Side          side = { stream, NULL, 0 };
  double        sum = 0.0;

  if (!window) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is not enough memory to judge the sound."));
    return FALSE;
  }
  for (guint64 i = 0; i < n_windows; i++) {
    cw_error problem = { 0 };
    double   one;
    gsize    have = 0;

    while (have < length && refill (&side, error)) {
      const gsize now = MIN ((gsize) side.n, length - have);

      memcpy (window + have * n_channels, side.samples, now * n_channels * sizeof (float));
      side.samples += now * n_channels;
      side.n -= (gssize) now;
      have += now;
    }
    if (side.n < 0)
      return FALSE;
    if (cw_discriminator_judge (judge->discriminator, window, have, &one, &problem) == CW_ERROR_ARGUMENT)
      return TRUE;
    if (problem.code != CW_OK) {
      cw_take_error (error, &problem);
      return FALSE;
    }
    sum += one / (double) n_windows;
  }
  *judged = TRUE;
  *score = sum;
  return TRUE;
}

static json_t *
percentiles (const cw_percentiles *p)
{
  return json_pack ("{s:f, s:f, s:f, s:f, s:f}", "p5", p->p[0], "p25", p->p[1], "p50", p->p[2], "p75", p->p[3], "p95", p->p[4]);
}

/* What the discriminator says of a file, with the scale to read it by. */
static json_t *
judge_file (Judge *judge, const char *path, GError **error)
{
  const cw_discriminator_info *info = cw_discriminator_get_info (judge->discriminator);
  g_autoptr (CwAudioStream)    counted = cw_audio_stream_open (path, error), stream = counted ? cw_audio_stream_open (path, error) : NULL;
  const float                 *samples;
  double                       score = 0.0;
  gboolean                     judged = FALSE;
  guint64                      n_all = 0;
  gssize                       n;
  json_t                      *object;

  if (!stream || !cw_audio_stream_convert (counted, judge->rate_hz, info->n_channels, error) ||
      !cw_audio_stream_convert (stream, judge->rate_hz, info->n_channels, error))
    return NULL;
  while ((n = cw_audio_stream_next (counted, &samples, error)) > 0)
    n_all += (guint64) n;
  if (n < 0 || (n_all > 0 && !judge_windows (judge, stream, n_all, &score, &judged, error)))
    return NULL;
  object = json_pack ("{s:s, s:I, s:b, s:o}", "kind", info->kind, "rate_hz", (json_int_t) judge->rate_hz, "trained", (int) info->trained,
                      "score", judged ? json_real (score) : json_null ());
  if (info->trained) {
    const double rank = cw_percentile_of (&info->real, score);

    json_object_set_new (object, "calibration_clips", json_integer ((json_int_t) info->n_clips));
    json_object_set_new (object, "real", percentiles (&info->real));
    if (info->has_codec)
      json_object_set_new (object, "codec", percentiles (&info->codec));
    json_object_set_new (object, "percentile_of_real", judged ? json_real (rank) : json_null ());
    json_object_set_new (object, "verdict", json_string (!judged ? "too short" : score >= info->real.p[1] ? "as real as real clips"
                                                         : score >= info->real.p[0] ? "less real than most real clips"
                                                                                    : "less real than real clips"));
  }
  return object;
}

/* ---- saying it --------------------------------------------------------------------------------------------------------- */

static double
get (const json_t *object, const char *key)
{
  const json_t *value = json_object_get (object, key);

  return json_is_number (value) ? json_number_value (value) : NAN;
}

/* "-23.0 LUFS", or what stands for a missing value. */
static void
say (const char *label, double value, const char *format, const char *missing)
{
  g_autofree char *text = isfinite (value) ? g_strdup_printf (format, value) : g_strdup (missing);

  g_print ("  %-16s %s\n", label, text);
}

static void
say_judgement (const json_t *judgement)
{
  const char    *verdict = json_string_value (json_object_get (judgement, "verdict"));
  const json_t  *real = json_object_get (judgement, "real"), *codec = json_object_get (judgement, "codec");

  if (!isfinite (get (judgement, "score"))) {
    g_print (_ ("  %-16s the sound is too short for the discriminator\n"), _ ("realness"));
    return;
  }
  if (!json_is_true (json_object_get (judgement, "trained"))) {
    g_print (_ ("  %-16s the discriminator was never trained: its score of %.3f says nothing\n"), _ ("realness"), get (judgement, "score"));
    return;
  }
  g_print (_ ("  %-16s %.3f: %s (higher than %.0f of 100)\n"), _ ("realness"), get (judgement, "score"), verdict,
           get (judgement, "percentile_of_real"));
  g_print (_ ("  %-16s real clips %.3f to %.3f, median %.3f\n"), "", get (real, "p5"), get (real, "p95"), get (real, "p50"));
  if (codec)
    g_print (_ ("  %-16s through the codec %.3f to %.3f, median %.3f\n"), "", get (codec, "p5"), get (codec, "p95"), get (codec, "p50"));
}

static void
say_file (const json_t *file)
{
  const json_t    *dc = json_object_get (file, "dc"), *judgement = json_object_get (file, "discriminator");
  g_autofree char *channels = cw_command_say_channels ((guint) get (file, "channels"));
  double           worst = 0.0;

  for (gsize i = 0; i < json_array_size (dc); i++)
    if (fabs (json_number_value (json_array_get (dc, i))) > fabs (worst))
      worst = json_number_value (json_array_get (dc, i));
  g_print (_ ("%s: %.2f s, %.0f Hz, %s\n"), json_string_value (json_object_get (file, "path")), get (file, "duration_s"),
           get (file, "rate_hz"), channels);
  say (_ ("loudness"), get (file, "loudness_lufs"), _ ("%.1f LUFS"), _ ("none: silence, or shorter than 0.4 s"));
  say (_ ("loudness range"), get (file, "loudness_range_lu"), _ ("%.1f LU"), "");
  say (_ ("true peak"), get (file, "true_peak_dbtp"), _ ("%.2f dBTP"), _ ("none: silence"));
  g_print (_ ("  %-16s %.0f samples at full scale, %.0f runs of three or more\n"), _ ("clipping"), get (file, "clipped_samples"),
           get (file, "clipped_runs"));
  say (_ ("DC"), worst, "%.6f", "");
  if (judgement)
    say_judgement (judgement);
}

static void
say_comparison (const json_t *comparison, const json_t *files)
{
  const double a = get (json_array_get (files, 0), "duration_s"), b = get (json_array_get (files, 1), "duration_s");

  g_print (_ ("%s against %s: over the first %.2f s (they last %.2f s and %.2f s)\n"), json_string_value (json_object_get (comparison, "other")),
           json_string_value (json_object_get (comparison, "reference")), get (comparison, "compared_s"), b, a);
  if (json_is_true (json_object_get (comparison, "converted")))
    g_print (_ ("  the second was converted to the rate and channels of the first\n"));
  if (json_is_true (json_object_get (comparison, "identical")))
    g_print (_ ("  the same samples\n"));
  else
    say (_ ("SI-SDR"), get (comparison, "si_sdr_db"), _ ("%.2f dB"), _ ("unbounded: one is silent, or only louder"));
  say (_ ("mel distance"), get (comparison, "mel_distance"), _ ("%.4f (AudioCraft's multi-scale mel loss)"), _ ("none: too short"));
  say (_ ("log mel"), get (comparison, "log_mel_l1"), "%.4f", _ ("none: too short"));
}

static CwExit
run (const Options *options, GError **error)
{
  Judge    judge = { 0 };
  CwExit   code = CW_EXIT_FAILED;
  json_t  *files = json_array (), *comparison = NULL;
  gboolean ok = judge_open (&judge, options, &code, error);

  if (ok)
    code = CW_EXIT_FAILED;
  for (guint i = 0; ok && options->rest[i]; i++) {
    json_t *file = measure (options->rest[i], error), *judgement = NULL;

    ok = file && (!judge.discriminator || (judgement = judge_file (&judge, options->rest[i], error)));
    if (judgement)
      json_object_set_new (file, "discriminator", judgement);
    json_array_append_new (files, file ? file : json_null ());
  }
  if (ok && options->rest[1])
    ok = (comparison = compare (options->rest[0], options->rest[1], error)) != NULL;
  if (ok && options->json) {
    cw_command_print_json (json_pack ("{s:O, s:O?}", "files", files, "comparison", comparison));
  } else if (ok) {
    for (gsize i = 0; i < json_array_size (files); i++)
      say_file (json_array_get (files, i));
    if (comparison)
      say_comparison (comparison, files);
    if (options->model && !judge.discriminator)
      g_print (_ ("“%s” has no discriminator: how real the sound is, is not judged.\n"), options->model);
  }
  if (ok)
    code = CW_EXIT_DONE;
  else if (code != CW_EXIT_MODEL)
    code = cw_command_exit_code (*error, FALSE);
  json_decref (files);
  json_decref (comparison);
  judge_clear (&judge);
  return code;
}

int
cw_command_analyze (int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, N_ ("Model whose discriminator judges (default: the starter model)"), N_ ("DIR|NAME") },
    { "discriminator", 0, 0, G_OPTION_ARG_FILENAME, &options.discriminator, N_ ("Folder of the discriminator (default: the one in the model's folder)"),
      N_ ("DIR") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("FILE [OTHER]"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ ("Measures a sound file: loudness, true peak, clipping, DC, and how real it sounds to the discriminator\n"
                                            "that trained a codec. With another file, how far that is from the first, sample by sample."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || (options.rest[1] && options.rest[2])) {
      result = cw_command_refuse (options.json, _ ("Give one sound file, or two."));
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.model);
  g_free (options.discriminator);
  g_strfreev (options.rest);
  return result;
}
