/* SPDX-License-Identifier: MIT
 *
 * companion.c: see companion.h.
 */
#define _GNU_SOURCE
#include "generate/companion.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define CONFIG_MAX_BYTES (1u << 20)

/* Names that stand for one encoder each: such a folder is never taken for another (audiocraft modules/conditioners.py, T5Conditioner). */
static const char *const published[] = {
  "t5-small", "t5-base", "t5-large", "t5-3b", "t5-11b", "flan-t5-small", "flan-t5-base", "flan-t5-large", "flan-t5-xl", "flan-t5-xxl",
};

static const char *
last_part (const char *name)
{
  const char *slash = strrchr (name, '/');

  return slash && slash[1] ? slash + 1 : name;
}

/* The first T5, t5-*, has ReLU; the later ones, flan-t5-*, have gates. Codecs have neither. */
static bool
gates_fit (const cw_companion *companion, const json_t *config)
{
  const char *activation = json_string_value (json_object_get (config, "feed_forward_proj"));
  const bool  gated = activation && strncmp (activation, "gated", 5) == 0;

  return gated == (strncmp (last_part (companion->name), "flan-", 5) == 0);
}

/* Is it a folder of transformers' with such a model? */
static bool
fits (const cw_companion *companion, const char *folder)
{
  char         *path = NULL;
  json_t       *config;
  const json_t *kind, *value;
  bool          ok;

  if (asprintf (&path, "%s/config.json", folder) < 0)
    return false;
  config = access (path, R_OK) == 0 ? cw_json_read_file (path, CONFIG_MAX_BYTES, NULL) : NULL;
  kind = json_object_get (config, "model_type");
  value = json_object_get (config, companion->field);
  ok = json_is_string (kind) && strcmp (json_string_value (kind), companion->kind) == 0 && json_is_integer (value) &&
       json_integer_value (value) == companion->value && gates_fit (companion, config);
  json_decref (config);
  free (path);
  return ok;
}

static bool
is_published (const char *name)
{
  for (size_t i = 0; i < sizeof published / sizeof *published; i++)
    if (strcmp (published[i], name) == 0)
      return true;
  return false;
}

/* Looks for the only other folder in @place that fits: counts them, the first goes to *found. */
static size_t
search (const cw_companion *companion, const char *place, char **found)
{
  DIR           *dir = opendir (place);
  struct dirent *entry;
  size_t         n = 0;

  while (dir && (entry = readdir (dir))) {
    char *folder = NULL;

    if (entry->d_name[0] == '.' || is_published (entry->d_name) || asprintf (&folder, "%s/%s", place, entry->d_name) < 0)
      continue;
    if (fits (companion, folder) && n++ == 0 && !*found)
      *found = folder;
    else
      free (folder);
  }
  if (dir)
    closedir (dir);
  return n;
}

char *
cw_companion_find (const cw_companion *companion, cw_error *error)
{
  const char *name = last_part (companion->name);
  char       *parent = NULL, *found = NULL;
  const char *places[3];
  size_t      n = 0;

  if (asprintf (&parent, "%s/..", companion->folder) < 0) {
    cw_fail_memory (error, companion->what, strlen (companion->folder));
    return NULL;
  }
  places[0] = companion->folder;
  places[1] = parent;
  places[2] = companion->models_folder;
  for (size_t i = 0; i < 3 && !found; i++)
    if (places[i] && asprintf (&found, "%s/%s", places[i], name) >= 0 && !fits (companion, found)) {
      free (found);
      found = NULL;
    }
  for (size_t i = 0; i < 3 && !found; i++)
    if (places[i] && (n = search (companion, places[i], &found)) > 1) {
      free (found);
      found = NULL;
      break;
    }
  free (parent);
  if (!found)
    cw_fail (error, CW_ERROR_IO,
             n > 1 ? "“%s” needs the %s “%s” (%s %ld), which is not in its file, and several folders fit; name the right one “%s”."
                   : "“%s” needs the %s “%s” (%s %ld), which is not in its file: get its folder of the Hugging Face hub (config.json, "
                     "tokenizer.json, model.safetensors) and put it beside the model as “%s”.",
             companion->folder, companion->what, companion->name, companion->field, companion->value, name);
  return found;
}
