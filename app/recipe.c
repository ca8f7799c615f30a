/* SPDX-License-Identifier: MIT
 *
 * recipe.c: copying a recipe, and its three other forms: the engine's request, JSON, a file name.
 */
#include "recipe.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clipwright-config.h"

#define FILE_NAME_MAX_BYTES 60

CwRecipe *
cw_recipe_copy (const CwRecipe *recipe)
{
  CwRecipe *copy = g_new (CwRecipe, 1);

  *copy = *recipe;
  copy->prompt = g_strdup (recipe->prompt);
  copy->model_folder = g_strdup (recipe->model_folder);
  copy->model_name = g_strdup (recipe->model_name);
  copy->model_hash = g_strdup (recipe->model_hash);
  copy->licence = g_strdup (recipe->licence);
  copy->continues = cw_source_ref (recipe->continues);
  copy->melody = cw_source_ref (recipe->melody);
  copy->changes = recipe->n_changes ? g_new (cw_prompt_change, recipe->n_changes) : NULL;
  for (guint i = 0; i < recipe->n_changes; i++)
    copy->changes[i] = (cw_prompt_change){ recipe->changes[i].from_s, g_strdup (recipe->changes[i].prompt) };
  return copy;
}

void
cw_recipe_free (CwRecipe *recipe)
{
  if (!recipe)
    return;
  g_free (recipe->prompt);
  g_free (recipe->model_folder);
  g_free (recipe->model_name);
  g_free (recipe->model_hash);
  g_free (recipe->licence);
  cw_source_unref (recipe->continues);
  cw_source_unref (recipe->melody);
  for (guint i = 0; i < recipe->n_changes; i++)
    g_free ((char *) recipe->changes[i].prompt);
  g_free (recipe->changes);
  g_free (recipe);
}

void
cw_recipe_add_change (CwRecipe *recipe, double from_s, const char *prompt)
{
  guint at = recipe->n_changes;

  recipe->changes = g_renew (cw_prompt_change, recipe->changes, recipe->n_changes + 1);
  for (; at > 0 && recipe->changes[at - 1].from_s > from_s; at--)
    recipe->changes[at] = recipe->changes[at - 1];
  recipe->changes[at] = (cw_prompt_change){ from_s, g_strdup (prompt) };
  recipe->n_changes++;
}

char *
cw_recipe_to_title (const CwRecipe *recipe)
{
  g_autofree char *prompt = g_utf8_make_valid (recipe->prompt ? recipe->prompt : "", -1);

  g_strdelimit (prompt, "\t\r\n\v\f", ' ');
  g_strstrip (prompt);
  if (*prompt)
    return g_steal_pointer (&prompt);
  if (recipe->continues) /* Translators: name of a clip that continues the sound file of that name */
    return g_strdup_printf (_ ("%s continued"), recipe->continues->name);
  if (recipe->melody) /* Translators: name of a clip that follows the melody of the sound file of that name */
    return g_strdup_printf (_ ("after %s"), recipe->melody->name);
  return g_steal_pointer (&prompt);
}

/* ---- the engine's request ------------------------------------------------------------------------------------------- */

void
cw_recipe_settle (CwRecipe *recipe, const cw_model_info *info)
{
  for (guint i = 0; i < CW_DECODING_STAGES_MAX && i < info->n_codebooks; i++)
    if (recipe->decoding_steps[i] == 0)
      recipe->decoding_steps[i] = info->decoding_steps[i];
  if (recipe->guidance_end == 0.0f)
    recipe->guidance_end = info->guidance_last;
}

void
cw_recipe_to_request (const CwRecipe *recipe, const cw_model_info *info, cw_request *request)
{
  static const float silence[2] = { 0.0f, 0.0f };

  *request = (cw_request){
    .prompt = recipe->prompt,
    .duration_s = recipe->duration_s,
    .seed = recipe->seed,
    .n_takes = 1,
    .first_take = recipe->take,
    .guidance = recipe->guidance,
    .temperature = recipe->temperature,
    .top_k = recipe->top_k,
    .top_p = recipe->top_p,
    .changes = recipe->changes,
    .n_changes = recipe->n_changes,
    .extend_stride_s = recipe->extend_stride_s,
    .endless = recipe->endless,
    .guidance_last = recipe->guidance_end,
    .overlapping_spans = recipe->overlapping_spans,
  };
  for (guint i = 0; i < CW_DECODING_STAGES_MAX; i++)
    request->decoding_steps[i] = recipe->decoding_steps[i];
  if (recipe->continues && recipe->continues->audio)
    request->continue_sound = (cw_signal){ silence, 1, info->n_channels };
  if (recipe->melody && recipe->melody->audio)
    request->melody = (cw_signal){ silence, 1, 1 };
}

static gboolean
convert (const CwSource *source, const cw_model_info *info, guint n_channels, CwAudio **audio, cw_signal *signal, GError **error)
{
  if (!source || !source->audio)
    return TRUE;
  if (!(*audio = cw_source_convert (source, info->rate_hz, n_channels, error)))
    return FALSE;
  *signal = (cw_signal){ (*audio)->samples, (*audio)->n_samples, n_channels };
  return TRUE;
}

