/* SPDX-License-Identifier: MIT
 *
 * doctor.c: clipwright doctor: what works on this machine, what does not, and what to do about it.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <unistd.h>

#include "clipwright-config.h"
#include "commands/commands.h"
#include "sound.h"

/* Each check adds its object to the report and, on a problem, one sentence to the list. */
typedef struct {
  json_t *report, *problems;
  char   *model; /* whose place on a card is planned; NULL: of none */
  char   *vram;  /* of the card; NULL: of this machine's */
  char   *precision;      /* NULL: auto */
  double  duration_s;     /* of a clip; NOT_GIVEN: as long as the model's window */
  int     n_takes;        /* NOT_GIVEN: as many as there is room for */
} Doctor;

#define NOT_GIVEN G_MININT /* no option has this value */

static void
note_problem (Doctor *doctor, const char *sentence)
{
  json_array_append_new (doctor->problems, json_string (sentence));
}

static void
check_engine (Doctor *doctor)
{
  cw_error   problem = { 0 };
  cw_engine *engine = cw_engine_new (NULL, &problem);

  if (!engine) {
    note_problem (doctor, problem.message);
    return;
  }
  json_object_set_new (doctor->report, "engine", json_pack ("{s:s, s:s, s:i}", "backend", cw_engine_get_backend (engine), "kernels",
                                                            cw_engine_get_kernels (engine), "threads", (int) cw_engine_get_n_threads (engine)));
  cw_engine_free (engine);
}

/* A machine without a card is well, too; one whose card cannot be used has a problem. */
static void
check_card (Doctor *doctor)
{
  static const char *const states[CW_N_DEVICE_STATES] = {
    [CW_DEVICE_READY] = "ready",         [CW_DEVICE_NONE] = "no card",       [CW_DEVICE_NO_DRIVER] = "no driver",
    [CW_DEVICE_OLD_DRIVER] = "old driver", [CW_DEVICE_NO_EXTENSION] = "no extension", [CW_DEVICE_NO_MODULE] = "no module",
    [CW_DEVICE_BUSY] = "busy",           [CW_DEVICE_LOST] = "lost",          [CW_DEVICE_NO_MEMORY] = "no memory",
  };
  g_autofree char *capability = NULL;
  cw_device_report report;

  cw_device_describe (NULL, &report);
  capability = report.major ? g_strdup_printf ("%d.%d", report.major, report.minor) : g_strdup ("");
  json_object_set_new (doctor->report, "card",
                       json_pack ("{s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:I}", "state", states[report.state], "sentence", report.sentence, "name",
                                  report.name, "driver", report.driver, "cuda_driver", report.cuda_driver, "capability",
                                  capability, "bytes", (json_int_t) report.memory_bytes,
                                  "free_bytes", (json_int_t) report.free_bytes));
  if (report.state != CW_DEVICE_READY && report.state != CW_DEVICE_NONE)
    note_problem (doctor, report.sentence);
}

static void
check_memory (Doctor *doctor)
{
  const double gib = 1024.0 * 1024.0 * 1024.0;

  json_object_set_new (doctor->report, "memory_gib",
                       json_real ((double) sysconf (_SC_PHYS_PAGES) * (double) sysconf (_SC_PAGESIZE) / gib));
}

