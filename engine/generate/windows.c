/* SPDX-License-Identifier: MIT
 *
 * windows.c: see windows.h.
 */
#include "generate/windows.h"

#include <stdint.h>

static size_t
shorter (size_t a, size_t b)
{
  return a < b ? a : b;
}

cw_window
cw_windows_first (const cw_windows *plan)
{
  cw_window window = { 0, plan->n_given, shorter (plan->n_frames, plan->n_window) };

  if (plan->n_given >= plan->n_window) {
    window.n_given = plan->n_window - plan->stride;
    window.start = plan->n_given - window.n_given;
    window.n_frames = shorter (plan->n_frames - window.start, plan->n_window);
  }
  return window;
}

bool
cw_windows_next (const cw_windows *plan, cw_window *window)
{
  if (plan->n_frames - window->start <= window->n_frames)
    return false;
  window->start += plan->stride;
  window->n_given = window->n_frames - plan->stride;
  window->n_frames = shorter (plan->n_frames - window->start, plan->n_window);
  return true;
}

void
cw_windows_count (const cw_windows *plan, size_t *n_windows, size_t *n_made, size_t *n_given)
{
  cw_window window = cw_windows_first (plan);

  *n_windows = *n_made = *n_given = 0;
  if (plan->n_frames == SIZE_MAX)
    return;
  do {
    ++*n_windows;
    *n_made += window.n_frames - window.n_given;
    *n_given += window.n_given;
  } while (cw_windows_next (plan, &window));
}
