/* SPDX-License-Identifier: MIT
 *
 * test-maker.c: what is left after the last clip: no processor time while the model waits, no memory once it was let go; and what is wanted of
 *     the engine counts from the next load and clip on, not for the one that is being made. A clip that nobody wants any more goes on the main
 *     thread, however it ends.
 */
#include "maker.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "error.h"

#define UNLOAD_AFTER_S 6      /* the processor time is measured before, the memory behind */
#define LEFT_OVER (7 << 20)   /* the engine's pool, the allocator, pages of libraries; the test's model is 30 MiB */
#define N_ROUNDS 3

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS FALSE /* the sanitizers keep what was freed */
#else
#define MEMORY_IS_OURS TRUE
#endif

static gint64
processor_time_us (void)
{
  struct rusage usage;

  g_assert_cmpint (getrusage (RUSAGE_SELF, &usage), ==, 0);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static gint64
resident_bytes (void)
{
  FILE *file = fopen ("/proc/self/statm", "r");
  long  pages = 0;

  g_assert_nonnull (file);
  g_assert_cmpint (fscanf (file, "%*d %ld", &pages), ==, 1);
  fclose (file);
  return pages * sysconf (_SC_PAGESIZE);
}

static gboolean
at_end (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* The main loop as the window has it, for @ms. */
static void
run_for (guint ms)
{
  gboolean over = FALSE;

  g_timeout_add (ms, at_end, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

static void
take_result (GObject *source, GAsyncResult *result, gpointer data)
{
  (void) source;
  *(GAsyncResult **) data = g_object_ref (result);
}

static CwModelFacts *
try_load (CwMaker *maker, const char *folder, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  cw_maker_load_async (maker, folder, take_result, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  return cw_maker_load_finish (maker, result, error);
}

static CwModelFacts *
load (CwMaker *maker, const char *folder)
{
  g_autoptr (GError) error = NULL;
  CwModelFacts      *facts = try_load (maker, folder, &error);

  g_assert_no_error (error);
  return facts;
}

/* Until @state, or what follows it. */
static void
wait_for (CwClip *clip, CwClipState state)
{
  while (cw_clip_get_state (clip) != state && !cw_clip_is_finished (clip))
    g_main_context_iteration (NULL, TRUE);
}

static GPtrArray *
begin_clip (CwMaker *maker, const CwModelFacts *facts)
{
  CwRecipe             recipe = { .prompt = (char *) "a test", .model_name = facts->name, .model_folder = facts->folder, .duration_s = 1.0,
                                  .guidance = 3.0f, .temperature = 1.0f, .top_k = 50 };
  g_autoptr (GError) error = NULL;
  GPtrArray         *clips = cw_maker_make (maker, facts, &recipe, 1, &error);

  g_assert_no_error (error);
  return clips;
}

static void
make_clip (CwMaker *maker, const CwModelFacts *facts)
{
  g_autoptr (GPtrArray) clips = begin_clip (maker, facts);

  wait_for (clips->pdata[0], CW_CLIP_DONE);
  g_assert_cmpint (cw_clip_get_state (clips->pdata[0]), ==, CW_CLIP_DONE);
}

/* Every thread of the process: the loop, the engine's, the pool's. */
static void
check_idle (void)
{
  gint64 before, used;

  run_for (2000);
  before = processor_time_us ();
  run_for (1000);
  used = processor_time_us () - before;
  g_test_message ("%" G_GINT64_FORMAT " us of processor time in one second", used);
  g_assert_cmpint (used, <, 20000);
}

/* What is resident once it is less than @enough, or after 20 s. */
static gint64
wait_for_memory (gint64 enough)
{
  const gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  gint64       resident;

  while ((resident = resident_bytes ()) >= enough && g_get_monotonic_time () < deadline)
    run_for (100);
  return resident;
}

static void
test_rest (gconstpointer folder)
{
  CwMaker     *maker = cw_maker_new ();
  const gint64 before = resident_bytes ();

  for (int i = 0; i < N_ROUNDS; i++) {
    g_autoptr (CwModelFacts) facts = NULL;
    gint64                   loaded, unloaded;

    cw_maker_set_unload_after (maker, i == 0 ? UNLOAD_AFTER_S : 1);
    facts = load (maker, folder);
    make_clip (maker, facts);
    loaded = resident_bytes ();
    if (i == 0)
      check_idle ();
    if (!MEMORY_IS_OURS)
      break;
    unloaded = wait_for_memory (before + LEFT_OVER);
    g_test_message ("KiB resident: %" G_GINT64_FORMAT " before, %" G_GINT64_FORMAT " with the model, %" G_GINT64_FORMAT " after it", before >> 10,
                    loaded >> 10, unloaded >> 10);
    g_assert_cmpint (loaded, >, before + 3 * LEFT_OVER); /* else the next check says nothing */
    g_assert_cmpint (unloaded, <, before + LEFT_OVER);
  }
  g_object_unref (maker);
}

static cw_precision
loaded_precision (CwMaker *maker, const char *folder)
{
  g_autoptr (CwModelFacts) facts = load (maker, folder);

  return facts->info.precision;
}

static void
test_precision (gconstpointer folder)
{
  CwMaker                 *maker = cw_maker_new ();
  g_autoptr (CwModelFacts) facts = load (maker, folder);
  g_autoptr (GPtrArray)    clips = NULL;

  g_assert_cmpint (facts->info.precision, !=, CW_PRECISION_INT8);
  cw_maker_set_how (maker, &(CwMakerHow){ .precision = CW_PRECISION_INT8 });
  g_assert_cmpint (loaded_precision (maker, folder), ==, CW_PRECISION_INT8);
  /* behind the back of a clip that is being made */
  clips = begin_clip (maker, facts);
  wait_for (clips->pdata[0], CW_CLIP_MAKING);
  cw_maker_set_how (maker, &(CwMakerHow){ .precision = CW_PRECISION_BF16 });
  wait_for (clips->pdata[0], CW_CLIP_DONE);
  g_assert_cmpint (cw_clip_get_state (clips->pdata[0]), ==, CW_CLIP_DONE);
  g_assert_cmpint (loaded_precision (maker, folder), ==, CW_PRECISION_BF16);
  /* the last word counts */
  cw_maker_set_how (maker, &(CwMakerHow){ .precision = CW_PRECISION_INT8 });
  cw_maker_set_how (maker, &(CwMakerHow){ .precision = CW_PRECISION_AUTO });
  g_assert_cmpint (loaded_precision (maker, folder), ==, facts->info.precision);
  g_object_unref (maker);
}

static void
note_thread (gpointer data, GObject *clip)
{
  (void) clip;
  *(GThread **) data = g_thread_self ();
}

/* A clip that only the maker holds; *thread: that on which it goes, later. */
static void
leave_clip (CwMaker *maker, const CwModelFacts *facts, gboolean stop, GThread **thread)
{
  g_autoptr (GPtrArray) clips = begin_clip (maker, facts);

  *thread = NULL;
  g_object_weak_ref (clips->pdata[0], note_thread, thread);
  if (stop)
    cw_maker_stop (maker, clips->pdata[0]);
}

static void
wait_until_gone (GThread **thread)
{
  while (!g_atomic_pointer_get (thread))
    g_main_context_iteration (NULL, FALSE);
  g_assert_true (*thread == g_thread_self ());
}

/* Made, withdrawn before it began, and left in the middle when the maker goes. */
static void
test_last_hold (gconstpointer folder)
{
  CwMaker                 *maker = cw_maker_new ();
  g_autoptr (CwModelFacts) facts = NULL;
  GThread                 *made, *withdrawn, *left, *behind;

  cw_maker_set_how (maker, &(CwMakerHow){ .device = "cpu" });
  facts = load (maker, folder);
  for (unsigned i = 0; i < 10; i++) {
    leave_clip (maker, facts, FALSE, &made);
    leave_clip (maker, facts, TRUE, &withdrawn);
    if (i % 2) /* the engine's thread is through with both before this one does anything */
      g_usleep (50000);
    wait_until_gone (&made);
    wait_until_gone (&withdrawn);
  }
  leave_clip (maker, facts, FALSE, &left);
  leave_clip (maker, facts, FALSE, &behind);
  g_object_unref (maker);
  wait_until_gone (&left);
  wait_until_gone (&behind);
}

/* A device that is not there is said, the engine line with it, and what is there is taken again. */
static void
test_device (gconstpointer folder)
{
  CwMaker                 *maker = cw_maker_new ();
  g_autoptr (CwModelFacts) facts = NULL;
  g_autoptr (GError)       error = NULL;
  g_autofree char         *line = NULL;
  char                     device[] = "cuda:99";

  g_assert_null (cw_maker_get_engine_line (maker));
  cw_maker_set_how (maker, &(CwMakerHow){ .device = "cpu" });
  facts = load (maker, folder);
  g_assert_cmpstr (facts->info.device, ==, "cpu");
  line = g_strdup (cw_maker_get_engine_line (maker));
  cw_maker_set_how (maker, &(CwMakerHow){ .device = device });
  memset (device, 'x', strlen (device)); /* the maker's own by now */
  g_assert_null (try_load (maker, folder, &error));
  g_assert_error (error, CW_ERROR, CW_ERROR_DEVICE);
  g_assert_cmpstr (cw_maker_get_engine_line (maker), ==, error->message);
  cw_maker_set_how (maker, &(CwMakerHow){ .device = "cpu" });
  make_clip (maker, facts);
  g_assert_cmpstr (cw_maker_get_engine_line (maker), ==, line);
  g_object_unref (maker);
}

/* @cache/clipwright/weights and the prepared weights in it. */
static void
remove_weights (const char *cache)
{
  g_autofree char *program = g_build_filename (cache, "clipwright", NULL), *weights = g_build_filename (program, "weights", NULL);
  g_autoptr (GDir) dir = g_dir_open (weights, 0, NULL);
  const char      *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (weights, name, NULL);

    g_unlink (path);
  }
  g_rmdir (weights);
  g_rmdir (program);
  g_rmdir (cache);
}

int
main (int argc, char **argv)
{
  g_autofree char *cache = g_dir_make_tmp ("clipwright-XXXXXX", NULL);
  int              result;

  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/maker/rest", g_getenv ("CLIPWRIGHT_TEST_MODEL"), test_rest); /* first: it measures the process */
  g_test_add_data_func ("/maker/precision", g_getenv ("CLIPWRIGHT_TEST_MODEL"), test_precision);
  g_test_add_data_func ("/maker/device", g_getenv ("CLIPWRIGHT_TEST_MODEL"), test_device);
  g_test_add_data_func ("/maker/last-hold", g_getenv ("CLIPWRIGHT_TEST_MODEL"), test_last_hold);
  result = g_test_run ();
  remove_weights (cache);
  return result;
}
