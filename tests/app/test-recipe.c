/* SPDX-License-Identifier: MIT
 *
 * test-recipe.c: a recipe through JSON and back, and the file names that prompts become.
 */
#include "recipe.h"

#include <string.h>

static void
test_json (void)
{
  const CwRecipe recipe = {
    .prompt = (char *) "a “quoted” prompt\nwith two lines \\ and more ünïcode", .model_name = (char *) "m", .model_hash = (char *) "ab",
    .licence = (char *) "mit", .duration_s = 3.5, .seed = G_MAXUINT64, .take = 3, .guidance = 2.5f, .temperature = 0.9f, .top_p = 0.3f,
    .top_k = 17,
  };
  g_autofree char     *text = cw_recipe_to_json (&recipe);
  g_autoptr (CwRecipe) back = cw_recipe_from_json (text);

  g_assert_nonnull (strstr (text, "\"ai_generated\":true"));
  g_assert_nonnull (back);
  g_assert_cmpstr (back->prompt, ==, recipe.prompt);
  g_assert_cmpstr (back->model_name, ==, "m");
  g_assert_cmpstr (back->model_hash, ==, "ab");
  g_assert_cmpstr (back->licence, ==, "mit");
  g_assert_cmpfloat (back->duration_s, ==, 3.5);
  g_assert_cmpuint (back->seed, ==, G_MAXUINT64);
  g_assert_cmpuint (back->take, ==, 3);
  g_assert_cmpfloat (back->guidance, ==, 2.5f);
  g_assert_cmpfloat (back->temperature, ==, 0.9f);
  g_assert_cmpfloat (back->top_p, ==, 0.3f);
  g_assert_cmpint (back->top_k, ==, 17);
}

static void
test_starts (void)
{
  g_autoptr (CwRecipe) recipe = g_new0 (CwRecipe, 1), copy = NULL, back = NULL;
  g_autofree char     *text = NULL, *name = NULL;

  recipe->continues = cw_source_new_known ("my song.wav", "ff");
  recipe->melody = cw_source_new_known ("tune.mid.ogg", NULL);
  cw_recipe_add_change (recipe, 12.5, "drums");
  cw_recipe_add_change (recipe, 3.0, "bass");
  recipe->extend_stride_s = 7.5;
  recipe->endless = TRUE;
  copy = cw_recipe_copy (recipe);
  text = cw_recipe_to_json (copy);
  back = cw_recipe_from_json (text);
  g_assert_null (back->continues->path);
  g_assert_cmpstr (back->continues->name, ==, "my song.wav");
  g_assert_cmpstr (back->continues->hash, ==, "ff");
  g_assert_cmpstr (back->melody->name, ==, "tune.mid.ogg");
  g_assert_null (back->melody->hash);
  g_assert_cmpuint (back->n_changes, ==, 2);
  g_assert_cmpfloat (back->changes[0].from_s, ==, 3.0);
  g_assert_cmpstr (back->changes[1].prompt, ==, "drums");
  g_assert_cmpfloat (back->extend_stride_s, ==, 7.5);
  g_assert_true (back->endless);
  name = cw_recipe_to_file_name (recipe); /* without a prompt */
  g_assert_cmpstr (name, ==, "my-song-wav-continued");
}

