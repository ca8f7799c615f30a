/* SPDX-License-Identifier: MIT
 *
 * recorder.c: see recorder.h. The callback shares with the thread a ring and one counter; what the main thread asks for is atomic, too.
 */
#include "recorder.h"

#include <glib/gi18n.h>
#include <math.h>
#include <portaudio.h>
#include <stdatomic.h>

#include "exporter.h"
#include "ring.h"
#include "sound.h"

#define RING_S       4.0  /* a disk that is busy may take so long */
#define TICK_MS      20
#define PIECE_FRAMES 4096
#define LEVEL_S      0.1
#define MUTE_S       4.0  /* a device that gives nothing for so long gives nothing at all */
#define SILENT       1e-4 /* -80 dB: no room is so still */
#define FORMAT       CW_FORMAT_WAV24

typedef enum { WISH_GO_ON, WISH_STOP, WISH_CANCEL } Wish;

struct _CwRecorder {
  GObject      parent;

  GThread     *thread; /* while a recording is under way, and until its end was told */
  char        *folder;
  double       max_s;
  /* written by one thread each, read by any */
  atomic_int   wish;
  atomic_uint  n_ms, level; /* level: of 1e6 */
  gboolean     shut_down;   /* main thread */
};

G_DEFINE_FINAL_TYPE (CwRecorder, cw_recorder, G_TYPE_OBJECT)

static guint started_signal, finished_signal;

/* What the thread works with. */
typedef struct {
  CwRecorder    *recorder; /* owned */
  CwSoundDevice *device;
  PaStream      *stream;
  CwRing        *ring;
  guint          rate_hz, n_channels;
  atomic_ullong  n_lost;   /* frames that found no room */
  CwExport      *file;
  char          *path, *problem;
  gsize          n_frames;
  float          peak;     /* of all */
  float          recent;   /* of what LEVEL_S counts */
  gsize          n_recent;
} Take;

/* ---- PortAudio's thread ---------------------------------------------------------------------------------------------- */

static int
hear (const void *input, void *output, unsigned long n_frames, const PaStreamCallbackTimeInfo *time, PaStreamCallbackFlags flags, void *user)
{
  Take       *take = user;
  const gsize n = n_frames * take->n_channels;

  (void) output;
  (void) time;
  if (flags & paInputOverflow)
    atomic_fetch_add_explicit (&take->n_lost, 1, memory_order_relaxed);
  if (input) {
    const gsize n_taken = cw_ring_write (take->ring, input, n, take->n_channels);

    if (n_taken < n)
      atomic_fetch_add_explicit (&take->n_lost, (n - n_taken) / take->n_channels, memory_order_relaxed);
  }
  return paContinue;
}

/* ---- the recording thread -------------------------------------------------------------------------------------------- */

static gboolean
tell_started (gpointer recorder)
{
  g_signal_emit (recorder, started_signal, 0);
  return G_SOURCE_REMOVE;
}

static gboolean
tell_finished (gpointer data)
{
  Take       *take = data;
  CwRecorder *recorder = take->recorder;

  if (recorder->thread) {
    g_thread_join (g_steal_pointer (&recorder->thread));
    if (!recorder->shut_down)
      g_signal_emit (recorder, finished_signal, 0, take->path, take->problem);
  }
  return G_SOURCE_REMOVE;
}

static void
take_free (gpointer data)
{
  Take *take = data;

  g_free (take->path);
  g_free (take->problem);
  g_object_unref (take->recorder);
  g_free (take);
}

static gboolean
open_device (Take *take, GError **error)
{
  PaStreamParameters input = { .sampleFormat = paFloat32 };
  PaError            status;

  if (!(take->device = cw_sound_begin_input (error)))
    return FALSE;
  take->n_channels = take->device->n_channels;
  take->rate_hz = (guint) take->device->rate_hz;
  take->ring = cw_ring_new ((gsize) (RING_S * take->rate_hz) * take->n_channels);
  input.device = take->device->index;
  input.channelCount = (int) take->n_channels;
  input.suggestedLatency = take->device->latency_s;
  cw_sound_lock ();
  status = Pa_OpenStream (&take->stream, &input, NULL, take->rate_hz, paFramesPerBufferUnspecified, paClipOff, hear, take);
  cw_sound_unlock ();
  if (status != paNoError)
    take->stream = NULL;
  else
    status = Pa_StartStream (take->stream);
  if (status == paNoError)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The microphone “%s” does not record: %s. Look whether another program has it, or choose another in "
                                                        "the system's sound settings."), take->device->name, Pa_GetErrorText (status));
  return FALSE;
}

