/* SPDX-License-Identifier: MIT
 *
 * download.c: see download.h. One thread a file that is under way; the caller's thread keeps the account and tells.
 */
#include "download.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "download-file.h"
#include "model-folder.h"
#include "model-pins.h"
#include "models.h"
#include "retry.h"

#define FILES_AT_ONCE  3
#define MAX_AT_ONCE    8
#define TICK_US        (G_USEC_PER_SEC / 5)
#define RATE_TICKS     25 /* the rate is that of five seconds */
#define DISK_SPARE     (16 << 20)

G_DEFINE_QUARK (cw-download-error-quark, cw_download_error)

typedef struct {
  const CwDownloadOrder *order;
  CwHub                 *hub;
  CwPlan                *plan;
  char                  *folder, *part; /* MODELS/NAME, and where it is made */
  GCancellable          *stop;          /* of all files, at the first failure or when the caller's is cancelled */
  GMutex                 lock;          /* of what follows */
  GCond                  changed;
  guint                  next, n_running, n_done;
  gint64                 n_bytes;
  GError                *failure;       /* the first */
} Run;

static void
tell (const Run *run, CwDownloadProgress progress)
{
  if (run->order->progress)
    run->order->progress (&progress, run->order->user);
}

/* ---- the lock -------------------------------------------------------------------------------------------------------- */

/* Waits while another process has @name. The descriptor to close, or -1. */
static int
take_lock (const Run *run, const char *models, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = NULL;
  const int        lock = cw_model_folder_open_lock (models, run->order->name, TRUE, &path);

  if (lock < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("“%s” cannot be written: %s."), path, g_strerror (errno));
    return -1;
  }
  while (flock (lock, LOCK_EX | LOCK_NB) != 0) {
    tell (run, (CwDownloadProgress){ .stage = CW_DOWNLOAD_STAGE_LOCKED, .remaining_s = -1.0 });
    if (errno != EWOULDBLOCK && errno != EINTR) {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("“%s” cannot be locked: %s."), path, g_strerror (errno));
      close (lock);
      return -1;
    }
    if (!cw_retry_sleep (0.3, cancellable)) {
      g_cancellable_set_error_if_cancelled (cancellable, error);
      close (lock);
      return -1;
    }
  }
  return lock;
}

/* ---- all files ------------------------------------------------------------------------------------------------------- */

static void
on_bytes (gint64 n_more, gpointer data)
{
  Run *run = data;

  g_mutex_lock (&run->lock);
  run->n_bytes += n_more;
  g_mutex_unlock (&run->lock);
}

static gpointer
work (gpointer data)
{
  Run              *run = data;
  const CwFileFetch fetch = { run->hub, run->plan, run->part, on_bytes, run, run->stop };

  g_mutex_lock (&run->lock);
  while (!run->failure && run->next < run->plan->files->len) {
    CwPlanFile *file = g_ptr_array_index (run->plan->files, run->next++);
    GError     *error = NULL;
    gboolean    good;

    g_mutex_unlock (&run->lock);
    good = cw_file_fetch (&fetch, file, &error);
    g_mutex_lock (&run->lock);
    if (good)
      run->n_done++;
    else if (!run->failure)
      run->failure = g_steal_pointer (&error);
    g_clear_error (&error);
    if (!good)
      g_cancellable_cancel (run->stop);
  }
  run->n_running--;
  g_cond_signal (&run->changed);
  g_mutex_unlock (&run->lock);
  return NULL;
}

