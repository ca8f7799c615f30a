/* SPDX-License-Identifier: MIT
 *
 * player.c: the feeder thread and PortAudio's callback.
 *
 * Everything that both the main thread and the feeder touch lies in CwPlayer under one lock: what is wanted (clip,
 * position, pause) and what is so (state, problem). Each wish of a new place raises `epoch`; the feeder then discards
 * what lies in the ring and feeds from there. The callback shares only the ring and a few atomics with them.
 *
 * The position is not counted in time but in what the callback took from the ring, so gaps do not move it.
 */
#include "player.h"

#include <glib/gi18n.h>
#include <math.h>
#include <portaudio.h>
#include <soxr.h>
#include <stdatomic.h>
#include <string.h>

#include "ring.h"
#include "sound.h"

#define RING_S            0.5  /* what the ring holds at most */
#define TICK_MS           10   /* the feeder's */
#define IDLE_PAUSE_S      5.0  /* a pause longer than this gives the device back */
#define WAIT_SLACK_S      0.6  /* a block of the engine, 0.5 s, comes when all of it is made; and a little of the estimate */
#define WAIT_FACTOR       1.05
#define DRAIN_SLACK_S     0.15 /* beyond the latency that the device names */
#define FEED_FRAMES       1024
#define MIN_RATE_HZ       8000

/* What the callback sees. */
typedef struct {
  CwRing      *ring;
  guint        n_channels;
  atomic_bool  silent;    /* paused: the ring is left alone */
  atomic_bool  expecting; /* the clip goes on: a dry ring is an underrun */
  atomic_ullong n_underruns, n_device_underruns;
} Tap;

struct _CwPlayer {
  GObject        parent;

  GThread       *thread;
  GMutex         lock;
  GCond          wake;
  /* wanted; written by the main thread */
  CwClip        *clip;     /* owned */
  double         start_s;
  guint          epoch;    /* of clip and start */
  gboolean       playing;  /* the clip is to be heard */
  gboolean       paused, at_once, look, quit;
  /* so; written by the feeder */
  CwPlayerState  state;
  guint          state_epoch; /* the epoch that state, and base below, belong to */
  char          *device, *problem;
  double         starts_in;
  gsize          base_index;  /* of the ring, where base_s lies */
  double         base_s, floats_per_s, latency_s;
  gboolean       telling;     /* an idle source is on its way */

  Tap            tap;
  /* main thread */
  char          *shown_device, *shown_problem;
};

G_DEFINE_FINAL_TYPE (CwPlayer, cw_player, G_TYPE_OBJECT)

static guint changed_signal;

double
cw_player_wait_needed (double position_s, double ready_s, double total_s, double remaining_s)
{
  const double left_s = total_s - position_s;

  if (ready_s >= total_s)
    return 0.0;
  if (remaining_s < 0.0)
    return -1.0;
  if (ready_s <= position_s) /* nothing to play yet: at least until its part of the rest is made */
    return MAX (remaining_s * WAIT_FACTOR + WAIT_SLACK_S - left_s,
                remaining_s * (position_s - ready_s) / (total_s - ready_s) + WAIT_SLACK_S);
  return MAX (0.0, remaining_s * WAIT_FACTOR + WAIT_SLACK_S - left_s);
}

/* ---- PortAudio's thread ---------------------------------------------------------------------------------------------- */

static int
fill (const void *input, void *output, unsigned long n_frames, const PaStreamCallbackTimeInfo *time,
      PaStreamCallbackFlags flags, void *user)
{
  Tap        *tap = user;
  float      *samples = output;
  const gsize n = n_frames * tap->n_channels;
  gsize       n_read = 0;

  (void) input;
  (void) time;
  if (!atomic_load_explicit (&tap->silent, memory_order_acquire)) {
    const bool expecting = atomic_load_explicit (&tap->expecting, memory_order_acquire);

    n_read = cw_ring_read (tap->ring, samples, n);
    if (n_read < n && expecting)
      atomic_fetch_add_explicit (&tap->n_underruns, 1, memory_order_relaxed);
    if ((flags & paOutputUnderflow) && expecting)
      atomic_fetch_add_explicit (&tap->n_device_underruns, 1, memory_order_relaxed);
  }
  memset (samples + n_read, 0, (n - n_read) * sizeof *samples);
  return paContinue;
}