static json_t *
check_model (Doctor *doctor, cw_engine *engine, const CwModelPlace *place)
{
  g_autofree char     *cache = cw_models_get_cache_folder (), *models = cw_models_get_folder ();
  const cw_model_options options = { .precision = CW_PRECISION_AUTO, .cache_folder = cache, .models_folder = models,
                                     .text_encoder = g_getenv ("CLIPWRIGHT_TEXT_ENCODER"), .name = place->name };
  const gint64         began = g_get_monotonic_time ();
  cw_error             problem = { 0 };
  cw_model            *model = engine ? cw_model_load (engine, place->folder, &options, &problem) : NULL;
  const cw_model_info *info;
  json_t              *object;

  if (!model) {
    note_problem (doctor, problem.message);
    return json_pack ("{s:s, s:s, s:s}", "name", place->name, "folder", place->folder, "problem", problem.message);
  }
  info = cw_model_get_info (model);
  object = json_pack ("{s:s, s:s, s:s, s:s, s:i, s:i, s:f, s:I, s:s?, s:f}", "name", place->name, "folder", place->folder, "family",
                      info->family, "precision", cw_precision_name (info->precision), "rate_hz", (int) info->rate_hz, "channels", (int) info->n_channels, "longest_s",
                      info->max_duration_s, "bytes", (json_int_t) info->weight_bytes, "licence", place->licence, "load_s",
                      (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC);
  cw_model_free (model);
  return object;
}

static void
check_models (Doctor *doctor, cw_engine *engine)
{
  g_autoptr (GPtrArray) places = cw_models_list ();
  json_t *models = json_array ();

  for (guint i = 0; i < places->len; i++)
    json_array_append_new (models, check_model (doctor, engine, g_ptr_array_index (places, i)));
  if (places->len == 0 || !((const CwModelPlace *) g_ptr_array_index (places, 0))->starter)
    note_problem (doctor, _ ("The starter model is missing: install the program again, or name another model with --model."));
  json_object_set_new (doctor->report, "models", models);
}

static json_t *
need_to_json (const cw_plan_need *need)
{
  return json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "weights", (json_int_t) need->weights, "caches",
                    (json_int_t) need->caches, "workspace", (json_int_t) need->workspace, "codec", (json_int_t) need->codec, "codec_stream", (json_int_t) need->codec_stream, "text",
                    (json_int_t) need->text, "cublas", (json_int_t) need->cublas, "encoder", (json_int_t) need->encoder, "encoder_stream",
                    (json_int_t) need->encoder_stream, "total", (json_int_t) need->total);
}

/* @n_takes: that were asked for; NOT_GIVEN: as many as fit. */
static json_t *
plan_to_json (const cw_plan *plan, const char *name, int n_takes)
{
  json_t   *needs = json_object ();
  const int at_once = (int) plan->n_takes, takes = n_takes == NOT_GIVEN ? at_once : n_takes;

  for (cw_precision p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
    json_object_set_new (needs, cw_precision_name (p), need_to_json (&plan->needs[p]));
  return json_pack ("{s:s, s:b, s:b, s:b, s:b, s:s, s:I, s:f, s:i, s:i, s:i, s:I, s:o, s:s}", "model", name, "decoder_on_card",
                    plan->on_card, "codec_on_card", plan->codec_on_card, "text_on_card", plan->text_on_card, "cublas_on_card",
                    plan->cublas_on_card, "precision", cw_precision_name (plan->precision), "budget", (json_int_t) plan->budget_bytes,
                    "clip_s", plan->clip_s, "takes", takes, "takes_at_once", at_once, "turns", at_once ? (takes + at_once - 1) / at_once : 0,
                    "taken_bytes", (json_int_t) plan->taken_bytes, "needs", needs, "sentence", plan->sentence);
}

/* What a card would take of the model: read from its configuration, without a card where an amount of memory is named. */
static void
check_plan (Doctor *doctor, cw_engine *engine)
{
  g_autofree char   *models = cw_models_get_folder ();
  g_autoptr (GError) error = NULL;
  CwModelPlace      *place = cw_models_find (doctor->model, &error);
  cw_model_options   options = { .precision = CW_PRECISION_AUTO, .models_folder = models, .text_encoder = g_getenv ("CLIPWRIGHT_TEXT_ENCODER") };
  cw_error           problem = { 0 };
  cw_plan_request    request = { .clip_s = doctor->duration_s == NOT_GIVEN ? 0.0 : doctor->duration_s,
                                 .n_takes = doctor->n_takes == NOT_GIVEN ? 0 : (unsigned) doctor->n_takes };
  cw_plan            plan;

  /* were checked */
  if (doctor->vram)
    cw_parse_bytes (doctor->vram, &request.vram_bytes);
  if (doctor->precision)
    cw_precision_from_name (doctor->precision, &options.precision);
  if (place)
    options.name = place->name;
  if (!place)
    note_problem (doctor, error->message);
  else if (cw_model_plan (engine, place->folder, &options, &request, &plan, &problem) == CW_OK)
    json_object_set_new (doctor->report, "plan", plan_to_json (&plan, place->name, doctor->n_takes));
  else
    note_problem (doctor, problem.message);
  cw_model_place_free (place);
}

static void
check_sound (Doctor *doctor)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (CwSoundReport) last = cw_sound_report_read ();
  CwSoundDevice            *device = cw_sound_begin (&error);
  json_t                   *sound = json_object ();

  if (device) {
    json_object_set_new (sound, "device", json_string (device->name));
    json_object_set_new (sound, "rate_hz", json_real (device->rate_hz));
    json_object_set_new (sound, "channels", json_integer (device->n_channels));
    json_object_set_new (sound, "latency_s", json_real (device->latency_s));
  } else {
    g_autofree char *sentence = g_strconcat (error->message, " ", _ ("Clips can be made and exported all the same."), NULL);

    json_object_set_new (sound, "problem", json_string (error->message));
    note_problem (doctor, sentence);
  }
  if (last)
    json_object_set_new (sound, "last_playback",
                         json_pack ("{s:s, s:s?, s:f, s:I, s:I}", "when", last->when, "device", last->device, "played_s", last->played_s,
                                    "underruns", (json_int_t) last->n_underruns, "device_underruns",
                                    (json_int_t) last->n_device_underruns));
  json_object_set_new (doctor->report, "sound", sound);
  cw_sound_end (device);
}

