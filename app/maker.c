/* SPDX-License-Identifier: MIT
 *
 * maker.c: jobs go to one thread through a queue; what they yield comes back as idle sources on the main thread.
 *
 *     main thread                        engine's thread
 *     cw_maker_make ──── job ── queue ──▶ cw_generate
 *     state, "grew" ◀── idle source ───── block: appended to the clip at once
 *
 * A job, and with it its clips, goes on the main thread: the engine's thread gives its own hold away with the last source.
 */
#include "maker.h"

#include <glib/gi18n.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "error.h"
#include "models.h"

#define GROW_INTERVAL_US (G_USEC_PER_SEC / 30)

struct _CwMaker {
  GObject      parent;

  GThread     *thread;
  GAsyncQueue *queue;   /* of Job */
  GPtrArray   *making;  /* of Job: queued or running; main thread */
  GMutex       lock;    /* guards engine_line and wanted */
  char        *engine_line;
  CwMakerHow   wanted;  /* its device is interned */

  /* the engine's thread alone */
  cw_engine   *engine;
  cw_model    *model;
  char        *model_folder;
  CwMakerHow   how;     /* that they were made with */
  atomic_uint  unload_s;
};

G_DEFINE_FINAL_TYPE (CwMaker, cw_maker, G_TYPE_OBJECT)

static guint notice_signal;

typedef enum { JOB_LOAD, JOB_MAKE, JOB_QUIT } JobKind;
enum { QUEUED, RUNNING, WITHDRAWN };

typedef struct {
  atomic_int     n_refs;
  JobKind        kind;
  CwMaker       *maker;   /* not owned: the maker waits for its thread before it goes, and then it is NULL */
  GTask         *task;    /* JOB_LOAD; owned until it returns, on the main thread */
  char          *folder;
  CwRecipe      *recipe;  /* JOB_MAKE */
  GPtrArray     *clips;   /* of CwClip, one a take */
  atomic_int     phase;
  atomic_bool    cancel;
  gint64         grown_at; /* monotonic µs; the engine's thread */
  /* the outcome, written by the thread before the last idle source */
  CwClipState    state;
  GError        *error;
  CwModelFacts  *facts;
} Job;

static void
job_unref (Job *job)
{
  if (atomic_fetch_sub (&job->n_refs, 1) != 1)
    return;
  g_clear_object (&job->task);
  g_free (job->folder);
  cw_recipe_free (job->recipe);
  g_clear_pointer (&job->clips, g_ptr_array_unref);
  g_clear_error (&job->error);
  cw_model_facts_free (job->facts);
  g_free (job);
}

static Job *
job_ref (Job *job)
{
  atomic_fetch_add (&job->n_refs, 1);
  return job;
}

static Job *
job_new (CwMaker *maker, JobKind kind)
{
  Job *job = g_new0 (Job, 1);

  atomic_init (&job->n_refs, 1);
  atomic_init (&job->phase, QUEUED);
  atomic_init (&job->cancel, false);
  job->kind = kind;
  job->maker = maker;
  return job;
}

/* ---- facts ----------------------------------------------------------------------------------------------------------- */

CwModelFacts *
cw_model_facts_new (const cw_model_info *info)
{
  CwModelFacts *facts = g_new0 (CwModelFacts, 1);

  facts->folder = g_strdup (info->folder);
  facts->name = g_strdup (info->name);
  facts->info = *info;
  facts->info.folder = facts->folder;
  facts->info.name = facts->name;
  facts->info.family = g_intern_string (info->family);
  facts->info.device = g_intern_string (info->device);
  facts->info.device_note = ""; /* said by a notice */
  return facts;
}

void
cw_model_facts_free (CwModelFacts *facts)
{
  if (!facts)
    return;
  g_free (facts->folder);
  g_free (facts->name);
  g_free (facts);
}

/* ---- the engine's thread --------------------------------------------------------------------------------------------- */

