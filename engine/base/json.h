/* SPDX-License-Identifier: MIT
 *
 * json.h: reading JSON files that may be hostile: bounded size and depth, no duplicate keys, and fields fetched with
 *     their range, so that an error names the file, the field, what was found and what was expected. Over jansson.
 */
#pragma once

#include <jansson.h>

#include "engine.h"

#define CW_JSON_DEPTH_MAX 64 /* real configurations are under 8 deep; jansson recurses, so this bounds the stack */

/* Parses @n bytes. @path is for messages only. A nesting deeper than CW_JSON_DEPTH_MAX is refused before jansson
 * sees it. Returns a new reference or NULL. */
json_t *cw_json_parse (const char *text, size_t n, const char *path, cw_error *error);
/* Reads a file of at most @max_bytes and parses it. */
json_t *cw_json_read_file (const char *path, size_t max_bytes, cw_error *error);

/* Where a value comes from: for messages. */
typedef struct {
  const json_t *object; /* borrowed */
  const char   *path;   /* the file */
  const char   *prefix; /* "decoder." or "" */
} cw_json_scope;

/* A required integer in [min, max]. */
bool cw_json_int (const cw_json_scope *scope, const char *key, long min, long max, long *value, cw_error *error);
/* As above, but @value keeps its default when the field is missing or null. */
bool cw_json_int_or (const cw_json_scope *scope, const char *key, long min, long max, long *value, cw_error *error);
bool cw_json_number_or (const cw_json_scope *scope, const char *key, double min, double max, double *value,
                        cw_error *error);
bool cw_json_bool_or (const cw_json_scope *scope, const char *key, bool *value, cw_error *error);
/* Borrowed from the object; stays at its default when missing or null. */
bool cw_json_string_or (const cw_json_scope *scope, const char *key, const char **value, cw_error *error);
/* The sub-object @key, required; fills @inner with the prefix given. */
bool cw_json_object (const cw_json_scope *scope, const char *key, const char *prefix, cw_json_scope *inner,
                     cw_error *error);