static void
check_display (Doctor *doctor)
{
  const char *wayland = g_getenv ("WAYLAND_DISPLAY"), *x11 = g_getenv ("DISPLAY");

  json_object_set_new (doctor->report, "display",
                       wayland && *wayland ? json_sprintf ("Wayland %s", wayland) : x11 && *x11 ? json_sprintf ("X11 %s", x11) : json_null ());
}

/* ---- in words -------------------------------------------------------------------------------------------------------- */

static const char *
text_of (json_t *object, const char *key)
{
  const char *text = json_string_value (json_object_get (object, key));

  return text ? text : "–";
}

static double
number_of (json_t *object, const char *key)
{
  return json_number_value (json_object_get (object, key));
}

static void
say_models (json_t *models)
{
  json_t *model;
  size_t  i;

  json_array_foreach (models, i, model) {
    g_autofree char *channels = cw_command_say_channels ((guint) number_of (model, "channels"));
    const double     longest_s = number_of (model, "longest_s");
    g_autofree char *longest = longest_s > 0.0 ? g_strdup_printf (_ ("up to %.0f s"), longest_s) : g_strdup (_ ("a codec alone"));

    if (json_object_get (model, "problem"))
      g_print (_ ("Model     %s: does not load\n"), text_of (model, "name"));
    else
      g_print (_ ("Model     %s: %s, %.0f Hz, %s, %s, %.0f MB, licence %s, loads in %.2f s\n"), text_of (model, "name"),
               text_of (model, "family"), number_of (model, "rate_hz"), channels, longest, number_of (model, "bytes") / 1e6,
               text_of (model, "licence"), number_of (model, "load_s"));
  }
}

