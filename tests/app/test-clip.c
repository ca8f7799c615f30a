/* SPDX-License-Identifier: MIT
 *
 * test-clip.c: peaks against the samples themselves, while the clip grows in pieces of any size.
 */
#include "clip.h"

#include <math.h>

static CwRecipe recipe = { .prompt = (char *) "a test", .duration_s = 1.0 };

static void
check_peaks (CwClip *clip, GRand *rand)
{
  const guint  n_channels = cw_clip_get_n_channels (clip);
  const gsize  n_ready = cw_clip_get_n_ready (clip);
  const float *samples = cw_clip_get_samples (clip);

  for (int i = 0; i < 50; i++) {
    const gsize start = (gsize) g_rand_int_range (rand, 0, (int) n_ready + 2), end = start + (gsize) g_rand_int_range (rand, 0, 5000);
    const guint channel = (guint) g_rand_int_range (rand, 0, (int) n_channels);
    float       low, high, least = INFINITY, most = -INFINITY;
    const gboolean any = cw_clip_get_peak (clip, channel, start, end, &low, &high);

    for (gsize at = start; at < MIN (end, n_ready); at++) {
      least = fminf (least, samples[at * n_channels + channel]);
      most = fmaxf (most, samples[at * n_channels + channel]);
    }
    g_assert_cmpint (any, ==, least <= most);
    if (any) {
      g_assert_cmpfloat (low, ==, least);
      g_assert_cmpfloat (high, ==, most);
    }
  }
}

static void
test_growing (void)
{
  for (guint n_channels = 1; n_channels <= 2; n_channels++) {
    g_autoptr (CwClip) clip = cw_clip_new (&recipe, 16000, n_channels, 20011, NULL);
    g_autoptr (GRand)  rand = g_rand_new_with_seed (n_channels);
    float              piece[4000 * 2];

    while (cw_clip_get_n_ready (clip) < 20011) {
      const gsize n = (gsize) g_rand_int_range (rand, 1, 4000), before = cw_clip_get_n_ready (clip);

      for (gsize i = 0; i < n * n_channels; i++)
        piece[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
      cw_clip_append (clip, piece, n); /* the last one is longer than what is left */
      g_assert_cmpuint (cw_clip_get_n_ready (clip), ==, MIN (before + n, 20011));
      check_peaks (clip, rand);
    }
  }
}

static void
count (CwClip *clip, guint *n)
{
  (void) clip;
  (*n)++;
}

static void
test_state (void)
{
  g_autoptr (CwClip) clip = cw_clip_new (&recipe, 16000, 1, 100, NULL);
  guint n_grew = 0;

  g_signal_connect (clip, "grew", G_CALLBACK (count), &n_grew);
  g_assert_false (cw_clip_is_finished (clip));
  g_assert_cmpfloat (cw_clip_get_remaining (clip), <, 0.0);
  cw_clip_set_state (clip, CW_CLIP_FAILED, "why");
  g_assert_true (cw_clip_is_finished (clip));
  g_assert_cmpstr (cw_clip_get_failure (clip), ==, "why");
  g_assert_cmpuint (n_grew, ==, 1);
  g_assert_cmpstr (cw_clip_get_name (clip), ==, "a test");
}

/* Lies in a file; its picture grows in steps. */
static void
test_endless (void)
{
  CwRecipe           without_end = recipe;
  g_autoptr (CwClip) clip = NULL;
  g_autoptr (GRand)  rand = g_rand_new_with_seed (7);
  g_autofree float  *piece = g_new (float, 16000 * 2);

  without_end.endless = TRUE;
  clip = cw_clip_new (&without_end, 16000, 2, 0, NULL);
  g_assert_nonnull (clip);
  g_assert_cmpuint (cw_clip_get_n_samples_total (clip), ==, CW_CLIP_ENDLESS_S * 16000u);
  g_assert_cmpuint (cw_clip_get_n_samples_shown (clip), ==, 30 * 16000);
  for (guint second = 0; second < 75; second++) {
    for (guint i = 0; i < 16000 * 2; i++)
      piece[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
    g_assert_true (cw_clip_append (clip, piece, 16000));
  }
  check_peaks (clip, rand);
  g_assert_cmpuint (cw_clip_get_n_samples_shown (clip), ==, 90 * 16000);
  g_assert_cmpmem (cw_clip_get_samples (clip) + 74 * 16000 * 2, 16000 * 2 * sizeof (float), piece, 16000 * 2 * sizeof (float));
  cw_clip_set_state (clip, CW_CLIP_DONE, NULL);
  g_assert_cmpuint (cw_clip_get_n_samples_shown (clip), ==, 75 * 16000);
}

static void
test_too_large (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (cw_clip_new (&recipe, 16000, 2, G_MAXSIZE / 4, &error));
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clip/growing", test_growing);
  g_test_add_func ("/clip/state", test_state);
  g_test_add_func ("/clip/endless", test_endless);
  g_test_add_func ("/clip/too-large", test_too_large);
  return g_test_run ();
}
