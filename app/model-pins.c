/* SPDX-License-Identifier: MIT
 *
 * model-pins.c: see model-pins.h.
 */
#include "model-pins.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "file-hash.h"

static void
pinned_file_free (gpointer data)
{
  CwPinnedFile *file = data;

  g_free (file->name);
  g_free (file->sha256);
  g_free (file);
}

CwPins *
cw_pins_new (void)
{
  CwPins *pins = g_new0 (CwPins, 1);

  pins->files = g_ptr_array_new_with_free_func (pinned_file_free);
  return pins;
}

void
cw_pins_free (CwPins *pins)
{
  if (!pins)
    return;
  g_free (pins->repo);
  g_free (pins->revision);
  g_free (pins->commit);
  g_free (pins->licence);
  g_ptr_array_unref (pins->files);
  g_free (pins);
}

void
cw_pins_add (CwPins *pins, const char *name, gint64 size, const char *sha256)
{
  CwPinnedFile *file = g_new (CwPinnedFile, 1);

  *file = (CwPinnedFile){ g_strdup (name), size, g_strdup (sha256) };
  g_ptr_array_add (pins->files, file);
}

/* FILE or PART/FILE: what lies in the folder, or in a part of the model in it, and nowhere else. */
static gboolean
name_is_inside (const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, "/", -1);
  const guint    n = g_strv_length (parts);

  for (guint i = 0; i < n; i++)
    if (!*parts[i] || strcmp (parts[i], ".") == 0 || strcmp (parts[i], "..") == 0)
      return FALSE;
  return n == 1 || n == 2;
}

CwPins *
cw_pins_read (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, CW_PINS_NAME, NULL);
  json_t          *document = json_load_file (path, 0, NULL), *files = json_object_get (document, "files"), *value;
  CwPins          *pins = NULL;
  size_t           i;

  if (json_is_array (files)) {
    pins = cw_pins_new ();
    pins->repo = g_strdup (json_string_value (json_object_get (document, "repo")));
    pins->revision = g_strdup (json_string_value (json_object_get (document, "revision")));
    pins->commit = g_strdup (json_string_value (json_object_get (document, "commit")));
    pins->licence = g_strdup (json_string_value (json_object_get (document, "licence")));
  }
  json_array_foreach (files, i, value) {
    const char *name = json_string_value (json_object_get (value, "name")), *hash = json_string_value (json_object_get (value, "sha256"));

    if (name && name_is_inside (name) && hash && strlen (hash) == 64)
      cw_pins_add (pins, name, json_integer_value (json_object_get (value, "size")), hash);
  }
  json_decref (document);
  return pins;
}

static json_t *
string_or_null (const char *text)
{
  json_t *string = text ? json_string (text) : NULL;

  return string ? string : json_null ();
}

gboolean
cw_pins_write (const CwPins *pins, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, CW_PINS_NAME, NULL);
  json_t          *document = json_object (), *files = json_array ();
  char            *text;
  gboolean         written;

  json_object_set_new (document, "program", json_string ("Clipwright"));
  json_object_set_new (document, "repo", string_or_null (pins->repo));
  json_object_set_new (document, "revision", string_or_null (pins->revision));
  json_object_set_new (document, "commit", string_or_null (pins->commit));
  json_object_set_new (document, "licence", string_or_null (pins->licence));
  json_object_set_new (document, "files", files);
  for (guint i = 0; i < pins->files->len; i++) {
    const CwPinnedFile *file = g_ptr_array_index (pins->files, i);

    json_array_append_new (files, json_pack ("{s:s, s:I, s:s}", "name", file->name, "size", (json_int_t) file->size, "sha256", file->sha256));
  }
  text = json_dumps (document, JSON_INDENT (2));
  json_decref (document);
  written = g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666, error);
  free (text);
  return written;
}

CwPinState
cw_pins_check_file (const CwPinnedFile *file, const char *folder, void (*tell) (gint64, gpointer), gpointer user, GCancellable *cancellable)
{
  g_autofree char *path = g_build_filename (folder, file->name, NULL), *hash = NULL;
  GStatBuf         info;

  if (g_stat (path, &info) != 0 || !S_ISREG (info.st_mode))
    return CW_PIN_MISSING;
  if (info.st_size != file->size)
    return CW_PIN_WRONG_SIZE;
  if (!(hash = cw_file_hash (path, tell, user, cancellable, NULL)))
    return CW_PIN_UNREADABLE;
  return strcmp (hash, file->sha256) == 0 ? CW_PIN_RIGHT : CW_PIN_WRONG_HASH;
}

const char *
cw_pin_state_name (CwPinState state)
{
  static const char *const names[] = { "right", "missing", "wrong-size", "wrong-hash", "unreadable" };

  return names[state];
}