/* Tells a few times a second until no worker runs. The lock is held on entry and on return. */
static void
keep_account (Run *run, gint64 n_total)
{
  gint64 history[RATE_TICKS] = { 0 };
  guint  n_ticks = 0;

  while (run->n_running > 0) {
    CwDownloadProgress progress = { CW_DOWNLOAD_STAGE_LOADING, run->n_bytes, n_total, run->n_done, run->plan->files->len, 0.0, -1.0 };
    const gint64       until = g_get_monotonic_time () + TICK_US;
    const guint        span = MIN (n_ticks, RATE_TICKS - 1);

    history[n_ticks % RATE_TICKS] = run->n_bytes;
    if (span > 0)
      progress.bytes_per_s = MAX ((double) (run->n_bytes - history[(n_ticks - span) % RATE_TICKS]), 0.0) / span * G_USEC_PER_SEC / TICK_US;
    if (progress.bytes_per_s > 0.0)
      progress.remaining_s = (double) MAX (n_total - run->n_bytes, 0) / progress.bytes_per_s;
    n_ticks++;
    g_mutex_unlock (&run->lock);
    tell (run, progress);
    g_mutex_lock (&run->lock);
    while (run->n_running > 0 && g_cond_wait_until (&run->changed, &run->lock, until))
      ;
  }
}

static void
on_cancelled (GCancellable *cancellable, gpointer stop)
{
  (void) cancellable;
  g_cancellable_cancel (stop);
}

static gboolean
fetch_all (Run *run, GCancellable *cancellable, GError **error)
{
  const guint  wanted = run->order->n_at_once ? run->order->n_at_once : FILES_AT_ONCE;
  const guint  n_threads = MIN (MIN (wanted, MAX_AT_ONCE), run->plan->files->len);
  const gint64 n_total = cw_plan_get_n_bytes (run->plan);
  GThread     *threads[MAX_AT_ONCE];
  gulong       connection = 0;

  run->n_running = n_threads;
  if (cancellable)
    connection = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), run->stop, NULL);
  for (guint i = 0; i < n_threads; i++)
    threads[i] = g_thread_new ("download", work, run);
  g_mutex_lock (&run->lock);
  keep_account (run, n_total);
  g_mutex_unlock (&run->lock);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  g_cancellable_disconnect (cancellable, connection);
  if (!run->failure)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&run->failure));
  return FALSE;
}

/* ---- before and after ------------------------------------------------------------------------------------------------ */

/* Is there room for what is still to come? */
static gboolean
check_room (const Run *run, gint64 n_missing, GError **error)
{
  g_autofree char *shown = g_filename_display_name (run->part), *needed = NULL, *there = NULL;
  struct statvfs   disk;
  guint64          n_free;

  if (statvfs (run->part, &disk) != 0)
    return TRUE;
  n_free = (guint64) disk.f_bavail * disk.f_frsize;
  if (n_missing <= 0 || n_free >= (guint64) n_missing + DISK_SPARE)
    return TRUE;
  needed = g_format_size ((guint64) n_missing + DISK_SPARE);
  there = g_format_size (n_free);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               _ ("%s needs %s more on the disk of “%s”, and %s are free. Make room, or choose another folder for models in the preferences."),
               run->order->name, needed, shown, there);
  return FALSE;
}

static gint64
count_missing (const Run *run)
{
  gint64 n_here = 0;

  for (guint i = 0; i < run->plan->files->len; i++)
    n_here += cw_file_fetch_get_n_here (run->part, g_ptr_array_index (run->plan->files, i));
  return MAX (cw_plan_get_n_bytes (run->plan) - n_here, 0);
}

/* Pins what came, and gives the folder its name. */
static gboolean
publish (const Run *run, const char *licence, GError **error)
{
  g_autoptr (CwPins) pins = cw_pins_new ();

  pins->repo = g_strdup (run->plan->repo);
  pins->revision = g_strdup (run->plan->revision);
  pins->commit = g_strdup (run->plan->commit);
  pins->licence = g_strdup (licence);
  for (guint i = 0; i < run->plan->files->len; i++) {
    const CwPlanFile *file = g_ptr_array_index (run->plan->files, i);

    cw_pins_add (pins, file->name, file->size, file->sha256);
  }
  return cw_pins_write (pins, run->part, error) && cw_model_folder_publish (run->part, run->folder, error);
}

/* A folder of that name: is it this model, and whole? TRUE when there is nothing to do. Else it is moved back to NAME.part to be mended,
 * or @error is set: it is something else. */
