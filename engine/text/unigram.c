/* SPDX-License-Identifier: MIT
 *
 * unigram.c: see unigram.h. The vocabulary is sorted by bytes; entries that begin at one place of the text are found by narrowing a
 *     range of it byte by byte, so that the time grows with the text times the longest entry.
 */
#include "text/unigram.h"

#include <math.h>
#include <stdint.h>

#include "base/error.h"
#include "base/utf8.h"

#define UNKNOWN_PENALTY 10.0 /* an unknown character scores this much below the worst entry */

typedef struct {
  const char *text;
  size_t      n;
  double      score;
  int32_t     id;
} entry;

struct cw_unigram {
  size_t  n, n_ids;
  entry  *entries; /* sorted by bytes, each text once */
  int32_t unknown;
  double  unknown_score;
};

static int
by_text (const void *a, const void *b)
{
  const entry *x = a, *y = b;
  const int    order = memcmp (x->text, y->text, x->n < y->n ? x->n : y->n);

  if (order != 0 || x->n != y->n)
    return order != 0 ? order : x->n < y->n ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static bool
read_entries (cw_unigram *unigram, const json_t *vocab, const char *path, cw_error *error)
{
  double worst = INFINITY;
  size_t kept = 0;

  unigram->n_ids = json_array_size (vocab);
  unigram->entries = calloc (unigram->n_ids, sizeof *unigram->entries);
  if (!unigram->entries) {
    cw_fail_memory (error, path, unigram->n_ids * sizeof *unigram->entries);
    return false;
  }
  for (size_t i = 0; i < unigram->n_ids; i++) {
    const json_t *pair = json_array_get (vocab, i), *text = json_array_get (pair, 0), *score = json_array_get (pair, 1);

    if (json_array_size (pair) != 2 || !json_is_string (text) || !json_is_number (score)) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: model.vocab[%zu] is no pair of a text and a score.", path, i);
      return false;
    }
    unigram->entries[i] =
      (entry){ json_string_value (text), json_string_length (text), json_number_value (score), (int32_t) i };
    if (unigram->entries[i].score < worst)
      worst = unigram->entries[i].score;
  }
  unigram->unknown_score = worst - UNKNOWN_PENALTY;

  /* of equal texts the last one counts; empty ones never match */
  qsort (unigram->entries, unigram->n_ids, sizeof *unigram->entries, by_text);
  for (size_t i = 0; i < unigram->n_ids; i++) {
    const entry *e = &unigram->entries[i], *next = e + 1;
    if (e->n > 0 && !(i + 1 < unigram->n_ids && next->n == e->n && memcmp (next->text, e->text, e->n) == 0))
      unigram->entries[kept++] = *e;
  }
  unigram->n = kept;
  return true;
}

cw_unigram *
cw_unigram_new (const json_t *model, const char *path, cw_error *error)
{
  const json_t *type = json_object_get (model, "type"), *vocab = json_object_get (model, "vocab");
  const json_t *unknown = json_object_get (model, "unk_id");
  cw_unigram   *unigram;

  if (type && (!json_is_string (type) || strcmp (json_string_value (type), "Unigram") != 0)) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: model.type is “%s”; Unigram is known.", path,
             json_is_string (type) ? json_string_value (type) : "?");
    return NULL;
  }
  if (json_is_true (json_object_get (model, "byte_fallback"))) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: model.byte_fallback is true, which is not supported.", path);
    return NULL;
  }
  if (!json_is_array (vocab) || json_array_size (vocab) == 0 || json_array_size (vocab) > 1u << 24) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: model.vocab is missing or empty; a list of texts with scores was expected.", path);
    return NULL;
  }
  if (!json_is_integer (unknown) || json_integer_value (unknown) < 0 ||
      json_integer_value (unknown) >= (json_int_t) json_array_size (vocab)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: model.unk_id is %lld; an id below the vocabulary's size, %zu, was expected.",
             path, (long long) json_integer_value (unknown), json_array_size (vocab));
    return NULL;
  }
  if (!(unigram = calloc (1, sizeof *unigram))) {
    cw_fail_memory (error, path, sizeof *unigram);
    return NULL;
  }
  unigram->unknown = (int32_t) json_integer_value (unknown);
  if (!read_entries (unigram, vocab, path, error)) {
    cw_unigram_free (unigram);
    return NULL;
  }
  return unigram;
}

void
cw_unigram_free (cw_unigram *unigram)
{
  if (!unigram)
    return;
  free (unigram->entries);
  free (unigram);
}

uint32_t
cw_unigram_n_ids (const cw_unigram *unigram)
{
  return (uint32_t) unigram->n_ids;
}

/* First of entries [low, high), which agree in their first @at bytes, whose byte @at is at least @byte; an entry that ends there
 * comes before all. */
static size_t
lower_bound (const cw_unigram *unigram, size_t low, size_t high, size_t at, unsigned byte)
{
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const entry *e = &unigram->entries[middle];

    if (e->n <= at || (unsigned char) e->text[at] < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The best way to reach a place of the text. */
typedef struct {
  double  score;
  size_t  from;
  int32_t id;
  bool    reached;
} arrival;

static void
offer (arrival *there, double score, size_t from, int32_t id)
{
  if (!there->reached || score > there->score)
    *there = (arrival){ score, from, id, true };
}

/* Offers each entry that begins at @begin to the place where it ends. */
static void
offer_entries (const cw_unigram *unigram, const char *piece, size_t n, size_t begin, arrival *best)
{
  const unsigned length = cw_utf8_length (piece + begin, n - begin);
  const double   score = best[begin].score;
  bool           covered = false; /* by an entry of just this character */
  size_t         low = 0, high = unigram->n;

  for (size_t at = 0; begin + at < n; at++) {
    const unsigned byte = (unsigned char) piece[begin + at];

    low = lower_bound (unigram, low, high, at, byte);
    high = lower_bound (unigram, low, high, at, byte + 1);
    if (low == high)
      break;
    if (unigram->entries[low].n == at + 1) {
      offer (&best[begin + at + 1], score + unigram->entries[low].score, begin, unigram->entries[low].id);
      covered = covered || at + 1 == length;
    }
  }
  if (!covered)
    offer (&best[begin + length], score + unigram->unknown_score, begin, unigram->unknown);
}

bool
cw_unigram_encode (const cw_unigram *unigram, const char *piece, size_t n, cw_buffer *ids)
{
  arrival *best = calloc (n + 1, sizeof *best);
  int32_t *backwards = malloc ((n + 1) * sizeof *backwards);
  size_t   n_ids = 0;

  if (best && backwards) {
    best[0].reached = true;
    for (size_t begin = 0; begin < n; begin += cw_utf8_length (piece + begin, n - begin))
      if (best[begin].reached)
        offer_entries (unigram, piece, n, begin, best);
    for (size_t at = n; at > 0; at = best[at].from)
      if (best[at].id != unigram->unknown || n_ids == 0 || backwards[n_ids - 1] != unigram->unknown)
        backwards[n_ids++] = best[at].id;
    while (n_ids > 0)
      cw_buffer_append (ids, &backwards[--n_ids], sizeof *backwards);
  } else {
    ids->failed = true;
  }
  free (best);
  free (backwards);
  return !ids->failed;
}
