/* SPDX-License-Identifier: MIT
 *
 * test-recorder.c: recording where there is no microphone: a sentence, and no file. tests/window/test-record.py has one.
 */
#include "recorder.h"

#include <string.h>

typedef struct {
  GMainLoop *loop;
  guint      n_finished;
  char      *path, *problem;
} Heard;

static void
on_finished (CwRecorder *recorder, const char *path, const char *problem, Heard *heard)
{
  g_assert_false (cw_recorder_is_active (recorder));
  heard->n_finished++;
  g_free (heard->path);
  g_free (heard->problem);
  heard->path = g_strdup (path);
  heard->problem = g_strdup (problem);
  g_main_loop_quit (heard->loop);
}

static void
test_no_microphone (void)
{
  g_autoptr (CwRecorder) recorder = cw_recorder_new ();
  g_autoptr (GMainLoop)  loop = g_main_loop_new (NULL, FALSE);
  g_autofree char       *root = g_dir_make_tmp ("clipwright-XXXXXX", NULL), *folder = g_build_filename (root, "recordings", NULL);
  Heard                  heard = { .loop = loop };

  g_signal_connect (recorder, "finished", G_CALLBACK (on_finished), &heard);
  for (guint i = 1; i <= 2; i++) { /* and it can be tried again */
    cw_recorder_start (recorder, folder, 10.0);
    g_assert_true (cw_recorder_is_active (recorder));
    g_main_loop_run (loop);
    g_assert_cmpuint (heard.n_finished, ==, i);
    g_assert_null (heard.path);
    g_assert_nonnull (strstr (heard.problem, "microphone"));
  }
  cw_recorder_start (recorder, folder, 10.0);
  cw_recorder_cancel (recorder);
  cw_recorder_stop (recorder); /* changes nothing any more */
  g_main_loop_run (loop);
  g_assert_null (heard.path);
  g_assert_null (heard.problem); /* who cancels need not hear of it */

  cw_recorder_start (recorder, folder, 10.0);
  cw_recorder_shut_down (recorder);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (heard.n_finished, ==, 3);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
  g_free (heard.path);
  g_free (heard.problem);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("clipwright-XXXXXX", NULL), *config = g_build_filename (folder, "alsa.conf", NULL);

  /* a machine that has a microphone does not lend it to this test: of ALSA's devices there is one, which cannot be opened */
  g_assert_true (g_file_set_contents (config, "pcm.broken { type hw card 99 }\n", -1, NULL));
  g_setenv ("ALSA_CONFIG_PATH", config, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recorder/no-microphone", test_no_microphone);
  return g_test_run ();
}
