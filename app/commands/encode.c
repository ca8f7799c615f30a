/* SPDX-License-Identifier: MIT
 *
 * encode.c: clipwright encode FILE -o CODES: a sound file as the codec's codes.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <math.h>

#include "audio-stream.h"
#include "commands/commands.h"
#include "commands/progress.h"
#include "error.h"

typedef struct {
  char    *model, *output, *device, *vram;
  double   bandwidth_kbps;
  gboolean json, quiet;
  char   **rest;
} Options;

/* What is done to the sound first, said in words. */
static void
say_conversion (const CwAudioStream *stream, const cw_model_info *info)
{
  const guint n_channels = cw_audio_stream_get_n_channels (stream), rate_hz = cw_audio_stream_get_rate (stream);

  if (n_channels != info->n_channels)
    g_printerr (ngettext ("%u channel is mixed to %u, which is what “%s” takes.\n", "%u channels are mixed to %u, which is what “%s” takes.\n",
                          n_channels), n_channels, info->n_channels, info->name);
  if (rate_hz != info->rate_hz)
    g_printerr (_ ("The sound is converted from %u Hz to %u Hz, the rate of “%s”.\n"), rate_hz, info->rate_hz, info->name);
}

static void
report (const Options *options, const CwAudioStream *stream, const cw_codes_info *codes, const cw_model_info *info, const char *notice, gboolean stopped)
{
  const double     duration_s = (double) codes->n_samples / codes->rate_hz;
  const double     kbps = codes->n_codebooks * log2 (codes->codebook_size) * codes->rate_hz / info->hop_samples / 1000.0;
  const gsize      n_chunks = codes->chunk_frames ? codes->n_frames / codes->chunk_frames : 1;
  g_autofree char *shown = g_filename_display_name (options->output);

  if (options->json) {
    cw_command_print_json (
      json_pack ("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:s?, s:{s:I, s:I, s:I}}", "path", shown, "model",
                 info->name, "codebooks", (json_int_t) codes->n_codebooks, "frames", (json_int_t) codes->n_frames, "chunks",
                 (json_int_t) n_chunks, "codebook_size", (json_int_t) codes->codebook_size, "rate_hz", (json_int_t) codes->rate_hz,
                 "channels", (json_int_t) codes->n_channels, "samples", (json_int_t) codes->n_samples, "duration_s", duration_s, "kbps",
                 kbps, "stopped", (int) stopped, "notice", notice, "source", "rate_hz", (json_int_t) cw_audio_stream_get_rate (stream), "channels",
                 (json_int_t) cw_audio_stream_get_n_channels (stream), "samples", (json_int_t) cw_audio_stream_get_n_read (stream)));
    return;
  }
  if (notice)
    g_printerr ("%s\n", notice);
  if (stopped && !options->quiet)
    g_print (_ ("Stopped; the codes of the first %.1f s are in %s\n"), duration_s, shown);
  else if (!options->quiet)
    g_print (_ ("%s: %.1f s, %u codebooks × %zu frames, %.3g kbit/s\n"), shown, duration_s, codes->n_codebooks,
             codes->n_frames, kbps);
}

/* From the sound file to the file of codes, block by block, until one of them ends or the person has had enough. */
static gboolean
encode (CwAudioStream *stream, cw_encoder *encoder, cw_codes_writer *writer, const atomic_bool *cancel, CwProgressLine *line,
        GError **error)
{
  const cw_codes_info *codes = cw_encoder_get_info (encoder);
  const double         ratio = (double) codes->rate_hz / cw_audio_stream_get_rate (stream);
  cw_progress          progress = { .stage = CW_STAGE_CODES, .remaining_s = -1.0,
                                    .n_samples_total = (size_t) ((double) cw_audio_stream_get_n_claimed (stream) * ratio) };
  cw_error             problem = { 0 };
  cw_status            status = CW_OK;
  gssize               n = 1;

  while (status == CW_OK && !atomic_load (cancel)) {
    const float *samples;

    if ((n = cw_audio_stream_next (stream, &samples, error)) <= 0)
      break;
    status = cw_encoder_push (encoder, samples, (size_t) n, cw_codes_writer_add, writer, &problem);
    progress.n_samples = progress.step = codes->n_samples;
    progress.n_steps = progress.n_samples_total;
    cw_progress_line_update (line, &progress);
  }
  if (n < 0)
    return FALSE;
  if (status == CW_OK)
    status = cw_encoder_finish (encoder, cw_codes_writer_add, writer, &problem);
  if (status == CW_OK)
    status = cw_codes_writer_finish (writer, codes->n_samples, &problem);
  if (status != CW_OK)
    cw_take_error (error, &problem);
  return status == CW_OK;
}

