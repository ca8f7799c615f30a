/* SPDX-License-Identifier: MIT
 *
 * zip.c: see zip.h. Read from the end: the end record says where the directory is, the directory where the entries are.
 */
#include "checkpoint/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/tensor.h"
#include "base/utf8.h"

#define END_BYTES       22
#define END64_BYTES     56
#define LOCATOR_BYTES   20
#define DIRECTORY_BYTES 46
#define LOCAL_BYTES     30
/* What all deflated entries together may unpack to: weights hardly shrink, a bomb grows a thousandfold. */
#define UNPACKED_MOST(n_packed) (16 * (n_packed) + (32u << 20))

enum { STORED = 0, DEFLATED = 8 };
enum { FLAG_ENCRYPTED = 1, FLAG_SIZES_BEHIND = 8 };

struct cw_zip {
  const char    *path; /* the caller's */
  const uint8_t *bytes;
  size_t         n;
  cw_arena       arena;
  size_t         n_entries;
  cw_zip_entry  *entries; /* by name */
};

/* Where the directory lies. */
typedef struct {
  uint64_t n_entries, n_bytes, offset;
  size_t   end; /* first byte behind the directory and its own records */
} directory;

static uint64_t
little (const uint8_t *bytes, unsigned n)
{
  uint64_t value = 0;

  while (n-- > 0)
    value = value << 8 | bytes[n];
  return value;
}

