/* SPDX-License-Identifier: MIT
 *
 * settings.c: finds the schema without the abort that g_settings_new makes of a missing one.
 */
#include "settings.h"

#include "clipwright-config.h"

#define SCHEMA_ID "io.github.clipwright.Clipwright"

GSettings *
cw_settings_new (void)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchemaSource) built = NULL;
  g_autoptr (GSettingsSchema)       schema = NULL;

  if (source)
    schema = g_settings_schema_source_lookup (source, SCHEMA_ID, TRUE);
  if (!schema && (built = g_settings_schema_source_new_from_directory (CLIPWRIGHT_BUILD_SCHEMA_DIR, NULL, FALSE, NULL)))
    schema = g_settings_schema_source_lookup (built, SCHEMA_ID, FALSE);
  return schema ? g_settings_new_full (schema, NULL, NULL) : NULL;
}
