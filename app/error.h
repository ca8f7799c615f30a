/* SPDX-License-Identifier: MIT
 *
 * error.h: the one place where the engine's errors become GError.
 */
#pragma once

#include <glib.h>

#include "engine.h"

#define CW_ERROR (cw_error_quark ())
GQuark cw_error_quark (void);

/* Sets @error from the engine's: domain CW_ERROR, code the cw_status, message the sentence. */
void   cw_take_error (GError **error, const cw_error *from);