/* ---- the feeder ------------------------------------------------------------------------------------------------------ */

/* The feeder's own: no other thread sees it. */
typedef struct {
  CwPlayer      *player;
  CwSoundDevice *device;
  PaStream      *stream;
  guint          stream_rate_hz, stream_clip_rate_hz;
  CwClip        *clip;       /* owned */
  gsize          at;         /* next sample of the clip, per channel */
  gboolean       flushed;    /* the resampler gave its tail */
  soxr_t         resampler;  /* NULL: the device takes the clip's rate */
  float         *pending;    /* device frames that had no room yet */
  gsize          n_pending, pending_at, pending_room;
  guint          epoch;
  gboolean       started;    /* what is fed since the epoch began is being heard */
  gint64         paused_at, opened_at, emptied_at; /* monotonic µs; 0: not so */
  double         played_s;
} Feeder;

static gboolean
tell_changed (gpointer data)
{
  CwPlayer *player = data;

  g_mutex_lock (&player->lock);
  player->telling = FALSE;
  g_free (player->shown_device);
  g_free (player->shown_problem);
  player->shown_device = g_strdup (player->device);
  player->shown_problem = g_strdup (player->problem);
  g_mutex_unlock (&player->lock);
  g_signal_emit (player, changed_signal, 0);
  return G_SOURCE_REMOVE;
}

/* With the lock held. */
static void
tell (CwPlayer *player)
{
  if (player->telling || player->quit)
    return;
  player->telling = TRUE;
  g_idle_add_full (G_PRIORITY_DEFAULT, tell_changed, g_object_ref (player), g_object_unref);
}

/* With the lock held. */
static void
set_state (Feeder *feeder, CwPlayerState state)
{
  CwPlayer *player = feeder->player;

  player->state_epoch = feeder->epoch;
  if (player->state == state)
    return;
  player->state = state;
  tell (player);
}

/* With the lock held. */
static void
set_problem (CwPlayer *player, const char *device, const char *problem)
{
  g_free (player->device);
  g_free (player->problem);
  player->device = g_strdup (device);
  player->problem = g_strdup (problem);
  tell (player);
}

static void
report (Feeder *feeder)
{
  Tap          *tap = &feeder->player->tap;
  CwSoundReport now = {
    .device = feeder->device ? feeder->device->name : NULL,
    .rate_hz = feeder->stream_rate_hz,
    .played_s = feeder->played_s,
    .n_underruns = atomic_load (&tap->n_underruns),
    .n_device_underruns = atomic_load (&tap->n_device_underruns),
  };

  cw_sound_report_write (&now);
}

static void
close_stream (Feeder *feeder)
{
  Tap *tap = &feeder->player->tap;

  if (!feeder->stream)
    return;
  atomic_store (&tap->expecting, false);
  Pa_AbortStream (feeder->stream);
  cw_sound_lock ();
  Pa_CloseStream (feeder->stream);
  cw_sound_unlock ();
  feeder->stream = NULL;
  feeder->played_s += (double) (g_get_monotonic_time () - feeder->opened_at) / G_USEC_PER_SEC;
  report (feeder);
}

static void
look_for_device (Feeder *feeder)
{
  g_autoptr (GError) error = NULL;
  CwPlayer *player = feeder->player;

  close_stream (feeder);
  cw_sound_end (feeder->device);
  feeder->device = cw_sound_begin (&error);
  g_mutex_lock (&player->lock);
  set_problem (player, feeder->device ? feeder->device->name : NULL, error ? error->message : NULL);
  g_mutex_unlock (&player->lock);
}

static void
fail (Feeder *feeder, PaError status)
{
  CwPlayer        *player = feeder->player;
  g_autofree char *text = g_strdup_printf (_ ("The sound device “%s” does not play: %s."), feeder->device->name,
                                           Pa_GetErrorText (status));

  if (feeder->stream)
    close_stream (feeder);
  cw_sound_end (feeder->device);
  feeder->device = NULL;
  g_mutex_lock (&player->lock);
  set_problem (player, NULL, text);
  g_mutex_unlock (&player->lock);
}