static void
say_engine (CwMaker *maker, const char *failure)
{
  g_mutex_lock (&maker->lock);
  g_free (maker->engine_line);
  maker->engine_line = failure ? g_strdup (failure)
                               : g_strdup_printf ("%s, %s, %u threads", cw_engine_get_backend (maker->engine),
                                                  cw_engine_get_kernels (maker->engine), cw_engine_get_n_threads (maker->engine));
  g_mutex_unlock (&maker->lock);
}

static void
let_model_go (CwMaker *maker)
{
  g_clear_pointer (&maker->model, cw_model_free);
  g_clear_pointer (&maker->model_folder, g_free);
}

/* What was made in another way than is wanted now goes. */
static void
follow_wishes (CwMaker *maker)
{
  const CwMakerHow before = maker->how;

  g_mutex_lock (&maker->lock);
  maker->how = maker->wanted;
  g_mutex_unlock (&maker->lock);
  if (before.precision != maker->how.precision)
    let_model_go (maker);
  if (before.device != maker->how.device || before.vram_bytes != maker->how.vram_bytes) {
    let_model_go (maker);
    g_clear_pointer (&maker->engine, cw_engine_free);
  }
}

/* Makes @folder's model the loaded one. */
static gboolean
need_model (CwMaker *maker, const char *folder, GError **error)
{
  follow_wishes (maker);
  if (maker->model && strcmp (maker->model_folder, folder) == 0)
    return TRUE;

  g_autofree char        *cache = cw_models_get_cache_folder (), *models = cw_models_get_folder (), *name = cw_models_get_name (folder);
  const cw_engine_options engine_options = { .backend = maker->how.device, .vram_bytes = maker->how.vram_bytes };
  const cw_model_options  options = { .precision = maker->how.precision, .cache_folder = cache, .models_folder = models,
                                      .text_encoder = g_getenv ("CLIPWRIGHT_TEXT_ENCODER"), .name = name };
  cw_error                problem = { 0 };

  let_model_go (maker);
  if (!maker->engine) {
    maker->engine = cw_engine_new (&engine_options, &problem);
    say_engine (maker, maker->engine ? NULL : problem.message);
  }
  if (!maker->engine || !(maker->model = cw_model_load (maker->engine, folder, &options, &problem))) {
    cw_take_error (error, &problem);
    return FALSE;
  }
  maker->model_folder = g_strdup (folder);
  return TRUE;
}

static gboolean
tell_grown (gpointer data)
{
  Job *job = data;

  for (guint i = 0; i < job->clips->len; i++)
    if (!cw_clip_is_finished (g_ptr_array_index (job->clips, i)))
      cw_clip_emit_grew (g_ptr_array_index (job->clips, i));
  return G_SOURCE_REMOVE;
}

static gboolean
tell_started (gpointer data)
{
  Job *job = data;

  for (guint i = 0; i < job->clips->len; i++)
    cw_clip_set_state (g_ptr_array_index (job->clips, i), CW_CLIP_MAKING, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
tell_done (gpointer data)
{
  Job *job = data;

  if (job->kind == JOB_LOAD) {
    if (job->facts)
      g_task_return_pointer (job->task, g_steal_pointer (&job->facts), (GDestroyNotify) cw_model_facts_free);
    else
      g_task_return_error (job->task, g_steal_pointer (&job->error));
    g_clear_object (&job->task);
  } else {
    for (guint i = 0; i < job->clips->len; i++) {
      CwClip *clip = g_ptr_array_index (job->clips, i);

      if (!cw_clip_is_finished (clip))
        cw_clip_set_state (clip, job->state, job->error ? job->error->message : NULL);
    }
    if (job->maker)
      g_ptr_array_remove (job->maker->making, job);
  }
  return G_SOURCE_REMOVE;
}

/* Of a job that was withdrawn, as the main thread has said already. */
static gboolean
tell_nothing (gpointer data)
{
  (void) data;
  return G_SOURCE_REMOVE;
}

/* Takes the caller's hold of @job. The order of these sources is the order of the calls: all have one priority. */
static void
give_to_main_thread (Job *job, GSourceFunc function)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, function, job, (GDestroyNotify) job_unref);
}