static void
say_plan (json_t *plan)
{
  const char *precision;
  json_t     *need;
  gboolean    alone; /* a codec */

  if (!plan)
    return;
  alone = number_of (json_object_get (json_object_get (plan, "needs"), "f32"), "weights") == 0.0;
  if (alone)
    g_print (_ ("Plan      %s on a card with %.0f MB for it:\n"), text_of (plan, "model"), number_of (plan, "budget") / 1e6);
  else
    g_print (_ ("Plan      %s on a card with %.0f MB for it, for clips of %.3g s:\n"), text_of (plan, "model"), number_of (plan, "budget") / 1e6,
             number_of (plan, "clip_s"));
  json_object_foreach (json_object_get (plan, "needs"), precision, need)
    if (alone)
      g_print (_ ("          %-4s %8.0f MB: decoder %.0f + %.0f, encoder %.0f + %.0f\n"), precision, number_of (need, "total") / 1e6,
               number_of (need, "codec") / 1e6, number_of (need, "codec_stream") / 1e6, number_of (need, "encoder") / 1e6,
               number_of (need, "encoder_stream") / 1e6);
    else
      g_print (_ ("          %-4s %8.0f MB: weights %.0f, caches %.0f, workspace %.0f, codec %.0f + %.0f, texts %.0f, cuBLAS %.0f\n"), precision,
               number_of (need, "total") / 1e6, number_of (need, "weights") / 1e6, number_of (need, "caches") / 1e6, number_of (need, "workspace") / 1e6,
               number_of (need, "codec") / 1e6, number_of (need, "codec_stream") / 1e6, number_of (need, "text") / 1e6,
               number_of (need, "cublas") / 1e6);
  g_print (_ ("          %s\n"), text_of (plan, "sentence"));
  if (!alone)
    g_print (_ ("          Takes: %.0f, at once %.0f, in turns: %.0f; of the card's memory %.0f MB. Codec: %s. Text encoder: %s. cuBLAS: %s.\n"),
           number_of (plan, "takes"), number_of (plan, "takes_at_once"), number_of (plan, "turns"), number_of (plan, "taken_bytes") / 1e6,
           json_is_true (json_object_get (plan, "codec_on_card")) ? _ ("on the card") : _ ("on the processor"),
           json_is_true (json_object_get (plan, "text_on_card")) ? _ ("on the card") : _ ("on the processor"),
           json_is_true (json_object_get (plan, "cublas_on_card")) ? _ ("with room of its own") : _ ("not used"));
}

static void
say_sound (json_t *sound)
{
  json_t          *last = json_object_get (sound, "last_playback");
  g_autofree char *channels = cw_command_say_channels ((guint) number_of (sound, "channels"));

  if (json_object_get (sound, "device"))
    g_print (_ ("Sound     %s, %.0f Hz, %s, %.0f ms\n"), text_of (sound, "device"), number_of (sound, "rate_hz"), channels,
             1000.0 * number_of (sound, "latency_s"));
  else
    g_print (_ ("Sound     none\n"));
  if (last)
    g_print (_ ("Playback  last on %s: %.1f s with %.0f underruns, %.0f more reported by the device\n"), text_of (last, "when"),
             number_of (last, "played_s"), number_of (last, "underruns"), number_of (last, "device_underruns"));
  else
    g_print (_ ("Playback  nothing was played yet\n"));
}

static void
say (Doctor *doctor)
{
  json_t *engine = json_object_get (doctor->report, "engine"), *problem;
  size_t  i;

  g_print (_ ("Program   Clipwright %s\n"), CLIPWRIGHT_VERSION);
  g_print (_ ("Engine    %s, %s instructions, %.0f threads\n"), text_of (engine, "backend"), text_of (engine, "kernels"),
           number_of (engine, "threads"));
  g_print (_ ("Card      %s\n"), text_of (json_object_get (doctor->report, "card"), "sentence"));
  g_print (_ ("Memory    %.1f GiB\n"), number_of (doctor->report, "memory_gib"));
  say_models (json_object_get (doctor->report, "models"));
  say_plan (json_object_get (doctor->report, "plan"));
  say_sound (json_object_get (doctor->report, "sound"));
  g_print (_ ("Display   %s\n"), text_of (doctor->report, "display"));
  if (json_array_size (doctor->problems) == 0)
    g_print (_ ("\nNo problem was found.\n"));
  json_array_foreach (doctor->problems, i, problem)
    g_print (_ ("\nProblem: %s\n"), json_string_value (problem));
}

