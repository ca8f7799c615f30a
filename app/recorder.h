/* SPDX-License-Identifier: MIT
 *
 * recorder.h: records the default microphone through PortAudio into a file.
 *
 *     PortAudio's callback ── ring ── recording thread ── FOLDER/Recording ….wav, written beside and renamed
 *
 * All calls are made on the main thread and return at once: the thread opens and closes the device.
 *
 * Signals, on the main thread: "started" (the device gives sound), "finished" (path, problem): the file's path, or NULL when there is none:
 * it was cancelled, or could not be made, and then @problem is the sentence. With a path, @problem is what the person ought to know of it,
 * or NULL. Level and length move without a signal: ask for them in each frame.
 */
#pragma once

#include <gio/gio.h>

#define CW_TYPE_RECORDER (cw_recorder_get_type ())
G_DECLARE_FINAL_TYPE (CwRecorder, cw_recorder, CW, RECORDER, GObject)

CwRecorder *cw_recorder_new (void);
/* Begins a recording of at most @max_s seconds in @folder (NULL: XDG_DATA_HOME/clipwright/recordings), which is made if need be. Does
 * nothing while one is under way. */
void        cw_recorder_start (CwRecorder *recorder, const char *folder, double max_s);
/* Ends it; "finished" comes with the file. */
void        cw_recorder_stop (CwRecorder *recorder);
/* Ends it and leaves no file. */
void        cw_recorder_cancel (CwRecorder *recorder);
/* Cancels and waits for the thread. For the end of the program; no signal comes any more. */
void        cw_recorder_shut_down (CwRecorder *recorder);

/* From the start to "finished". */
gboolean    cw_recorder_is_active (CwRecorder *recorder);
double      cw_recorder_get_seconds (CwRecorder *recorder);
/* Of the last tenth of a second: the highest sample, 0 … 1. */
double      cw_recorder_get_level (CwRecorder *recorder);