static void
on_main_thread (Job *job, GSourceFunc function)
{
  give_to_main_thread (job_ref (job), function);
}

static void
take_block (const cw_block *block, void *user)
{
  Job *job = user;

  if (cw_clip_append (g_ptr_array_index (job->clips, block->take - job->recipe->take), block->samples, block->n_samples) ||
      !job->recipe->endless || job->error)
    return;
  atomic_store (&job->cancel, true);
  g_set_error_literal (&job->error, CW_ERROR, CW_ERROR_IO, _ ("There is no room for more of it, on the disk or in one clip."));
}

/* What it would take to fill the clip, so that whoever plays it knows whether making keeps up; < 0 while not known. */
static double
remaining_of_endless (CwClip *clip, const cw_progress *progress)
{
  const double n_left = (double) (cw_clip_get_n_samples_total (clip) - cw_clip_get_n_ready (clip));

  return progress->n_samples ? progress->elapsed_s / (double) progress->n_samples * n_left : -1.0;
}

static void
take_progress (const cw_progress *progress, void *user)
{
  Job         *job = user;
  const gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < job->clips->len; i++) {
    CwClip *clip = g_ptr_array_index (job->clips, i);

    cw_clip_set_remaining (clip, job->recipe->endless ? remaining_of_endless (clip, progress) : progress->remaining_s);
  }
  if (now - job->grown_at < GROW_INTERVAL_US)
    return;
  job->grown_at = now;
  on_main_thread (job, tell_grown);
}

typedef struct {
  CwMaker *maker; /* owned */
  char    *sentence;
} Notice;

static void
notice_free (gpointer data)
{
  Notice *notice = data;

  g_object_unref (notice->maker);
  g_free (notice->sentence);
  g_free (notice);
}

static gboolean
tell_notice (gpointer data)
{
  Notice *notice = data;

  g_signal_emit (notice->maker, notice_signal, 0, notice->sentence);
  return G_SOURCE_REMOVE;
}

static void
take_notice (const char *sentence, void *user)
{
  const Job *job = user;
  Notice    *notice = g_new (Notice, 1);

  *notice = (Notice){ g_object_ref (job->maker), g_strdup (sentence) };
  g_idle_add_full (G_PRIORITY_DEFAULT, tell_notice, notice, notice_free);
}

/* Returns what the main thread is to do behind it. */
static GSourceFunc
run_make (CwMaker *maker, Job *job)
{
  const cw_sink sink = { .block = take_block, .progress = take_progress, .cancel = &job->cancel, .user = job, .notice = take_notice };
  cw_error      problem = { 0 };
  cw_request    request;
  CwRecipeSound sound = { 0 };
  int           expected = QUEUED;

  if (!atomic_compare_exchange_strong (&job->phase, &expected, RUNNING))
    return tell_nothing;
  on_main_thread (job, tell_started);
  if (!need_model (maker, job->folder, &job->error)) {
    job->state = CW_CLIP_FAILED;
    return tell_done;
  }
  cw_recipe_to_request (job->recipe, cw_model_get_info (maker->model), &request);
  request.n_takes = job->clips->len;
  if (!cw_recipe_to_sound (job->recipe, cw_model_get_info (maker->model), &sound, &request, &job->error))
    job->state = CW_CLIP_FAILED;
  else if (cw_generate (maker->model, &request, &sink, NULL, &problem) == CW_OK)
    job->state = CW_CLIP_DONE;
  else if (job->error)
    job->state = CW_CLIP_FAILED; /* no room */
  else if (problem.code == CW_ERROR_CANCELLED)
    job->state = job->recipe->endless ? CW_CLIP_DONE : CW_CLIP_STOPPED;
  else {
    job->state = CW_CLIP_FAILED;
    cw_take_error (&job->error, &problem);
  }
  cw_recipe_sound_clear (&sound);
  return tell_done;
}

