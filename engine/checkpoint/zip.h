/* SPDX-License-Identifier: MIT
 *
 * zip.h: a zip archive in memory, as far as torch.save writes them: entries that are stored or deflated, with or without the 64-bit
 *     fields. PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
 *
 * Nothing is ever unpacked to disk. When it is opened, every offset and size is checked against the archive, and refused are: names that
 * are empty, absolute, climb out with "..", hold a backslash or a NUL, or occur twice; entries that overlap each other or the
 * directory; encryption, several disks, other methods; declared sizes that no
 * weights reach by deflate (16 times the file and 32 MB).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine.h"

#define CW_ZIP_ENTRIES_MAX 65536 /* a checkpoint has one for each tensor */

typedef struct {
  const char *name; /* owned by the cw_zip; valid UTF-8 */
  uint32_t    crc;
  uint16_t    method;          /* 0 stored, 8 deflated */
  size_t      packed, n_bytes; /* in the archive, and unpacked */
  size_t      offset;          /* of the packed bytes */
} cw_zip_entry;

typedef struct cw_zip cw_zip;

/* @bytes [n] must outlive the cw_zip. @path is for messages. */
cw_zip *cw_zip_open (const uint8_t *bytes, size_t n, const char *path, cw_error *error);
void    cw_zip_close (cw_zip *zip);

size_t              cw_zip_n_entries (const cw_zip *zip);
const cw_zip_entry *cw_zip_nth (const cw_zip *zip, size_t i); /* by name */
const cw_zip_entry *cw_zip_find (const cw_zip *zip, const char *name);

/* The bytes of @entry: where it lies when it is stored; unpacked into @arena, its size and sum checked, when it is deflated. NULL and
 * @error when they do not fit. */
const uint8_t *cw_zip_read (const cw_zip *zip, const cw_zip_entry *entry, cw_arena *arena, cw_error *error);
/* Is the entry's checksum the one that the directory says? */
bool           cw_zip_check (const cw_zip *zip, const cw_zip_entry *entry, const uint8_t *bytes, cw_error *error);
