/* SPDX-License-Identifier: MIT
 *
 * catalogue.c: reads data/models.json once. The entries' strings belong to the parsed document, which is kept.
 */
#include "catalogue.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <string.h>

#include "clipwright-config.h"

struct _CwCatalogue {
  json_t    *document; /* owns every string */
  GArray    *entries;  /* of CwCatalogueEntry */
  GArray    *licences; /* of CwLicence */
};

static const char *const format_names[] = { "huggingface", "audiocraft" };
static const char *const kind_names[] = { "music", "effects", "codec", "text-encoder" };

/* The place of @name in @names, or -1. */
static int
place_of (const char *name, const char *const *names, guint n)
{
  for (guint i = 0; name && i < n; i++)
    if (strcmp (name, names[i]) == 0)
      return (int) i;
  return -1;
}

static const char *
text_of (const json_t *object, const char *key)
{
  return json_string_value (json_object_get (object, key));
}

static guint64
count_of (const json_t *object, const char *key)
{
  return (guint64) CLAMP (json_integer_value (json_object_get (object, key)), 0, G_MAXINT64);
}

static gboolean
read_entry (const json_t *object, CwCatalogueEntry *entry)
{
  const json_t *parameters = json_object_get (object, "parameters"), *decoder = json_object_get (object, "decoder");
  const json_t *needs = json_object_get (object, "needs"), *bytes = json_object_get (object, "download_bytes");
  const int     format = place_of (text_of (object, "format"), format_names, G_N_ELEMENTS (format_names));
  const int     kind = place_of (text_of (object, "kind"), kind_names, G_N_ELEMENTS (kind_names));

  *entry = (CwCatalogueEntry){
    .id = text_of (object, "id"),
    .title = text_of (object, "title"),
    .repo = text_of (object, "repo"),
    .what = text_of (object, "what"),
    .rate_hz = (guint) MIN (count_of (object, "rate_hz"), G_MAXUINT),
    .n_channels = (guint) MIN (count_of (object, "channels"), G_MAXUINT),
    .window_s = json_number_value (json_object_get (object, "window_s")),
    .n_decoder = count_of (parameters, "decoder"),
    .n_text = count_of (parameters, "text_encoder"),
    .n_codec = count_of (parameters, "codec"),
    .n_layers = (guint) MIN (count_of (decoder, "layers"), 1u << 16),
    .n_hidden = (guint) MIN (count_of (decoder, "hidden"), 1u << 20),
    .download_bytes = json_is_integer (bytes) ? json_integer_value (bytes) : -1,
    .licence = text_of (object, "licence"),
    .not_yet = text_of (object, "not_yet"),
  };
  if (format < 0 || kind < 0 || !entry->id || !entry->title || !entry->repo || !entry->what)
    return FALSE;
  entry->format = (CwModelFormat) format;
  entry->kind = (CwModelKind) kind;
  entry->needs = g_new0 (const char *, json_array_size (needs) + 1);
  for (size_t i = 0; i < json_array_size (needs); i++)
    if (!(entry->needs[i] = json_string_value (json_array_get (needs, i))))
      return FALSE;
  return TRUE;
}

/* The first models.json of the places that it may be in; NULL when there is none. */
static char *
find_file (void)
{
  const char      *asked = g_getenv ("CLIPWRIGHT_DATA_DIR");
  g_autofree char *from_environment = asked ? g_build_filename (asked, "models.json", NULL) : NULL;
  const char      *paths[] = { from_environment, CLIPWRIGHT_DATA_DIR "/models.json", CLIPWRIGHT_SOURCE_DATA "/models.json" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    if (paths[i] && g_file_test (paths[i], G_FILE_TEST_IS_REGULAR))
      return g_strdup (paths[i]);
  return NULL;
}

static CwCatalogue *
read_catalogue (GError **error)
{
  g_autofree char *path = find_file ();
  CwCatalogue     *catalogue;
  json_error_t     problem = { .text = "no models in it" };
  json_t          *document = path ? json_load_file (path, 0, &problem) : NULL, *models, *licences, *value;
  const char      *key;
  size_t           i;

  if (!path) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                         _ ("The catalogue of models (models.json) is not installed; install Clipwright again."));
    return NULL;
  }
  models = json_object_get (document, "models");
  licences = json_object_get (document, "licences");
  if (!json_is_array (models)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("The catalogue of models “%s” is damaged: %s."), path, problem.text);
    json_decref (document);
    return NULL;
  }
  catalogue = g_new (CwCatalogue, 1);
  *catalogue = (CwCatalogue){ document, g_array_new (FALSE, FALSE, sizeof (CwCatalogueEntry)), g_array_new (FALSE, FALSE, sizeof (CwLicence)) };
  json_array_foreach (models, i, value) {
    CwCatalogueEntry entry;

    if (read_entry (value, &entry))
      g_array_append_val (catalogue->entries, entry);
    else
      g_warning ("%s: entry %zu is incomplete and left out", path, i);
  }
  json_object_foreach (licences, key, value) {
    const CwLicence licence = { key, text_of (value, "title"), text_of (value, "summary"), text_of (value, "url") };

    if (licence.title && licence.summary && licence.url)
      g_array_append_val (catalogue->licences, licence);
  }
  return catalogue;
}