/* NULL when nothing was asked for during so long that the model should go. */
static Job *
next_job (CwMaker *maker)
{
  const guint seconds = atomic_load (&maker->unload_s);

  return maker->model && seconds > 0 ? g_async_queue_timeout_pop (maker->queue, (guint64) seconds * G_USEC_PER_SEC)
                                     : g_async_queue_pop (maker->queue);
}

static void
unload (CwMaker *maker)
{
  let_model_go (maker);
  malloc_trim (0);
}

static gpointer
work (gpointer data)
{
  CwMaker *maker = data;
  gboolean quit = FALSE;

  while (!quit) {
    Job *job = next_job (maker);

    if (!job) {
      unload (maker);
    } else if (job->kind == JOB_LOAD) {
      if (need_model (maker, job->folder, &job->error))
        job->facts = cw_model_facts_new (cw_model_get_info (maker->model));
      give_to_main_thread (job, tell_done);
    } else if (job->kind == JOB_MAKE) {
      give_to_main_thread (job, run_make (maker, job));
    } else {
      quit = TRUE;
      job_unref (job);
    }
  }
  g_clear_pointer (&maker->model, cw_model_free);
  g_clear_pointer (&maker->engine, cw_engine_free);
  return NULL;
}

/* ---- main thread ----------------------------------------------------------------------------------------------------- */

static void
cw_maker_init (CwMaker *maker)
{
  g_mutex_init (&maker->lock);
  atomic_init (&maker->unload_s, 600);
  maker->queue = g_async_queue_new_full ((GDestroyNotify) job_unref);
  maker->making = g_ptr_array_new_with_free_func ((GDestroyNotify) job_unref);
  maker->thread = g_thread_new ("engine", work, maker);
}

static void
cw_maker_dispose (GObject *object)
{
  cw_maker_shut_down (CW_MAKER (object));
  G_OBJECT_CLASS (cw_maker_parent_class)->dispose (object);
}

static void
cw_maker_finalize (GObject *object)
{
  CwMaker *maker = CW_MAKER (object);

  g_async_queue_unref (maker->queue);
  g_ptr_array_unref (maker->making);
  g_free (maker->model_folder);
  g_free (maker->engine_line);
  g_mutex_clear (&maker->lock);
  G_OBJECT_CLASS (cw_maker_parent_class)->finalize (object);
}