/* At the clip's rate where the device takes it, else at its own, through a resampler. */
static gboolean
open_stream (Feeder *feeder)
{
  CwPlayer          *player = feeder->player;
  Tap               *tap = &player->tap;
  const guint        rate_hz = cw_clip_get_rate (feeder->clip);
  PaStreamParameters output = {
    .device = feeder->device->index,
    .channelCount = (int) feeder->device->n_channels,
    .sampleFormat = paFloat32,
    .suggestedLatency = feeder->device->latency_s,
  };
  PaError            status = Pa_IsFormatSupported (NULL, &output, rate_hz);

  feeder->stream_clip_rate_hz = rate_hz;
  feeder->stream_rate_hz = status == paFormatIsSupported ? rate_hz : (guint) MAX (feeder->device->rate_hz, MIN_RATE_HZ);
  g_mutex_lock (&player->lock); /* the position is read from the ring */
  cw_ring_free (tap->ring);
  tap->n_channels = feeder->device->n_channels;
  tap->ring = cw_ring_new ((gsize) (RING_S * feeder->stream_rate_hz) * tap->n_channels);
  player->base_index = 0;
  g_mutex_unlock (&player->lock);
  cw_sound_lock ();
  status = Pa_OpenStream (&feeder->stream, NULL, &output, feeder->stream_rate_hz, paFramesPerBufferUnspecified, paClipOff, fill, tap);
  cw_sound_unlock ();
  if (status != paNoError) {
    feeder->stream = NULL;
    fail (feeder, status);
    return FALSE;
  }
  feeder->opened_at = g_get_monotonic_time ();
  return TRUE;
}

static void
drop_feed (Feeder *feeder)
{
  soxr_delete (feeder->resampler);
  feeder->resampler = NULL;
  feeder->n_pending = feeder->pending_at = 0;
  feeder->flushed = FALSE;
}

/* Feeds from where the epoch says. The ring and the stream fit the clip already. */
static void
begin_feed (Feeder *feeder, double start_s)
{
  CwPlayer *player = feeder->player;
  Tap      *tap = &player->tap;
  const guint clip_rate_hz = feeder->stream_clip_rate_hz;

  atomic_store (&tap->expecting, false);
  drop_feed (feeder);
  feeder->started = FALSE;
  feeder->emptied_at = 0;
  feeder->at = MIN ((gsize) llround (start_s * clip_rate_hz), cw_clip_get_n_samples_total (feeder->clip));
  if (feeder->stream_rate_hz != clip_rate_hz) {
    const soxr_quality_spec_t quality = soxr_quality_spec (SOXR_HQ, 0);

    feeder->resampler = soxr_create (clip_rate_hz, feeder->stream_rate_hz, tap->n_channels, NULL, NULL, &quality, NULL);
  }
  g_mutex_lock (&player->lock);
  player->base_index = cw_ring_discard (tap->ring);
  player->base_s = (double) feeder->at / clip_rate_hz;
  player->floats_per_s = (double) feeder->stream_rate_hz * tap->n_channels;
  player->latency_s = feeder->stream ? Pa_GetStreamInfo (feeder->stream)->outputLatency : 0.0;
  g_mutex_unlock (&player->lock);
}

static void
to_device_channels (float *to, const float *from, gsize n, guint n_from, guint n_to)
{
  for (gsize i = 0; i < n; i++, from += n_from, to += n_to) {
    const float right = from[n_from - 1];

    if (n_to == 1) {
      to[0] = 0.5f * (from[0] + right);
    } else {
      to[0] = from[0];
      to[1] = right;
    }
  }
}

