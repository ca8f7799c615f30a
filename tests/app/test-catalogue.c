/* SPDX-License-Identifier: MIT
 *
 * test-catalogue.c: data/models.json says nothing that the program does not understand, and its arithmetic.
 */
#include "catalogue.h"

#include <string.h>

#include "download-plan.h"
#include "model-folder.h"

static void
test_entries (void)
{
  g_autoptr (GError) error = NULL;
  const CwCatalogue *catalogue = cw_catalogue_get (&error);

  g_assert_no_error (error);
  g_assert_cmpuint (cw_catalogue_get_n (catalogue), >=, 27);
  for (guint i = 0; i < cw_catalogue_get_n (catalogue); i++) {
    const CwCatalogueEntry *entry = cw_catalogue_get_entry (catalogue, i);

    g_assert_true (cw_model_name_is_valid (entry->id));
    g_assert_true (cw_repo_is_valid (entry->repo));
    g_assert_true (cw_catalogue_find (catalogue, entry->id) == entry);
    g_assert_true (cw_catalogue_find (catalogue, entry->repo) == entry);
    if (entry->licence)
      g_assert_nonnull (cw_catalogue_find_licence (catalogue, entry->licence));
    for (guint k = 0; entry->needs[k]; k++)
      g_assert_nonnull (cw_catalogue_find (catalogue, entry->needs[k]));
    g_assert_true (entry->not_yet || cw_catalogue_memory (entry, CW_PRECISION_INT8) > 0);
  }
  g_assert_null (cw_catalogue_find (catalogue, "nope"));
}

static void
test_memory (void)
{
  const CwCatalogueEntry *small = cw_catalogue_find (cw_catalogue_get (NULL), "facebook/musicgen-small");
  const guint64           weights = 422468608 + 109628544, codec = 4 * 57584834ull, cache = 2 * 2 * 2 * 24 * 1024 * 1500ull;

  g_assert_cmpuint (cw_catalogue_memory (small, CW_PRECISION_F32), ==, 4 * weights + codec + cache);
  g_assert_cmpuint (cw_catalogue_memory (small, CW_PRECISION_F16), ==, 2 * weights + codec + cache);
  g_assert_cmpuint (cw_catalogue_memory (small, CW_PRECISION_INT8), ==, weights + codec + cache);
  g_assert_cmpuint (cw_catalogue_memory (small, CW_PRECISION_INT4), ==, weights / 32 * 17 + codec + cache);
}

static void
test_licences (void)
{
  g_assert_true (cw_licence_is_non_commercial ("cc-by-nc-4.0"));
  g_assert_true (cw_licence_is_non_commercial ("CC-BY-NC-SA-4.0"));
  g_assert_false (cw_licence_is_non_commercial ("cc-by-4.0"));
  g_assert_false (cw_licence_is_non_commercial ("mit"));
  g_assert_false (cw_licence_is_non_commercial (NULL));
  g_assert_cmpstr (cw_licence_title ("CC-BY-NC-4.0"), ==, "CC BY-NC 4.0");
  g_assert_cmpstr (cw_licence_title ("other"), ==, "other");
}

static void
test_names (void)
{
  static const char *const good[] = { "musicgen-small", "_a", "Grüße_2.1" }, *const bad[] = { "", ".", "..", ".a", "a/b", "a.part", "a b", "-a", "a\n", "starter" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (cw_model_name_is_valid (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (cw_model_name_is_valid (bad[i]));
}

int
main (int argc, char **argv)
{
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_unsetenv ("CLIPWRIGHT_DATA_DIR");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalogue/entries", test_entries);
  g_test_add_func ("/catalogue/memory", test_memory);
  g_test_add_func ("/catalogue/licences", test_licences);
  g_test_add_func ("/catalogue/names", test_names);
  return g_test_run ();
}
