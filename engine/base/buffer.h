/* SPDX-License-Identifier: MIT
 *
 * buffer.h: bytes that grow. After a failed allocation the buffer stays as it was and `failed` is set: append, then ask once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char  *bytes;
  size_t n, capacity;
  bool   failed;
} cw_buffer;

static inline void
cw_buffer_append (cw_buffer *buffer, const void *bytes, size_t n)
{
  if (buffer->failed || n == 0)
    return;
  if (n > buffer->capacity - buffer->n) {
    const size_t capacity = 2 * (buffer->n + n) + 64;
    char        *longer = capacity > n ? realloc (buffer->bytes, capacity) : NULL;
    if (!longer) {
      buffer->failed = true;
      return;
    }
    buffer->bytes = longer;
    buffer->capacity = capacity;
  }
  memcpy (buffer->bytes + buffer->n, bytes, n);
  buffer->n += n;
}

static inline void
cw_buffer_free (cw_buffer *buffer)
{
  free (buffer->bytes);
  *buffer = (cw_buffer){ 0 };
}
