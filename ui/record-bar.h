/* SPDX-License-Identifier: MIT
 *
 * record-bar.h: what there is to see and do while a sound is recorded: level, time, stop, cancel. It shows itself meanwhile.
 *
 * Signals: "recording" (TRUE when it begins, FALSE when it ends), "recorded" (the file's path), "problem" (a sentence to be shown).
 */
#pragma once

#include <gtk/gtk.h>

#define CW_TYPE_RECORD_BAR (cw_record_bar_get_type ())
G_DECLARE_FINAL_TYPE (CwRecordBar, cw_record_bar, CW, RECORD_BAR, GtkBox)

/* Begins a recording; while one is under way, ends it. */
void     cw_record_bar_toggle (CwRecordBar *bar);
gboolean cw_record_bar_is_recording (CwRecordBar *bar);
/* For the end of the program: cancels, and waits for the device. */
void     cw_record_bar_shut_down (CwRecordBar *bar);