gboolean
cw_recipe_to_sound (const CwRecipe *recipe, const cw_model_info *info, CwRecipeSound *sound, cw_request *request, GError **error)
{
  *sound = (CwRecipeSound){ 0 };
  return convert (recipe->continues, info, info->n_channels, &sound->continues, &request->continue_sound, error) &&
         convert (recipe->melody, info, 1, &sound->melody, &request->melody, error);
}

void
cw_recipe_sound_clear (CwRecipeSound *sound)
{
  g_clear_pointer (&sound->continues, cw_audio_free);
  g_clear_pointer (&sound->melody, cw_audio_free);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

/* A float as a person typed it: 0.9, not 0.89999997615814209. */
static json_t *
short_real (float value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  return json_real (g_ascii_strtod (g_ascii_formatd (digits, sizeof digits, "%.7g", value), NULL));
}

/* Jansson's integers end at 2⁶³ - 1: a larger seed is written as a string of digits. */
static json_t *
seed_json (guint64 seed)
{
  g_autofree char *digits = NULL;

  if (seed <= G_MAXINT64)
    return json_integer ((json_int_t) seed);
  digits = g_strdup_printf ("%" G_GUINT64_FORMAT, seed);
  return json_string (digits);
}

/* null when there is none, or when it is no UTF-8. */
static json_t *
string_json (const char *text)
{
  json_t *string = text ? json_string (text) : NULL;

  return string ? string : json_null ();
}

/* Where the file lay is nobody's business who gets the clip. */
static json_t *
source_json (const CwSource *source)
{
  return json_pack ("{s:o, s:o}", "file", string_json (source->name), "sha256", string_json (source->hash));
}

static json_t *
changes_json (const CwRecipe *recipe)
{
  json_t *list = json_array ();

  for (guint i = 0; i < recipe->n_changes; i++)
    json_array_append_new (list, json_pack ("{s:f, s:o}", "from_s", recipe->changes[i].from_s, "prompt",
                                            string_json (recipe->changes[i].prompt)));
  return list;
}

static void
set_stages (json_t *object, const CwRecipe *recipe)
{
  json_t *steps = json_array ();

  for (guint i = 0; i < CW_DECODING_STAGES_MAX && recipe->decoding_steps[i]; i++)
    json_array_append_new (steps, json_integer (recipe->decoding_steps[i]));
  if (json_array_size (steps) || recipe->overlapping_spans)
    json_object_set_new (object, "spans", json_string (recipe->overlapping_spans ? "stride1" : "nonoverlap"));
  if (json_array_size (steps))
    json_object_set (object, "decoding_steps", steps);
  if (recipe->guidance_end != 0.0f)
    json_object_set_new (object, "guidance_end", short_real (recipe->guidance_end));
  json_decref (steps);
}

json_t *
cw_recipe_to_json_object (const CwRecipe *recipe)
{
  json_t *object = json_object ();

  json_object_set_new (object, "program", json_string ("Clipwright"));
  json_object_set_new (object, "version", json_string (CLIPWRIGHT_VERSION));
  json_object_set_new (object, "ai_generated", json_true ());
  json_object_set_new (object, "prompt", string_json (recipe->prompt));
  json_object_set_new (object, "model", string_json (recipe->model_name));
  json_object_set_new (object, "model_hash", string_json (recipe->model_hash));
  json_object_set_new (object, "model_licence", string_json (recipe->licence));
  if (recipe->endless)
    json_object_set_new (object, "endless", json_true ());
  else
    json_object_set_new (object, "duration_s", json_real (recipe->duration_s));
  json_object_set_new (object, "precision", json_string (cw_precision_name (recipe->precision)));
  json_object_set_new (object, "seed", seed_json (recipe->seed));
  json_object_set_new (object, "take", json_integer (recipe->take));
  json_object_set_new (object, "guidance", short_real (recipe->guidance));
  json_object_set_new (object, "temperature", short_real (recipe->temperature));
  json_object_set_new (object, "top_k", json_integer (recipe->top_k));
  json_object_set_new (object, "top_p", short_real (recipe->top_p));
  if (recipe->continues)
    json_object_set_new (object, "continues", source_json (recipe->continues));
  if (recipe->melody)
    json_object_set_new (object, "melody", source_json (recipe->melody));
  if (recipe->n_changes)
    json_object_set_new (object, "later_prompts", changes_json (recipe));
  if (recipe->extend_stride_s > 0.0)
    json_object_set_new (object, "extend_stride_s", json_real (recipe->extend_stride_s));
  set_stages (object, recipe);
  return object;
}

char *
cw_recipe_to_json (const CwRecipe *recipe)
{
  json_t *object = cw_recipe_to_json_object (recipe);
  char   *text = json_dumps (object, JSON_COMPACT | JSON_REAL_PRECISION (15));
  char   *copy = g_strdup (text ? text : "{}");

  free (text);
  json_decref (object);
  return copy;
}

static char *
string_of (const json_t *object, const char *key)
{
  return g_strdup (json_string_value (json_object_get (object, key)));
}

static double
number_of (const json_t *object, const char *key, double lowest, double highest)
{
  return CLAMP (json_number_value (json_object_get (object, key)), lowest, highest);
}

static CwSource *
source_of (const json_t *object, const char *key)
{
  const json_t *source = json_object_get (object, key);
  const char   *name = json_string_value (json_object_get (source, "file"));

  return name ? cw_source_new_known (name, json_string_value (json_object_get (source, "sha256"))) : NULL;
}

static void
read_changes (CwRecipe *recipe, const json_t *list)
{
  json_t *change;
  size_t  i;

  json_array_foreach (list, i, change) {
    const char *prompt = json_string_value (json_object_get (change, "prompt"));

    if (prompt && recipe->n_changes < CW_PROMPT_CHANGES_MAX)
      cw_recipe_add_change (recipe, number_of (change, "from_s", 0.0, 1e6), prompt);
  }
}

static void
read_stages (CwRecipe *recipe, const json_t *object)
{
  json_t *steps;
  size_t  i;

  json_array_foreach (json_object_get (object, "decoding_steps"), i, steps) {
    if (i == CW_DECODING_STAGES_MAX || json_integer_value (steps) < 1)
      break;
    recipe->decoding_steps[i] = (guint) MIN (json_integer_value (steps), CW_DECODING_STEPS_MAX);
  }
  recipe->overlapping_spans = g_strcmp0 (json_string_value (json_object_get (object, "spans")), "stride1") == 0;
  recipe->guidance_end = (float) number_of (object, "guidance_end", 0.0, 1e3);
}

CwRecipe *
cw_recipe_from_json (const char *text)
{
  json_t       *object = json_loads (text, 0, NULL);
  const json_t *seed = json_object_get (object, "seed");
  CwRecipe     *recipe = NULL;

  if (g_strcmp0 (json_string_value (json_object_get (object, "program")), "Clipwright") == 0) {
    recipe = g_new0 (CwRecipe, 1);
    recipe->prompt = string_of (object, "prompt");
    recipe->model_name = string_of (object, "model");
    recipe->model_hash = string_of (object, "model_hash");
    recipe->licence = string_of (object, "model_licence");
    recipe->duration_s = number_of (object, "duration_s", 0.0, 1e6);
    recipe->take = (guint) number_of (object, "take", 0.0, 1e6);
    recipe->guidance = (float) number_of (object, "guidance", 0.0, 1e3);
    recipe->temperature = (float) number_of (object, "temperature", 0.0, 1e3);
    if (json_is_string (json_object_get (object, "precision")))
      cw_precision_from_name (json_string_value (json_object_get (object, "precision")), &recipe->precision);
    recipe->top_k = (int) number_of (object, "top_k", 0.0, 1e6);
    recipe->top_p = (float) number_of (object, "top_p", 0.0, 1.0);
    recipe->seed = json_is_string (seed) ? g_ascii_strtoull (json_string_value (seed), NULL, 10)
                                         : (guint64) MAX (json_integer_value (seed), 0);
    recipe->continues = source_of (object, "continues");
    recipe->melody = source_of (object, "melody");
    read_changes (recipe, json_object_get (object, "later_prompts"));
    recipe->extend_stride_s = number_of (object, "extend_stride_s", 0.0, 1e6);
    recipe->endless = json_is_true (json_object_get (object, "endless"));
    read_stages (recipe, object);
    if (!recipe->prompt)
      recipe->prompt = g_strdup ("");
  }
  json_decref (object);
  return recipe;
}

/* ---- a file name --------------------------------------------------------------------------------------------------- */

char *
cw_recipe_to_file_name (const CwRecipe *recipe)
{
  g_autofree char *title = cw_recipe_to_title (recipe);
  g_autofree char *normal = g_utf8_normalize (title, -1, G_NORMALIZE_DEFAULT_COMPOSE);
  GString         *name = g_string_new (NULL);
  gsize            word_end = 0; /* of the last whole word */
  gboolean         cut = FALSE;

  for (const char *at = normal; *at && !cut; at = g_utf8_next_char (at)) {
    const gunichar character = g_utf8_get_char (at);
    const gsize    n_bytes = (gsize) (g_utf8_next_char (at) - at);
    const gboolean kept = character != 0xFFFD && (g_unichar_isalnum (character) || (name->len && g_unichar_ismark (character)));

    if (!kept && character != '\'' && character != 0x2019) {
      if (name->len && name->str[name->len - 1] != '-') {
        word_end = name->len;
        g_string_append_c (name, '-');
      }
    } else if (kept) {
      if (name->len + n_bytes > FILE_NAME_MAX_BYTES)
        cut = TRUE;
      else
        g_string_append_len (name, at, (gssize) n_bytes);
    }
  }
  if (cut && word_end >= FILE_NAME_MAX_BYTES / 2)
    g_string_truncate (name, word_end);
  while (name->len && name->str[name->len - 1] == '-')
    g_string_truncate (name, name->len - 1);
  if (!name->len)
    g_string_append (name, "clip");
  return g_string_free (name, FALSE);
}