static bool
broken (const cw_zip *zip, cw_error *error, const char *what)
{
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: the zip archive is broken: %s.", zip->path, what);
  return false;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

/* The end record: its comment must reach to the end of the file. */
static bool
find_end (const cw_zip *zip, size_t *at, cw_error *error)
{
  if (zip->n < END_BYTES)
    return broken (zip, error, "it is shorter than an end record");
  for (size_t comment = 0; comment <= UINT16_MAX && comment + END_BYTES <= zip->n; comment++) {
    *at = zip->n - END_BYTES - comment;
    if (memcmp (zip->bytes + *at, "PK\5\6", 4) == 0 && little (zip->bytes + *at + 20, 2) == comment)
      return true;
  }
  return broken (zip, error, "it has no end record (the file may be cut short)");
}

static bool
read_end64 (const cw_zip *zip, size_t end, directory *dir, cw_error *error)
{
  const uint8_t *locator = zip->bytes + end - LOCATOR_BYTES, *record;
  uint64_t       at;

  if (end < LOCATOR_BYTES || memcmp (locator, "PK\6\7", 4) != 0)
    return broken (zip, error, "the locator of its 64-bit end record is missing");
  at = little (locator + 8, 8);
  if (at > end - LOCATOR_BYTES || end - LOCATOR_BYTES - at < END64_BYTES || memcmp (zip->bytes + at, "PK\6\6", 4) != 0)
    return broken (zip, error, "its 64-bit end record is not where the locator says");
  record = zip->bytes + at;
  if (little (locator + 4, 4) != 0 || little (locator + 16, 4) > 1 || little (record + 16, 4) != 0 || little (record + 20, 4) != 0)
    return broken (zip, error, "it is one of several disks");
  *dir = (directory){ little (record + 32, 8), little (record + 40, 8), little (record + 48, 8), at };
  return true;
}

static bool
read_end (const cw_zip *zip, directory *dir, cw_error *error)
{
  const uint8_t *record;
  size_t         at;

  if (!find_end (zip, &at, error))
    return false;
  record = zip->bytes + at;
  *dir = (directory){ little (record + 10, 2), little (record + 12, 4), little (record + 16, 4), at };
  if (dir->n_entries == UINT16_MAX || dir->n_bytes == UINT32_MAX || dir->offset == UINT32_MAX) {
    if (!read_end64 (zip, at, dir, error))
      return false;
  } else if (little (record + 4, 2) != 0 || little (record + 6, 2) != 0 || little (record + 8, 2) != dir->n_entries)
    return broken (zip, error, "it is one of several disks");
  if (dir->offset > dir->end || dir->n_bytes > dir->end - dir->offset)
    return broken (zip, error, "its directory lies outside of it");
  if (dir->n_entries > CW_ZIP_ENTRIES_MAX || dir->n_entries * DIRECTORY_BYTES > dir->n_bytes)
    return broken (zip, error, "its directory claims more entries than it can hold");
  return true;
}

/* ---- the directory -------------------------------------------------------------------------------------------------- */

/* Written so that no tool that unpacks by these names could write elsewhere. */
static bool
name_is_safe (const char *name, size_t n)
{
  if (n == 0 || n >= PATH_MAX || name[0] == '/' || memchr (name, '\0', n) || memchr (name, '\\', n) || !cw_utf8_valid (name, n, NULL))
    return false;
  for (size_t at = 0; at < n;) {
    const char  *slash = memchr (name + at, '/', n - at);
    const size_t part = slash ? (size_t) (slash - name) - at : n - at;

    if (part == 0 || (part == 1 && name[at] == '.') || (part == 2 && name[at] == '.' && name[at + 1] == '.'))
      return false;
    at += part + 1;
  }
  return true;
}

/* The 64-bit fields of what did not fit into 32 bits, in their order. */
static bool
read_extra (const cw_zip *zip, const uint8_t *extra, size_t n, uint64_t *fields[3], cw_error *error)
{
  size_t at = 0;

  while (n - at >= 4) {
    const size_t id = little (extra + at, 2), size = little (extra + at + 2, 2);

    at += 4;
    if (size > n - at)
      return broken (zip, error, "an entry's extra field ends behind its record");
    if (id == 1) {
      size_t used = 0;
      for (unsigned i = 0; i < 3; i++) {
        if (*fields[i] != UINT32_MAX)
          continue;
        if (size - used < 8)
          return broken (zip, error, "an entry's 64-bit fields are missing");
        *fields[i] = little (extra + at + used, 8);
        used += 8;
      }
    }
    at += size;
  }
  return true;
}

/* The entry's own header must say the same as the directory; its bytes come behind. */
static bool
check_local (const cw_zip *zip, cw_zip_entry *entry, uint64_t at, unsigned flags, size_t n_name, size_t limit, cw_error *error)
{
  const uint8_t *local = zip->bytes + at;
  size_t         head;

  if (at > limit || limit - at < LOCAL_BYTES || memcmp (local, "PK\3\4", 4) != 0)
    return broken (zip, error, "an entry is not where the directory says");
  head = LOCAL_BYTES + little (local + 26, 2) + little (local + 28, 2);
  if (head > limit - at || little (local + 26, 2) != n_name || memcmp (local + LOCAL_BYTES, entry->name, n_name) != 0 ||
      little (local + 8, 2) != entry->method || little (local + 6, 2) != flags)
    return broken (zip, error, "an entry's header differs from the directory");
  if (!(flags & FLAG_SIZES_BEHIND) && little (local + 18, 4) != UINT32_MAX &&
      (little (local + 18, 4) != entry->packed || little (local + 22, 4) != entry->n_bytes))
    return broken (zip, error, "an entry's size differs from the directory");
  entry->offset = (size_t) at + head;
  if (entry->packed > limit - entry->offset)
    return broken (zip, error, "an entry claims more bytes than the archive has");
  return true;
}

static bool
read_entry (cw_zip *zip, cw_zip_entry *entry, const uint8_t **record, const uint8_t *end, size_t limit, cw_error *error)
{
  const uint8_t *r = *record;
  const size_t   left = (size_t) (end - r);
  size_t         n_name, n_extra, n_all;
  uint64_t       packed, n_bytes, at;
  unsigned       flags;
  char          *name;

  if (left < DIRECTORY_BYTES || memcmp (r, "PK\1\2", 4) != 0)
    return broken (zip, error, "its directory ends too soon");
  flags = (unsigned) little (r + 8, 2);
  n_name = little (r + 28, 2);
  n_extra = little (r + 30, 2);
  n_all = DIRECTORY_BYTES + n_name + n_extra + little (r + 32, 2);
  if (n_all > left)
    return broken (zip, error, "its directory ends too soon");
  if (!name_is_safe ((const char *) r + DIRECTORY_BYTES, n_name)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” holds an entry named “%.*s”, which is no plain path inside of the archive.", zip->path,
             (int) (n_name < 64 ? n_name : 64), (const char *) r + DIRECTORY_BYTES);
    return false;
  }
  if (!(name = cw_arena_new (&zip->arena, char, n_name + 1)))
    return cw_arena_ok (&zip->arena, zip->path, error);
  memcpy (name, r + DIRECTORY_BYTES, n_name);
  packed = little (r + 20, 4);
  n_bytes = little (r + 24, 4);
  at = little (r + 42, 4);
  if (!read_extra (zip, r + DIRECTORY_BYTES + n_name, n_extra, (uint64_t *[]){ &n_bytes, &packed, &at }, error))
    return false;
  *entry = (cw_zip_entry){ name, (uint32_t) little (r + 16, 4), (uint16_t) little (r + 10, 2), packed, n_bytes, 0 };
  if ((flags & FLAG_ENCRYPTED) || (entry->method != STORED && entry->method != DEFLATED))
    return broken (zip, error, "an entry is encrypted, or packed in a way other than deflate");
  if (entry->method == STORED ? packed != n_bytes : n_bytes > UNPACKED_MOST (zip->n))
    return broken (zip, error, "an entry claims more bytes than can be packed into it");
  *record = r + n_all;
  return check_local (zip, entry, at, flags, n_name, limit, error);
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (((const cw_zip_entry *) a)->name, ((const cw_zip_entry *) b)->name);
}

static int
by_offset (const void *a, const void *b)
{
  const size_t x = ((const cw_zip_entry *) a)->offset, y = ((const cw_zip_entry *) b)->offset;

  return x < y ? -1 : x > y;
}

