/* SPDX-License-Identifier: MIT
 *
 * hub-token.h: the token that names a person to the hub, for models that need one. It is never logged and never written to a plain
 * file: it comes from HF_TOKEN (or HUGGING_FACE_HUB_TOKEN), or lies in the desktop's keyring through libsecret.
 */
#pragma once

#include <gio/gio.h>

/* From the environment, or NULL. Wipe with cw_hub_token_free. */
char    *cw_hub_token_from_environment (void);
/* From the keyring, for the hub at @endpoint; NULL when there is none or no keyring answers. Blocks: not on the main thread. */
char    *cw_hub_token_from_keyring (const char *endpoint, GCancellable *cancellable);
void     cw_hub_token_free (char *token);

/* NULL @token: forgets it. Blocks. */
gboolean cw_hub_token_store (const char *endpoint, const char *token, GError **error);
/* Letters, digits and a few signs: what a header may hold. */
gboolean cw_hub_token_is_valid (const char *token);
