/* SPDX-License-Identifier: MIT
 *
 * decode.c: clipwright decode CODES -o FILE: codes back into sound.
 */
#include <glib/gi18n.h>
#include <jansson.h>

#include "commands/commands.h"
#include "commands/progress.h"
#include "error.h"

#define LONG_BYTES (4000ull << 20) /* a little less than what a WAV file holds */

typedef struct {
  char    *model, *output, *format, *device, *vram;
  gboolean json, quiet;
  char   **rest;
} Options;

typedef struct {
  CwExport      *export;
  guint64        n_samples, n_samples_total;
  GError        *error; /* of the exporter: nothing more is written */
  CwProgressLine line;
  char          *notice;
} Run;

static void
take_block (const cw_block *block, void *user)
{
  Run        *run = user;
  cw_progress progress = { .stage = CW_STAGE_AUDIO, .n_samples_total = run->n_samples_total, .remaining_s = -1.0 };

  if (run->error || (block->n_samples && !cw_export_append (run->export, block->samples, block->n_samples, &run->error)))
    return;
  run->n_samples += block->n_samples;
  progress.step = progress.n_samples = run->n_samples;
  progress.n_steps = progress.n_samples_total;
  cw_progress_line_update (&run->line, &progress);
}

static void
take_notice (const char *sentence, void *user)
{
  Run *run = user;

  g_free (run->notice);
  run->notice = g_strdup (sentence);
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

/* From the file of codes to the sound file, block by block; Ctrl-C ends it where it is. */
static gboolean
decode (Run *run, cw_decoder *decoder, cw_codes_reader *reader, const atomic_bool *cancel, GError **error)
{
  const cw_sink  sink = { .block = take_block, .user = run, .notice = take_notice };
  cw_codes_block block = { .n_frames = 1 };
  cw_error       problem = { 0 };
  cw_status      status = CW_OK;

  while (status == CW_OK && !run->error && !atomic_load (cancel)) {
    if ((status = cw_codes_reader_next (reader, &block, &problem)) != CW_OK || block.n_frames == 0)
      break;
    status = cw_decoder_push (decoder, &block, &sink, &problem);
  }
  if (status == CW_OK && !run->error)
    status = cw_decoder_finish (decoder, &sink, &problem);
  if (run->error)
    g_propagate_error (error, g_steal_pointer (&run->error));
  else if (status != CW_OK)
    cw_take_error (error, &problem);
  else
    return cw_export_finish (g_steal_pointer (&run->export), error);
  return FALSE;
}

static void
report (const Options *options, const cw_codes_info *info, guint64 n_samples, const char *notice, gboolean stopped)
{
  const double     duration_s = (double) n_samples / info->rate_hz;
  g_autofree char *shown = g_filename_display_name (options->output);

  if (options->json) {
    cw_command_print_json (json_pack ("{s:s, s:f, s:I, s:I, s:I, s:b, s:s?}", "path", shown, "duration_s", duration_s, "samples",
                                      (json_int_t) n_samples, "rate_hz", (json_int_t) info->rate_hz, "channels",
                                      (json_int_t) info->n_channels, "stopped", (int) stopped, "notice", notice));
    return;
  }
  if (notice)
    g_printerr ("%s\n", notice);
  if (stopped && !options->quiet)
    g_print (_ ("Stopped; the first %.1f s are in %s\n"), duration_s, shown);
  else if (!options->quiet)
    g_print (_ ("%s: %.1f s\n"), shown, duration_s);
}

static CwExit
run (const Options *options, GError **error)
{
  Run                  state = { 0 };
  cw_error             problem = { 0 };
  CwFormat             format;
  CwLoaded             loaded;
  cw_codes_reader     *reader;
  const cw_codes_info *info;
  cw_decoder          *decoder;
  CwExit               code = CW_EXIT_FAILED;

  if (!choose_format (options, &format, error))
    return CW_EXIT_USAGE;
  if (!cw_export_check_place (options->output, error))
    return CW_EXIT_FAILED;
  if (!(reader = cw_codes_reader_new (options->rest[0], &problem))) {
    cw_take_error (error, &problem);
    if (problem.code == CW_ERROR_FORMAT) { /* whatever is wrong with it */
      char *sentence = (*error)->message;

      (*error)->message = g_strdup_printf (_ ("%s “clipwright encode SOUND -o CODES.json” makes such files, and this turns them back."), sentence);
      g_free (sentence);
    }
    return cw_command_exit_code (*error, FALSE);
  }
  if (!cw_command_load (&loaded, options->model, &(CwHow){ .precision = "f32", .device = options->device, .vram = options->vram }, &code, error)) {
    cw_codes_reader_free (reader);
    return code;
  }
  info = cw_codes_reader_get_info (reader);
  if (!(decoder = cw_decoder_new (loaded.model, info, &problem)))
    cw_take_error (error, &problem);
  else if ((state.export = cw_export_begin (options->output, format, info->n_samples > LONG_BYTES / 4 / info->n_channels, info->n_channels,
                                           info->rate_hz, NULL, error))) {
    const atomic_bool *cancel = cw_command_catch_interrupt ();
    gboolean           done;

    state.n_samples_total = info->n_samples;
    cw_progress_line_begin (&state.line, options->quiet, info->rate_hz);
    done = decode (&state, decoder, reader, cancel, error);
    cw_progress_line_end (&state.line);
    if (done) {
      code = state.n_samples < info->n_samples && atomic_load (cancel) ? CW_EXIT_STOPPED : CW_EXIT_DONE;
      report (options, info, state.n_samples, state.notice, code == CW_EXIT_STOPPED);
    }
  }
  if (*error)
    code = cw_command_exit_code (*error, FALSE);
  g_free (state.notice);
  cw_export_abandon (state.export);
  cw_decoder_free (decoder);
  cw_codes_reader_free (reader);
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
    { "device", 0, 0, G_OPTION_ARG_STRING, &options.device, CW_COMMAND_DEVICE_HELP, N_ ("DEVICE") },
    { "vram", 0, 0, G_OPTION_ARG_STRING, &options.vram, CW_COMMAND_VRAM_HELP, N_ ("SIZE") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("CODES"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ ("Turns codes that “clipwright encode” wrote, of any length, back into sound. Ctrl-C keeps\n"
                                            "what was decoded."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || options.rest[1] || !options.output) {
      result = cw_command_refuse (options.json, _ ("Give one file of codes, and -o with the sound file to write."));
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.model);
  g_free (options.output);
  g_free (options.device);
  g_free (options.vram);
  g_free (options.format);
  g_strfreev (options.rest);
  return result;
}
