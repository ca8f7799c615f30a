/* SPDX-License-Identifier: MIT
 *
 * settings.h: what the program remembers from one start to the next.
 */
#pragma once

#include <gio/gio.h>

/* NULL when the schema is not installed: then nothing is remembered. The build's own folder is looked into, too. */
GSettings *cw_settings_new (void);