static int
report (Doctor *doctor, gboolean json)
{
  cw_engine *engine;

  json_object_set_new (doctor->report, "version", json_string (CLIPWRIGHT_VERSION));
  check_engine (doctor);
  check_card (doctor);
  check_memory (doctor);
  engine = cw_engine_new (NULL, NULL); /* not before: a context takes of the card's memory that was reported. NULL was reported, too */
  check_models (doctor, engine);
  if (doctor->model && engine)
    check_plan (doctor, engine);
  cw_engine_free (engine);
  check_sound (doctor);
  check_display (doctor);
  json_object_set (doctor->report, "problems", doctor->problems);
  if (json)
    cw_command_print_json (json_incref (doctor->report));
  else
    say (doctor);
  return json_array_size (doctor->problems) ? CW_EXIT_FAILED : CW_EXIT_DONE;
}

/* What goes together, and what is out of range; FALSE and *result when it was said. */
static gboolean
check_options (const Doctor *doctor, gboolean json, int *result)
{
  const gboolean of_plan = doctor->precision || doctor->duration_s != NOT_GIVEN || doctor->n_takes != NOT_GIVEN;
  cw_precision   precision;
  size_t         n_bytes;

  if (doctor->vram && !doctor->model)
    *result = cw_command_refuse (json, _ ("--vram goes with --model, whose place on such a card is planned."));
  else if (of_plan && !doctor->model)
    *result = cw_command_refuse (json, _ ("--precision, --duration and --takes go with --model, whose place on a card is planned."));
  else if (doctor->vram && !cw_parse_bytes (doctor->vram, &n_bytes))
    *result = cw_command_refuse (json, _ ("“%s” is no amount of memory; something like 6G or 800M was expected."), doctor->vram);
  else if (doctor->precision && !cw_precision_from_name (doctor->precision, &precision))
    *result = cw_command_refuse (json, _ ("There is no precision “%s”; there are auto, f32, bf16, f16, int8 and int4."), doctor->precision);
  else if (doctor->duration_s != NOT_GIVEN && !(doctor->duration_s > 0.0))
    *result = cw_command_refuse (json, _ ("The duration is %g s; more than 0 was expected."), doctor->duration_s);
  else if (doctor->n_takes != NOT_GIVEN && (doctor->n_takes < 1 || doctor->n_takes > CW_TAKES_MAX))
    *result = cw_command_refuse (json, _ ("There are %d takes; 1 to %d were expected."), doctor->n_takes, CW_TAKES_MAX);
  else
    return TRUE;
  return FALSE;
}

int
cw_command_doctor (int argc, char **argv)
{
  gboolean           json = FALSE;
  Doctor             doctor = { json_object (), json_array (), .duration_s = NOT_GIVEN, .n_takes = NOT_GIVEN };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &doctor.model, N_ ("Say what a card would take of this model"), N_ ("DIR|NAME") },
    { "vram", 0, 0, G_OPTION_ARG_STRING, &doctor.vram, N_ ("With --model: a card with so much memory for it, like 6G (default: this machine's)"),
      N_ ("SIZE") },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &doctor.precision, N_ ("With --model: as generate's"), "P" },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &doctor.duration_s, N_ ("With --model: of a clip, in seconds (default: the model's window)"), "S" },
    { "takes", 'n', 0, G_OPTION_ARG_INT, &doctor.n_takes, N_ ("With --model: of one prompt (default: as many as there is room for)"), "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print the report as one JSON object"), NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  int result;

  g_option_context_set_summary (context, _ ("Says what works on this machine: engine, models, sound, display, and how the last\n"
                                            "playback went. Exit code 1 when there is a problem."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result) && check_options (&doctor, json, &result))
    result = report (&doctor, json);
  json_decref (doctor.report);
  json_decref (doctor.problems);
  g_free (doctor.model);
  g_free (doctor.vram);
  g_free (doctor.precision);
  return result;
}
