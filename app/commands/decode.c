/* SPDX-License-Identifier: MIT
 *
 * decode.c: clipwright decode CODES -o FILE: codes back into sound.
 */
#include <glib/gi18n.h>
#include <jansson.h>

#include "commands/commands.h"
#include "commands/progress.h"
#include "error.h"

typedef struct {
  char    *model, *output, *format;
  gboolean json, quiet;
  char   **rest;
} Options;

typedef struct {
  GArray        *samples; /* of float, interleaved */
  CwProgressLine line;
} Run;

static void
take_block (const cw_block *block, void *user)
{
  g_array_append_vals (((Run *) user)->samples, block->samples, (guint) (block->n_samples * block->n_channels));
}

static void
take_progress (const cw_progress *progress, void *user)
{
  cw_progress_line_update (&((Run *) user)->line, progress);
}

static gboolean
choose_format (const Options *options, CwFormat *format, GError **error)
{
  if (options->format && cw_format_from_nick (options->format, format))
    return TRUE;
  if (!options->format && cw_format_from_name (options->output, format, error))
    return TRUE;
  if (options->format)
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("There is no format “%s”; there are wav16, wav24, float and flac."),
                 options->format);
  return FALSE;
}

static CwExit
run (const Options *options, GError **error)
{
  Run       state = { 0 };
  cw_sink   sink = { take_block, take_progress, NULL, &state };
  cw_error  problem = { 0 };
  CwFormat  format;
  CwLoaded  loaded;
  cw_codes *codes;
  CwExit    code = CW_EXIT_FAILED;
  cw_status status;

  if (!choose_format (options, &format, error))
    return CW_EXIT_USAGE;
  if (!cw_export_check_place (options->output, error))
    return CW_EXIT_FAILED;
  if (!(codes = cw_codes_read (options->rest[0], &problem))) {
    cw_take_error (error, &problem);
    return cw_command_exit_code (*error, FALSE);
  }
  if (!cw_command_load (&loaded, options->model, NULL, 0, &code, error)) {
    cw_codes_free (codes);
    return code;
  }
  sink.cancel = cw_command_catch_interrupt ();
  state.samples = g_array_new (FALSE, FALSE, sizeof (float));
  cw_progress_line_begin (&state.line, options->quiet, codes->rate_hz);
  status = cw_decode (loaded.model, codes, &sink, &problem);
  cw_progress_line_end (&state.line);
  if (status != CW_OK) {
    cw_take_error (error, &problem);
    code = cw_command_exit_code (*error, FALSE);
  } else if (cw_export (options->output, format, (const float *) (void *) state.samples->data,
                        state.samples->len / codes->n_channels, codes->n_channels, codes->rate_hz, NULL, error)) {
    const double duration_s = (double) (state.samples->len / codes->n_channels) / codes->rate_hz;

    code = CW_EXIT_DONE;
    if (options->json)
      cw_command_print_json (json_pack ("{s:s, s:f, s:I, s:I}", "path", options->output, "duration_s", duration_s, "rate_hz",
                                        (json_int_t) codes->rate_hz, "channels", (json_int_t) codes->n_channels));
    else if (!options->quiet)
      g_print (_ ("%s: %.1f s\n"), options->output, duration_s);
  } else {
    code = CW_EXIT_FAILED;
  }
  g_array_unref (state.samples);
  cw_codes_free (codes);
  cw_command_unload (&loaded);
  return code;
}

int
cw_command_decode (int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, N_ ("Sound file to write, .wav or .flac"), N_ ("FILE") },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, N_ ("Model folder or name whose codec made the codes (default: the starter model)"),
      N_ ("DIR|NAME") },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format, N_ ("wav16, wav24 (default), float or flac"), N_ ("FORMAT") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("CODES"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ ("Turns codes that “clipwright encode” wrote back into sound."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || options.rest[1] || !options.output) {
      g_printerr (_ ("clipwright: give one file of codes, and -o with the sound file to write.\n"));
      result = CW_EXIT_USAGE;
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.model);
  g_free (options.output);
  g_free (options.format);
  g_strfreev (options.rest);
  return result;
}
