/* SPDX-License-Identifier: MIT
 *
 * name-rule.c: see name-rule.h.
 */
#include "checkpoint/name-rule.h"

#include <string.h>

#define CAPTURES_MAX 4

typedef struct {
  const char *text;
  size_t      n;
} capture;

static bool
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

/* Does @name [n] look like @pattern? What stands for # and *, in their order, goes to @captures. */
static bool
match (const char *pattern, const char *name, size_t n, capture captures[CAPTURES_MAX])
{
  size_t at = 0, n_captures = 0;

  for (; *pattern; pattern++) {
    const size_t begin = at;

    if (*pattern != '#' && *pattern != '*') {
      if (at == n || name[at++] != *pattern)
        return false;
      continue;
    }
    while (at < n && (*pattern == '*' || is_digit (name[at])))
      at++;
    if (at == begin || n_captures == CAPTURES_MAX)
      return false;
    captures[n_captures++] = (capture){ name + begin, at - begin };
  }
  return at == n;
}

static bool
rename_by (const char *from, const char *to, const char *name, size_t n, char out[CW_NAME_MAX_BYTES])
{
  capture captures[CAPTURES_MAX];
  size_t  at = 0, n_used = 0;

  if (!match (from, name, n, captures))
    return false;
  for (; *to; to++) {
    const capture piece = *to == '#' || *to == '*' ? captures[n_used++] : (capture){ to, 1 };

    if (at + piece.n >= CW_NAME_MAX_BYTES)
      return false;
    memcpy (out + at, piece.text, piece.n);
    at += piece.n;
  }
  out[at] = '\0';
  return true;
}

bool
cw_name_to_ours (const cw_name_rule *rule, const char *name, size_t n, char ours[CW_NAME_MAX_BYTES])
{
  return rename_by (rule->theirs, rule->ours, name, n, ours);
}

bool
cw_name_to_theirs (const cw_name_rule *rule, const char *name, size_t n, char theirs[CW_NAME_MAX_BYTES])
{
  return rename_by (rule->ours, rule->theirs, name, n, theirs);
}
