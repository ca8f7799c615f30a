/* SPDX-License-Identifier: MIT
 *
 * file-write.h: writing a file so that its name never stands for half of it: write beside, sync, rename.
 */
#pragma once

#include <stdio.h>

#include "engine.h"

typedef struct {
  FILE *file; /* write here */
  char *path, *beside;
} cw_file_write;

/* Opens a new file beside @path. */
cw_status cw_file_write_begin (cw_file_write *write, const char *path, cw_error *error);
/* Syncs and renames over @path; on failure nothing is left. Frees what is in @write either way. */
cw_status cw_file_write_end (cw_file_write *write, cw_error *error);
/* Removes what was written. */
void cw_file_write_abandon (cw_file_write *write);
