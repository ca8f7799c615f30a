/* SPDX-License-Identifier: MIT
 *
 * weights.h: the weights of one model, by name: of a folder with model.safetensors or the shards that model.safetensors.index.json
 *     names, or put together from several folders and files, each with its own names.
 *
 * Tensors are asked for by name with the shape that the configuration implies; what is missing, of another shape, of a type that
 * is no float, or holds NaN or infinity is an error that names file, tensor, found and expected.
 */
#pragma once

#include <stdarg.h>

#include "base/tensor.h"
#include "checkpoint/name-rule.h"
#include "checkpoint/torch-file.h"
#include "engine.h"

typedef struct cw_weights cw_weights;

/* Shards must lie in @folder itself: a name with a slash or ".." is refused. */
cw_weights *cw_weights_open (const char *folder, cw_error *error);
void        cw_weights_close (cw_weights *weights);

/* None yet; @folder is for messages. */
cw_weights *cw_weights_new (const char *folder, cw_error *error);
/* Adds a folder's tensors, each with @prefix before its name. */
bool        cw_weights_add_folder (cw_weights *weights, const char *folder, const char *prefix, cw_error *error);
/* Adds the tensors of the dict @state of @file that a rule of @rules [n_rules] is about, under our names. The file is the weights' from
 * now on, also after a failure; the rules must outlive them. */
bool        cw_weights_add_torch (cw_weights *weights, cw_torch_file *file, const cw_pickle_value *state, const cw_name_rule *rules,
                                  size_t n_rules, cw_error *error);

size_t cw_weights_n_bytes (const cw_weights *weights);   /* of all files */
bool   cw_weights_has (const cw_weights *weights, const char *name);
/* Rows and columns of the matrix @name; false when there is none. */
bool   cw_weights_shape (const cw_weights *weights, const char *name, uint64_t *rows, uint64_t *columns);
/* What @name is stored as; CW_F32 when there is none of that name. */
cw_dtype cw_weights_dtype (const cw_weights *weights, const char *name);
/* SHA-256 in hex over each file's name, header, size and samples of each tensor, and over @config_text. */
void   cw_weights_hash (const cw_weights *weights, const char *config_text, size_t n, char hex[65]);

/* From now on cw_weights_get does not read the values: for a model that is only looked at. */
void cw_weights_skip_values (cw_weights *weights);
/* The tensor @name, which must be F32, F16 or BF16, of shape @dims [n_dims], all finite. */
bool cw_weights_get (cw_weights *weights, const char *name, const uint64_t *dims, unsigned n_dims, cw_tensor *tensor,
                     cw_error *error);
