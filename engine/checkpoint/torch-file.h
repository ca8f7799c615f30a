/* SPDX-License-Identifier: MIT
 *
 * torch-file.h: a file of torch.save: one pickle that describes, and the numbers it speaks of. Two layouts:
 *
 *     zip (torch 1.6 and later)   NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder; see zip.h and pickle.h
 *     legacy                      pickles of a magic number, the version 1001, the machine, the object and the list of keys; then for
 *                                 each key 8 bytes of count and the numbers (torch/serialization.py, _legacy_save)
 *
 * Tensors are views into the mapped file. Those that lie there unaligned, or deflated, are copied.
 */
#pragma once

#include "checkpoint/pickle.h"

typedef struct cw_torch_file cw_torch_file;

/* NULL and @error when it is neither, or anything in it is refused. */
cw_torch_file *cw_torch_file_open (const char *path, cw_error *error);
void           cw_torch_file_close (cw_torch_file *file);

const char            *cw_torch_file_path (const cw_torch_file *file);
size_t                 cw_torch_file_n_bytes (const cw_torch_file *file);
/* cw_file_map_release on all of it. */
void                   cw_torch_file_release (const cw_torch_file *file);
/* What was saved. */
const cw_pickle_value *cw_torch_file_object (const cw_torch_file *file);
/* The bytes that describe it, for hashing. */
const void            *cw_torch_file_description (const cw_torch_file *file, size_t *n_bytes);

/* The numbers of @value, a tensor named @name in messages: a view, valid until the file is closed. */
bool cw_torch_file_tensor (cw_torch_file *file, const cw_pickle_value *value, const char *name, cw_tensor *tensor, cw_error *error);
