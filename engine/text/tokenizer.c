/* SPDX-License-Identifier: MIT
 *
 * tokenizer.c: see tokenizer.h.
 */
#include "text/tokenizer.h"

#include <unictype.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/normalizer.h"
#include "text/unigram.h"

#define FILE_MAX_BYTES (64u << 20)
#define STEPS_MAX 8
#define MARK "\xe2\x96\x81" /* U+2581, what Metaspace writes for a space, unless the file says otherwise */

/* A token that is found in the raw text, before anything else is done to it. */
typedef struct {
  const char *content;
  size_t      n;
  int32_t     id;
  bool        left, right; /* swallows the white space on that side */
} special;

typedef enum { PREPEND_FIRST, PREPEND_ALWAYS, PREPEND_NEVER } prepend;

typedef struct {
  bool        metaspace; /* else: WhitespaceSplit */
  const char *mark;
  size_t      n_mark;
  prepend     prepend;
  bool        split;
} pre_step;

struct cw_tokenizer {
  json_t        *json; /* owns the texts */
  cw_normalizer *normalizer;
  cw_unigram    *unigram;
  special       *specials;
  size_t         n_specials;
  pre_step       steps[STEPS_MAX];
  size_t         n_steps;
  cw_buffer      before, after; /* ids (int32_t) that the post-processor puts around the text's */
  uint32_t       n_ids;
};

/* ---- loading ------------------------------------------------------------------------------------------------- */

static bool
read_specials (cw_tokenizer *tokenizer, const char *path, cw_error *error)
{
  const json_t *list = json_object_get (tokenizer->json, "added_tokens");
  const size_t  n = json_array_size (list);

  if (!(tokenizer->specials = calloc (n + 1, sizeof *tokenizer->specials))) {
    cw_fail_memory (error, path, n * sizeof *tokenizer->specials);
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    const json_t *token = json_array_get (list, i), *id = json_object_get (token, "id");
    const char   *content = json_string_value (json_object_get (token, "content"));

    if (!content || !*content || !json_is_integer (id) || json_integer_value (id) < 0 ||
        json_integer_value (id) > 1 << 24) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: added_tokens[%zu] lacks a content or an id from 0 to 2^24.", path, i);
      return false;
    }
    if (json_is_true (json_object_get (token, "single_word")) || json_is_true (json_object_get (token, "normalized"))) {
      cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the added token “%s” is single_word or normalized, which is not supported.",
               path, content);
      return false;
    }
    tokenizer->specials[tokenizer->n_specials++] =
      (special){ content, strlen (content), (int32_t) json_integer_value (id),
                 json_is_true (json_object_get (token, "lstrip")), json_is_true (json_object_get (token, "rstrip")) };
    if (tokenizer->n_ids <= (uint32_t) json_integer_value (id))
      tokenizer->n_ids = (uint32_t) json_integer_value (id) + 1;
  }
  return true;
}

static bool
read_metaspace (pre_step *step, const json_t *json, const char *path, cw_error *error)
{
  const char   *scheme = json_string_value (json_object_get (json, "prepend_scheme"));
  const char   *mark = json_string_value (json_object_get (json, "replacement"));
  const json_t *split = json_object_get (json, "split");

  step->metaspace = true;
  step->mark = mark && *mark ? mark : MARK;
  step->n_mark = strlen (step->mark);
  step->split = !json_is_false (split);
  if (!scheme || strcmp (scheme, "always") == 0)
    step->prepend = PREPEND_ALWAYS;
  else if (strcmp (scheme, "first") == 0)
    step->prepend = PREPEND_FIRST;
  else if (strcmp (scheme, "never") == 0)
    step->prepend = PREPEND_NEVER;
  else {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: Metaspace has the prepend_scheme “%s”; first, always and never are known.", path,
             scheme);
    return false;
  }
  /* the older spelling */
  if (json_is_false (json_object_get (json, "add_prefix_space")))
    step->prepend = PREPEND_NEVER;
  return true;
}

static bool
read_pre_step (cw_tokenizer *tokenizer, const json_t *json, const char *path, cw_error *error)
{
  const char *type = json_string_value (json_object_get (json, "type"));
  pre_step   *step = &tokenizer->steps[tokenizer->n_steps];

  if (type && strcmp (type, "Sequence") == 0) {
    const json_t *list = json_object_get (json, "pretokenizers");
    for (size_t i = 0; i < json_array_size (list); i++)
      if (!read_pre_step (tokenizer, json_array_get (list, i), path, error))
        return false;
    return true;
  }
  if (tokenizer->n_steps == STEPS_MAX) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the pre_tokenizer has more than %d steps.", path, STEPS_MAX);
    return false;
  }
  if (type && strcmp (type, "Metaspace") == 0) {
    if (!read_metaspace (step, json, path, error))
      return false;
  } else if (!type || strcmp (type, "WhitespaceSplit") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED,
             "“%s”: a pre_tokenizer is of type “%s”; Metaspace, WhitespaceSplit and Sequence are known.", path, type ? type : "?");
    return false;
  }
  tokenizer->n_steps++;
  return true;
}

