/* SPDX-License-Identifier: MIT
 *
 * player.h: plays a clip through PortAudio, also while the clip is still being made.
 *
 *     clip ── feeder thread (channels and rate of the device) ── ring ── PortAudio's callback
 *
 * The callback takes from the lock-free ring and does nothing else: no lock, no allocation, no log. Where the clip is
 * made slower than it plays, playback waits until it will not run dry, says when it will start, and can be told to
 * start at once. All calls are made on the main thread and return at once: the feeder opens and closes the device.
 *
 * Signals, on the main thread: "changed" (state, device, problem). The position moves without a signal: ask for it in
 * each frame.
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

/* Looks for the default device in the background; "changed" says when that is known. */
CwPlayer     *cw_player_new (void);
/* What is wrong with the sound, a sentence, or NULL; valid until the next "changed". */
const char   *cw_player_get_problem (CwPlayer *player);
/* The device's name, or NULL while there is none or it is not yet known; valid until the next "changed". */
const char   *cw_player_get_device (CwPlayer *player);
/* Looks for a device again (the person plugged one in). */
void          cw_player_retry (CwPlayer *player);

/* Plays @clip from @start_s on; another clip that plays is stopped. Without a device nothing happens. */
void          cw_player_play (CwPlayer *player, CwClip *clip, double start_s);
void          cw_player_pause (CwPlayer *player);
void          cw_player_resume (CwPlayer *player);
void          cw_player_stop (CwPlayer *player);
/* Goes on at @position_s, in whatever state; while stopped it is where the next play of this clip would begin. */
void          cw_player_seek (CwPlayer *player, double position_s);
/* Ends the waiting: plays what there is, with gaps where making is slower. */
void          cw_player_start_now (CwPlayer *player);
/* Stops and waits for the feeder. For the end of the program. */
void          cw_player_shut_down (CwPlayer *player);

CwPlayerState cw_player_get_state (CwPlayer *player);
CwClip       *cw_player_get_clip (CwPlayer *player);        /* borrowed; the last that was played, or NULL */
double        cw_player_get_position (CwPlayer *player);    /* seconds into the clip, of what is heard now */
double        cw_player_get_starts_in (CwPlayer *player);   /* seconds; < 0 while not known */
guint64       cw_player_get_n_underruns (CwPlayer *player); /* of this process: callbacks that found the ring dry while playing */

/* When to begin: seconds until playing from @position_s on no longer runs dry, 0 for now, < 0 for not known.
 * @ready_s, @total_s: of the clip; @remaining_s: of the making, < 0 not known. Public for its tests. */
double        cw_player_wait_needed (double position_s, double ready_s, double total_s, double remaining_s);
