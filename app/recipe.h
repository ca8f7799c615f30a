/* SPDX-License-Identifier: MIT
 *
 * recipe.h: what was asked for, as it is kept with each clip and written into each exported file.
 *
 * A CwRecipe owns its strings and holds its sources. It is a value: copied when a clip is queued, never changed afterwards.
 */
#pragma once

#include <glib.h>

#include "engine.h"
#include "source.h"

typedef struct {
  char   *prompt;       /* UTF-8; may be blank beside a source */
  char   *model_folder; /* what cw_model_load takes */
  char   *model_name;   /* as the person sees it */
  char   *model_hash;   /* hex SHA-256, or NULL before the model was loaded */
  char   *licence;      /* of the model, or NULL when nothing states one */
  double  duration_s;
  guint64 seed;
  guint   take;         /* number of this take */
  float   guidance, temperature, top_p;
  int     top_k;
  CwSource *continues;  /* the clip begins with it and goes on; or NULL */
  CwSource *melody;     /* it follows it; or NULL */
  cw_prompt_change *changes; /* [n_changes] prompts that begin later; their strings are the recipe's */
  guint   n_changes;
  double  extend_stride_s; /* 0: the model's */
  gboolean endless;
  /* MAGNeT alone; each 0: the model's, and of any other family */
  guint    decoding_steps[CW_DECODING_STAGES_MAX]; /* of each codebook; a 0 ends them */
  float    guidance_end;      /* that guidance falls to in each stage */
  gboolean overlapping_spans; /* “stride1”, else “nonoverlap” */
  cw_precision precision; /* the weights were used in; CW_PRECISION_AUTO before the model was loaded */
} CwRecipe;

CwRecipe *cw_recipe_copy (const CwRecipe *recipe);
void      cw_recipe_free (CwRecipe *recipe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwRecipe, cw_recipe_free)

/* What a person calls the clip until they call it otherwise: the prompt, or what it was made from; g_free. */
char     *cw_recipe_to_title (const CwRecipe *recipe);
/* Adds a prompt that begins at @from_s to those that are there, in order of time. */
void      cw_recipe_add_change (CwRecipe *recipe, double from_s, const char *prompt);

/* What it leaves to the MAGNeT model of @info becomes what that does; nothing for other families. */
void      cw_recipe_settle (CwRecipe *recipe, const cw_model_info *info);

/* The engine's request for it, for a model of @info: borrows the recipe's strings. For each source with sound there stands one silent
 * sample, so that the request can be checked; what is generated needs cw_recipe_to_sound. */
void      cw_recipe_to_request (const CwRecipe *recipe, const cw_model_info *info, cw_request *request);
/* The sources' sound as the model of @info takes it, and @request points to it. Takes a while. */
typedef struct {
  CwAudio *continues, *melody; /* owned */
} CwRecipeSound;
gboolean  cw_recipe_to_sound (const CwRecipe *recipe, const cw_model_info *info, CwRecipeSound *sound, cw_request *request,
                              GError **error);
void      cw_recipe_sound_clear (CwRecipeSound *sound);
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
