/* SPDX-License-Identifier: MIT
 *
 * probe.h: runs one case of the reference format through the engine and writes what came out, tensor by tensor, under the case's names.
 *
 *     ROOT/GROUP/CASE/case.json, reference.safetensors     the case: what to compute; its "input" tensors
 *     ROOT/models/NAME, ROOT/tokenizer/…                   what it names; ROOT is the case folder's grandparent
 *
 * Each kind of case has a file of its own here, with one function that puts all tensors of its kind. What the case does not list
 * is dropped; what it lists and nobody put is an error by name (exit code 2), so that an unknown case never passes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "engine.h"
#include "models/encodec.h"
#include "text/tokenizer.h"

typedef struct {
  const char      *folder, *backend, *tokenizer; /* the command line's; the last two may be NULL */
  char            *path;                         /* of case.json or cases.json, for messages */
  json_t          *json;
  cw_safetensors  *reference; /* NULL for a tokenizer's case */
  cw_engine       *engine;
  cw_arena         arena; /* everything that lives as long as the case */
  cw_named_tensor *outputs;
  size_t           n_outputs, n_outputs_max;
  bool             unknown; /* the failure is that this program does not know what is asked for */
  cw_error         error;
} probe;

/* One function for each kind: puts the tensors; false with p->error. */
bool probe_tokenizer (probe *p);
bool probe_t5 (probe *p);
bool probe_lm (probe *p);
bool probe_encodec (probe *p);
bool probe_discriminators (probe *p);
bool probe_sampling (probe *p);
bool probe_audiocraft (probe *p);

/* Tries the loader @kind on @file: 0 accepts, 1 rejects, with the sentence in @error. */
int probe_load (const char *kind, const char *file, cw_error *error);

/* Reads a sound file whole: are its samples finite, does it have channels? For probe_load. */
bool probe_read_audio (const char *path, cw_error *error);

/* ---- what the kinds share -------------------------------------------------------------------------------------- */

/* Fills p->error; returns false, so that `return probe_fail (…)` reads well. */
bool probe_fail (probe *p, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* FOLDER/NAME, and ROOT/NAME; in the case's arena. NULL with p->error when memory is short. */
char *probe_path (probe *p, const char *folder, const char *name);
char *probe_root_path (probe *p, const char *name);
/* The string @key of the case, or NULL with p->error. */
const char *probe_string (probe *p, const char *key);

/* The shape that the case lists for a tensor, a JSON array; NULL when it lists none of that name. */
const json_t *probe_shape (const probe *p, const char *name);

/* Puts a tensor, copied, if the case lists its name. @n_dims sizes follow @values in @dims. */
bool probe_put_f32 (probe *p, const char *name, const float *values, unsigned n_dims, const uint64_t *dims);
bool probe_put_i64 (probe *p, const char *name, const int32_t *values, unsigned n_dims, const uint64_t *dims);
#define PROBE_DIMS(...)                                                                                                \
  sizeof ((uint64_t[]){ __VA_ARGS__ }) / sizeof (uint64_t), (uint64_t[]) { __VA_ARGS__ }

/* A tensor that the case gives, of that type and number of dimensions; NULL with p->error. */
const cw_tensor *probe_input (probe *p, const char *name, cw_dtype dtype, unsigned n_dims);

/* Texts and their ids, side by side, padded with id 0 to the longest. */
typedef struct {
  size_t   n, longest;
  size_t  *lengths; /* [n] */
  int32_t *ids;     /* [n, longest] */
} probe_texts;

/* @list: a JSON array of strings. Puts PREFIX_ids and, with @mask, PREFIX_mask, too. */
bool probe_tokenize (probe *p, const cw_tokenizer *tokenizer, const json_t *list, const char *prefix, bool mask,
                     probe_texts *texts);

/* The whole of @codes [n_books, n] decoded to [C, *n_samples], in the case's arena. */
float *probe_decode (probe *p, cw_encodec *codec, const int32_t *codes, size_t n_books, size_t n, size_t *n_samples);
/* @n samples of each of the @c rows of @x [c, ld], every @step-th, in the case's arena. */
float *probe_cut (probe *p, const float *x, size_t c, size_t ld, size_t first, size_t n, size_t step);
