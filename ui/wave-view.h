/* SPDX-License-Identifier: MIT
 *
 * wave-view.h: the wave of a clip, growing while it is made: ruler, one lane a channel, playhead; zoom, scroll, seek.
 *
 * Signal "seek" (double seconds): the person clicked, dragged or pressed a key. Keys: Left, Right (with
 * Ctrl ten times as far), Home, End; + and - zoom, 0 shows all; the wheel scrolls, with Ctrl it zooms.
 */
#pragma once

#include <gtk/gtk.h>

#include "clip.h"

#define CW_TYPE_WAVE_VIEW (cw_wave_view_get_type ())
G_DECLARE_FINAL_TYPE (CwWaveView, cw_wave_view, CW, WAVE_VIEW, GtkWidget)

void cw_wave_view_set_clip (CwWaveView *view, CwClip *clip); /* NULL: none */
/* The playhead, seconds; < 0 hides it. While @follow, a view that is zoomed in turns its page with it. */
void cw_wave_view_set_position (CwWaveView *view, double position_s, gboolean follow);
void cw_wave_view_zoom (CwWaveView *view, double factor);
void cw_wave_view_fit (CwWaveView *view);
