/* SPDX-License-Identifier: MIT
 *
 * generate.c: clipwright generate PROMPT: a clip, or several takes of it, into sound files.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "clip.h"
#include "commands/commands.h"
#include "commands/progress.h"
#include "error.h"

#define NOT_GIVEN -1.0e300 /* no option has this value */

typedef struct {
  char    *model, *seed, *format, *output, *precision;
  double   duration_s, guidance, temperature, top_p;
  int      top_k, n_takes, n_threads;
  gboolean json, quiet;
  char   **rest;
} Options;

typedef struct {
  GPtrArray     *clips; /* of CwClip */
  GPtrArray     *paths; /* of char *, one a clip */
  CwProgressLine line;
} Run;

static void
options_clear (Options *options)
{
  g_free (options->model);
  g_free (options->seed);
  g_free (options->format);
  g_free (options->output);
  g_free (options->precision);
  g_strfreev (options->rest);
}

static gboolean
parse (Options *options, int argc, char **argv, int *code)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options->model, N_ ("Model folder or name (default: the starter model)"), N_ ("DIR|NAME") },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &options->duration_s, N_ ("Length of the clip in seconds"), "S" },
    { "seed", 's', 0, G_OPTION_ARG_STRING, &options->seed, N_ ("The same seed and request give the same clip (default: random)"), "N" },
    { "guidance", 'g', 0, G_OPTION_ARG_DOUBLE, &options->guidance, N_ ("How closely to follow the prompt, 1 to 20"), "X" },
    { "temperature", 't', 0, G_OPTION_ARG_DOUBLE, &options->temperature, N_ ("0 takes the likeliest always, higher is wilder, up to 5"), "X" },
    { "top-k", 0, 0, G_OPTION_ARG_INT, &options->top_k, N_ ("Choose among the N likeliest tokens; 0: all"), "N" },
    { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &options->top_p, N_ ("Choose among the likeliest tokens that sum to X; 0: off"), "X" },
    { "takes", 'n', 0, G_OPTION_ARG_INT, &options->n_takes, N_ ("Make N different clips of the prompt in one pass"), "N" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &options->precision, CW_COMMAND_PRECISION_HELP, "P" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options->n_threads, N_ ("Threads (default: one a physical core)"), "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, N_ ("File to write, .wav or .flac; an old one is replaced"), N_ ("FILE") },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options->format, N_ ("wav16, wav24 (default), float or flac"), N_ ("FORMAT") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options->quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("PROMPT"));

  g_option_context_set_summary (context, _ ("Makes a clip of sound from a description in words."));
  g_option_context_set_description (context, _ (
    "Examples:\n"
    "  clipwright generate \"slow blues guitar\"\n"
    "  clipwright generate \"heavy rain on a roof\" --duration 4 --seed 7 -o rain.flac\n"
    "  clipwright generate \"rock drums\" --takes 4 --temperature 1.2\n\n"
    "Ctrl-C keeps what was made. Exit codes: 0 done, 1 a file or the system refused, 2 a value is\n"
    "out of range, 3 no such model or it is broken, 4 not enough memory, 130 stopped.\n"));
  g_option_context_add_main_entries (context, entries, NULL);
  options->duration_s = options->guidance = options->temperature = options->top_p = NOT_GIVEN;
  options->top_k = G_MININT;
  options->n_takes = 1;
  if (!cw_command_parse (context, &argc, &argv, code))
    return FALSE;
  if (!options->rest || !options->rest[0] || options->rest[1]) {
    g_printerr (options->rest && options->rest[0] ? _ ("clipwright: more than one prompt was given; put it in quotes.\n")
                                                  : _ ("clipwright: there is no prompt; say what it should sound like, in quotes.\n"));
    *code = CW_EXIT_USAGE;
    return FALSE;
  }
  return TRUE;
}

/* NaN counts as given: the engine's check refuses it. */
static gboolean
is_given (double value)
{
  return value != NOT_GIVEN;
}

