/* SPDX-License-Identifier: MIT
 *
 * clip-file.h: a sound file as a clip, with the recipe that Clipwright wrote into it.
 */
#pragma once

#include <gio/gio.h>

#include "clip.h"

/* Any file of at most two channels that libsndfile reads; more are mixed to stereo. One that Clipwright did not write
 * gets its name as prompt. The clip is done. Blocks: call it in a thread. */
CwClip *cw_clip_open (const char *path, GError **error);
