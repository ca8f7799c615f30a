/* SPDX-License-Identifier: MIT
 *
 * delay-pattern.c: see delay-pattern.h.
 */
#include "models/delay-pattern.h"

size_t
cw_delay_count (const cw_delay_pattern *pattern)
{
  return pattern->delayed ? pattern->n_codebooks / pattern->group : 1;
}

size_t
cw_delay_n_steps (const cw_delay_pattern *pattern)
{
  return pattern->n_frames + cw_delay_count (pattern) - 1;
}

size_t
cw_delay_frames_done (const cw_delay_pattern *pattern, size_t n_steps)
{
  const size_t late = cw_delay_count (pattern) - 1;
  const size_t n = n_steps > late ? n_steps - late : 0;

  return n < pattern->n_frames ? n : pattern->n_frames;
}

bool
cw_delay_frame (const cw_delay_pattern *pattern, size_t k, size_t column, size_t *frame)
{
  const size_t first = 1 + (pattern->delayed ? k / pattern->group : 0);

  if (column < first || column - first >= pattern->n_frames)
    return false;
  *frame = column - first;
  return true;
}