static void
test_magnet (void)
{
  const cw_model_info  magnet = { .n_codebooks = 4, .span_frames = 3, .decoding_steps = { 20, 10, 10, 10 }, .guidance_last = 1.0f };
  const cw_model_info  other = { .n_codebooks = 4 };
  g_autoptr (CwRecipe) recipe = g_new0 (CwRecipe, 1), back = NULL, wild = NULL;
  g_autofree char     *before = NULL, *text = NULL;
  cw_request           request;

  cw_recipe_settle (recipe, &other);
  before = cw_recipe_to_json (recipe);
  g_assert_null (strstr (before, "decoding_steps"));
  g_assert_null (strstr (before, "spans"));
  g_assert_null (strstr (before, "guidance_end"));

  recipe->decoding_steps[0] = 7;
  recipe->guidance_end = 2.3f;
  recipe->overlapping_spans = TRUE;
  cw_recipe_settle (recipe, &magnet);
  text = cw_recipe_to_json (recipe);
  g_assert_nonnull (strstr (text, "\"spans\":\"stride1\",\"decoding_steps\":[7,10,10,10],\"guidance_end\":2.3"));
  back = cw_recipe_from_json (text);
  g_assert_cmpmem (back->decoding_steps, sizeof back->decoding_steps, recipe->decoding_steps, sizeof recipe->decoding_steps);
  g_assert_cmpfloat (back->guidance_end, ==, 2.3f);
  g_assert_true (back->overlapping_spans);
  cw_recipe_to_request (back, &magnet, &request);
  g_assert_cmpuint (request.decoding_steps[0], ==, 7);
  g_assert_cmpuint (request.decoding_steps[3], ==, 10);
  g_assert_cmpuint (request.decoding_steps[4], ==, 0);
  g_assert_cmpfloat (request.guidance_last, ==, 2.3f);
  g_assert_true (request.overlapping_spans);

  /* more than there can be, beyond the limits, of another type */
  wild = cw_recipe_from_json ("{\"program\":\"Clipwright\",\"decoding_steps\":[1,99999,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18],"
                              "\"spans\":1,\"guidance_end\":-3}");
  g_assert_cmpuint (wild->decoding_steps[1], ==, CW_DECODING_STEPS_MAX);
  g_assert_cmpuint (wild->decoding_steps[CW_DECODING_STAGES_MAX - 1], ==, 16);
  g_assert_cmpfloat (wild->guidance_end, ==, 0.0f);
  g_assert_false (wild->overlapping_spans);
}

static void
test_not_ours (void)
{
  const char *const texts[] = { "", "hello", "{}", "[1]", "{\"program\":\"Other\"}", "{\"program\":1}", "{\"program\":\"Clipwright\"" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_null (cw_recipe_from_json (texts[i]));
}

static void
test_wrong_types (void)
{
  g_autoptr (CwRecipe) recipe =
    cw_recipe_from_json ("{\"program\":\"Clipwright\",\"prompt\":7,\"seed\":-4,\"top_k\":1e300,\"guidance\":\"x\",\"take\":[]}");

  g_assert_nonnull (recipe);
  g_assert_cmpstr (recipe->prompt, ==, "");
  g_assert_cmpuint (recipe->seed, ==, 0);
  g_assert_cmpint (recipe->top_k, ==, 1000000);
}

static void
test_file_names (void)
{
  static const struct {
    const char *prompt, *name;
  } cases[] = {
    { "slow blues guitar, vinyl crackle", "slow-blues-guitar-vinyl-crackle" },
    { "  ../../etc/passwd", "etc-passwd" },
    { "Flöte im Regen", "Flöte-im-Regen" },
    { "…!?", "clip" },
    { "", "clip" },
    { "bird's song", "birds-song" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const CwRecipe   recipe = { .prompt = (char *) cases[i].prompt };
    g_autofree char *name = cw_recipe_to_file_name (&recipe);

    g_assert_cmpstr (name, ==, cases[i].name);
  }
}

static void
test_long_file_name (void)
{
  g_autofree char *prompt = g_strnfill (10000, 'a');
  const CwRecipe   recipe = { .prompt = prompt };
  g_autofree char *name = cw_recipe_to_file_name (&recipe);

  g_assert_cmpuint (strlen (name), <=, 60);
  g_assert_cmpuint (strlen (name), >, 30);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipe/json", test_json);
  g_test_add_func ("/recipe/starts", test_starts);
  g_test_add_func ("/recipe/magnet", test_magnet);
  g_test_add_func ("/recipe/not-ours", test_not_ours);
  g_test_add_func ("/recipe/wrong-types", test_wrong_types);
  g_test_add_func ("/recipe/file-names", test_file_names);
  g_test_add_func ("/recipe/long-file-name", test_long_file_name);
  return g_test_run ();
}
