/* SPDX-License-Identifier: MIT
 *
 * generate-options.c: see generate-options.h.
 */
#include "commands/generate-options.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "error.h"

#define NOT_GIVEN    -1.0e300 /* no option has this value */
#define GO_ON_S      8.0      /* what is made of a clip past its beginning, or past its last prompt, when no length is given */

void
cw_generate_options_clear (CwGenerateOptions *options)
{
  g_free (options->model);
  g_free (options->seed);
  g_free (options->format);
  g_free (options->output);
  g_free (options->precision);
  g_free (options->device);
  g_free (options->vram);
  g_free (options->decoding_steps);
  g_free (options->spans);
  g_strfreev (options->prompts_at);
  g_strfreev (options->continues);
  g_strfreev (options->melody);
  g_strfreev (options->rest);
}

static const char description[] = N_ (
  "Examples:\n"
  "  clipwright generate \"slow blues guitar\"\n"
  "  clipwright generate \"heavy rain on a roof\" --duration 4 --seed 7 -o rain.flac\n"
  "  clipwright generate \"rock drums\" --takes 4 --temperature 1.2\n"
  "  clipwright generate \"string quartet\" --continue take1.wav --duration 20\n"
  "  clipwright generate \"calm piano\" --prompt-at \"12:drums come in\" --duration 24\n"
  "  clipwright generate \"heavy rain\" --endless -o night.flac\n\n"
  "Ctrl-C keeps what was made. Exit codes: 0 done, 1 a file or the system refused, 2 a value is\n"
  "out of range, 3 no such model or it is broken, 4 not enough memory, 130 stopped.\n");

/* One prompt, or none where a sound file takes its place; and nothing that contradicts something else. */
static gboolean
check_together (const CwGenerateOptions *options, int *code)
{
  const gboolean none = !options->rest || !options->rest[0];

  if (none ? !options->continues && !options->melody : options->rest[1] != NULL)
    *code = cw_command_refuse (options->json, "%s", none ? _ ("There is no prompt; say what it should sound like, in quotes.")
                                                         : _ ("More than one prompt was given; put it in quotes."));
  else if (options->endless && options->duration_s != NOT_GIVEN)
    *code = cw_command_refuse (options->json, _ ("A duration and --endless were given; one of them was expected."));
  else if (options->continues && options->continues[1])
    *code = cw_command_refuse (options->json, _ ("--continue was given more than once; a clip begins with one sound."));
  else if (options->melody && options->melody[1])
    *code = cw_command_refuse (options->json, _ ("--melody was given more than once; a clip follows one melody."));
  else
    return TRUE;
  return FALSE;
}

