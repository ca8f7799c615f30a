/* SPDX-License-Identifier: MIT
 *
 * progress.c: see progress.h.
 */
#include "commands/progress.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

#define INTERVAL_US (G_USEC_PER_SEC / 10)

void
cw_progress_line_begin (CwProgressLine *line, gboolean quiet, guint rate_hz)
{
  *line = (CwProgressLine){ .shown = !quiet && isatty (STDERR_FILENO), .rate_hz = rate_hz };
}

void
cw_progress_line_update (CwProgressLine *line, const cw_progress *progress)
{
  const gint64 now = g_get_monotonic_time ();
  const double percent = progress->n_steps ? 100.0 * (double) progress->step / (double) progress->n_steps : 0.0;
  const double ready_s = (double) progress->n_samples / line->rate_hz;
  const double total_s = (double) progress->n_samples_total / line->rate_hz;

  if (!line->shown || now - line->last_us < INTERVAL_US)
    return;
  line->last_us = now;
  if (progress->stage == CW_STAGE_SOUND)
    g_printerr (_ ("\r\033[K%3.0f %% of the sound to continue is read"), percent);
  else if (progress->n_samples_total == 0)
    g_printerr (_ ("\r\033[K%.1f s, until Ctrl-C"), ready_s);
  else if (progress->remaining_s < 0.0)
    g_printerr (_ ("\r\033[K%3.0f %%  %.1f of %.1f s"), percent, ready_s, total_s);
  else
    g_printerr (_ ("\r\033[K%3.0f %%  %.1f of %.1f s, %.0f s left"), percent, ready_s, total_s, progress->remaining_s);
}

void
cw_progress_line_end (CwProgressLine *line)
{
  if (line->shown)
    g_printerr ("\r\033[K");
  line->shown = FALSE;
}
