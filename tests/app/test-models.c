/* SPDX-License-Identifier: MIT
 *
 * test-models.c: which models are found, under which names, with which licence; and the trash.
 */
#include "model-trash.h"
#include "models.h"

#include <glib/gstdio.h>
#include <string.h>

static char *root;

static void
put (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (root, name, NULL), *folder = g_path_get_dirname (path);

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_list (void)
{
  g_autoptr (GPtrArray) places = cw_models_list ();

  g_assert_cmpuint (places->len, ==, 3);
  g_assert_cmpstr (((CwModelPlace *) places->pdata[0])->name, ==, "starter");
  g_assert_cmpstr (((CwModelPlace *) places->pdata[1])->name, ==, "alpha");
  g_assert_cmpstr (((CwModelPlace *) places->pdata[1])->licence, ==, "cc-by-nc-4.0");
  g_assert_cmpstr (((CwModelPlace *) places->pdata[2])->name, ==, "beta");
  g_assert_cmpstr (((CwModelPlace *) places->pdata[2])->licence, ==, "MIT License");
}

static void
test_find (void)
{
  g_autoptr (GError)       error = NULL;
  g_autofree char         *path = g_build_filename (root, "data", "clipwright", "models", "beta", NULL);
  g_autoptr (CwModelPlace) starter = cw_models_find (NULL, NULL), named = cw_models_find ("alpha", NULL), direct = cw_models_find (path, NULL);

  g_assert_true (starter->starter);
  g_assert_cmpstr (named->name, ==, "alpha");
  g_assert_cmpstr (direct->folder, ==, path);
  g_assert_null (cw_models_find ("gamma", &error));
  g_assert_nonnull (strstr (error->message, "gamma"));
  g_assert_nonnull (strstr (error->message, "alpha, beta"));
}

static gboolean
is_there (const char *name)
{
  g_autofree char *path = g_build_filename (root, "data", "clipwright", "models", name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_trash (void)
{
  g_autoptr (GError) error = NULL;
  CwModelTrash      *trash, *other;

  put ("data/clipwright/models/gone/config.json", "{\"it\": 1}");
  put ("data/clipwright/models/gone.part/model.safetensors.part", "some");
  g_assert_nonnull (trash = cw_model_trash_put ("gone", NULL));
  g_assert_false (is_there ("gone") || is_there ("gone.part"));
  g_assert_null (cw_model_trash_put ("gone", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  cw_model_trash_empty (); /* which leaves what somebody may still want back */
  g_assert_true (cw_model_trash_take_back (trash, NULL));
  g_assert_true (is_there ("gone/config.json") && is_there ("gone.part/model.safetensors.part"));
  g_assert_true (cw_model_trash_delete (trash, NULL));
  g_assert_true (is_there ("gone/config.json"));

  /* another has the name meanwhile */
  g_assert_nonnull (trash = cw_model_trash_put ("gone", NULL));
  put ("data/clipwright/models/gone.part/config.json", "{\"it\": 2}");
  g_assert_false (cw_model_trash_take_back (trash, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_false (is_there ("gone")); /* all of it or nothing */
  g_assert_nonnull (other = cw_model_trash_put ("gone", NULL));
  g_assert_true (cw_model_trash_take_back (trash, NULL));
  g_assert_true (is_there ("gone/config.json") && is_there ("gone.part/model.safetensors.part"));
  g_assert_true (cw_model_trash_delete (other, NULL) && cw_model_trash_delete (trash, NULL));

  put ("data/clipwright/models/.trash/abcdef/left/config.json", "{}"); /* by a process that is gone */
  cw_model_trash_empty ();
  g_assert_false (is_there (".trash"));
  g_assert_null (cw_model_trash_put ("../models", NULL));
  g_assert_nonnull (trash = cw_model_trash_put ("gone", NULL)); /* its other tests know nothing of it */
  g_assert_true (cw_model_trash_delete (trash, NULL));
}

int
main (int argc, char **argv)
{
  g_autofree char *data = NULL, *starter = NULL;

  root = g_dir_make_tmp ("clipwright-XXXXXX", NULL);
  data = g_build_filename (root, "data", NULL);
  starter = g_build_filename (root, "installed", NULL);
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_setenv ("XDG_DATA_HOME", data, TRUE);
  g_setenv ("CLIPWRIGHT_DATA_DIR", starter, TRUE);
  g_test_init (&argc, &argv, NULL);
  put ("installed/starter/config.json", "{}");
  put ("data/clipwright/models/beta/config.json", "{}");
  put ("data/clipwright/models/beta/LICENSE", "\nMIT License\n\nmore");
  put ("data/clipwright/models/alpha/config.json", "{}");
  put ("data/clipwright/models/alpha/README.md", "---\ntags: x\nlicense: cc-by-nc-4.0\n---\n# Alpha\n");
  put ("data/clipwright/models/alpha/clipwright-model.json", "{\"files\": []}"); /* states no licence: the card does */
  put ("data/clipwright/models/not-a-model/readme", "");
  put ("data/clipwright/models/half.part/config.json", "{}");
  put ("data/clipwright/models/.hidden/config.json", "{}");
  put ("data/clipwright/models/t5-base/config.json", "{\"model_type\": \"t5\"}");
  g_test_add_func ("/models/list", test_list);
  g_test_add_func ("/models/find", test_find);
  g_test_add_func ("/models/trash", test_trash);
  return g_test_run ();
}
