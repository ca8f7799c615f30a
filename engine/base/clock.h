/* SPDX-License-Identifier: MIT
 *
 * clock.h: seconds that only differences mean something of.
 */
#pragma once

#include <time.h>

static inline double
cw_now_s (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}
