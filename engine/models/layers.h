/* SPDX-License-Identifier: MIT
 *
 * layers.h: fetching a model's layers from its weights: the shapes that the configuration implies, checked by cw_weights_get.
 *     A name is a printf format for the layer's number. All small vectors (biases, norms) are widened to f32 in the model's
 *     arena; matrices stay in the mapped file.
 */
#pragma once

#include "backend/backend.h"
#include "base/arena.h"
#include "checkpoint/prepared.h"

typedef struct {
  cw_backend *be;
  cw_source   source;
  cw_arena   *arena;
  const char *prefix; /* "text_encoder." or "" */
  cw_error   *error;
  bool        failed; /* set by the first that fails; the others then do nothing */
} cw_fetch;

/* [n_out, n_in], no bias, stored as the source says. */
void cw_fetch_linear (cw_fetch *fetch, cw_linear *linear, uint64_t n_out, uint64_t n_in, const char *format, ...)
  __attribute__ ((format (printf, 5, 6)));
void cw_fetch_matrix (cw_fetch *fetch, cw_tensor *tensor, uint64_t rows, uint64_t columns, const char *format, ...)
  __attribute__ ((format (printf, 5, 6)));
/* A vector [n], widened. */
void cw_fetch_vector (cw_fetch *fetch, const float **vector, uint64_t n, const char *format, ...)
  __attribute__ ((format (printf, 4, 5)));
/* Any shape, widened to f32. */
void cw_fetch_widened (cw_fetch *fetch, float **values, const uint64_t *dims, unsigned n_dims, const char *format, ...)
  __attribute__ ((format (printf, 5, 6)));
/* Bytes of a layer's weights as they are stored, scales too: what one use of it reads. */
size_t cw_linear_bytes (const cw_linear *linear);
/* Is there a tensor of that name? */
bool cw_fetch_has (cw_fetch *fetch, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
