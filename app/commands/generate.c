/* SPDX-License-Identifier: MIT
 *
 * generate.c: clipwright generate PROMPT: a clip, or several takes of it, or an endless one, into sound files.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <string.h>

#include "clip.h"
#include "commands/commands.h"
#include "commands/generate-options.h"
#include "commands/progress.h"
#include "error.h"

typedef struct {
  GPtrArray         *clips; /* of CwClip; none of an endless one, */
  CwExport          *stream; /* which goes into its file at once */
  gsize              n_streamed; /* samples per channel */
  guint              rate_hz;
  GPtrArray         *paths; /* of char *, one a take */
  CwProgressLine     line;
  const atomic_bool *interrupt; /* Ctrl-C */
  atomic_bool        stop;      /* that, or the file cannot be written */
  GError            *problem;   /* why it cannot */
  json_t            *notices;   /* sentences for the person */
} Run;

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
choose_paths (Run *run, const CwGenerateOptions *options, const CwRecipe *recipe, CwFormat *format, GError **error)
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

  if (run->stream) {
    if (!run->problem && !cw_export_append (run->stream, block->samples, block->n_samples, &run->problem))
      atomic_store (&run->stop, true);
    run->n_streamed += block->n_samples;
    return;
  }
  cw_clip_append (g_ptr_array_index (run->clips, block->take), block->samples, block->n_samples);
}

static void
take_progress (const cw_progress *progress, void *user)
{
  Run *run = user;

  if (atomic_load (run->interrupt))
    atomic_store (&run->stop, true);
  cw_progress_line_update (&run->line, progress);
}

/* What happened to the card; printed behind the line of progress, so that it stays. */
static void
take_notice (const char *sentence, void *user)
{
  Run *run = user;

  json_array_append_new (run->notices, json_string (sentence));
}

static void
add_file (json_t *files, const Run *run, guint take, gsize n_samples)
{
  g_autofree char *shown = g_filename_display_name (g_ptr_array_index (run->paths, take));

  json_array_append_new (files, json_pack ("{s:s, s:I, s:f}", "path", shown, "take", (json_int_t) take, "duration_s",
                                           (double) n_samples / run->rate_hz));
}

/* Ends an endless clip's file; without a sound in it there is none. */
static gboolean
finish_stream (Run *run, json_t *files, GError **error)
{
  if (run->problem || run->n_streamed == 0) {
    g_clear_pointer (&run->stream, cw_export_abandon);
    if (run->problem)
      g_propagate_error (error, g_steal_pointer (&run->problem));
    return error == NULL || *error == NULL;
  }
  if (!cw_export_finish (g_steal_pointer (&run->stream), error))
    return FALSE;
  add_file (files, run, 0, run->n_streamed);
  return TRUE;
}

/* Writes what each clip holds. TRUE if all could be written; the first failure in @error. */
static gboolean
export_clips (const Run *run, CwFormat format, json_t *files, GError **error)
{
  gboolean all = TRUE;

  for (guint i = 0; i < run->clips->len; i++) {
    CwClip     *clip = g_ptr_array_index (run->clips, i);
    const char *path = g_ptr_array_index (run->paths, i);
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
    add_file (files, run, i, cw_clip_get_n_ready (clip));
  }
  return all;
}