/* The next frames of the clip, as the device takes them, into `pending`. FALSE when there is nothing (yet). */
static gboolean
fetch (Feeder *feeder)
{
  const guint n_channels = feeder->player->tap.n_channels;
  float       block[FEED_FRAMES * 2];
  const gsize n_ready = cw_clip_get_n_ready (feeder->clip);
  const gsize n = MIN ((gsize) FEED_FRAMES, n_ready > feeder->at ? n_ready - feeder->at : 0);
  const gsize room = feeder->resampler ? (gsize) ceil ((double) FEED_FRAMES * feeder->stream_rate_hz / feeder->stream_clip_rate_hz) + 64
                                       : FEED_FRAMES;

  if (n == 0 && (!feeder->resampler || feeder->flushed || !cw_clip_is_finished (feeder->clip)))
    return FALSE;
  if (feeder->pending_room < room * n_channels) {
    feeder->pending_room = room * n_channels;
    feeder->pending = g_renew (float, feeder->pending, feeder->pending_room);
  }
  to_device_channels (block, cw_clip_get_samples (feeder->clip) + feeder->at * cw_clip_get_n_channels (feeder->clip), n,
                      cw_clip_get_n_channels (feeder->clip), n_channels);
  feeder->pending_at = 0;
  if (feeder->resampler) {
    gsize n_used = 0, n_out = 0;

    soxr_process (feeder->resampler, n ? block : NULL, n, &n_used, feeder->pending, room, &n_out);
    feeder->at += n_used;
    feeder->n_pending = n_out * n_channels;
    if (n == 0 && n_out < room)
      feeder->flushed = TRUE;
  } else {
    memcpy (feeder->pending, block, n * n_channels * sizeof *block);
    feeder->at += n;
    feeder->n_pending = n * n_channels;
  }
  return TRUE;
}

/* Fills the ring. TRUE when the clip is finished and all of it was given. */
static gboolean
feed (Feeder *feeder)
{
  Tap     *tap = &feeder->player->tap;
  gboolean finished = cw_clip_is_finished (feeder->clip); /* read before the count of samples */
  gboolean whole;

  for (;;) {
    if (feeder->pending_at < feeder->n_pending) {
      feeder->pending_at += cw_ring_write (tap->ring, feeder->pending + feeder->pending_at, feeder->n_pending - feeder->pending_at,
                                           tap->n_channels);
      if (feeder->pending_at < feeder->n_pending) {
        atomic_store_explicit (&tap->expecting, true, memory_order_release);
        return FALSE; /* full */
      }
    }
    if (!fetch (feeder))
      break;
  }
  whole = finished || feeder->at >= cw_clip_get_n_samples_total (feeder->clip);
  atomic_store_explicit (&tap->expecting, !whole, memory_order_release);
  return whole;
}

/* The ring is empty, but the device still holds what it took: it is given silence until that was heard. Draining is not
 * left to Pa_StopStream, which drops the last tenths of a second where ALSA plays into PulseAudio. */
static void
end_of_clip (Feeder *feeder)
{
  CwPlayer    *player = feeder->player;
  const gint64 now = g_get_monotonic_time ();

  if (!feeder->emptied_at)
    feeder->emptied_at = now;
  if ((double) (now - feeder->emptied_at) < (player->latency_s + DRAIN_SLACK_S) * G_USEC_PER_SEC)
    return;
  close_stream (feeder);
  g_mutex_lock (&player->lock);
  if (player->epoch == feeder->epoch) {
    player->playing = FALSE;
    set_state (feeder, CW_PLAYER_STOPPED);
  }
  g_mutex_unlock (&player->lock);
}

/* Waits, or fills the ring and starts the stream. */
static void
play_on (Feeder *feeder, gboolean at_once, double start_s)
{
  CwPlayer *player = feeder->player;
  CwClip   *clip = feeder->clip;
  const double rate_hz = cw_clip_get_rate (clip);
  gboolean  whole;
  PaError   status;

  if (!feeder->started) {
    const gboolean finished = cw_clip_is_finished (clip);
    const double   ready_s = (double) cw_clip_get_n_ready (clip) / rate_hz;
    const double   total_s = finished ? ready_s : (double) cw_clip_get_n_samples_total (clip) / rate_hz;
    const double   needed = cw_player_wait_needed (start_s, ready_s, total_s, cw_clip_get_remaining (clip));

    if (needed != 0.0 && !(at_once && ready_s > start_s)) {
      g_mutex_lock (&player->lock);
      player->starts_in = needed;
      set_state (feeder, CW_PLAYER_WAITING);
      g_mutex_unlock (&player->lock);
      return;
    }
  }
  whole = feed (feeder);
  if (Pa_IsStreamStopped (feeder->stream) == 1) {
    if ((status = Pa_StartStream (feeder->stream)) != paNoError) {
      fail (feeder, status);
      return;
    }
    g_mutex_lock (&player->lock);
    player->latency_s = Pa_GetStreamInfo (feeder->stream)->outputLatency;
    g_mutex_unlock (&player->lock);
  } else if (Pa_IsStreamActive (feeder->stream) != 1) {
    fail (feeder, paDeviceUnavailable);
    return;
  }
  feeder->started = TRUE;
  g_mutex_lock (&player->lock);
  if (player->epoch == feeder->epoch)
    set_state (feeder, CW_PLAYER_PLAYING);
  g_mutex_unlock (&player->lock);
  if (whole && cw_ring_get_read (player->tap.ring) == cw_ring_get_written (player->tap.ring))
    end_of_clip (feeder);
}

