/* SPDX-License-Identifier: MIT
 *
 * encode.c: clipwright encode FILE -o CODES: a sound file as the codec's codes.
 */
#include <glib/gi18n.h>
#include <jansson.h>

#include "commands/commands.h"
#include "error.h"

typedef struct {
  char    *model, *output;
  double   bandwidth_kbps;
  gboolean json, quiet;
  char   **rest;
} Options;

static CwExit
run (const Options *options, GError **error)
{
  g_autoptr (CwAudio)  audio = NULL;
  const cw_model_info *info;
  CwLoaded             loaded;
  cw_codes            *codes;
  cw_error             problem = { 0 };
  CwExit               code = CW_EXIT_FAILED;

  if (!cw_export_check_place (options->output, error) || !(audio = cw_audio_read (options->rest[0], error)))
    return CW_EXIT_FAILED;
  if (!cw_command_load (&loaded, options->model, NULL, 0, &code, error))
    return code;
  info = cw_model_get_info (loaded.model);
  code = CW_EXIT_FAILED;
  if (cw_audio_convert (audio, info->rate_hz, info->n_channels, error)) {
    codes = cw_encode (loaded.model, audio->samples, audio->n_samples, options->bandwidth_kbps, &problem);
    if (codes && cw_codes_write (codes, options->output, &problem) == CW_OK) {
      code = CW_EXIT_DONE;
      if (options->json)
        cw_command_print_json (json_pack ("{s:s, s:I, s:I, s:I, s:I}", "path", options->output, "codebooks",
                                          (json_int_t) codes->n_codebooks, "frames", (json_int_t) codes->n_frames, "chunks",
                                          (json_int_t) codes->n_chunks, "codebook_size", (json_int_t) codes->codebook_size));
      else if (!options->quiet)
        g_print (_ ("%s: %u codebooks × %zu frames\n"), options->output, codes->n_codebooks, codes->n_frames * codes->n_chunks);
    } else {
      cw_take_error (error, &problem);
      code = cw_command_exit_code (*error, FALSE);
    }
    cw_codes_free (codes);
  }
  cw_command_unload (&loaded);
  return code;
}

int
cw_command_encode (int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, N_ ("File to write the codes to"), N_ ("CODES") },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, N_ ("Model folder or name whose codec is used (default: the starter model)"),
      N_ ("DIR|NAME") },
    { "bandwidth", 'b', 0, G_OPTION_ARG_DOUBLE, &options.bandwidth_kbps, N_ ("Kilobits a second, one of the codec's own (default: its first)"), "X" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("FILE"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ ("Turns a sound file into the codes of a model's codec: a small safetensors file\n"
                                            "that “clipwright decode” turns back into sound."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || options.rest[1] || !options.output) {
      g_printerr (_ ("clipwright: give one sound file, and -o with the file for its codes.\n"));
      result = CW_EXIT_USAGE;
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.model);
  g_free (options.output);
  g_strfreev (options.rest);
  return result;
}
