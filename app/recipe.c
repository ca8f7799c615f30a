/* SPDX-License-Identifier: MIT
 *
 * recipe.c: copying a recipe, and its three other forms: the engine's request, JSON, a file name.
 */
#include "recipe.h"

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
  g_free (recipe);
}

void
cw_recipe_to_request (const CwRecipe *recipe, cw_request *request)
{
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
  };
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
  json_object_set_new (object, "duration_s", json_real (recipe->duration_s));
  json_object_set_new (object, "precision", json_string (cw_precision_name (recipe->precision)));
  json_object_set_new (object, "seed", seed_json (recipe->seed));
  json_object_set_new (object, "take", json_integer (recipe->take));
  json_object_set_new (object, "guidance", short_real (recipe->guidance));
  json_object_set_new (object, "temperature", short_real (recipe->temperature));
  json_object_set_new (object, "top_k", json_integer (recipe->top_k));
  json_object_set_new (object, "top_p", short_real (recipe->top_p));
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
  g_autofree char *valid = g_utf8_make_valid (recipe->prompt ? recipe->prompt : "", -1);
  g_autofree char *normal = g_utf8_normalize (valid, -1, G_NORMALIZE_DEFAULT_COMPOSE);
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
