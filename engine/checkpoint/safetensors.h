/* SPDX-License-Identifier: MIT
 *
 * safetensors.h: the safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes, mapped not read.
 *
 * Refuses what the format's own library refuses: headers over 100 MB or past the end, offsets that overlap, leave
 * holes or do not match shape and type, negative or overflowing shapes, duplicate names, unknown types, nesting.
 * Format: huggingface/safetensors, README "Format".
 */
#pragma once

#include "base/file-write.h"
#include "base/tensor.h"
#include "engine.h"

typedef struct cw_safetensors cw_safetensors;

/* Maps the file (see base/file-map.h). NULL and @error when it is missing or malformed. */
cw_safetensors *cw_safetensors_open (const char *path, cw_error *error);
void            cw_safetensors_close (cw_safetensors *file);

const char      *cw_safetensors_path (const cw_safetensors *file);
size_t           cw_safetensors_file_bytes (const cw_safetensors *file);
size_t           cw_safetensors_n_tensors (const cw_safetensors *file);
const cw_tensor *cw_safetensors_nth (const cw_safetensors *file, size_t i, const char **name);
/* NULL when there is no tensor of that name. A tensor whose bytes lie unaligned in the file is copied when the file is opened. */
const cw_tensor *cw_safetensors_find (const cw_safetensors *file, const char *name);
/* From __metadata__; NULL when not there. */
const char      *cw_safetensors_metadata (const cw_safetensors *file, const char *key);
/* The raw JSON header, for hashing. */
const void      *cw_safetensors_header (const cw_safetensors *file, size_t *n_bytes);

/* One tensor to write; data is borrowed. */
typedef struct {
  const char *name;
  cw_tensor   tensor;
} cw_named_tensor;

/* Writes beside @path, syncs, renames. @metadata: n_metadata pairs key, value; may be NULL. */
cw_status cw_safetensors_write (const char *path, const cw_named_tensor *tensors, size_t n_tensors,
                                const char *const (*metadata)[2], size_t n_metadata, cw_error *error);
/* The same, but only the header is written: the tensors' bytes, one behind the other, and cw_file_write_end are the caller's. Their data are
 * not looked at. */
cw_status cw_safetensors_write_begin (cw_file_write *write, const char *path, const cw_named_tensor *tensors, size_t n_tensors,
                                      const char *const (*metadata)[2], size_t n_metadata, cw_error *error);

/* cw_file_map_release on a part of a tensor. */
void cw_safetensors_release (const cw_safetensors *file, const void *from, size_t n_bytes);