const CwCatalogue *
cw_catalogue_get (GError **error)
{
  static GMutex       lock;
  static CwCatalogue *catalogue;
  const CwCatalogue  *result;

  g_mutex_lock (&lock);
  if (!catalogue)
    catalogue = read_catalogue (error);
  result = catalogue;
  g_mutex_unlock (&lock);
  return result;
}

guint
cw_catalogue_get_n (const CwCatalogue *catalogue)
{
  return catalogue->entries->len;
}

const CwCatalogueEntry *
cw_catalogue_get_entry (const CwCatalogue *catalogue, guint i)
{
  return &g_array_index (catalogue->entries, CwCatalogueEntry, i);
}

const CwCatalogueEntry *
cw_catalogue_find (const CwCatalogue *catalogue, const char *id_or_repo)
{
  for (guint i = 0; i < catalogue->entries->len; i++) {
    const CwCatalogueEntry *entry = cw_catalogue_get_entry (catalogue, i);

    if (g_ascii_strcasecmp (entry->id, id_or_repo) == 0 || g_ascii_strcasecmp (entry->repo, id_or_repo) == 0)
      return entry;
  }
  return NULL;
}

/* ---- licences -------------------------------------------------------------------------------------------------------- */

const CwLicence *
cw_catalogue_find_licence (const CwCatalogue *catalogue, const char *id)
{
  for (guint i = 0; id && i < catalogue->licences->len; i++) {
    const CwLicence *licence = &g_array_index (catalogue->licences, CwLicence, i);

    if (g_ascii_strcasecmp (licence->id, id) == 0)
      return licence;
  }
  return NULL;
}

const char *
cw_licence_title (const char *id)
{
  const CwCatalogue *catalogue = cw_catalogue_get (NULL);
  const CwLicence   *licence = catalogue ? cw_catalogue_find_licence (catalogue, id) : NULL;

  return licence ? licence->title : id;
}

gboolean
cw_licence_is_non_commercial (const char *id)
{
  g_autofree char *lower = id ? g_ascii_strdown (id, -1) : NULL;

  return lower && g_str_has_prefix (lower, "cc") && strstr (lower, "-nc") != NULL;
}

gboolean
cw_licence_is_free (const char *id)
{
  return id && (g_ascii_strcasecmp (id, "mit") == 0 || g_ascii_strcasecmp (id, "apache-2.0") == 0);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

guint64
cw_catalogue_memory (const CwCatalogueEntry *entry, cw_precision precision)
{
  static const guint bytes_of_32[CW_N_PRECISIONS] = {
    [CW_PRECISION_AUTO] = 32, [CW_PRECISION_F32] = 128, [CW_PRECISION_BF16] = 64, [CW_PRECISION_F16] = 64,
    [CW_PRECISION_INT8] = 32, [CW_PRECISION_INT4] = 17,
  };
  const guint64 n_weights = entry->n_decoder + entry->n_text;
  const guint64 n_frames = (guint64) (entry->window_s * 50.0); /* every decoder of the family makes 50 frames a second */

  return n_weights / 32 * bytes_of_32[precision] + 4 * entry->n_codec + 8 * (guint64) entry->n_layers * entry->n_hidden * n_frames;
}
