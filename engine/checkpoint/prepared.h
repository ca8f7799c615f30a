/* SPDX-License-Identifier: MIT
 *
 * prepared.h: matrices in the form that the kernels read, made from a checkpoint once and kept in a cache file.
 *
 * A cache file is a safetensors file, named by the checkpoint's hash and the precision. When there is none, or it does not fit,
 * cw_prepared_get makes each matrix in memory, and cw_prepared_finish writes the file for the next start. Without a folder,
 * or when it cannot be written, all works the same from memory. Rows are padded with zeros to CW_PAD elements; the layouts of 8
 * and 4 bits are those of ops/kernels.h, for every processor (and device) the same.
 */
#pragma once

#include "backend/backend.h"
#include "checkpoint/weights.h"

typedef enum { CW_STORE_AS_IS, CW_STORE_BF16, CW_STORE_F16, CW_STORE_INT8, CW_STORE_INT4 } cw_storage;

/* What a matrix is stored as that lies in the file as @in_file. */
cw_dtype cw_stored_dtype (cw_storage storage, cw_dtype in_file);

typedef struct cw_prepared cw_prepared;

/* Where a model takes its weights from, and how its matrices are to be stored. */
typedef struct {
  cw_weights  *weights;
  cw_prepared *prepared; /* NULL: all as they are */
  cw_storage   storage;
  const float *squares;  /* what is expected of the square of each input of the matrices asked for next, for 4 bits; NULL: all alike */
} cw_source;

/* @folder may be NULL: no file. @hash: cw_weights_hash. @name: of the precision, part of the file's name. */
cw_prepared *cw_prepared_open (const char *folder, const char *hash, const char *name, cw_error *error);
void         cw_prepared_close (cw_prepared *prepared);

/* The matrix @name [n_out, n_in] of source->weights, stored as source->storage; valid until cw_prepared_close. */
bool cw_prepared_get (const cw_source *source, cw_pool *pool, const char *name, uint64_t n_out, uint64_t n_in,
                      cw_linear *linear, cw_error *error);

/* All matrices were asked for: writes the cache file if there is something new, and then uses it instead of memory the next time. */
void   cw_prepared_finish (cw_prepared *prepared);
/* The file, or NULL when there is none. */
const char *cw_prepared_path (const cw_prepared *prepared);
