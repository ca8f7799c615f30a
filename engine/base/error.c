/* SPDX-License-Identifier: MIT
 *
 * error.c: see error.h.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Replaces what a terminal or a label must not show: control characters, and bytes that are not UTF-8. A sequence cut
 * by the end of the buffer is dropped. */
static void
clean (char *text)
{
  size_t n = strlen (text), out = 0;

  for (size_t i = 0; i < n;) {
    unsigned len = cw_utf8_length (text + i, n - i);
    if (len == 0) {
      if (n - i < 4 && n + 1 == sizeof ((cw_error *) 0)->message)
        break;
      text[out++] = '?';
      i++;
    } else {
      bool control = len == 1 && ((unsigned char) text[i] < 0x20 || text[i] == 0x7f);
      for (unsigned j = 0; j < len; j++)
        text[out++] = control ? ' ' : text[i + j];
      i += len;
    }
  }
  text[out] = '\0';
}

cw_status
cw_fail (cw_error *error, cw_status code, const char *format, ...)
{
  if (error) {
    va_list args;

    error->code = code;
    va_start (args, format);
    vsnprintf (error->message, sizeof error->message, format, args);
    va_end (args);
    clean (error->message);
  }
  return code;
}

cw_status
cw_fail_memory (cw_error *error, const char *what, size_t n_bytes)
{
  return cw_fail (error, CW_ERROR_MEMORY, "Not enough memory for %s (%zu bytes).", what, n_bytes);
}