static void
cw_maker_class_init (CwMakerClass *class)
{
  G_OBJECT_CLASS (class)->dispose = cw_maker_dispose;
  G_OBJECT_CLASS (class)->finalize = cw_maker_finalize;
  /* What glibc begins with. Left alone it raises this, and with it what each thread's heap may keep at its top, when a large block is freed;
   * malloc_trim does not take that back. */
  mallopt (M_MMAP_THRESHOLD, 128 * 1024);
  notice_signal = g_signal_new ("notice", CW_TYPE_MAKER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

CwMaker *
cw_maker_new (void)
{
  return g_object_new (CW_TYPE_MAKER, NULL);
}

void
cw_maker_set_how (CwMaker *maker, const CwMakerHow *how)
{
  g_return_if_fail (CW_IS_MAKER (maker));
  g_mutex_lock (&maker->lock);
  maker->wanted = (CwMakerHow){ g_intern_string (how->device), how->vram_bytes, how->precision };
  g_mutex_unlock (&maker->lock);
}

void
cw_maker_set_unload_after (CwMaker *maker, guint seconds)
{
  g_return_if_fail (CW_IS_MAKER (maker));
  atomic_store (&maker->unload_s, seconds);
}

void
cw_maker_load_async (CwMaker *maker, const char *folder, GAsyncReadyCallback done, gpointer data)
{
  Job *job;

  g_return_if_fail (CW_IS_MAKER (maker) && maker->thread && folder);
  job = job_new (maker, JOB_LOAD);
  job->folder = g_strdup (folder);
  job->task = g_task_new (maker, NULL, done, data);
  g_async_queue_push (maker->queue, job);
}

CwModelFacts *
cw_maker_load_finish (CwMaker *maker, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, maker), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

GPtrArray *
cw_maker_make (CwMaker *maker, const CwModelFacts *facts, const CwRecipe *recipe, guint n_takes, GError **error)
{
  g_autoptr (GPtrArray) clips = g_ptr_array_new_with_free_func (g_object_unref);
  cw_error   problem = { 0 };
  cw_request request;
  Job       *job;

  g_return_val_if_fail (CW_IS_MAKER (maker) && maker->thread && facts && recipe, NULL);
  cw_recipe_to_request (recipe, &facts->info, &request);
  request.n_takes = n_takes;
  if (cw_request_check (&request, &facts->info, &problem) != CW_OK) {
    cw_take_error (error, &problem);
    return NULL;
  }
  for (guint take = 0; take < n_takes; take++) {
    g_autoptr (CwRecipe) own = cw_recipe_copy (recipe);
    CwClip *clip;

    own->take = recipe->take + take;
    if (!own->model_hash)
      own->model_hash = g_strdup (facts->info.hash);
    own->precision = facts->info.precision;
    cw_recipe_settle (own, &facts->info);
    clip = cw_clip_new (own, facts->info.rate_hz, facts->info.n_channels, cw_request_n_samples (&request, &facts->info), error);
    if (!clip)
      return NULL;
    g_ptr_array_add (clips, clip);
  }
  job = job_new (maker, JOB_MAKE);
  job->folder = g_strdup (facts->folder);
  job->recipe = cw_recipe_copy (recipe);
  job->clips = g_ptr_array_ref (clips);
  g_ptr_array_add (maker->making, job_ref (job));
  g_async_queue_push (maker->queue, job);
  return g_steal_pointer (&clips);
}

static void
stop_job (CwMaker *maker, Job *job)
{
  int expected = QUEUED;

  atomic_store (&job->cancel, true);
  if (!atomic_compare_exchange_strong (&job->phase, &expected, WITHDRAWN))
    return; /* runs: the engine sees the flag before its next step */
  for (guint i = 0; i < job->clips->len; i++)
    cw_clip_set_state (g_ptr_array_index (job->clips, i), CW_CLIP_STOPPED, NULL);
  g_ptr_array_remove (maker->making, job);
}

void
cw_maker_stop (CwMaker *maker, CwClip *clip)
{
  g_return_if_fail (CW_IS_MAKER (maker));
  for (guint i = 0; i < maker->making->len; i++) {
    Job *job = g_ptr_array_index (maker->making, i);

    if (g_ptr_array_find (job->clips, clip, NULL)) {
      stop_job (maker, job);
      return;
    }
  }
}

void
cw_maker_shut_down (CwMaker *maker)
{
  if (!maker->thread)
    return;
  for (guint i = maker->making->len; i-- > 0; )
    stop_job (maker, g_ptr_array_index (maker->making, i));
  g_async_queue_push (maker->queue, job_new (maker, JOB_QUIT));
  g_thread_join (g_steal_pointer (&maker->thread));
  for (guint i = 0; i < maker->making->len; i++)
    ((Job *) maker->making->pdata[i])->maker = NULL; /* of which the main thread has still to hear */
}

const char *
cw_maker_get_engine_line (CwMaker *maker)
{
  const char *line;

  g_mutex_lock (&maker->lock);
  line = g_intern_string (maker->engine_line);
  g_mutex_unlock (&maker->lock);
  return line;
}
