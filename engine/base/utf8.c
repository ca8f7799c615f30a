/* SPDX-License-Identifier: MIT
 *
 * utf8.c: see utf8.h.
 */
#include "base/utf8.h"

unsigned
cw_utf8_length (const char *text, size_t n)
{
  const unsigned char *s = (const unsigned char *) text;
  unsigned char        low = 0x80, high = 0xbf;
  unsigned             length;

  if (n == 0)
    return 0;
  if (s[0] < 0x80)
    return 1;
  if (s[0] >= 0xc2 && s[0] <= 0xdf)
    length = 2;
  else if (s[0] >= 0xe0 && s[0] <= 0xef)
    length = 3;
  else if (s[0] >= 0xf0 && s[0] <= 0xf4)
    length = 4;
  else
    return 0;

  /* the second byte's range keeps out overlong forms, surrogates and what lies past the last plane */
  if (s[0] == 0xe0)
    low = 0xa0;
  else if (s[0] == 0xed)
    high = 0x9f;
  else if (s[0] == 0xf0)
    low = 0x90;
  else if (s[0] == 0xf4)
    high = 0x8f;

  if (n < length || s[1] < low || s[1] > high)
    return 0;
  for (unsigned i = 2; i < length; i++)
    if (s[i] < 0x80 || s[i] > 0xbf)
      return 0;
  return length;
}

uint32_t
cw_utf8_decode (const char *text, unsigned *length)
{
  const unsigned char *s = (const unsigned char *) text;

  if (s[0] < 0x80) {
    *length = 1;
    return s[0];
  }
  if (s[0] < 0xe0) {
    *length = 2;
    return (uint32_t) (s[0] & 0x1f) << 6 | (s[1] & 0x3f);
  }
  if (s[0] < 0xf0) {
    *length = 3;
    return (uint32_t) (s[0] & 0x0f) << 12 | (uint32_t) (s[1] & 0x3f) << 6 | (s[2] & 0x3f);
  }
  *length = 4;
  return (uint32_t) (s[0] & 0x07) << 18 | (uint32_t) (s[1] & 0x3f) << 12 | (uint32_t) (s[2] & 0x3f) << 6 |
         (s[3] & 0x3f);
}

bool
cw_utf8_valid (const char *s, size_t n, size_t *bad)
{
  for (size_t i = 0; i < n;) {
    unsigned length = cw_utf8_length (s + i, n - i);
    if (length == 0) {
      if (bad)
        *bad = i;
      return false;
    }
    i += length;
  }
  return true;
}
