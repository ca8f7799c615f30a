/* SPDX-License-Identifier: MIT
 *
 * models.c: where models are looked for.
 */
#include "models.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "clipwright-config.h"
#include "model-folder.h"
#include "model-pins.h"
#include "settings.h"

#define LICENCE_MAX_BYTES 4096

void
cw_model_place_free (CwModelPlace *place)
{
  if (!place)
    return;
  g_free (place->name);
  g_free (place->folder);
  g_free (place->licence);
  g_free (place);
}

static gboolean
has_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

/* Of transformers', or of AudioCraft's. */
gboolean
cw_models_is_model (const char *folder)
{
  return has_file (folder, "config.json") || has_file (folder, "compression_state_dict.bin");
}

/* The first bytes of a file of @folder, NULL when there is none or it is no text. */
static char *
read_start (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = g_malloc0 (LICENCE_MAX_BYTES + 1);
  FILE            *file = g_fopen (path, "re");

  if (!file)
    return NULL;
  text[fread (text, 1, LICENCE_MAX_BYTES, file)] = '\0';
  fclose (file);
  return g_utf8_make_valid (text, -1);
}

/* `license: …` between the two lines of dashes that open a model card. */
static char *
licence_of_card (const char *card)
{
  g_auto (GStrv) lines = NULL;

  if (!g_str_has_prefix (card, "---\n"))
    return NULL;
  lines = g_strsplit (card, "\n", -1);
  for (guint i = 1; lines[i] && strcmp (lines[i], "---") != 0; i++)
    if (g_str_has_prefix (lines[i], "license:")) {
      const char *value = lines[i] + strlen ("license:");

      return g_strstrip (g_strdup (value));
    }
  return NULL;
}

/* What was agreed to when it came here; else what the model card says. */
static char *
find_licence (const char *folder)
{
  g_autoptr (CwPins) pins = cw_pins_read (folder);
  g_autofree char   *card = read_start (folder, "README.md"), *text = NULL;
  char              *licence = pins && pins->licence ? g_strdup (pins->licence) : card ? licence_of_card (card) : NULL;

  if (!licence && (text = read_start (folder, "LICENSE"))) {
    g_auto (GStrv) lines = g_strsplit (g_strchug (text), "\n", 2);

    licence = lines[0] ? g_strstrip (g_strdup (lines[0])) : NULL;
  }
  if (licence && !*licence)
    g_clear_pointer (&licence, g_free);
  return licence;
}

static CwModelPlace *
place_new (const char *folder, const char *name, gboolean starter)
{
  CwModelPlace *place = g_new0 (CwModelPlace, 1);

  place->folder = g_canonicalize_filename (folder, NULL);
  place->name = name ? g_strdup (name) : g_path_get_basename (place->folder);
  place->licence = find_licence (folder);
  place->starter = starter;
  return place;
}

static CwModelPlace *
find_starter (void)
{
  const char      *asked = g_getenv ("CLIPWRIGHT_DATA_DIR");
  g_autofree char *from_environment = asked ? g_build_filename (asked, "starter", NULL) : NULL;
  const char      *folders[] = { from_environment, CLIPWRIGHT_DATA_DIR "/starter", CLIPWRIGHT_SOURCE_STARTER };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    if (folders[i] && cw_models_is_model (folders[i]))
      return place_new (folders[i], "starter", TRUE);
  return NULL;
}

/* A text encoder of its own lies there for models in AudioCraft's format, and makes no sound. */
static gboolean
is_text_encoder (const char *folder)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  json_t          *json = json_load_file (config, 0, NULL);
  const gboolean   is_t5 = g_strcmp0 (json_string_value (json_object_get (json, "model_type")), "t5") == 0;

  json_decref (json);
  return is_t5;
}

char *
cw_models_get_folder (void)
{
  char *folder = cw_settings_get_models_folder ();

  if (!folder)
    folder = g_build_filename (g_get_user_data_dir (), "clipwright", "models", NULL);
  g_mkdir_with_parents (folder, 0777);
  return folder;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const CwModelPlace *const *left = a, *const *right = b;

  return strcmp ((*left)->name, (*right)->name);
}

GPtrArray *
cw_models_list (void)
{
  GPtrArray       *places = g_ptr_array_new_with_free_func ((GDestroyNotify) cw_model_place_free);
  g_autofree char *folder = cw_models_get_folder ();
  CwModelPlace    *starter = find_starter ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char      *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (name[0] != '.' && !g_str_has_suffix (name, CW_MODEL_PART_SUFFIX) && cw_models_is_model (path) && !is_text_encoder (path))
      g_ptr_array_add (places, place_new (path, NULL, FALSE));
  }
  g_ptr_array_sort (places, compare_names);
  if (starter)
    g_ptr_array_insert (places, 0, starter);
  return places;
}

static void
fail_unknown (GError **error, const char *which, GPtrArray *places)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autofree char *shown = which ? g_filename_display_name (which) : NULL, *folder = cw_models_get_folder ();

  for (guint i = 0; i < places->len; i++) {
    const CwModelPlace *place = g_ptr_array_index (places, i);

    g_string_append_printf (names, "%s%s", i ? ", " : "", place->name);
  }
  if (!which)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("The starter model is not installed; name another with --model, or put one into %s."), folder);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no model “%s”. There are: %s. A folder with a config.json or a state_dict.bin is taken, too."), shown,
                 names->len ? names->str : _ ("none"));
}

CwModelPlace *
cw_models_find (const char *which, GError **error)
{
  g_autoptr (GPtrArray) places = cw_models_list ();

  for (guint i = 0; i < places->len; i++) {
    const CwModelPlace *place = g_ptr_array_index (places, i);

    if (which ? strcmp (place->name, which) == 0 : place->starter)
      return g_ptr_array_steal_index (places, i);
  }
  if (which && (cw_models_is_model (which) || strchr (which, '/') || g_file_test (which, G_FILE_TEST_IS_DIR)))
    return place_new (which, NULL, FALSE); /* whatever is wrong with it, the engine says best */
  fail_unknown (error, which, places);
  return NULL;
}

char *
cw_models_get_name (const char *folder)
{
  g_autoptr (GPtrArray) places = cw_models_list ();
  g_autofree char      *absolute = g_canonicalize_filename (folder, NULL);

  for (guint i = 0; i < places->len; i++) {
    const CwModelPlace *place = g_ptr_array_index (places, i);

    if (strcmp (place->folder, absolute) == 0)
      return g_strdup (place->name);
  }
  return g_path_get_basename (absolute);
}

char *
cw_models_get_cache_folder (void)
{
  return g_build_filename (g_get_user_cache_dir (), "clipwright", "weights", NULL);
}
