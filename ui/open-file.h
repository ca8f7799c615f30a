/* SPDX-License-Identifier: MIT
 *
 * open-file.h: choosing a sound file, and opening one as a clip.
 */
#pragma once

#include <gtk/gtk.h>

#include "clip.h"

/* Asks for a sound file. @chosen is called with it, unless the person cancels. */
typedef void (*CwFileChosen) (GFile *file, gpointer data);
void cw_choose_sound_file (GtkWindow *parent, const char *title, const char *accept, CwFileChosen chosen, gpointer data);

/* Reads @file in a thread. @opened gets the clip, a reference of its own, or NULL and the sentence. @owner is kept meanwhile. */
typedef void (*CwFileOpened) (CwClip *clip, const char *problem, gpointer owner);
void cw_open_sound_file (GFile *file, CwFileOpened opened, gpointer owner);