static CwRecipe *
make_recipe (const Options *options, const CwLoaded *loaded, GError **error)
{
  g_autoptr (CwRecipe) recipe = g_new0 (CwRecipe, 1);
  const cw_model_info *info = cw_model_get_info (loaded->model);
  cw_request           request;

  cw_request_init (&request, info);
  recipe->prompt = g_strdup (options->rest[0]);
  recipe->model_folder = g_strdup (loaded->place->folder);
  recipe->model_name = g_strdup (loaded->place->name);
  recipe->model_hash = g_strdup (info->hash);
  recipe->licence = g_strdup (loaded->place->licence);
  recipe->precision = info->precision;
  recipe->duration_s = is_given (options->duration_s) ? options->duration_s : request.duration_s;
  recipe->guidance = is_given (options->guidance) ? (float) options->guidance : request.guidance;
  recipe->temperature = is_given (options->temperature) ? (float) options->temperature : request.temperature;
  recipe->top_p = is_given (options->top_p) ? (float) options->top_p : request.top_p;
  recipe->top_k = options->top_k != G_MININT ? options->top_k : request.top_k;
  recipe->seed = (guint64) g_random_int () << 16 ^ g_random_int ();
  if (options->seed && !g_ascii_string_to_unsigned (options->seed, 10, 0, G_MAXUINT64, &recipe->seed, NULL)) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("The seed “%s” is not a whole number from 0 to %" G_GUINT64_FORMAT "."),
                 options->seed, G_MAXUINT64);
    return NULL;
  }
  return g_steal_pointer (&recipe);
}

/* "rain.wav" and 3 takes: rain-1.wav, rain-2.wav, rain-3.wav. */
static char *
numbered (const char *path, guint number)
{
  const char      *dot = strrchr (path, '.');
  g_autofree char *stem = g_strndup (path, (gsize) (dot - path));

  return g_strdup_printf ("%s-%u%s", stem, number, dot);
}

