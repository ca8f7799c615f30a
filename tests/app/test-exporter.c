/* SPDX-License-Identifier: MIT
 *
 * test-exporter.c: what is written can be read back, recipe and all; what cannot be written leaves nothing behind.
 */
#include "exporter.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio-file.h"
#include "clip-file.h"

#define N_SAMPLES 3001

static char    *folder;
static float    samples[N_SAMPLES * 2];
static CwRecipe recipe = { .prompt = (char *) "drip – “drop”", .model_name = (char *) "m", .duration_s = 0.1, .seed = 42, .guidance = 3.0f };

static guint
count_files (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint            n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_formats (void)
{
  static const struct {
    CwFormat    format;
    const char *name;
    double      tolerance;
  } cases[] = {
    { CW_FORMAT_WAV16, "a.wav", 1.01 / 32768 }, { CW_FORMAT_WAV24, "b.wav", 1.01 / 8388608 }, { CW_FORMAT_WAV_FLOAT, "c.wav", 0.0 },
    { CW_FORMAT_FLAC, "d.flac", 1.01 / 8388608 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char    *path = g_build_filename (folder, cases[i].name, NULL);
    g_autoptr (GError)  error = NULL;
    g_autoptr (CwAudio) audio = NULL;
    g_autoptr (CwClip)  clip = NULL;

    g_assert_true (cw_export (path, cases[i].format, samples, N_SAMPLES, 2, 32000, &recipe, &error));
    g_assert_no_error (error);
    audio = cw_audio_read (path, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (audio->n_samples, ==, N_SAMPLES);
    g_assert_cmpuint (audio->n_channels, ==, 2);
    g_assert_cmpuint (audio->rate_hz, ==, 32000);
    for (gsize k = 0; k < N_SAMPLES * 2; k++) {
      const float wanted = cases[i].format == CW_FORMAT_WAV_FLOAT ? samples[k] : CLAMP (samples[k], -1.0f, 1.0f);

      g_assert_cmpfloat (fabs (audio->samples[k] - wanted), <=, cases[i].tolerance);
    }
    clip = cw_clip_open (path, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (cw_clip_get_recipe (clip)->prompt, ==, recipe.prompt);
    g_assert_cmpuint (cw_clip_get_recipe (clip)->seed, ==, 42);
    g_unlink (path);
  }
  g_assert_cmpuint (count_files (), ==, 0);
}

static void
test_long_prompt (void)
{
  g_autofree char    *path = g_build_filename (folder, "long.wav", NULL), *prompt = g_strnfill (60000, '"');
  g_autoptr (GError)  error = NULL;
  g_autoptr (CwAudio) audio = NULL;
  CwRecipe            wordy = recipe;

  wordy.prompt = prompt;
  g_assert_true (cw_export (path, CW_FORMAT_WAV24, samples, N_SAMPLES, 2, 32000, &wordy, &error));
  g_assert_no_error (error);
  audio = cw_audio_read (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (audio->n_samples, ==, N_SAMPLES);
  g_unlink (path);
}

static void
test_bad_places (void)
{
  g_autofree char *missing = g_build_filename (folder, "no", "such", "a.wav", NULL), *pipe = g_build_filename (folder, "pipe.wav", NULL);
  const char *const paths[] = { missing, folder, pipe };

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (cw_export_check_place (paths[i], &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
    g_assert_false (cw_export (paths[i], CW_FORMAT_WAV16, samples, N_SAMPLES, 2, 32000, NULL, &error));
    g_assert_nonnull (error);
  }
  g_unlink (pipe);
  g_assert_cmpuint (count_files (), ==, 0);
}

/* A limit on the size of files stands for a full disk: the old file stays whole, nothing is left beside it. */
static void
test_no_room (void)
{
  g_autofree char    *path = g_build_filename (folder, "full.wav", NULL);
  g_autoptr (GError)  error = NULL;
  g_autoptr (CwAudio) audio = NULL;
  struct rlimit       limit, small;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_true (cw_export (path, CW_FORMAT_WAV16, samples, 100, 2, 32000, NULL, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  small = (struct rlimit){ 4096, limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (cw_export (path, CW_FORMAT_WAV24, samples, N_SAMPLES, 2, 32000, NULL, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "full.wav"));
  g_assert_cmpuint (count_files (), ==, 1);
  audio = cw_audio_read (path, NULL);
  g_assert_cmpuint (audio->n_samples, ==, 100);
  g_unlink (path);
}

static void
test_link_and_mode (void)
{
  g_autofree char *path = g_build_filename (folder, "real.wav", NULL), *alias = g_build_filename (folder, "alias.wav", NULL);
  GStatBuf         found;

  g_assert_true (cw_export (path, CW_FORMAT_WAV16, samples, 100, 2, 32000, NULL, NULL));
  g_assert_cmpint (g_chmod (path, 0640), ==, 0);
  g_assert_cmpint (symlink ("real.wav", alias), ==, 0);
  g_assert_true (cw_export (alias, CW_FORMAT_WAV16, samples, 200, 2, 32000, NULL, NULL));
  g_assert_true (g_file_test (alias, G_FILE_TEST_IS_SYMLINK));
  g_assert_cmpint (g_stat (path, &found), ==, 0);
  g_assert_cmpint (found.st_mode & 0777, ==, 0640);
  g_unlink (alias);
  g_unlink (path);
}

static void
test_free_name (void)
{
  g_autofree char *first = cw_export_free_name (folder, "x", ".wav"), *second = NULL;

  g_assert_true (g_file_set_contents (first, "", 0, NULL));
  second = cw_export_free_name (folder, "x", ".wav");
  g_assert_true (g_str_has_suffix (first, "/x.wav"));
  g_assert_true (g_str_has_suffix (second, "/x-2.wav"));
  g_unlink (first);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("clipwright-XXXXXX", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    samples[i] = 1.2f * sinf (0.01f * (float) i); /* beyond full scale at its peaks */
  g_test_add_func ("/exporter/formats", test_formats);
  g_test_add_func ("/exporter/long-prompt", test_long_prompt);
  g_test_add_func ("/exporter/bad-places", test_bad_places);
  g_test_add_func ("/exporter/no-room", test_no_room);
  g_test_add_func ("/exporter/link-and-mode", test_link_and_mode);
  g_test_add_func ("/exporter/free-name", test_free_name);
  result = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return result;
}