gboolean
cw_generate_options_parse (CwGenerateOptions *options, int argc, char **argv, int *code)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options->model, N_ ("Model folder or name (default: the starter model)"), N_ ("DIR|NAME") },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &options->duration_s, N_ ("Length of the whole clip in seconds"), "S" },
    { "seed", 's', 0, G_OPTION_ARG_STRING, &options->seed, N_ ("The same seed and request give the same clip (default: random)"), "N" },
    { "guidance", 'g', 0, G_OPTION_ARG_DOUBLE, &options->guidance, N_ ("How closely to follow the prompt, 1 to 20"), "X" },
    { "temperature", 't', 0, G_OPTION_ARG_DOUBLE, &options->temperature, N_ ("0 takes the likeliest always, higher is wilder, up to 5"), "X" },
    { "top-k", 0, 0, G_OPTION_ARG_INT, &options->top_k, N_ ("Choose among the N likeliest tokens; 0: all"), "N" },
    { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &options->top_p, N_ ("Choose among the likeliest tokens that sum to X; 0: off"), "X" },
    { "takes", 'n', 0, G_OPTION_ARG_INT, &options->n_takes, N_ ("Make N different clips of the prompt in one pass"), "N" },
    { "continue", 'c', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->continues, N_ ("Begin with this sound and go on from its end"), N_ ("FILE") },
    { "melody", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->melody,
      N_ ("Follow the melody of this sound (MusicGen Melody; drums and bass are not taken out first)"), N_ ("FILE") },
    { "prompt-at", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->prompts_at,
      N_ ("From these seconds on another prompt; may be given several times"), N_ ("S:PROMPT") },
    { "extend-stride", 0, 0, G_OPTION_ARG_DOUBLE, &options->extend_stride_s,
      N_ ("Past the model's window it moves on by S seconds and hears the rest again"), "S" },
    { "endless", 0, 0, G_OPTION_ARG_NONE, &options->endless, N_ ("Go on until Ctrl-C"), NULL },
    { "decoding-steps", 0, 0, G_OPTION_ARG_STRING, &options->decoding_steps, N_ ("MAGNeT: steps for each codebook, like 20,10,10,10"),
      "N,N,…" },
    { "spans", 0, 0, G_OPTION_ARG_STRING, &options->spans, N_ ("MAGNeT: nonoverlap (default), or stride1: spans begin anywhere"), "S" },
    { "guidance-end", 0, 0, G_OPTION_ARG_DOUBLE, &options->guidance_end, N_ ("MAGNeT: what guidance falls to for each codebook, 1 to 20"),
      "X" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &options->precision, CW_COMMAND_PRECISION_HELP, "P" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options->device, CW_COMMAND_DEVICE_HELP, "D" },
    { "vram", 0, 0, G_OPTION_ARG_STRING, &options->vram, CW_COMMAND_VRAM_HELP, N_ ("SIZE") },
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
  g_option_context_set_description (context, _ (description));
  g_option_context_add_main_entries (context, entries, NULL);
  options->duration_s = options->guidance = options->temperature = options->top_p = options->extend_stride_s = options->guidance_end = NOT_GIVEN;
  options->top_k = G_MININT;
  options->n_takes = 1;
  return cw_command_parse (context, &argc, &argv, code) && check_together (options, code);
}

/* ---- the recipe ------------------------------------------------------------------------------------------------------- */

/* NaN counts as given: the engine's check refuses it. */
static gboolean
is_given (double value)
{
  return value != NOT_GIVEN;
}

/* "12.5:TEXT" */
static gboolean
add_prompt_at (CwRecipe *recipe, const char *text, GError **error)
{
  char        *end;
  const double from_s = g_ascii_strtod (text, &end);

  if (end == text || *end != ':' || !isfinite (from_s)) {
    g_autofree char *shown = g_utf8_make_valid (text, -1);

    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("“%s” is no prompt with its time; write it like 12.5:TEXT."), shown);
    return FALSE;
  }
  cw_recipe_add_change (recipe, from_s, end + 1);
  return TRUE;
}

static gboolean
read_starts (CwRecipe *recipe, const CwGenerateOptions *options, GError **error)
{
  if (options->continues && !(recipe->continues = cw_source_read (options->continues[0], error)))
    return FALSE;
  if (options->melody && !(recipe->melody = cw_source_read (options->melody[0], error)))
    return FALSE;
  for (char **text = options->prompts_at; text && *text; text++)
    if (!add_prompt_at (recipe, *text, error))
      return FALSE;
  return TRUE;
}

/* "20,10,10,10" */
static gboolean
read_decoding_steps (CwRecipe *recipe, const char *text, const CwLoaded *loaded, GError **error)
{
  g_auto (GStrv) numbers = g_strsplit (text, ",", CW_DECODING_STAGES_MAX + 1);
  const guint    n = g_strv_length (numbers), n_codebooks = cw_model_get_info (loaded->model)->n_codebooks;
  gboolean       good = n == n_codebooks && n <= CW_DECODING_STAGES_MAX;
  guint64        steps = 0;

  for (guint i = 0; i < n && good; i++) {
    good = g_ascii_string_to_unsigned (numbers[i], 10, 1, CW_DECODING_STEPS_MAX, &steps, NULL);
    recipe->decoding_steps[i] = (guint) steps;
  }
  if (!good)
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT,
                 _ ("The decoding steps are “%s”; “%s” takes %u numbers from 1 to %d with commas between, one for each codebook."), text,
                 loaded->place->name, n_codebooks, CW_DECODING_STEPS_MAX);
  return good;
}

