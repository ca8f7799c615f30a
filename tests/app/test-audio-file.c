/* SPDX-License-Identifier: MIT
 *
 * test-audio-file.c: files that are broken in each way, and conversions against what they should give.
 */
#include "audio-file.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static char *folder;

static char *
put (const char *name, const void *bytes, gsize n)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, bytes, (gssize) n, NULL));
  return path;
}

/* A WAV of @n float samples whose sizes say @claimed bytes. */
static char *
put_wav (const char *name, const float *samples, guint32 n, guint16 n_channels, guint32 claimed)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const guint32 sizes[] = { claimed, 16, 8000, 8000u * 4u * n_channels };
  const guint16 format[] = { 3, n_channels }, block[] = { (guint16) (4 * n_channels), 32 };

  g_byte_array_append (bytes, (const guint8 *) "RIFF", 4);
  g_byte_array_append (bytes, (const guint8 *) &sizes[0], 4);
  g_byte_array_append (bytes, (const guint8 *) "WAVEfmt ", 8);
  g_byte_array_append (bytes, (const guint8 *) &sizes[1], 4);
  g_byte_array_append (bytes, (const guint8 *) format, 4);
  g_byte_array_append (bytes, (const guint8 *) &sizes[2], 8);
  g_byte_array_append (bytes, (const guint8 *) block, 4);
  g_byte_array_append (bytes, (const guint8 *) "data", 4);
  g_byte_array_append (bytes, (const guint8 *) &sizes[0], 4);
  g_byte_array_append (bytes, (const guint8 *) samples, n * 4);
  return put (name, bytes->data, bytes->len);
}

static void
expect_refused (char *path)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (cw_audio_read (path, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, path));
  g_unlink (path);
  g_free (path);
}

static void
test_broken (void)
{
  const float bad[] = { 0.0f, NAN, 0.0f, 0.0f }, good[] = { 0.1f, 0.2f, 0.3f, 0.4f };

  expect_refused (put ("empty.wav", "", 0));
  expect_refused (put ("text.wav", "not a sound file at all, only words", 35));
  expect_refused (put_wav ("nan.wav", bad, 4, 1, 16));
  expect_refused (put_wav ("none.wav", good, 0, 1, 0));
  expect_refused (put_wav ("no-channels.wav", good, 4, 0, 16));
  expect_refused (g_build_filename (folder, "missing.wav", NULL));
  expect_refused (g_strdup (folder));
}

static void
test_streamed (void)
{
  const float         samples[] = { 0.1f, -0.2f, 0.3f, -0.4f };
  g_autofree char    *path = put_wav ("streamed.wav", samples, 4, 1, 0xFFFFFFFF);
  g_autoptr (GError)  error = NULL;
  g_autoptr (CwAudio) audio = cw_audio_read (path, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (audio->n_samples, ==, 4);
  g_assert_cmpmem (audio->samples, 16, samples, 16);
  g_unlink (path);
}

static CwAudio *
sine (guint rate_hz, guint n_channels)
{
  CwAudio *audio = g_new0 (CwAudio, 1);

  *audio = (CwAudio){ g_new (float, rate_hz * n_channels), rate_hz, n_channels, rate_hz, NULL };
  for (gsize i = 0; i < rate_hz; i++)
    for (guint channel = 0; channel < n_channels; channel++)
      audio->samples[i * n_channels + channel] = (float) (0.5 * sin (2.0 * G_PI * 440.0 * (double) i / rate_hz) / (channel + 1));
  return audio;
}

static void
test_convert (void)
{
  g_autoptr (CwAudio) audio = sine (48000, 2);

  g_assert_true (cw_audio_convert (audio, 16000, 1, NULL));
  g_assert_cmpuint (audio->n_channels, ==, 1);
  g_assert_cmpuint (audio->n_samples, ==, 16000);
  for (gsize i = 400; i < 15600; i++)
    g_assert_cmpfloat_with_epsilon (audio->samples[i], 0.375 * sin (2.0 * G_PI * 440.0 * (double) i / 16000), 1e-4);
}

static void
test_channels (void)
{
  g_autoptr (CwAudio) mono = sine (8000, 1), many = sine (8000, 6);
  const float         tenth = mono->samples[10];

  g_assert_true (cw_audio_convert (mono, 8000, 2, NULL));
  g_assert_cmpfloat (mono->samples[20], ==, tenth);
  g_assert_cmpfloat (mono->samples[21], ==, tenth);
  g_assert_true (cw_audio_convert (many, 8000, 2, NULL));
  g_assert_cmpuint (many->n_channels, ==, 2);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("clipwright-XXXXXX", NULL);
  g_test_add_func ("/audio-file/broken", test_broken);
  g_test_add_func ("/audio-file/streamed", test_streamed);
  g_test_add_func ("/audio-file/convert", test_convert);
  g_test_add_func ("/audio-file/channels", test_channels);
  result = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return result;
}
