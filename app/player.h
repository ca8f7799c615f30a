/* SPDX-License-Identifier: MIT
 *
 * player.h: plays a clip through PortAudio, also while the clip is still being made.
 *
 *     clip ── feeder thread (resamples if the device must have another rate) ── ring ── PortAudio's callback
 *
 * The callback takes from the lock-free ring and does nothing else: no lock, no allocation, no log. Where the clip is
 * made slower than it plays, playback waits until it will not run dry, says when it will start, and can be told to
 * start at once. Main thread; signals arrive there.
 *
 * Signals: "changed" (state, position jump, device). The position moves without a signal: ask for it in each frame.
 */
#pragma once

#include "clip.h"

typedef enum {
  CW_PLAYER_STOPPED,
  CW_PLAYER_WAITING, /* for enough of the clip to be made: see cw_player_get_starts_in */
  CW_PLAYER_PLAYING,
  CW_PLAYER_PAUSED,
} CwPlayerState;

#define CW_TYPE_PLAYER (cw_player_get_type ())
G_DECLARE_FINAL_TYPE (CwPlayer, cw_player, CW, PLAYER, GObject)

/* Never fails: without a sound device, or with one that refuses, cw_player_get_problem says what happened. */
CwPlayer     *cw_player_new (void);
const char   *cw_player_get_problem (CwPlayer *player); /* a sentence, or NULL when there is a device */
const char   *cw_player_get_device (CwPlayer *player);  /* name of the device, or NULL */
/* Looks for a device again (the person plugged one in). True if there is one now. */
gboolean      cw_player_retry (CwPlayer *player);

/* Plays @clip from @start_s on; another clip that plays is stopped. NULL unloads. False with the sentence when the
 * device refuses. */
gboolean      cw_player_play (CwPlayer *player, CwClip *clip, double start_s, GError **error);
void          cw_player_pause (CwPlayer *player);
void          cw_player_resume (CwPlayer *player);
void          cw_player_stop (CwPlayer *player);
void          cw_player_seek (CwPlayer *player, double position_s);
/* Ends the waiting: plays what there is, with gaps where making is slower. */
void          cw_player_start_now (CwPlayer *player);

CwPlayerState cw_player_get_state (CwPlayer *player);
CwClip       *cw_player_get_clip (CwPlayer *player);        /* borrowed, or NULL */
double        cw_player_get_position (CwPlayer *player);    /* seconds into the clip, of what is heard now */
double        cw_player_get_starts_in (CwPlayer *player);   /* seconds; < 0 while not known */
guint64       cw_player_get_n_underruns (CwPlayer *player); /* of this process: callbacks that found the ring dry while playing */