/* Where each take goes; said before the work begins. */
static gboolean
choose_paths (Run *run, const Options *options, const CwRecipe *recipe, CwFormat *format, GError **error)
{
  *format = CW_FORMAT_WAV24;
  if (options->format && !cw_format_from_nick (options->format, format)) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("There is no format “%s”; there are wav16, wav24, float and flac."),
                 options->format);
    return FALSE;
  }
  if (options->output) {
    CwFormat by_name;

    if (!cw_format_from_name (options->output, &by_name, error)) {
      (*error)->domain = CW_ERROR;
      (*error)->code = CW_ERROR_ARGUMENT;
      return FALSE;
    }
    if (!options->format)
      *format = by_name;
    else if (g_strcmp0 (cw_format_get_extension (*format), cw_format_get_extension (by_name)) != 0) {
      g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("The format %s does not go with the name “%s”; end it in %s."),
                   options->format, options->output, cw_format_get_extension (*format));
      return FALSE;
    }
  }
  for (int take = 0; take < options->n_takes; take++) {
    char *path;

    if (!options->output) {
      g_autofree char *name = cw_recipe_to_file_name (recipe);
      g_autofree char *stem = options->n_takes > 1 ? g_strdup_printf ("%s-%d", name, take + 1) : g_strdup (name);

      path = cw_export_free_name (".", stem, cw_format_get_extension (*format));
      memmove (path, path + 2, strlen (path) - 1); /* "./" */
    } else {
      path = options->n_takes > 1 ? numbered (options->output, (guint) take + 1) : g_strdup (options->output);
    }
    g_ptr_array_add (run->paths, path);
    if (!cw_export_check_place (path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
make_clips (Run *run, const CwRecipe *recipe, const cw_request *request, const cw_model_info *info, GError **error)
{
  for (guint take = 0; take < request->n_takes; take++) {
    g_autoptr (CwRecipe) own = cw_recipe_copy (recipe);
    CwClip *clip;

    own->take = take;
    if (!(clip = cw_clip_new (own, info->rate_hz, info->n_channels, cw_request_n_samples (request, info), error)))
      return FALSE;
    g_ptr_array_add (run->clips, clip);
  }
  return TRUE;
}

static void
take_block (const cw_block *block, void *user)
{
  Run *run = user;

  cw_clip_append (g_ptr_array_index (run->clips, block->take), block->samples, block->n_samples);
}

static void
take_progress (const cw_progress *progress, void *user)
{
  cw_progress_line_update (&((Run *) user)->line, progress);
}

/* Writes what each clip holds. TRUE if all could be written; the first failure in @error. */
static gboolean
export_clips (const Run *run, CwFormat format, json_t *files, GError **error)
{
  gboolean all = TRUE;

  for (guint i = 0; i < run->clips->len; i++) {
    CwClip     *clip = g_ptr_array_index (run->clips, i);
    const char *path = g_ptr_array_index (run->paths, i);
    g_autofree char *shown = g_filename_display_name (path);
    g_autoptr (GError) problem = NULL;

    if (cw_clip_get_n_ready (clip) == 0)
      continue;
    if (!cw_export (path, format, cw_clip_get_samples (clip), cw_clip_get_n_ready (clip), cw_clip_get_n_channels (clip),
                    cw_clip_get_rate (clip), cw_clip_get_recipe (clip), &problem)) {
      if (all)
        g_propagate_error (error, g_steal_pointer (&problem));
      all = FALSE;
      continue;
    }
    json_array_append_new (files, json_pack ("{s:s, s:I, s:f}", "path", shown, "take", (json_int_t) i, "duration_s",
                                             (double) cw_clip_get_n_ready (clip) / cw_clip_get_rate (clip)));
  }
  return all;
}

static void
say_files (json_t *files, const CwRecipe *recipe, gboolean stopped, double took_s)
{
  json_t *file;
  size_t  i;

  json_array_foreach (files, i, file) {
    const double duration_s = json_number_value (json_object_get (file, "duration_s"));
    const char  *path = json_string_value (json_object_get (file, "path"));

    if (stopped)
      g_print (_ ("Stopped; the %.1f s that were made are in %s\n"), duration_s, path);
    else
      g_print (_ ("%s: %.1f s, seed %" G_GUINT64_FORMAT ", made in %.1f s\n"), path, duration_s, recipe->seed, took_s);
  }
  if (stopped && json_array_size (files) == 0)
    g_print (_ ("Stopped before there was any sound; no file was written.\n"));
}

/* Returns the exit code; fails into @error. */
static CwExit
run_request (Run *run, const Options *options, const CwLoaded *loaded, GError **error)
{
  const cw_model_info *info = cw_model_get_info (loaded->model);
  const cw_sink        sink = { take_block, take_progress, cw_command_catch_interrupt (), run };
  g_autoptr (CwRecipe) recipe = make_recipe (options, loaded, error);
  const gint64         began = g_get_monotonic_time ();
  cw_error             problem = { 0 };
  cw_request           request;
  CwFormat             format;
  cw_status            status;
  json_t              *files;
  gboolean             written;
  double               took_s;

  if (!recipe)
    return CW_EXIT_USAGE;
  cw_recipe_to_request (recipe, &request);
  request.n_takes = options->n_takes < 0 ? 0 : (unsigned) options->n_takes;
  if (cw_request_check (&request, info, &problem) != CW_OK) {
    cw_take_error (error, &problem);
    return cw_command_exit_code (*error, FALSE);
  }
  if (!choose_paths (run, options, recipe, &format, error) || !make_clips (run, recipe, &request, info, error))
    return cw_command_exit_code (*error, FALSE);
  cw_progress_line_begin (&run->line, options->quiet, info->rate_hz);
  status = cw_generate (loaded->model, &request, &sink, NULL, &problem);
  cw_progress_line_end (&run->line);
  took_s = (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;

  files = json_array ();
  written = export_clips (run, format, files, error);
  if (status != CW_OK && status != CW_ERROR_CANCELLED) {
    g_clear_error (error);
    cw_take_error (error, &problem);
    written = FALSE;
  }
  if (options->json && written)
    cw_command_print_json (json_pack ("{s:O, s:b, s:f, s:o}", "files", files, "stopped", status == CW_ERROR_CANCELLED, "took_s",
                                      took_s, "recipe", cw_recipe_to_json_object (recipe)));
  else if (!options->quiet && !options->json)
    say_files (files, recipe, status == CW_ERROR_CANCELLED, took_s);
  json_decref (files);
  if (!written)
    return cw_command_exit_code (*error, FALSE);
  return status == CW_ERROR_CANCELLED ? CW_EXIT_STOPPED : CW_EXIT_DONE;
}

int
cw_command_generate (int argc, char **argv)
{
  Options  options = { 0 };
  Run      run = { g_ptr_array_new_with_free_func (g_object_unref), g_ptr_array_new_with_free_func (g_free), { 0 } };
  CwLoaded loaded = { 0 };
  GError  *error = NULL;
  CwExit   code = CW_EXIT_DONE;
  int      result;

  if (parse (&options, argc, argv, &result)) {
    if (cw_command_load (&loaded, options.model, options.precision, (guint) MAX (options.n_threads, 0), &code, &error))
      code = run_request (&run, &options, &loaded, &error);
    result = error ? cw_command_fail (options.json, code, error) : (int) code;
  }
  g_ptr_array_unref (run.clips);
  g_ptr_array_unref (run.paths);
  cw_command_unload (&loaded);
  options_clear (&options);
  return result;
}
