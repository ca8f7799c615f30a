/* SPDX-License-Identifier: MIT
 *
 * settings.c: finds the schema without the abort that g_settings_new makes of a missing one.
 */
#include "settings.h"

#include "clipwright-config.h"

#define SCHEMA_ID  "io.github.clipwright.Clipwright"
#define NEWEST_KEY "vram-gib" /* a schema without it is an older version's, and GSettings ends the program that asks it for a newer key */

GSettings *
cw_settings_new (void)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchemaSource) built = NULL;
  g_autoptr (GSettingsSchema)       schema = NULL;

  if (source)
    schema = g_settings_schema_source_lookup (source, SCHEMA_ID, TRUE);
  if (schema && !g_settings_schema_has_key (schema, NEWEST_KEY))
    g_clear_pointer (&schema, g_settings_schema_unref);
  if (!schema && (built = g_settings_schema_source_new_from_directory (CLIPWRIGHT_BUILD_SCHEMA_DIR, NULL, FALSE, NULL)))
    schema = g_settings_schema_source_lookup (built, SCHEMA_ID, FALSE);
  return schema ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

/* A schema that an older version installed lacks keys of this one, and GSettings ends the program that asks for one. */
static gboolean
has_key (GSettings *settings, const char *key)
{
  g_autoptr (GSettingsSchema) schema = NULL;

  if (settings)
    g_object_get (settings, "settings-schema", &schema, NULL);
  return schema && g_settings_schema_has_key (schema, key);
}

gboolean
cw_settings_get_offline (void)
{
  g_autoptr (GSettings) settings = cw_settings_new ();

  return has_key (settings, "offline") && g_settings_get_boolean (settings, "offline");
}

char *
cw_settings_get_models_folder (void)
{
  g_autoptr (GSettings) settings = cw_settings_new ();
  char *folder = has_key (settings, "models-folder") ? g_settings_get_string (settings, "models-folder") : NULL;

  if (folder && !g_path_is_absolute (folder))
    g_clear_pointer (&folder, g_free);
  return folder;
}