static void
say_notices (json_t *notices)
{
  json_t *notice;
  size_t  i;

  json_array_foreach (notices, i, notice)
    g_printerr ("%s\n", json_string_value (notice));
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

/* Where the clips go: said before the work begins. */
static gboolean
begin_files (Run *run, const CwGenerateOptions *options, const CwRecipe *recipe, const cw_request *request,
             const cw_model_info *info, CwFormat *format, GError **error)
{
  run->rate_hz = info->rate_hz;
  if (!choose_paths (run, options, recipe, format, error))
    return FALSE;
  if (!request->endless)
    return make_clips (run, recipe, request, info, error);
  run->stream = cw_export_begin (g_ptr_array_index (run->paths, 0), *format, TRUE, info->n_channels, info->rate_hz, recipe, error);
  return run->stream != NULL;
}

/* Ends the files and says what there is; fails into @error. */
static CwExit
end_files (Run *run, const CwGenerateOptions *options, const CwRecipe *recipe, CwFormat format, cw_error *problem, double took_s,
           GError **error)
{
  const gboolean stopped = problem->code == CW_ERROR_CANCELLED && !recipe->endless; /* an endless one ends in no other way */
  json_t        *files = json_array ();
  gboolean       written = run->stream ? finish_stream (run, files, error) : export_clips (run, format, files, error);

  if (problem->code != CW_OK && problem->code != CW_ERROR_CANCELLED) {
    g_clear_error (error);
    cw_take_error (error, problem);
    written = FALSE;
  }
  if (options->json && written)
    cw_command_print_json (json_pack ("{s:O, s:b, s:f, s:O, s:o}", "files", files, "stopped", stopped, "took_s", took_s, "notices",
                                      run->notices, "recipe", cw_recipe_to_json_object (recipe)));
  else if (!options->quiet && !options->json) {
    say_notices (run->notices);
    say_files (files, recipe, stopped, took_s);
  }
  json_decref (files);
  if (!written)
    return cw_command_exit_code (*error, FALSE);
  return stopped ? CW_EXIT_STOPPED : CW_EXIT_DONE;
}

/* Returns the exit code; fails into @error. */
static CwExit
run_request (Run *run, const CwGenerateOptions *options, const CwLoaded *loaded, GError **error)
{
  const cw_model_info *info = cw_model_get_info (loaded->model);
  const cw_sink        sink = { take_block, take_progress, &run->stop, run, take_notice };
  g_autoptr (CwRecipe) recipe = cw_generate_options_to_recipe (options, loaded, error);
  const gint64         began = g_get_monotonic_time ();
  CwRecipeSound        sound = { 0 };
  cw_error             problem = { 0 };
  cw_request           request;
  CwFormat             format;
  CwExit               code;

  if (!recipe)
    return (*error)->domain == CW_ERROR ? CW_EXIT_USAGE : CW_EXIT_FAILED;
  cw_recipe_to_request (recipe, info, &request);
  request.n_takes = options->n_takes < 0 ? 0 : (unsigned) options->n_takes;
  if (!cw_recipe_to_sound (recipe, info, &sound, &request, error)) {
    code = CW_EXIT_FAILED;
  } else if (cw_request_check (&request, info, &problem) != CW_OK) {
    cw_take_error (error, &problem);
    code = cw_command_exit_code (*error, FALSE);
  } else if (!begin_files (run, options, recipe, &request, info, &format, error)) {
    code = cw_command_exit_code (*error, FALSE);
  } else {
    run->interrupt = cw_command_catch_interrupt ();
    cw_progress_line_begin (&run->line, options->quiet, info->rate_hz);
    cw_generate (loaded->model, &request, &sink, NULL, &problem);
    cw_progress_line_end (&run->line);
    code = end_files (run, options, recipe, format, &problem, (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC, error);
  }
  cw_recipe_sound_clear (&sound);
  return code;
}

int
cw_command_generate (int argc, char **argv)
{
  CwGenerateOptions options = { 0 };
  Run      run = { .clips = g_ptr_array_new_with_free_func (g_object_unref), .paths = g_ptr_array_new_with_free_func (g_free),
               .notices = json_array () };
  CwLoaded loaded = { 0 };
  GError  *error = NULL;
  CwExit   code = CW_EXIT_DONE;
  int      result;

  if (cw_generate_options_parse (&options, argc, argv, &result)) {
    if (cw_command_load (&loaded, options.model, &(CwHow){ options.precision, options.device, options.vram, options.n_threads }, &code, &error))
      code = run_request (&run, &options, &loaded, &error);
    result = error ? cw_command_fail (options.json, code, error) : (int) code;
  }
  cw_export_abandon (run.stream);
  g_ptr_array_unref (run.clips);
  g_ptr_array_unref (run.paths);
  json_decref (run.notices);
  cw_command_unload (&loaded);
  cw_generate_options_clear (&options);
  return result;
}
