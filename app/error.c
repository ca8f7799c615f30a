/* SPDX-License-Identifier: MIT
 *
 * error.c: the engine's errors as GError.
 */
#include "error.h"

G_DEFINE_QUARK (cw-error-quark, cw_error)

void
cw_take_error (GError **error, const cw_error *from)
{
  g_set_error_literal (error, CW_ERROR, (int) from->code, from->message);
}
