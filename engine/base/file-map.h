/* SPDX-License-Identifier: MIT
 *
 * file-map.h: a whole file mapped read-only. A file that is deleted or replaced by rename stays readable under the map; one that is cut
 *     short in place does not (SIGBUS), as with every mapped file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

typedef struct {
  const uint8_t *bytes; /* NULL for an empty file */
  size_t         n;
} cw_file_map;

/* False and @error when @path cannot be opened, is no regular file or cannot be mapped. */
bool cw_file_map_open (cw_file_map *map, const char *path, cw_error *error);
void cw_file_map_close (cw_file_map *map);
/* Gives back the memory of @n_bytes from @from on, which have been read: they come from the file again when they are needed. Memory outside
 * the map is left alone. */
void cw_file_map_release (const cw_file_map *map, const void *from, size_t n_bytes);