static void
close_device (Take *take)
{
  if (take->stream) {
    Pa_AbortStream (take->stream);
    cw_sound_lock ();
    Pa_CloseStream (take->stream);
    cw_sound_unlock ();
  }
  cw_sound_end (take->device);
  cw_ring_free (take->ring);
}

static gboolean
open_file (Take *take, GError **error)
{
  CwRecorder          *recorder = take->recorder;
  g_autofree char     *folder = recorder->folder ? g_strdup (recorder->folder) : g_build_filename (g_get_user_data_dir (), "clipwright", "recordings", NULL);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char     *when = g_date_time_format (now, "%Y-%m-%d %H.%M.%S"), *stem = g_strdup_printf (_ ("Recording %s"), when);

  if (g_mkdir_with_parents (folder, 0700) != 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("“%s” cannot be made: %s."), folder, g_strerror (errno));
    return FALSE;
  }
  take->path = cw_export_free_name (folder, stem, cw_format_get_extension (FORMAT));
  return (take->file = cw_export_begin (take->path, FORMAT, FALSE, take->n_channels, take->rate_hz, NULL, error)) != NULL;
}

static void
measure (Take *take, const float *samples, gsize n)
{
  for (gsize i = 0; i < n; i++)
    take->recent = MAX (take->recent, fabsf (samples[i]));
  take->peak = MAX (take->peak, take->recent);
  take->n_recent += n / take->n_channels;
  if (take->n_recent < LEVEL_S * take->rate_hz)
    return;
  atomic_store (&take->recorder->level, (guint) (MIN (take->recent, 1.0f) * 1e6f));
  take->recent = 0.0f;
  take->n_recent = 0;
}

/* What lies in the ring goes into the file. FALSE when it cannot be written; what was written before is kept. */
static gboolean
empty_ring (Take *take, gsize max_frames, GError **error)
{
  float samples[PIECE_FRAMES * 2];

  while (take->n_frames < max_frames) {
    const gsize n_wanted = MIN ((gsize) PIECE_FRAMES, max_frames - take->n_frames) * take->n_channels;
    const gsize n = cw_ring_read (take->ring, samples, n_wanted);

    if (n == 0)
      break;
    measure (take, samples, n);
    if (!cw_export_append (take->file, samples, n / take->n_channels, error)) {
      if (take->n_frames > 0 && !take->problem)
        take->problem = g_strdup_printf (_ ("%s What was recorded until then is kept."), (*error)->message);
      return FALSE;
    }
    take->n_frames += n / take->n_channels;
  }
  atomic_store (&take->recorder->n_ms, (guint) (1000.0 * (double) take->n_frames / take->rate_hz));
  return TRUE;
}

/* Until the person or the device ends it, or it is long enough. FALSE with @error when there is nothing to keep. */
static gboolean
record (Take *take, GError **error)
{
  CwRecorder  *recorder = take->recorder;
  const gsize  max_frames = (gsize) (recorder->max_s * take->rate_hz);
  const gint64 began = g_get_monotonic_time ();
  gboolean     told = FALSE;

  while (atomic_load (&recorder->wish) == WISH_GO_ON && take->n_frames < max_frames) {
    if (!empty_ring (take, max_frames, error))
      return take->n_frames > 0;
    if (take->n_frames > 0 && !told) {
      told = TRUE;
      g_idle_add_full (G_PRIORITY_DEFAULT, tell_started, g_object_ref (recorder), g_object_unref);
    }
    if (take->n_frames == 0 && g_get_monotonic_time () - began > MUTE_S * G_USEC_PER_SEC) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("The microphone “%s” gives no sound. Choose another in the system's sound settings."),
                   take->device->name);
      return FALSE;
    }
    if (Pa_IsStreamActive (take->stream) != 1) {
      take->problem = g_strdup_printf (_ ("The microphone “%s” went away; what was recorded until then is kept."), take->device->name);
      break;
    }
    g_usleep (TICK_MS * 1000);
  }
  if (atomic_load (&recorder->wish) == WISH_CANCEL)
    return FALSE;
  if (!take->problem)
    Pa_StopStream (take->stream);
  if (!empty_ring (take, max_frames, error))
    return take->n_frames > 0;
  if (take->n_frames == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("Nothing was recorded: the microphone “%s” gave no sound."), take->device->name);
  return take->n_frames > 0;
}