/* TemplateProcessing: "single" lists the text (Sequence A) and the special tokens around it. */
static bool
read_post_processor (cw_tokenizer *tokenizer, const char *path, cw_error *error)
{
  const json_t *json = json_object_get (tokenizer->json, "post_processor"), *list = json_object_get (json, "single");
  const char   *type = json_string_value (json_object_get (json, "type"));
  cw_buffer    *ids = &tokenizer->before;

  if (!json || json_is_null (json))
    return true;
  if (!type || strcmp (type, "TemplateProcessing") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the post_processor is of type “%s”; TemplateProcessing is known.", path,
             type ? type : "?");
    return false;
  }
  for (size_t i = 0; i < json_array_size (list); i++) {
    const json_t *piece = json_array_get (list, i), *token = json_object_get (piece, "SpecialToken");
    const char   *name = json_string_value (json_object_get (token, "id"));
    const json_t *known = json_object_get (json_object_get (json, "special_tokens"), name ? name : "");
    const json_t *values = json_object_get (known, "ids");

    if (json_object_get (piece, "Sequence")) {
      ids = &tokenizer->after;
      continue;
    }
    if (!json_is_array (values)) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: the post_processor's template names the token “%s”, which special_tokens lacks.",
               path, name ? name : "?");
      return false;
    }
    for (size_t j = 0; j < json_array_size (values); j++) {
      const json_int_t value = json_integer_value (json_array_get (values, j));
      const int32_t    id = (int32_t) value;
      if (!json_is_integer (json_array_get (values, j)) || value < 0 || value >= (json_int_t) tokenizer->n_ids) {
        cw_fail (error, CW_ERROR_FORMAT, "“%s”: the post_processor's token “%s” has the id %lld; an id below %u was expected.",
                 path, name, (long long) value, tokenizer->n_ids);
        return false;
      }
      cw_buffer_append (ids, &id, sizeof id);
    }
  }
  return true;
}

cw_tokenizer *
cw_tokenizer_load (const char *path, cw_error *error)
{
  cw_tokenizer *tokenizer = calloc (1, sizeof *tokenizer);
  const json_t *pre;

  if (!tokenizer) {
    cw_fail_memory (error, path, sizeof *tokenizer);
    return NULL;
  }
  if (!(tokenizer->json = cw_json_read_file (path, FILE_MAX_BYTES, error)) ||
      !(tokenizer->unigram = cw_unigram_new (json_object_get (tokenizer->json, "model"), path, error)) ||
      !(tokenizer->normalizer = cw_normalizer_new (json_object_get (tokenizer->json, "normalizer"), path, error)))
    goto fail;
  tokenizer->n_ids = cw_unigram_n_ids (tokenizer->unigram);
  pre = json_object_get (tokenizer->json, "pre_tokenizer");
  if (!read_specials (tokenizer, path, error) ||
      (pre && !json_is_null (pre) && !read_pre_step (tokenizer, pre, path, error)) ||
      !read_post_processor (tokenizer, path, error))
    goto fail;
  return tokenizer;

fail:
  cw_tokenizer_free (tokenizer);
  return NULL;
}

void
cw_tokenizer_free (cw_tokenizer *tokenizer)
{
  if (!tokenizer)
    return;
  cw_normalizer_free (tokenizer->normalizer);
  cw_unigram_free (tokenizer->unigram);
  cw_buffer_free (&tokenizer->before);
  cw_buffer_free (&tokenizer->after);
  free (tokenizer->specials);
  json_decref (tokenizer->json);
  free (tokenizer);
}

uint32_t
cw_tokenizer_n_ids (const cw_tokenizer *tokenizer)
{
  return tokenizer->n_ids;
}

/* ---- encoding ------------------------------------------------------------------------------------------------ */

/* Cuts a piece at its marks, each belonging to what follows it, and gives the parts to the model. */
static bool
encode_parts (const cw_tokenizer *tokenizer, const pre_step *metaspace, const char *piece, size_t n, cw_buffer *ids)
{
  size_t begin = 0;

  if (metaspace && metaspace->split)
    for (size_t i = 1; i + metaspace->n_mark <= n; i++)
      if (memcmp (piece + i, metaspace->mark, metaspace->n_mark) == 0) {
        if (!cw_unigram_encode (tokenizer->unigram, piece + begin, i - begin, ids))
          return false;
        begin = i;
      }
  return n == begin || cw_unigram_encode (tokenizer->unigram, piece + begin, n - begin, ids);
}