/* One turn: compares what is wanted with what is. */
static void
take_turn (Feeder *feeder)
{
  CwPlayer *player = feeder->player;
  Tap      *tap = &player->tap;
  gboolean  look, playing, paused, at_once, moved;
  CwClip   *clip;
  double    start_s;

  g_mutex_lock (&player->lock);
  look = player->look;
  player->look = FALSE;
  playing = player->playing;
  paused = player->paused;
  at_once = player->at_once;
  start_s = player->start_s;
  moved = player->epoch != feeder->epoch;
  feeder->epoch = player->epoch;
  clip = player->clip ? g_object_ref (player->clip) : NULL;
  g_mutex_unlock (&player->lock);

  if (look)
    look_for_device (feeder);
  g_clear_object (&feeder->clip);
  feeder->clip = clip;
  if (!playing || !clip || !feeder->device) {
    close_stream (feeder);
    g_mutex_lock (&player->lock);
    if (player->epoch == feeder->epoch) {
      player->playing = FALSE;
      set_state (feeder, CW_PLAYER_STOPPED);
    }
    g_mutex_unlock (&player->lock);
    return;
  }
  if (feeder->stream && feeder->stream_clip_rate_hz != cw_clip_get_rate (clip))
    close_stream (feeder);
  if (!feeder->stream) {
    if (!open_stream (feeder))
      return;
    moved = TRUE;
  }
  if (moved)
    begin_feed (feeder, start_s);
  atomic_store_explicit (&tap->silent, paused, memory_order_release);
  if (paused) {
    if (!feeder->paused_at)
      feeder->paused_at = g_get_monotonic_time ();
    g_mutex_lock (&player->lock);
    set_state (feeder, CW_PLAYER_PAUSED);
    g_mutex_unlock (&player->lock);
    if (g_get_monotonic_time () - feeder->paused_at > IDLE_PAUSE_S * G_USEC_PER_SEC)
      Pa_StopStream (feeder->stream);
  } else {
    feeder->paused_at = 0;
    play_on (feeder, at_once, start_s);
  }
}

static gpointer
feed_loop (gpointer data)
{
  CwPlayer *player = data;
  Feeder    feeder = { .player = player };

  for (;;) {
    gboolean quit;

    g_mutex_lock (&player->lock);
    if (player->playing)
      g_cond_wait_until (&player->wake, &player->lock, g_get_monotonic_time () + TICK_MS * 1000);
    else
      while (!player->quit && !player->look && player->epoch == feeder.epoch && !player->playing)
        g_cond_wait (&player->wake, &player->lock);
    quit = player->quit;
    g_mutex_unlock (&player->lock);
    if (quit)
      break;
    take_turn (&feeder);
  }
  close_stream (&feeder);
  drop_feed (&feeder);
  g_free (feeder.pending);
  g_clear_object (&feeder.clip);
  cw_sound_end (feeder.device);
  return NULL;
}

/* ---- main thread ----------------------------------------------------------------------------------------------------- */

static void
cw_player_init (CwPlayer *player)
{
  g_mutex_init (&player->lock);
  g_cond_init (&player->wake);
  player->starts_in = -1.0;
  player->look = TRUE;
  player->thread = g_thread_new ("feeder", feed_loop, player);
}

static void
cw_player_dispose (GObject *object)
{
  cw_player_shut_down (CW_PLAYER (object));
  g_clear_object (&CW_PLAYER (object)->clip);
  G_OBJECT_CLASS (cw_player_parent_class)->dispose (object);
}

static void
cw_player_finalize (GObject *object)
{
  CwPlayer *player = CW_PLAYER (object);

  cw_ring_free (player->tap.ring);
  g_free (player->device);
  g_free (player->problem);
  g_free (player->shown_device);
  g_free (player->shown_problem);
  g_cond_clear (&player->wake);
  g_mutex_clear (&player->lock);
  G_OBJECT_CLASS (cw_player_parent_class)->finalize (object);
}

