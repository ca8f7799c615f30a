/* SPDX-License-Identifier: MIT
 *
 * normalizer.c: see normalizer.h.
 */
#include "text/normalizer.h"

#include <unictype.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/charsmap.h"

#define STEPS_MAX 16

typedef enum { STEP_CHARSMAP, STEP_STRIP, STEP_REPLACE } step_kind;

typedef struct {
  step_kind    kind;
  cw_charsmap *charsmap;
  bool         left, right;      /* strip */
  const char  *pattern;          /* replace: this text, or @least and more of it in a row */
  char         single[8];        /* holds a pattern that came as a regular expression */
  size_t       least;            /* 0: each occurrence by itself */
  const char  *content;
} step;

struct cw_normalizer {
  size_t n;
  step   steps[STEPS_MAX];
};

/* The one regular expression that published files use: one character, then {n,}. */
static bool
read_repeat (step *s, const char *regex)
{
  const unsigned length = cw_utf8_length (regex, strlen (regex));
  char          *end;

  if (length == 0 || regex[length] != '{' || strchr ("\\^$.|?*+()[]{}", regex[0]))
    return false;
  memcpy (s->single, regex, length);
  s->pattern = s->single;
  s->least = strtoul (regex + length + 1, &end, 10);
  return s->least > 0 && strcmp (end, ",}") == 0;
}

static bool
read_replace (step *s, const json_t *json, const char *path, cw_error *error)
{
  const json_t *pattern = json_object_get (json, "pattern");
  const char   *text = json_string_value (json_object_get (pattern, "String"));
  const char   *regex = json_string_value (json_object_get (pattern, "Regex"));

  s->kind = STEP_REPLACE;
  s->content = json_string_value (json_object_get (json, "content"));
  s->pattern = text;
  if (s->content && ((text && *text) || (regex && read_repeat (s, regex))))
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED,
           "“%s”: normalizer Replace has the pattern “%s”; a text, or a character with {n,} behind it, is supported.", path,
           regex ? regex : text ? text : "?");
  return false;
}

static bool
read_step (cw_normalizer *normalizer, const json_t *json, const char *path, cw_error *error)
{
  const char *type = json_string_value (json_object_get (json, "type"));
  step       *s;

  if (type && strcmp (type, "Sequence") == 0) {
    const json_t *list = json_object_get (json, "normalizers");
    for (size_t i = 0; i < json_array_size (list); i++)
      if (!read_step (normalizer, json_array_get (list, i), path, error))
        return false;
    return true;
  }
  if (normalizer->n == STEPS_MAX) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the normalizer has more than %d steps.", path, STEPS_MAX);
    return false;
  }
  s = &normalizer->steps[normalizer->n];
  if (type && strcmp (type, "Precompiled") == 0) {
    const char *base64 = json_string_value (json_object_get (json, "precompiled_charsmap"));
    s->kind = STEP_CHARSMAP;
    s->charsmap = cw_charsmap_new (base64 ? base64 : "", path, error);
    if (!s->charsmap)
      return false;
  } else if (type && strcmp (type, "Strip") == 0) {
    s->kind = STEP_STRIP;
    s->left = json_is_true (json_object_get (json, "strip_left"));
    s->right = json_is_true (json_object_get (json, "strip_right"));
  } else if (type && strcmp (type, "Replace") == 0) {
    if (!read_replace (s, json, path, error))
      return false;
  } else {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: a normalizer is of type “%s”; Precompiled, Strip, Replace and Sequence are known.",
             path, type ? type : "?");
    return false;
  }
  normalizer->n++;
  return true;
}

cw_normalizer *
cw_normalizer_new (const json_t *json, const char *path, cw_error *error)
{
  cw_normalizer *normalizer = calloc (1, sizeof *normalizer);

  if (!normalizer) {
    cw_fail_memory (error, path, sizeof *normalizer);
    return NULL;
  }
  if (json && !json_is_null (json) && !read_step (normalizer, json, path, error)) {
    cw_normalizer_free (normalizer);
    return NULL;
  }
  return normalizer;
}

void
cw_normalizer_free (cw_normalizer *normalizer)
{
  if (!normalizer)
    return;
  for (size_t i = 0; i < normalizer->n; i++)
    cw_charsmap_free (normalizer->steps[i].charsmap);
  free (normalizer);
}

static bool
is_space_at (const char *text, size_t n, unsigned *length)
{
  *length = cw_utf8_length (text, n);
  return *length > 0 && uc_is_property_white_space (cw_utf8_decode (text, length));
}

static void
strip (const step *s, cw_buffer *text)
{
  size_t   begin = 0, end = text->n, behind_last = 0;
  unsigned length;

  if (s->left)
    while (begin < end && is_space_at (text->bytes + begin, end - begin, &length))
      begin += length;
  if (s->right) {
    for (size_t i = begin; i < end; i += length)
      if (!is_space_at (text->bytes + i, end - i, &length))
        behind_last = i + length;
    end = behind_last > begin ? behind_last : begin;
  }
  if (begin > 0)
    memmove (text->bytes, text->bytes + begin, end - begin);
  text->n = end - begin;
}

static bool
replace (const step *s, cw_buffer *text)
{
  const size_t n_pattern = strlen (s->pattern), n_content = strlen (s->content);
  cw_buffer    out = { 0 };

  for (size_t i = 0; i < text->n;) {
    size_t count = 0, end = i;

    while (text->n - end >= n_pattern && memcmp (text->bytes + end, s->pattern, n_pattern) == 0 &&
           (s->least > 0 || count == 0)) {
      end += n_pattern;
      count++;
    }
    if (count > 0 && count >= s->least) {
      cw_buffer_append (&out, s->content, n_content);
      i = end;
    } else {
      const size_t keep = count > 0 ? end - i : 1;
      cw_buffer_append (&out, text->bytes + i, keep);
      i += keep;
    }
  }
  out.failed |= text->failed;
  cw_buffer_free (text);
  *text = out;
  return !text->failed;
}

bool
cw_normalizer_apply (const cw_normalizer *normalizer, cw_buffer *text)
{
  for (size_t i = 0; i < normalizer->n; i++) {
    const step *s = &normalizer->steps[i];
    cw_buffer   out = { 0 };

    switch (s->kind) {
    case STEP_CHARSMAP:
      if (text->n > 0 && !cw_charsmap_apply (s->charsmap, text->bytes, text->n, &out)) {
        cw_buffer_free (&out);
        return false;
      }
      cw_buffer_free (text);
      *text = out;
      break;
    case STEP_STRIP:
      strip (s, text);
      break;
    case STEP_REPLACE:
      if (!replace (s, text))
        return false;
      break;
    }
  }
  return !text->failed;
}
