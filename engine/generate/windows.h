/* SPDX-License-Identifier: MIT
 *
 * windows.h: how a clip that is longer than what the model hears at once is made window by window, and how it goes on from sound.
 *
 *     frames            0        6        12       18       24        n_window 12, stride 6
 *     first window      ############
 *     second                  ------######                            -: heard as its beginning, #: made
 *     third                         ------######
 *
 * AudioCraft's rule (audiocraft models/musicgen.py, MusicGen._generate_tokens, extend_stride): a window begins a stride after the one
 * before; what that one made past the stride is its beginning; the last is as short as the clip's end asks. Sound to continue is the first
 * window's beginning. Where it does not fit into a window, which AudioCraft refuses, the first window begins as if windows had come before:
 * with the last n_window - stride frames of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  size_t start;    /* frame of the clip that its frame 0 is */
  size_t n_given;  /* frames at its beginning that are known before it is made */
  size_t n_frames; /* in all, more than n_given */
} cw_window;

typedef struct {
  size_t n_frames; /* of the clip; SIZE_MAX: endless */
  size_t n_given;  /* of the sound that it continues, less than n_frames */
  size_t n_window; /* that a window holds at most */
  size_t stride;   /* 1 … n_window - 1; not looked at when the clip fits into one window */
} cw_windows;

cw_window cw_windows_first (const cw_windows *plan);
/* Makes @window the one after it; false when it was the last. */
bool      cw_windows_next (const cw_windows *plan, cw_window *window);
/* Sums over all windows: frames that are made, and frames that are given. 0 for an endless clip. */
void      cw_windows_count (const cw_windows *plan, size_t *n_windows, size_t *n_made, size_t *n_given);
