/* SPDX-License-Identifier: MIT
 *
 * progress.h: one line on a terminal's stderr that says how far the work is and how long it will still take.
 */
#pragma once

#include <glib.h>

#include "engine.h"

typedef struct {
  gboolean shown;   /* a terminal listens, and nobody asked for quiet */
  gint64   last_us; /* of the last line, monotonic */
  guint    rate_hz;
} CwProgressLine;

void cw_progress_line_begin (CwProgressLine *line, gboolean quiet, guint rate_hz);
void cw_progress_line_update (CwProgressLine *line, const cw_progress *progress);
/* Wipes the line, so that what follows begins at its start. */
void cw_progress_line_end (CwProgressLine *line);
