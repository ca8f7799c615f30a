/* SPDX-License-Identifier: MIT
 *
 * charsmap.c: see charsmap.h. The trie's format is that of the Darts-clone library: a unit of 32 bits holds a label, a flag that a leaf
 *     follows, and the offset of its children, by exclusive or.
 */
#include "text/charsmap.h"

#include <unigbrk.h>

#include "base/error.h"
#include "base/utf8.h"

#define CLUSTER_MAX_BYTES 6 /* clusters of this many bytes and more go character by character */

struct cw_charsmap {
  uint32_t *units;
  size_t    n_units;
  char     *texts; /* NUL-separated, the last byte is NUL */
  size_t    n_texts;
};

static int
base64_digit (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool
decode_base64 (const char *text, cw_buffer *out)
{
  uint32_t bits = 0;
  unsigned n_bits = 0;
  size_t   i = 0;

  for (; text[i] && text[i] != '='; i++) {
    const int digit = base64_digit (text[i]);
    if (digit < 0)
      return false;
    bits = bits << 6 | (uint32_t) digit;
    n_bits += 6;
    if (n_bits >= 8) {
      const char byte = (char) (bits >> (n_bits -= 8) & 0xff);
      cw_buffer_append (out, &byte, 1);
    }
  }
  for (size_t pad = 0; text[i]; i++)
    if (text[i] != '=' || ++pad > 2)
      return false;
  return !out->failed;
}

static uint32_t
little_endian (const char *bytes)
{
  const unsigned char *b = (const unsigned char *) bytes;

  return (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 | (uint32_t) b[3] << 24;
}

cw_charsmap *
cw_charsmap_new (const char *base64, const char *path, cw_error *error)
{
  cw_charsmap *map = calloc (1, sizeof *map);
  cw_buffer    blob = { 0 };
  size_t       n_trie;

  if (!map || !decode_base64 (base64, &blob)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: normalizer.precompiled_charsmap is no base64.", path);
    goto fail;
  }
  n_trie = blob.n >= 4 ? little_endian (blob.bytes) : 0;
  if (blob.n < 4 || n_trie % 4 != 0 || n_trie == 0 || n_trie > blob.n - 4 ||
      (blob.n > 4 + n_trie && blob.bytes[blob.n - 1] != '\0')) {
    cw_fail (error, CW_ERROR_FORMAT,
             "“%s”: normalizer.precompiled_charsmap has %zu bytes and claims a trie of %zu; it is cut short or broken.", path,
             blob.n, n_trie);
    goto fail;
  }
  map->n_units = n_trie / 4;
  map->n_texts = blob.n - 4 - n_trie;
  map->units = calloc (map->n_units, sizeof *map->units);
  map->texts = calloc (map->n_texts + 1, 1);
  if (!map->units || !map->texts) {
    cw_fail_memory (error, path, blob.n);
    goto fail;
  }
  for (size_t i = 0; i < map->n_units; i++)
    map->units[i] = little_endian (blob.bytes + 4 + 4 * i);
  memcpy (map->texts, blob.bytes + 4 + n_trie, map->n_texts);
  for (size_t i = 0; i < map->n_texts; i += strlen (map->texts + i) + 1)
    if (!cw_utf8_valid (map->texts + i, strlen (map->texts + i), NULL)) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: normalizer.precompiled_charsmap holds text that is not UTF-8.", path);
      goto fail;
    }
  cw_buffer_free (&blob);
  return map;

fail:
  cw_buffer_free (&blob);
  cw_charsmap_free (map);
  return NULL;
}

void
cw_charsmap_free (cw_charsmap *map)
{
  if (!map)
    return;
  free (map->units);
  free (map->texts);
  free (map);
}

static size_t
offset_of (uint32_t unit)
{
  return (size_t) (unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* What the shortest key at the start of @key maps to; NULL when there is none. A broken table finds nothing. */
static const char *
look_up (const cw_charsmap *map, const char *key, size_t n)
{
  size_t at = offset_of (map->units[0]);

  for (size_t i = 0; i < n && key[i]; i++) {
    const unsigned char label = (unsigned char) key[i];

    at ^= label;
    if (at >= map->n_units || (map->units[at] & (1u << 31 | 0xff)) != label)
      return NULL;
    const uint32_t unit = map->units[at];
    at ^= offset_of (unit);
    if (unit >> 8 & 1) {
      const size_t text = at < map->n_units ? map->units[at] & ~(1u << 31) : SIZE_MAX;
      return text < map->n_texts ? map->texts + text : NULL;
    }
  }
  return NULL;
}

static bool
replace (const cw_charsmap *map, const char *part, size_t n, cw_buffer *out)
{
  const char *text = look_up (map, part, n);

  if (text)
    cw_buffer_append (out, text, strlen (text));
  return text != NULL;
}

bool
cw_charsmap_apply (const cw_charsmap *map, const char *text, size_t n, cw_buffer *out)
{
  char  *breaks = malloc (n + 1); /* 1 where a cluster begins */
  size_t end;

  if (!breaks)
    return false;
  u8_grapheme_breaks ((const uint8_t *) text, n, breaks);
  for (size_t begin = 0; begin < n; begin = end) {
    for (end = begin + 1; end < n && !breaks[end];)
      end++;
    if (end - begin < CLUSTER_MAX_BYTES && replace (map, text + begin, end - begin, out))
      continue;
    for (size_t i = begin; i < end;) {
      const unsigned length = cw_utf8_length (text + i, end - i);
      if (!replace (map, text + i, length, out))
        cw_buffer_append (out, text + i, length);
      i += length;
    }
  }
  free (breaks);
  return !out->failed;
}
