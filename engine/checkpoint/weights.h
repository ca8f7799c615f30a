/* SPDX-License-Identifier: MIT
 *
 * weights.h: the weights of one checkpoint folder: model.safetensors, or the shards that model.safetensors.index.json names.
 *
 * Tensors are asked for by name with the shape that the configuration implies; what is missing, of another shape, of a type that
 * is no float, or holds NaN or infinity is an error that names file, tensor, found and expected.
 */
#pragma once

#include <stdarg.h>

#include "base/tensor.h"
#include "engine.h"

typedef struct cw_weights cw_weights;

/* Shards must lie in @folder itself: a name with a slash or ".." is refused. */
cw_weights *cw_weights_open (const char *folder, cw_error *error);
void        cw_weights_close (cw_weights *weights);

size_t cw_weights_n_bytes (const cw_weights *weights);   /* of all files */
bool   cw_weights_has (const cw_weights *weights, const char *name);
/* SHA-256 in hex over each file's name, header, size and samples of each tensor, and over @config_text. */
void   cw_weights_hash (const cw_weights *weights, const char *config_text, size_t n, char hex[65]);

/* The tensor @name, which must be F32, F16 or BF16, of shape @dims [n_dims], all finite. */
bool cw_weights_get (cw_weights *weights, const char *name, const uint64_t *dims, unsigned n_dims, cw_tensor *tensor,
                     cw_error *error);
