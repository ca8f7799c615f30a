/* SPDX-License-Identifier: MIT
 *
 * window.h: the main window: prompt, wave, transport, clips of this session.
 */
#pragma once

#include <adwaita.h>

#define CW_TYPE_WINDOW (cw_window_get_type ())
G_DECLARE_FINAL_TYPE (CwWindow, cw_window, CW, WINDOW, AdwApplicationWindow)

GtkWidget *cw_window_new (AdwApplication *application);
/* Adds the clip of a sound file to the list, in the background. */
void       cw_window_open_file (CwWindow *window, GFile *file);
/* Stops making and playing and waits for their threads. */
void       cw_window_shut_down (CwWindow *window);
