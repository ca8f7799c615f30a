/* SPDX-License-Identifier: MIT
 *
 * bench.c: clipwright bench: how fast a model runs on this machine, and how fast this machine's memory would let it.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <string.h>
#include <sys/resource.h>

#include "commands/commands.h"
#include "error.h"

typedef struct {
  char    *model, *precision, *device, *vram;
  int      n_threads;
  double   seconds;
  gboolean json;
} Options;

static gboolean
parse (Options *options, int argc, char **argv, int *code)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options->model, N_ ("Model folder or name (default: the starter model)"), N_ ("DIR|NAME") },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &options->precision, CW_COMMAND_PRECISION_HELP, "P" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options->device, CW_COMMAND_DEVICE_HELP, "D" },
    { "vram", 0, 0, G_OPTION_ARG_STRING, &options->vram, CW_COMMAND_VRAM_HELP, N_ ("SIZE") },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options->n_threads, N_ ("Threads (default: one a physical core)"), "N" },
    { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &options->seconds, N_ ("Length of the clip that is made (default: 4)"), "S" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, N_ ("Print the result as one JSON object"), NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, _ ("Measures how fast a model runs here, and what this machine's memory would allow."));
  g_option_context_set_description (context, _ (
    "One step of the decoder reads all its weights once: the memory's bandwidth is its limit. A step of a MAGNeT looks at the\n"
    "whole clip: arithmetic is its limit. Steps, bandwidth, first sound and codec are measured one after another in this run;\n"
    "close other programs for figures that mean something.\n"));
  g_option_context_add_main_entries (context, entries, NULL);
  options->seconds = 4.0;
  return cw_command_parse (context, &argc, &argv, code);
}

static gint64
peak_rss_bytes (void)
{
  struct rusage usage;

  return getrusage (RUSAGE_SELF, &usage) == 0 ? (gint64) usage.ru_maxrss * 1024 : 0;
}

static void
say (const cw_bench_result *r, const CwLoaded *loaded, double load_s, gboolean json)
{
  const cw_model_info *info = cw_model_get_info (loaded->model);
  const char          *kernels = cw_engine_get_kernels (loaded->engine);
  const unsigned       threads = cw_engine_get_n_threads (loaded->engine);
  const double         giga = 1e9, mega = 1e6;
  const bool           on_card = strcmp (info->device, "cpu") != 0;

  if (json) {
    cw_command_print_json (json_pack (
      "{s:s, s:s, s:s, s:I, s:i, s:s, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "model", info->name, "precision",
      cw_precision_name (info->precision), "device", info->device, "launches_per_step", (json_int_t) r->launches_per_step, "threads", (int) threads, "kernels", kernels, "steps_per_s", r->steps_per_s,
      "times_real_time", r->times_real_time, "weight_bytes_per_step", (json_int_t) r->weight_bytes_per_step, "read_bandwidth",
      r->read_bandwidth, "bandwidth_fraction", r->bandwidth_fraction, "operations_per_step", r->operations_per_step, "operations_peak", r->operations_peak, "operations_fraction", r->operations_fraction, "step_s", r->step_s, "first_step_s", r->first_step_s,
      "last_step_s", r->last_step_s, "first_sound_s", r->first_sound_s, "text_s", r->text_s, "until_block_s", r->until_block_s,
      "codec_times_real_time", r->codec_times_real_time, "codec_streaming_times_real_time", r->codec_streaming_times_real_time,
      "multiply_add_peak", r->multiply_add_peak, "codec_fraction", r->codec_fraction, "load_s", load_s, "peak_rss_bytes", (json_int_t) peak_rss_bytes ()));
    return;
  }
  g_print (_ ("%s, %s, %u threads, %s\n\n"), info->name, cw_precision_name (info->precision), threads, kernels);
  if (*info->device_note)
    g_print ("  %s\n", info->device_note);
  if (r->launches_per_step)
    g_print (_ ("  launches and copies a step  %10zu\n"), r->launches_per_step);
  g_print (_ ("  steps a second              %10.1f\n"), r->steps_per_s);
  if (r->operations_per_step > 0.0)
    g_print (on_card ? _ ("    each over the whole clip  %10.1f GFLOP, %.0f %% of what the card does in a layer's largest product\n")
                     : _ ("    each over the whole clip  %10.1f GFLOP, %.0f %% of what the processor can do in f32\n"),
             r->operations_per_step / giga, 100.0 * r->operations_fraction);
  g_print (_ ("  times real time             %10.2f\n"), r->times_real_time);
  g_print (_ ("  weights read a step         %10.1f MB\n"), (double) r->weight_bytes_per_step / mega);
  if (on_card)
    g_print (_ ("  the card's memory moves     %10.1f GB/s\n"), r->read_bandwidth / giga);
  else
    g_print (_ ("  memory reads                %10.1f GB/s\n"), r->read_bandwidth / giga);
  g_print (_ ("  of that used by the steps   %10.0f %%\n"), 100.0 * r->bandwidth_fraction);
  g_print (_ ("  a step: first, median, last %10.1f, %.1f, %.1f ms\n"), 1e3 * r->first_step_s, 1e3 * r->step_s, 1e3 * r->last_step_s);
  g_print (_ ("  first sound                 %10.3f s\n"), r->first_sound_s);
  g_print (_ ("    text to keys and values   %10.3f s\n"), r->text_s);
  g_print (_ ("    steps and the first block %10.3f s\n"), r->until_block_s);
  g_print (_ ("  codec, times real time      %10.1f\n"), r->codec_times_real_time);
  g_print (_ ("    in pushes as made         %10.1f\n"), r->codec_streaming_times_real_time);
  g_print (_ ("    of %6.0f GFLOP/s        %10.0f %%\n"), r->multiply_add_peak / giga, 100.0 * r->codec_fraction);
  g_print (_ ("  loading                     %10.3f s\n"), load_s);
  g_print (_ ("  most memory                 %10.0f MB\n"), (double) peak_rss_bytes () / mega);
}

static CwExit
measure (const Options *options, const CwLoaded *loaded, double load_s, GError **error)
{
  cw_error        problem = { 0 };
  cw_bench_result result;

  if (cw_bench (loaded->model, options->seconds, cw_command_catch_interrupt (), &result, &problem) != CW_OK) {
    cw_take_error (error, &problem);
    return cw_command_exit_code (*error, FALSE);
  }
  say (&result, loaded, load_s, options->json);
  return CW_EXIT_DONE;
}

int
cw_command_bench (int argc, char **argv)
{
  Options  options = { 0 };
  CwLoaded loaded = { 0 };
  GError  *error = NULL;
  CwExit   code = CW_EXIT_DONE;
  int      result;

  if (parse (&options, argc, argv, &result)) {
    if (cw_command_load (&loaded, options.model, &(CwHow){ options.precision, options.device, options.vram, options.n_threads }, &code, &error))
      code = measure (&options, &loaded, loaded.load_s, &error);
    result = error ? cw_command_fail (options.json, code, error) : (int) code;
  }
  cw_command_unload (&loaded);
  g_free (options.model);
  g_free (options.precision);
  g_free (options.device);
  g_free (options.vram);
  return result;
}
