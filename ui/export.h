/* SPDX-License-Identifier: MIT
 *
 * export.h: asks where and as what a clip is to be written, and writes it in a thread.
 */
#pragma once

#include <gtk/gtk.h>

#include "clip.h"

/* @done is called once: @path is where it was written, or NULL; then @problem is the sentence, or NULL when the person
 * thought better of it. */
typedef void (*CwExportDone) (CwClip *clip, const char *path, const char *problem, gpointer data);

void cw_export_ask (GtkWindow *parent, CwClip *clip, CwExportDone done, gpointer data);