static bool
read_directory (cw_zip *zip, const directory *dir, cw_error *error)
{
  const uint8_t *record = zip->bytes + dir->offset, *end = record + dir->n_bytes;
  size_t         unpacked = 0;

  zip->entries = cw_arena_new (&zip->arena, cw_zip_entry, dir->n_entries);
  if (!zip->entries)
    return cw_arena_ok (&zip->arena, zip->path, error);
  for (; zip->n_entries < dir->n_entries; zip->n_entries++) {
    const cw_zip_entry *entry = &zip->entries[zip->n_entries];

    if (!read_entry (zip, &zip->entries[zip->n_entries], &record, end, dir->offset, error))
      return false;
    if (entry->method == DEFLATED && (unpacked += entry->n_bytes) > UNPACKED_MOST (zip->n))
      return broken (zip, error, "its entries claim more bytes than can be packed into it");
  }

  qsort (zip->entries, zip->n_entries, sizeof *zip->entries, by_offset);
  for (size_t i = 1; i < zip->n_entries; i++)
    if (zip->entries[i].offset - zip->entries[i - 1].offset < zip->entries[i - 1].packed + LOCAL_BYTES)
      return broken (zip, error, "two entries overlap");
  qsort (zip->entries, zip->n_entries, sizeof *zip->entries, by_name);
  for (size_t i = 1; i < zip->n_entries; i++)
    if (strcmp (zip->entries[i].name, zip->entries[i - 1].name) == 0)
      return broken (zip, error, "it holds two entries of the same name");
  return true;
}

cw_zip *
cw_zip_open (const uint8_t *bytes, size_t n, const char *path, cw_error *error)
{
  cw_zip   *zip = calloc (1, sizeof *zip);
  directory dir;

  if (!zip) {
    cw_fail_memory (error, path, sizeof *zip);
    return NULL;
  }
  *zip = (cw_zip){ .path = path, .bytes = bytes, .n = n };
  if (!read_end (zip, &dir, error) || !read_directory (zip, &dir, error)) {
    cw_zip_close (zip);
    return NULL;
  }
  return zip;
}

void
cw_zip_close (cw_zip *zip)
{
  if (!zip)
    return;
  cw_arena_free (&zip->arena);
  free (zip);
}

size_t
cw_zip_n_entries (const cw_zip *zip)
{
  return zip->n_entries;
}

const cw_zip_entry *
cw_zip_nth (const cw_zip *zip, size_t i)
{
  return &zip->entries[i];
}

const cw_zip_entry *
cw_zip_find (const cw_zip *zip, const char *name)
{
  const cw_zip_entry key = { .name = name };

  return zip->n_entries ? bsearch (&key, zip->entries, zip->n_entries, sizeof key, by_name) : NULL;
}

/* ---- bytes -------------------------------------------------------------------------------------------------------------- */

bool
cw_zip_check (const cw_zip *zip, const cw_zip_entry *entry, const uint8_t *bytes, cw_error *error)
{
  if (crc32_z (0, bytes, entry->n_bytes) == entry->crc)
    return true;
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: the checksum of the entry “%s” is wrong: the file was damaged.", zip->path, entry->name);
  return false;
}

/* All of @entry into @out, and not a byte more or less; in pieces, because zlib counts in 32 bits. */
static bool
unpack (const cw_zip *zip, const cw_zip_entry *entry, uint8_t *out)
{
  const uint8_t *in = zip->bytes + entry->offset;
  size_t         n_in = entry->packed, n_out = entry->n_bytes;
  z_stream       stream = { 0 };
  int            status = inflateInit2 (&stream, -MAX_WBITS);
  uint8_t        one_more;
  bool           whole;

  while (status == Z_OK) {
    const unsigned now_in = (unsigned) (n_in < 1u << 30 ? n_in : 1u << 30), now_out = (unsigned) (n_out < 1u << 30 ? n_out : 1u << 30);

    stream.next_in = (uint8_t *) in;
    stream.avail_in = now_in;
    stream.next_out = now_out ? out : &one_more;
    stream.avail_out = now_out ? now_out : 1;
    status = inflate (&stream, Z_NO_FLUSH);
    in += now_in - stream.avail_in;
    n_in -= now_in - stream.avail_in;
    if (now_out == 0 && stream.avail_out == 0)
      break;
    out += now_out ? now_out - stream.avail_out : 0;
    n_out -= now_out ? now_out - stream.avail_out : 0;
  }
  whole = status == Z_STREAM_END && n_in == 0 && n_out == 0;
  inflateEnd (&stream);
  return whole;
}

const uint8_t *
cw_zip_read (const cw_zip *zip, const cw_zip_entry *entry, cw_arena *arena, cw_error *error)
{
  uint8_t *out;

  if (entry->method == STORED)
    return zip->bytes + entry->offset;
  if (!(out = cw_arena_new (arena, uint8_t, entry->n_bytes))) {
    cw_arena_ok (arena, entry->name, error);
    return NULL;
  }
  if (!unpack (zip, entry, out)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the entry “%s” does not unpack to the %zu bytes that the archive claims.", zip->path, entry->name,
             entry->n_bytes);
    return NULL;
  }
  return cw_zip_check (zip, entry, out, error) ? out : NULL;
}
