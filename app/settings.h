/* SPDX-License-Identifier: MIT
 *
 * settings.h: what the program remembers from one start to the next.
 */
#pragma once

#include <gio/gio.h>

/* NULL when the schema is not installed: then nothing is remembered. The build's own folder is looked into, too. */
GSettings *cw_settings_new (void);
/* Whether requests to the hub are forbidden; FALSE without a schema. */
gboolean   cw_settings_get_offline (void);
/* The folder for models that the person chose, or NULL: the usual one. g_free. */
char      *cw_settings_get_models_folder (void);
