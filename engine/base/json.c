/* SPDX-License-Identifier: MIT
 *
 * json.c: see json.h.
 */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Deepest nesting of brackets outside strings. */
static size_t
depth (const char *text, size_t n)
{
  size_t now = 0, deepest = 0;
  bool   in_string = false;

  for (size_t i = 0; i < n; i++) {
    const char c = text[i];

    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++now > deepest)
        deepest = now;
    } else if ((c == '}' || c == ']') && now > 0) {
      now--;
    }
  }
  return deepest;
}

json_t *
cw_json_parse (const char *text, size_t n, const char *path, cw_error *error)
{
  const size_t deepest = depth (text, n);
  json_error_t why;
  json_t      *json;

  if (deepest > CW_JSON_DEPTH_MAX) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the JSON is nested %zu deep, at most %d was expected.", path, deepest,
             CW_JSON_DEPTH_MAX);
    return NULL;
  }
  json = json_loadb (text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
  if (!json)
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the JSON is broken at line %d, column %d: %s.", path, why.line, why.column,
             why.text);
  return json;
}

json_t *
cw_json_read_file (const char *path, size_t max_bytes, cw_error *error)
{
  FILE   *file = fopen (path, "rb");
  json_t *json = NULL;
  char   *text = NULL;
  size_t  n = 0, capacity = 0;

  if (!file) {
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be opened: %s.", path, strerror (errno));
    return NULL;
  }
  for (;;) {
    if (n == capacity) {
      char *longer;
      capacity = capacity ? 2 * capacity : 65536;
      if (!(longer = realloc (text, capacity))) {
        cw_fail_memory (error, path, capacity);
        break;
      }
      text = longer;
    }
    n += fread (text + n, 1, capacity - n, file);
    if (n > max_bytes) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s” is larger than %zu bytes, which no such file is.", path, max_bytes);
      break;
    }
    if (ferror (file)) {
      cw_fail (error, CW_ERROR_IO, "“%s” cannot be read: %s.", path, strerror (errno));
      break;
    }
    if (feof (file)) {
      json = cw_json_parse (text, n, path, error);
      break;
    }
  }
  free (text);
  fclose (file);
  return json;
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

static const char *
kind (const json_t *value)
{
  static const char *const names[] = {
    [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string", [JSON_INTEGER] = "an integer",
    [JSON_REAL] = "a number",    [JSON_TRUE] = "true",          [JSON_FALSE] = "false",     [JSON_NULL] = "null",
  };

  return value ? names[json_typeof (value)] : "missing";
}

/* The field, or NULL when it is missing or null. */
static const json_t *
field (const cw_json_scope *scope, const char *key)
{
  const json_t *value = json_object_get (scope->object, key);

  return json_is_null (value) ? NULL : value;
}

static bool
wrong_kind (const cw_json_scope *scope, const char *key, const char *expected, cw_error *error)
{
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s%s is %s, %s was expected.", scope->path, scope->prefix, key,
           kind (json_object_get (scope->object, key)), expected);
  return false;
}

bool
cw_json_int (const cw_json_scope *scope, const char *key, long min, long max, long *value, cw_error *error)
{
  if (!field (scope, key))
    return wrong_kind (scope, key, "an integer", error);
  return cw_json_int_or (scope, key, min, max, value, error);
}

bool
cw_json_int_or (const cw_json_scope *scope, const char *key, long min, long max, long *value, cw_error *error)
{
  const json_t *json = field (scope, key);
  json_int_t    found;

  if (!json)
    return true;
  if (!json_is_integer (json))
    return wrong_kind (scope, key, "an integer", error);
  found = json_integer_value (json);
  if (found < min || found > max) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s%s is %lld, a value from %ld to %ld was expected.", scope->path,
             scope->prefix, key, (long long) found, min, max);
    return false;
  }
  *value = (long) found;
  return true;
}

bool
cw_json_number_or (const cw_json_scope *scope, const char *key, double min, double max, double *value, cw_error *error)
{
  const json_t *json = field (scope, key);
  double        found;

  if (!json)
    return true;
  if (!json_is_number (json))
    return wrong_kind (scope, key, "a number", error);
  found = json_number_value (json);
  if (!(found >= min && found <= max)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s%s is %g, a value from %g to %g was expected.", scope->path,
             scope->prefix, key, found, min, max);
    return false;
  }
  *value = found;
  return true;
}

bool
cw_json_bool_or (const cw_json_scope *scope, const char *key, bool *value, cw_error *error)
{
  const json_t *json = field (scope, key);

  if (!json)
    return true;
  if (!json_is_boolean (json))
    return wrong_kind (scope, key, "true or false", error);
  *value = json_is_true (json);
  return true;
}

bool
cw_json_string_or (const cw_json_scope *scope, const char *key, const char **value, cw_error *error)
{
  const json_t *json = field (scope, key);

  if (!json)
    return true;
  if (!json_is_string (json))
    return wrong_kind (scope, key, "a string", error);
  *value = json_string_value (json);
  return true;
}

bool
cw_json_object (const cw_json_scope *scope, const char *key, const char *prefix, cw_json_scope *inner, cw_error *error)
{
  const json_t *json = field (scope, key);

  if (!json_is_object (json))
    return wrong_kind (scope, key, "an object", error);
  *inner = (cw_json_scope){ json, scope->path, prefix };
  return true;
}