static void
cw_player_class_init (CwPlayerClass *class)
{
  G_OBJECT_CLASS (class)->dispose = cw_player_dispose;
  G_OBJECT_CLASS (class)->finalize = cw_player_finalize;
  changed_signal = g_signal_new ("changed", CW_TYPE_PLAYER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

CwPlayer *
cw_player_new (void)
{
  return g_object_new (CW_TYPE_PLAYER, NULL);
}

void
cw_player_shut_down (CwPlayer *player)
{
  if (!player->thread)
    return;
  g_mutex_lock (&player->lock);
  player->quit = TRUE;
  g_cond_signal (&player->wake);
  g_mutex_unlock (&player->lock);
  g_thread_join (g_steal_pointer (&player->thread));
}

/* Every wish goes through here: what is written between is seen by the feeder as one. */
static void
wish (CwPlayer *player)
{
  g_cond_signal (&player->wake);
  g_mutex_unlock (&player->lock);
}

void
cw_player_retry (CwPlayer *player)
{
  g_mutex_lock (&player->lock);
  player->look = TRUE;
  wish (player);
}

void
cw_player_play (CwPlayer *player, CwClip *clip, double start_s)
{
  g_return_if_fail (CW_IS_PLAYER (player) && CW_IS_CLIP (clip));
  g_mutex_lock (&player->lock);
  g_set_object (&player->clip, clip);
  player->start_s = MAX (start_s, 0.0);
  player->base_s = player->start_s;
  player->starts_in = -1.0;
  player->epoch++;
  player->playing = TRUE;
  player->paused = player->at_once = FALSE;
  wish (player);
}

void
cw_player_pause (CwPlayer *player)
{
  g_mutex_lock (&player->lock);
  player->paused = player->playing;
  wish (player);
}

void
cw_player_resume (CwPlayer *player)
{
  g_mutex_lock (&player->lock);
  player->paused = FALSE;
  wish (player);
}

void
cw_player_stop (CwPlayer *player)
{
  g_mutex_lock (&player->lock);
  player->playing = player->paused = FALSE;
  player->start_s = player->base_s = 0.0;
  player->epoch++;
  wish (player);
}

void
cw_player_seek (CwPlayer *player, double position_s)
{
  g_mutex_lock (&player->lock);
  player->start_s = player->base_s = MAX (position_s, 0.0);
  player->epoch++;
  wish (player);
}

void
cw_player_start_now (CwPlayer *player)
{
  g_mutex_lock (&player->lock);
  player->at_once = TRUE;
  wish (player);
}

const char *
cw_player_get_problem (CwPlayer *player)
{
  return player->shown_problem;
}

const char *
cw_player_get_device (CwPlayer *player)
{
  return player->shown_device;
}

CwPlayerState
cw_player_get_state (CwPlayer *player)
{
  CwPlayerState state;

  g_mutex_lock (&player->lock);
  state = player->state_epoch == player->epoch ? player->state
          : !player->playing                   ? CW_PLAYER_STOPPED
          : player->paused                     ? CW_PLAYER_PAUSED
                                               : CW_PLAYER_WAITING;
  g_mutex_unlock (&player->lock);
  return state;
}

CwClip *
cw_player_get_clip (CwPlayer *player)
{
  return player->clip;
}

double
cw_player_get_position (CwPlayer *player)
{
  double position_s;

  g_mutex_lock (&player->lock);
  position_s = player->base_s;
  if (player->state_epoch == player->epoch && player->tap.ring &&
      (player->state == CW_PLAYER_PLAYING || player->state == CW_PLAYER_PAUSED)) {
    const double taken_s = (double) (cw_ring_get_read (player->tap.ring) - player->base_index) / player->floats_per_s;

    position_s += MAX (0.0, taken_s - player->latency_s);
  }
  g_mutex_unlock (&player->lock);
  return position_s;
}

double
cw_player_get_starts_in (CwPlayer *player)
{
  double starts_in;

  g_mutex_lock (&player->lock);
  starts_in = player->starts_in;
  g_mutex_unlock (&player->lock);
  return starts_in;
}

guint64
cw_player_get_n_underruns (CwPlayer *player)
{
  return atomic_load (&player->tap.n_underruns);
}