/* What there is to be said of a recording that was kept. */
static void
judge (Take *take)
{
  const guint64 n_lost = atomic_load (&take->n_lost);

  if (take->problem)
    return;
  if (take->peak < SILENT)
    take->problem = g_strdup (_ ("The recording is silent. Look whether the microphone is muted."));
  else if (n_lost)
    take->problem = g_strdup (_ ("The machine was too busy: the recording has gaps."));
  else if (take->peak >= 1.0f)
    take->problem = g_strdup (_ ("The recording is too loud in places, and clips. Turn the microphone down."));
}

static gpointer
run (gpointer data)
{
  Take              *take = data;
  g_autoptr (GError) error = NULL;
  gboolean           good = open_device (take, &error) && open_file (take, &error) && record (take, &error);

  close_device (take);
  if (good) {
    g_clear_error (&error); /* it is the problem of what is kept */
    good = cw_export_finish (g_steal_pointer (&take->file), &error);
  }
  cw_export_abandon (take->file);
  if (good) {
    judge (take);
  } else {
    g_clear_pointer (&take->path, g_free);
    g_free (take->problem);
    take->problem = error && atomic_load (&take->recorder->wish) != WISH_CANCEL ? g_strdup (error->message) : NULL;
  }
  g_idle_add_full (G_PRIORITY_DEFAULT, tell_finished, take, take_free);
  return NULL;
}

/* ---- the main thread ------------------------------------------------------------------------------------------------- */

void
cw_recorder_start (CwRecorder *recorder, const char *folder, double max_s)
{
  Take *take;

  if (recorder->thread || recorder->shut_down)
    return;
  g_free (recorder->folder);
  recorder->folder = g_strdup (folder);
  recorder->max_s = max_s;
  atomic_store (&recorder->wish, WISH_GO_ON);
  atomic_store (&recorder->n_ms, 0);
  atomic_store (&recorder->level, 0);
  take = g_new0 (Take, 1);
  take->recorder = g_object_ref (recorder);
  recorder->thread = g_thread_new ("recorder", run, take);
}

void
cw_recorder_stop (CwRecorder *recorder)
{
  int go_on = WISH_GO_ON;

  atomic_compare_exchange_strong (&recorder->wish, &go_on, WISH_STOP); /* who cancelled does not think better of it */
}

void
cw_recorder_cancel (CwRecorder *recorder)
{
  atomic_store (&recorder->wish, WISH_CANCEL);
}

void
cw_recorder_shut_down (CwRecorder *recorder)
{
  recorder->shut_down = TRUE;
  cw_recorder_cancel (recorder);
  if (recorder->thread)
    g_thread_join (g_steal_pointer (&recorder->thread));
}

gboolean
cw_recorder_is_active (CwRecorder *recorder)
{
  return recorder->thread != NULL;
}

double
cw_recorder_get_seconds (CwRecorder *recorder)
{
  return atomic_load (&recorder->n_ms) / 1000.0;
}

double
cw_recorder_get_level (CwRecorder *recorder)
{
  return atomic_load (&recorder->level) / 1e6;
}

static void
cw_recorder_finalize (GObject *object)
{
  g_free (CW_RECORDER (object)->folder);
  G_OBJECT_CLASS (cw_recorder_parent_class)->finalize (object);
}

static void
cw_recorder_class_init (CwRecorderClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cw_recorder_finalize;
  started_signal = g_signal_new ("started", CW_TYPE_RECORDER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  finished_signal = g_signal_new ("finished", CW_TYPE_RECORDER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
cw_recorder_init (CwRecorder *recorder)
{
  (void) recorder;
}

CwRecorder *
cw_recorder_new (void)
{
  return g_object_new (CW_TYPE_RECORDER, NULL);
}
