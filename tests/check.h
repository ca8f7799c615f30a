/* SPDX-License-Identifier: MIT
 *
 * check.h: what the engine's tests use instead of a framework. A failed check says what was found and what was expected, and the test
 *     goes on; the exit code is 1 when any failed.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

static int check_failures;

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      check_failures++;                                                                                                \
      fprintf (stderr, "%s:%d: not %s: ", __FILE__, __LINE__, #condition);                                            \
      fprintf (stderr, __VA_ARGS__);                                                                                   \
      fputc ('\n', stderr);                                                                                            \
    }                                                                                                                  \
  } while (0)

static inline int
check_done (void)
{
  if (check_failures)
    fprintf (stderr, "%d checks failed\n", check_failures);
  return check_failures ? 1 : 0;
}
