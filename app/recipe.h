/* SPDX-License-Identifier: MIT
 *
 * recipe.h: what was asked for, as it is kept with each clip and written into each exported file.
 *
 * A CwRecipe owns its strings. It is a value: copied when a clip is queued, never changed afterwards.
 */
#pragma once

#include <glib.h>

#include "engine.h"

typedef struct {
  char   *prompt;       /* UTF-8 */
  char   *model_folder; /* what cw_model_load takes */
  char   *model_name;   /* as the person sees it */
  char   *model_hash;   /* hex SHA-256, or NULL before the model was loaded */
  char   *licence;      /* of the model, or NULL when nothing states one */
  double  duration_s;
  guint64 seed;
  guint   take;         /* number of this take */
  float   guidance, temperature, top_p;
  int     top_k;
  cw_precision precision; /* the weights were used in; CW_PRECISION_AUTO before the model was loaded */
} CwRecipe;

CwRecipe *cw_recipe_copy (const CwRecipe *recipe);
void      cw_recipe_free (CwRecipe *recipe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwRecipe, cw_recipe_free)

/* The engine's request for it: borrows the recipe's strings. */
void      cw_recipe_to_request (const CwRecipe *recipe, cw_request *request);
/* The same as an object of jansson's, a new reference. */
struct json_t;
struct json_t *cw_recipe_to_json_object (const CwRecipe *recipe);
/* One JSON object with every field, the program's version and the mark that the sound is AI-generated; g_free. */
char     *cw_recipe_to_json (const CwRecipe *recipe);
/* Reads that object back: from the comment of an exported file, say. What is missing or of another type keeps its zero;
 * NULL when @text is no such object. The model's folder is not in it. */
CwRecipe *cw_recipe_from_json (const char *text);
/* A file name without extension made of the prompt: letters and digits of any script, dashes, at most 60 bytes. */
char     *cw_recipe_to_file_name (const CwRecipe *recipe);