static CwExit
run (const Options *options, GError **error)
{
  g_autoptr (CwAudioStream) stream = NULL;
  const cw_model_info      *info;
  const atomic_bool        *cancel;
  CwLoaded                  loaded;
  CwProgressLine            line;
  cw_encoder               *encoder;
  cw_codes_writer          *writer = NULL;
  cw_error                  problem = { 0 };
  CwExit                    code = CW_EXIT_FAILED;

  if (!cw_export_check_place (options->output, error) || !(stream = cw_audio_stream_open (options->rest[0], error)))
    return CW_EXIT_FAILED;
  if (!cw_command_load (&loaded, options->model, &(CwHow){ .precision = "f32", .device = options->device, .vram = options->vram }, &code, error))
    return code;
  info = cw_model_get_info (loaded.model);
  if ((encoder = cw_encoder_new (loaded.model, options->bandwidth_kbps, &problem)))
    writer = cw_codes_writer_new (options->output, cw_encoder_get_info (encoder), &problem);
  if (!writer)
    cw_take_error (error, &problem);
  else if (cw_audio_stream_convert (stream, info->rate_hz, info->n_channels, error)) {
    gboolean done;

    cancel = cw_command_catch_interrupt ();
    if (!options->quiet)
      say_conversion (stream, info);
    cw_progress_line_begin (&line, options->quiet, info->rate_hz);
    done = encode (stream, encoder, writer, cancel, &line, error);
    cw_progress_line_end (&line);
    if (done) {
      code = atomic_load (cancel) ? CW_EXIT_STOPPED : CW_EXIT_DONE;
      report (options, stream, cw_encoder_get_info (encoder), info, cw_encoder_get_notice (encoder), code == CW_EXIT_STOPPED);
    }
  }
  if (error && *error)
    code = cw_command_exit_code (*error, FALSE);
  cw_codes_writer_free (writer);
  cw_encoder_free (encoder);
  cw_command_unload (&loaded);
  return code;
}

int
cw_command_encode (int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, N_ ("File to write the codes to: JSON when it ends in .json, else safetensors"), N_ ("CODES") },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, N_ ("Model folder or name whose codec is used (default: the starter model)"),
      N_ ("DIR|NAME") },
    { "bandwidth", 'b', 0, G_OPTION_ARG_DOUBLE, &options.bandwidth_kbps, N_ ("Kilobits a second, one of the codec's own (default: its first)"), "X" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options.device, CW_COMMAND_DEVICE_HELP, N_ ("DEVICE") },
    { "vram", 0, 0, G_OPTION_ARG_STRING, &options.vram, CW_COMMAND_VRAM_HELP, N_ ("SIZE") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("FILE"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ ("Turns a sound file of any length into the codes of a model's codec: a small file\n"
                                            "that “clipwright decode” turns back into sound. Ctrl-C keeps what was encoded."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || options.rest[1] || !options.output) {
      result = cw_command_refuse (options.json, _ ("Give one sound file, and -o with the file for its codes."));
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.model);
  g_free (options.output);
  g_free (options.device);
  g_free (options.vram);
  g_strfreev (options.rest);
  return result;
}
