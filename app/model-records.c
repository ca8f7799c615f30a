/* SPDX-License-Identifier: MIT
 *
 * model-records.c: see model-records.h.
 */
#include "model-records.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <string.h>

#include "model-folder.h"
#include "model-pins.h"

#define RATE_MAX_HZ 384000

void
cw_model_record_free (CwModelRecord *record)
{
  if (!record)
    return;
  g_free (record->name);
  g_free (record->folder);
  g_free (record->repo);
  g_free (record->licence);
  g_free (record);
}

const char *
cw_model_state_name (CwModelState state)
{
  static const char *const names[] = { "starter", "installed", "partial", "available", "not-yet" };

  return names[state];
}

const char *
cw_model_record_get_title (const CwModelRecord *record)
{
  return record->entry ? record->entry->title : record->state == CW_MODEL_STARTER ? _ ("Starter Model") : record->name;
}

static CwModelRecord *
record_of_entry (const CwCatalogueEntry *entry, const char *models)
{
  CwModelRecord     *record = g_new0 (CwModelRecord, 1);
  g_autofree char   *folder = g_build_filename (models, entry->id, NULL), *part = g_strconcat (folder, CW_MODEL_PART_SUFFIX, NULL);
  g_autoptr (CwPins) pins = cw_pins_read (folder);

  record->name = g_strdup (entry->id);
  record->repo = g_strdup (entry->repo);
  record->entry = entry;
  record->rate_hz = entry->rate_hz;
  record->n_channels = entry->n_channels;
  record->licence = g_strdup (pins && pins->licence ? pins->licence : entry->licence);
  if (cw_models_is_model (folder)) {
    record->state = CW_MODEL_INSTALLED;
    record->n_bytes = cw_model_folder_get_n_bytes (folder);
    record->folder = g_steal_pointer (&folder);
  } else if (g_file_test (part, G_FILE_TEST_IS_DIR)) {
    record->state = CW_MODEL_PARTIAL;
    record->n_bytes = cw_model_folder_get_n_bytes (part);
  } else {
    record->state = entry->not_yet ? CW_MODEL_NOT_YET : CW_MODEL_AVAILABLE;
  }
  return record;
}

/* What transformers' config.json in @folder says of the sound: of a MusicGen model or a codec. Zeros where it says nothing. */
static void
read_sound (const char *folder, guint *rate_hz, guint *n_channels)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  json_t          *config = json_load_file (path, 0, NULL), *codec = json_object_get (config, "audio_encoder");
  const json_t    *decoder = json_object_get (config, "decoder");
  const json_int_t rate = json_integer_value (json_object_get (codec ? codec : config, "sampling_rate"));
  const json_int_t n = json_integer_value (json_object_get (codec ? decoder : config, "audio_channels"));

  if (rate > 0 && rate <= RATE_MAX_HZ && (n == 1 || n == 2)) {
    *rate_hz = (guint) rate;
    *n_channels = (guint) n;
  }
  json_decref (config);
}

static CwModelRecord *
record_of_place (const CwModelPlace *place)
{
  CwModelRecord     *record = g_new0 (CwModelRecord, 1);
  g_autoptr (CwPins) pins = cw_pins_read (place->folder);

  record->name = g_strdup (place->name);
  record->folder = g_strdup (place->folder);
  record->repo = g_strdup (pins ? pins->repo : NULL);
  record->licence = g_strdup (place->licence);
  record->state = place->starter ? CW_MODEL_STARTER : CW_MODEL_INSTALLED;
  record->n_bytes = cw_model_folder_get_n_bytes (place->folder);
  read_sound (place->folder, &record->rate_hz, &record->n_channels);
  return record;
}

/* What was begun of a repository that is not in the catalogue. */
static void
add_partial (GPtrArray *records, const char *models, const CwCatalogue *catalogue)
{
  g_autoptr (GDir) dir = g_dir_open (models, 0, NULL);
  const char      *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *own = g_str_has_suffix (name, CW_MODEL_PART_SUFFIX) ? g_strndup (name, strlen (name) - strlen (CW_MODEL_PART_SUFFIX)) : NULL;
    CwModelRecord   *record;

    if (!own || cw_catalogue_find (catalogue, own))
      continue;
    record = g_new0 (CwModelRecord, 1);
    record->state = CW_MODEL_PARTIAL;
    record->folder = g_build_filename (models, name, NULL);
    record->n_bytes = cw_model_folder_get_n_bytes (record->folder);
    record->name = g_steal_pointer (&own);
    g_ptr_array_add (records, record);
  }
}

GPtrArray *
cw_model_records_list (GError **error)
{
  const CwCatalogue     *catalogue = cw_catalogue_get (error);
  g_autoptr (GPtrArray)  records = NULL, places = NULL;
  g_autofree char       *models = NULL;

  if (!catalogue)
    return NULL;
  records = g_ptr_array_new_with_free_func ((GDestroyNotify) cw_model_record_free);
  places = cw_models_list ();
  models = cw_models_get_folder ();
  for (guint i = 0; i < places->len; i++)
    if (((const CwModelPlace *) g_ptr_array_index (places, i))->starter)
      g_ptr_array_add (records, record_of_place (g_ptr_array_index (places, i)));
  for (guint i = 0; i < cw_catalogue_get_n (catalogue); i++)
    g_ptr_array_add (records, record_of_entry (cw_catalogue_get_entry (catalogue, i), models));
  for (guint i = 0; i < places->len; i++) {
    const CwModelPlace *place = g_ptr_array_index (places, i);

    if (!place->starter && !cw_catalogue_find (catalogue, place->name))
      g_ptr_array_add (records, record_of_place (place));
  }
  add_partial (records, models, catalogue);
  return g_steal_pointer (&records);
}

CwModelRecord *
cw_model_records_find (const char *which, GError **error)
{
  g_autoptr (GPtrArray)    records = cw_model_records_list (error);
  g_autoptr (CwModelPlace) place = NULL;

  if (!records)
    return NULL;
  for (guint i = 0; i < records->len; i++) {
    const CwModelRecord *record = g_ptr_array_index (records, i);

    if (g_ascii_strcasecmp (record->name, which) == 0 || (record->repo && g_ascii_strcasecmp (record->repo, which) == 0))
      return g_ptr_array_steal_index (records, i);
  }
  if (cw_models_is_model (which) && (place = cw_models_find (which, error)))
    return record_of_place (place);
  g_clear_error (error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
               _ ("There is no model “%s”, neither here nor in the catalogue. “clipwright models list” shows those there are."), which);
  return NULL;
}