static gboolean
is_here_already (const Run *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (CwPins) pins = NULL;
  g_autofree char   *shown = NULL;
  gboolean           whole = TRUE;

  if (!g_file_test (run->folder, G_FILE_TEST_EXISTS))
    return FALSE;
  pins = cw_pins_read (run->folder);
  if (!pins || g_strcmp0 (pins->repo, run->order->repo) != 0) {
    shown = g_filename_display_name (run->folder);
    g_set_error (error, CW_DOWNLOAD_ERROR, CW_DOWNLOAD_ERROR_NAME,
                 _ ("There is a folder “%s” already, which is not %s. Remove it, or take another name with --as."), shown, run->order->repo);
    return FALSE;
  }
  for (guint i = 0; whole && i < pins->files->len; i++)
    whole = cw_pins_check_file (g_ptr_array_index (pins->files, i), run->folder, NULL, NULL, cancellable) == CW_PIN_RIGHT;
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (!whole && (g_file_test (run->part, G_FILE_TEST_EXISTS) || g_rename (run->folder, run->part) != 0))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("“%s” is damaged and cannot be mended; remove it and get it again."), run->folder);
  return whole;
}

static gboolean
run_locked (Run *run, gint64 *n_bytes_got, GCancellable *cancellable, GError **error)
{
  const CwCatalogueEntry *entry = run->order->entry;
  GError                 *problem = NULL;
  const char             *licence;
  gint64                  n_missing;

  tell (run, (CwDownloadProgress){ .stage = CW_DOWNLOAD_STAGE_ASKING, .remaining_s = -1.0 });
  if (is_here_already (run, cancellable, &problem))
    return TRUE;
  if (problem) {
    g_propagate_error (error, problem);
    return FALSE;
  }
  if (!(run->hub = cw_hub_new (error)) ||
      !(run->plan = cw_plan_new (run->hub, run->order->repo, run->order->revision, entry, cancellable, error)))
    return FALSE;
  licence = run->plan->licence ? run->plan->licence : entry ? entry->licence : NULL;
  n_missing = count_missing (run);
  if (!run->order->agree (licence, n_missing, run->order->user)) {
    g_set_error (error, CW_DOWNLOAD_ERROR, CW_DOWNLOAD_ERROR_LICENCE,
                 _ ("The licence of %s, %s, was not agreed to, so nothing was downloaded."), run->order->repo,
                 licence ? cw_licence_title (licence) : _ ("which is not stated"));
    return FALSE;
  }
  if (g_mkdir_with_parents (run->part, 0777) != 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("“%s” cannot be made: %s."), run->part, g_strerror (errno));
    return FALSE;
  }
  if (!check_room (run, n_missing, error) || !fetch_all (run, cancellable, error))
    return FALSE;
  if (n_bytes_got)
    *n_bytes_got = n_missing;
  return publish (run, licence, error);
}

gboolean
cw_download_run (const CwDownloadOrder *order, gint64 *n_bytes_got, GCancellable *cancellable, GError **error)
{
  g_autofree char *models = cw_models_get_folder ();
  Run              run = { .order = order, .stop = g_cancellable_new () };
  gboolean         good = FALSE;
  int              lock;

  if (n_bytes_got)
    *n_bytes_got = 0;
  run.folder = g_build_filename (models, order->name, NULL);
  run.part = g_strconcat (run.folder, CW_MODEL_PART_SUFFIX, NULL);
  g_mutex_init (&run.lock);
  g_cond_init (&run.changed);
  if ((lock = take_lock (&run, models, cancellable, error)) >= 0) {
    good = run_locked (&run, n_bytes_got, cancellable, error);
    if (!good)
      g_rmdir (run.part); /* when nothing came */
    close (lock);
  }
  if (good)
    tell (&run, (CwDownloadProgress){ .stage = CW_DOWNLOAD_STAGE_DONE, .remaining_s = 0.0 });
  cw_plan_free (run.plan);
  cw_hub_free (run.hub);
  g_object_unref (run.stop);
  g_free (run.folder);
  g_free (run.part);
  g_mutex_clear (&run.lock);
  g_cond_clear (&run.changed);
  return good;
}