/* Runs @piece through the pre-tokenizer's steps from @step on. @first: it begins where the whole text does. */
static bool
pre_tokenize (const cw_tokenizer *tokenizer, size_t step, const pre_step *metaspace, const char *piece, size_t n,
              bool first, cw_buffer *ids)
{
  const pre_step *now = &tokenizer->steps[step];
  bool            ok = true;

  if (n == 0)
    return true;
  if (step == tokenizer->n_steps)
    return encode_parts (tokenizer, metaspace, piece, n, ids);

  if (now->metaspace) {
    cw_buffer marked = { 0 };
    const bool starts = n >= now->n_mark && memcmp (piece, now->mark, now->n_mark) == 0;
    if (!starts && piece[0] != ' ' &&
        (now->prepend == PREPEND_ALWAYS || (now->prepend == PREPEND_FIRST && first)))
      cw_buffer_append (&marked, now->mark, now->n_mark);
    for (size_t i = 0; i < n; i++)
      if (piece[i] == ' ')
        cw_buffer_append (&marked, now->mark, now->n_mark);
      else
        cw_buffer_append (&marked, piece + i, 1);
    ok = !marked.failed && pre_tokenize (tokenizer, step + 1, now, marked.bytes, marked.n, first, ids);
    cw_buffer_free (&marked);
    return ok;
  }

  /* WhitespaceSplit: the words, without what is between */
  for (size_t i = 0, begin = 0; ok && i <= n;) {
    unsigned   length = i < n ? cw_utf8_length (piece + i, n - i) : 1;
    const bool space = i == n || uc_is_property_white_space (cw_utf8_decode (piece + i, &length));
    if (space) {
      ok = pre_tokenize (tokenizer, step + 1, metaspace, piece + begin, i - begin, first && begin == 0, ids);
      begin = i + length;
    }
    i += length;
  }
  return ok;
}

static bool
encode_plain (const cw_tokenizer *tokenizer, const char *text, size_t n, bool first, cw_buffer *ids)
{
  cw_buffer normal = { 0 };
  bool      ok;

  cw_buffer_append (&normal, text, n);
  ok = cw_normalizer_apply (tokenizer->normalizer, &normal) &&
       pre_tokenize (tokenizer, 0, NULL, normal.bytes, normal.n, first, ids);
  cw_buffer_free (&normal);
  return ok;
}

/* The longest special token that begins at @text. */
static const special *
find_special (const cw_tokenizer *tokenizer, const char *text, size_t n)
{
  const special *best = NULL;

  for (size_t i = 0; i < tokenizer->n_specials; i++) {
    const special *s = &tokenizer->specials[i];
    if (s->content[0] == text[0] && s->n <= n && (!best || s->n > best->n) && memcmp (s->content, text, s->n) == 0)
      best = s;
  }
  return best;
}

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
encode_text (const cw_tokenizer *tokenizer, const char *text, size_t n, cw_buffer *ids)
{
  size_t begin = 0, i = 0;

  while (i < n) {
    const special *s = find_special (tokenizer, text + i, n - i);
    size_t         end = i;

    if (!s) {
      i++;
      continue;
    }
    if (s->left)
      while (end > begin && is_blank (text[end - 1]))
        end--;
    if (!encode_plain (tokenizer, text + begin, end - begin, begin == 0, ids))
      return false;
    cw_buffer_append (ids, &s->id, sizeof s->id);
    i += s->n;
    if (s->right)
      while (i < n && is_blank (text[i]))
        i++;
    begin = i;
  }
  return encode_plain (tokenizer, text + begin, n - begin, begin == 0, ids);
}

cw_status
cw_tokenizer_encode (const cw_tokenizer *tokenizer, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                     cw_error *error)
{
  cw_buffer out = { 0 };
  size_t    bad;

  if (!cw_utf8_valid (text, n, &bad))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt is not valid UTF-8: byte 0x%02x at position %zu.",
                    (unsigned char) text[bad], bad);
  cw_buffer_append (&out, tokenizer->before.bytes, tokenizer->before.n);
  if (!encode_text (tokenizer, text, n, &out) ||
      (cw_buffer_append (&out, tokenizer->after.bytes, tokenizer->after.n), out.failed)) {
    cw_buffer_free (&out);
    return cw_fail_memory (error, "the prompt's tokens", n);
  }
  if (out.n == 0) {
    cw_buffer_free (&out);
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt has no tokens.");
  }
  *ids = (int32_t *) out.bytes;
  *n_ids = out.n / sizeof **ids;
  return CW_OK;
}
