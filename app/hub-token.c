/* SPDX-License-Identifier: MIT
 *
 * hub-token.c: see hub-token.h.
 */
#include "hub-token.h"

#include <glib/gi18n.h>
#include <libsecret/secret.h>
#include <string.h>

static const SecretSchema schema = {
  "io.github.clipwright.Clipwright.Hub", SECRET_SCHEMA_NONE, { { "endpoint", SECRET_SCHEMA_ATTRIBUTE_STRING }, { NULL, 0 } }, 0, 0, 0, 0, 0, 0, 0, 0,
};

gboolean
cw_hub_token_is_valid (const char *token)
{
  const gsize length = strlen (token);

  return length > 0 && length <= 512 &&
         strspn (token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") == length;
}

char *
cw_hub_token_from_environment (void)
{
  static const char *const names[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const char *value = g_getenv (names[i]);

    if (value && *value) {
      char *token = g_strstrip (g_strdup (value));

      if (cw_hub_token_is_valid (token))
        return token;
      cw_hub_token_free (token);
    }
  }
  return NULL;
}

char *
cw_hub_token_from_keyring (const char *endpoint, GCancellable *cancellable)
{
  char *secret = secret_password_lookup_sync (&schema, cancellable, NULL, "endpoint", endpoint, NULL), *token;

  if (!secret)
    return NULL;
  token = cw_hub_token_is_valid (secret) ? g_strdup (secret) : NULL;
  secret_password_free (secret);
  return token;
}

void
cw_hub_token_free (char *token)
{
  if (!token)
    return;
  explicit_bzero (token, strlen (token));
  g_free (token);
}

gboolean
cw_hub_token_store (const char *endpoint, const char *token, GError **error)
{
  g_autoptr (GError) problem = NULL;
  gboolean stored;

  if (token)
    stored = secret_password_store_sync (&schema, SECRET_COLLECTION_DEFAULT, _ ("Clipwright: token for the model hub"), token, NULL, &problem,
                                         "endpoint", endpoint, NULL);
  else
    stored = secret_password_clear_sync (&schema, NULL, &problem, "endpoint", endpoint, NULL) || !problem;
  if (!stored)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 _ ("The keyring did not take the token: %s. Set HF_TOKEN in the environment instead."), problem ? problem->message : "?");
  return stored;
}