/* MAGNeT's own options. */
static gboolean
read_stages (CwRecipe *recipe, const CwGenerateOptions *options, const CwLoaded *loaded, GError **error)
{
  const gboolean ends = is_given (options->guidance_end);

  if (!options->decoding_steps && !options->spans && !ends)
    return TRUE;
  if (cw_model_get_info (loaded->model)->span_frames == 0) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT,
                 _ ("“%s” is no MAGNeT model; --decoding-steps, --spans and --guidance-end are for those alone."), loaded->place->name);
    return FALSE;
  }
  recipe->overlapping_spans = g_strcmp0 (options->spans, "stride1") == 0;
  if (options->spans && !recipe->overlapping_spans && strcmp (options->spans, "nonoverlap") != 0) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("There are no spans “%s”; there are nonoverlap and stride1."), options->spans);
    return FALSE;
  }
  if (ends && options->guidance_end == 0.0) { /* which is the default to the engine; that checks the other values */
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("The guidance at the end is 0; 1 (off) to %g are allowed."), CW_GUIDANCE_MAX);
    return FALSE;
  }
  if (ends)
    recipe->guidance_end = (float) options->guidance_end;
  return !options->decoding_steps || read_decoding_steps (recipe, options->decoding_steps, loaded, error);
}

/* When none is given: the model's, past what is continued and past the last prompt. */
static double
default_duration (const CwRecipe *recipe, const cw_model_info *info, double usual_s)
{
  double from_s = recipe->continues ? cw_source_get_seconds (recipe->continues) : 0.0;

  if (recipe->n_changes)
    from_s = MAX (from_s, recipe->changes[recipe->n_changes - 1].from_s);
  return from_s > 0.0 ? MAX (usual_s, MIN (from_s + GO_ON_S, info->max_duration_s)) : usual_s;
}

CwRecipe *
cw_generate_options_to_recipe (const CwGenerateOptions *options, const CwLoaded *loaded, GError **error)
{
  g_autoptr (CwRecipe) recipe = g_new0 (CwRecipe, 1);
  const cw_model_info *info = cw_model_get_info (loaded->model);
  cw_request           request;

  cw_request_init (&request, info);
  recipe->prompt = g_strdup (options->rest && options->rest[0] ? options->rest[0] : "");
  recipe->model_folder = g_strdup (loaded->place->folder);
  recipe->model_name = g_strdup (loaded->place->name);
  recipe->model_hash = g_strdup (info->hash);
  recipe->licence = g_strdup (loaded->place->licence);
  recipe->precision = info->precision;
  if (!read_starts (recipe, options, error) || !read_stages (recipe, options, loaded, error))
    return NULL;
  cw_recipe_settle (recipe, info);
  recipe->duration_s = is_given (options->duration_s) ? options->duration_s : default_duration (recipe, info, request.duration_s);
  recipe->guidance = is_given (options->guidance) ? (float) options->guidance : request.guidance;
  recipe->temperature = is_given (options->temperature) ? (float) options->temperature : request.temperature;
  recipe->top_p = is_given (options->top_p) ? (float) options->top_p : request.top_p;
  recipe->top_k = options->top_k != G_MININT ? options->top_k : request.top_k;
  recipe->extend_stride_s = is_given (options->extend_stride_s) ? options->extend_stride_s : 0.0;
  recipe->endless = options->endless;
  recipe->seed = (guint64) g_random_int () << 16 ^ g_random_int ();
  if (options->seed && !g_ascii_string_to_unsigned (options->seed, 10, 0, G_MAXUINT64, &recipe->seed, NULL)) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("The seed “%s” is not a whole number from 0 to %" G_GUINT64_FORMAT "."),
                 options->seed, G_MAXUINT64);
    return NULL;
  }
  return g_steal_pointer (&recipe);
}
