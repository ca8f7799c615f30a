/* SPDX-License-Identifier: MIT
 *
 * omegaconf.c: see omegaconf.h.
 */
#include "checkpoint/omegaconf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/utf8.h"

/* Steps of one resolution: ${a} that leads to ${b} that leads to … A circle runs into it. */
#define HOPS_MAX  32
/* Nodes that all interpolations of one part may copy: ${a} may stand for a whole section. */
#define COPIES_MAX CW_YAML_NODES_MAX

/* ---- plain words ------------------------------------------------------------------------------------------------ */

static bool
is_one_of (const char *text, const char *const *words)
{
  for (; *words; words++)
    if (strcmp (text, *words) == 0)
      return true;
  return false;
}

/* YAML 1.1 integers: 12, -3, 1_000, 0x1f, 0b11, 017. */
static bool
parse_int (const char *text, json_int_t *value)
{
  const char *digits = text + (*text == '-' || *text == '+');
  const bool  prefixed = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'b');
  const int   base = prefixed ? (digits[1] == 'x' ? 16 : 2) : digits[0] == '0' && digits[1] ? 8 : 10;
  char        plain[32], *end;
  size_t      n = 0;

  digits += prefixed ? 2 : 0;
  if (digits[0] == '_' || digits[0] == '\0')
    return false;
  for (; *digits; digits++) {
    if (*digits == '_')
      continue;
    if (!strchr ("0123456789abcdefABCDEF", *digits) || n + 2 > sizeof plain)
      return false;
    plain[n++] = *digits;
  }
  plain[n] = '\0';
  errno = 0;
  *value = strtoll (plain, &end, base);
  if (*text == '-')
    *value = -*value;
  return n > 0 && *end == '\0' && errno == 0;
}

/* Decimal fractions and exponents, .inf, .nan. */
static bool
parse_real (const char *text, double *value)
{
  static const char *const infinite[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL };
  static const char *const minus[] = { "-.inf", "-.Inf", "-.INF", NULL }, *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
  char       *end;
  const char *digits = text + (*text == '-' || *text == '+');

  if (is_one_of (text, infinite) || is_one_of (text, minus) || is_one_of (text, nans)) {
    *value = text[1] == 'n' || text[1] == 'N' ? NAN : *text == '-' ? -INFINITY : INFINITY;
    return true;
  }
  if (!((*digits >= '0' && *digits <= '9') || (*digits == '.' && digits[1] >= '0' && digits[1] <= '9')) ||
      strspn (digits, "0123456789.eE+-") != strlen (digits))
    return false;
  errno = 0;
  *value = strtod (text, &end);
  return *end == '\0' && errno == 0;
}

/* JSON has no infinity: such a number stays a word, and whoever wants a number says that it is none. */
static json_t *
plain_scalar (const char *text, size_t n)
{
  static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
  static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL };
  static const char *const falses[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL };
  json_int_t integer;
  double     real;

  if (strlen (text) == n) {
    if (is_one_of (text, nulls))
      return json_null ();
    if (is_one_of (text, trues) || is_one_of (text, falses))
      return json_boolean (is_one_of (text, trues));
    if (parse_int (text, &integer))
      return json_integer (integer);
    if (parse_real (text, &real) && isfinite (real))
      return json_real (real);
  }
  return json_stringn (text, n);
}

/* ---- YAML to JSON ----------------------------------------------------------------------------------------------- */

typedef struct {
  yaml_parser_t parser;
  const char   *path;
  cw_error     *error;
  size_t        n_nodes, depth;
  json_t       *open[CW_YAML_DEPTH_MAX]; /* containers, each inside of the one before; owned by it */
  char         *keys[CW_YAML_DEPTH_MAX]; /* of the value that comes next in each; NULL: a key comes next */
  json_t       *root;
} reader;

static bool
refuse (reader *r, const char *what)
{
  cw_fail (r->error, CW_ERROR_FORMAT, "“%s”: the configuration (xp.cfg) is refused at line %zu: %s.", r->path,
           r->parser.mark.line + 1, what);
  return false;
}

/* @value, a new reference, goes where the text stands. */
static bool
add (reader *r, json_t *value)
{
  json_t *into = r->depth ? r->open[r->depth - 1] : NULL;
  char  **key = r->depth ? &r->keys[r->depth - 1] : NULL;
  int     failed;

  if (!value || ++r->n_nodes > CW_YAML_NODES_MAX) {
    json_decref (value);
    return refuse (r, value ? "it has more nodes than a configuration needs" : "a word is no UTF-8, or memory is short");
  }
  if (!into) {
    r->root = value;
    return json_is_object (value) || refuse (r, "it is no mapping");
  }
  if (json_is_array (into))
    return json_array_append_new (into, value) == 0 || refuse (r, "memory is short");
  failed = json_object_set_new (into, *key, value);
  free (*key);
  *key = NULL;
  return !failed || refuse (r, "a key is no UTF-8, or memory is short");
}

static bool
add_key (reader *r, const yaml_event_t *event)
{
  const char *text = (const char *) event->data.scalar.value;

  if (strlen (text) != event->data.scalar.length)
    return refuse (r, "a key holds a zero byte");
  if (json_object_get (r->open[r->depth - 1], text))
    return refuse (r, "a key stands there twice");
  return (r->keys[r->depth - 1] = strdup (text)) || refuse (r, "memory is short");
}

static bool
add_scalar (reader *r, const yaml_event_t *event)
{
  const char  *text = (const char *) event->data.scalar.value;
  const size_t n = event->data.scalar.length;

  if (event->data.scalar.anchor || (event->data.scalar.tag && !event->data.scalar.plain_implicit && !event->data.scalar.quoted_implicit))
    return refuse (r, "anchors and tags are not known");
  if (r->depth && json_is_object (r->open[r->depth - 1]) && !r->keys[r->depth - 1])
    return add_key (r, event);
  return add (r, event->data.scalar.plain_implicit ? plain_scalar (text, n) : json_stringn (text, n));
}

static bool
begin (reader *r, json_t *container, bool plain)
{
  if (!plain || r->depth == CW_YAML_DEPTH_MAX || (r->depth && json_is_object (r->open[r->depth - 1]) && !r->keys[r->depth - 1])) {
    json_decref (container);
    return refuse (r, !plain                               ? "anchors and tags are not known"
                      : r->depth == CW_YAML_DEPTH_MAX ? "it is nested too deep"
                                                            : "a key is no word");
  }
  if (!add (r, container))
    return false;
  r->open[r->depth++] = container;
  return true;
}

static bool
take_event (reader *r, const yaml_event_t *event)
{
  switch (event->type) {
  case YAML_SCALAR_EVENT:
    return add_scalar (r, event);
  case YAML_MAPPING_START_EVENT:
    return begin (r, json_object (), !event->data.mapping_start.anchor && event->data.mapping_start.implicit);
  case YAML_SEQUENCE_START_EVENT:
    return begin (r, json_array (), !event->data.sequence_start.anchor && event->data.sequence_start.implicit);
  case YAML_MAPPING_END_EVENT:
  case YAML_SEQUENCE_END_EVENT:
    r->depth--;
    return true;
  case YAML_ALIAS_EVENT:
    return refuse (r, "aliases are not known");
  case YAML_DOCUMENT_START_EVENT:
    return !r->root || refuse (r, "it holds a second document");
  default:
    return true;
  }
}

json_t *
cw_omegaconf_parse (const char *text, size_t n, const char *path, cw_error *error)
{
  reader       r = { .path = path, .error = error };
  yaml_event_t event;
  bool         ok = true, end = false;

  if (n > CW_YAML_BYTES_MAX || !cw_utf8_valid (text, n, NULL)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the configuration (xp.cfg) is no UTF-8, or longer than %u bytes.", path, CW_YAML_BYTES_MAX);
    return NULL;
  }
  if (!yaml_parser_initialize (&r.parser)) {
    cw_fail_memory (error, path, n);
    return NULL;
  }
  yaml_parser_set_encoding (&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string (&r.parser, (const unsigned char *) text, n);
  while (ok && !end) {
    if (!yaml_parser_parse (&r.parser, &event)) {
      ok = refuse (&r, r.parser.problem ? r.parser.problem : "it is no YAML");
      break;
    }
    end = event.type == YAML_STREAM_END_EVENT;
    ok = take_event (&r, &event);
    yaml_event_delete (&event);
  }
  if (ok && !r.root)
    ok = refuse (&r, "it is empty");
  for (size_t i = 0; i < CW_YAML_DEPTH_MAX; i++)
    free (r.keys[i]);
  yaml_parser_delete (&r.parser);
  if (!ok) {
    json_decref (r.root);
    return NULL;
  }
  return r.root;
}

/* ---- interpolation ------------------------------------------------------------------------------------------------ */

/* The containers around a value: OmegaConf's relative names, ${.a} and ${..a}, count from the innermost. */
typedef struct scope scope;
struct scope {
  json_t      *object;
  const scope *outer;
};

typedef struct {
  json_t     *root;
  const char *path;
  cw_error   *error;
  size_t      hops, n_copies;
} resolver;

static json_t *resolve (resolver *r, json_t *value, const scope *where);

static json_t *
cannot (resolver *r, const char *text, const char *why)
{
  cw_fail (r->error, CW_ERROR_FORMAT, "“%s”: “%.80s” in the configuration (xp.cfg) %s.", r->path, text, why);
  return NULL;
}

/* What NAME stands for, without the braces: names between dots, list places in brackets or as names. Borrowed; *found_in is around it. */
static json_t *
look_up (resolver *r, const char *name, const scope *where, scope *chain, const scope **found_in)
{
  size_t       depth = 0;
  const scope *from = NULL;
  json_t      *value;

  if (*name == '.') {
    from = where;
    while (*++name == '.' && from)
      from = from->outer;
    if (!from)
      return NULL;
  }
  value = from ? from->object : r->root;
  if (!from) {
    chain[depth] = (scope){ r->root, NULL };
    from = &chain[depth++];
  }
  while (*name && value) {
    const size_t n = strcspn (name, ".[]");
    char         part[128], *end;

    if (n == 0 || n >= sizeof part)
      return NULL;
    memcpy (part, name, n);
    part[n] = '\0';
    if (json_is_array (value)) {
      const unsigned long place = strtoul (part, &end, 10);
      value = *end ? NULL : json_array_get (value, place);
    } else
      value = json_object_get (value, part);
    name += n;
    name += strspn (name, ".[]");
    if (*name && value) {
      if (depth == CW_YAML_DEPTH_MAX)
        return NULL;
      chain[depth] = (scope){ value, from };
      from = &chain[depth++];
    }
  }
  *found_in = from;
  return value;
}

/* One ${…}: a new reference to what it stands for, itself resolved. */
static json_t *
interpolate (resolver *r, const char *text, size_t n, const scope *where)
{
  scope        chain[CW_YAML_DEPTH_MAX];
  const scope *found_in = NULL;
  char         name[256];
  json_t      *value;

  if (n >= sizeof name || memchr (text, '$', n))
    return cannot (r, text, "is longer or more nested than interpolations that are known");
  memcpy (name, text, n);
  name[n] = '\0';
  if (strchr (name, ':'))
    return cannot (r, name, "names a resolver; only names of other values are known");
  if (++r->hops > HOPS_MAX)
    return cannot (r, name, "leads through too many other interpolations, perhaps in a circle");
  value = look_up (r, name, where, chain, &found_in);
  value = value ? resolve (r, value, found_in) : cannot (r, name, "stands for a value that is not there");
  r->hops--;
  return value;
}

/* A text with ${…} in it: one alone keeps its type, several words make a string. */
static json_t *
resolve_string (resolver *r, json_t *string, const scope *where)
{
  const char *text = json_string_value (string), *open = strstr (text, "${"), *close = open ? strchr (open, '}') : NULL;
  json_t     *value, *whole;
  char       *inner;

  if (!open)
    return json_incref (string);
  if (!close)
    return cannot (r, text, "is an interpolation that does not end");
  value = interpolate (r, open + 2, (size_t) (close - open) - 2, where);
  if (!value || (open == text && close[1] == '\0'))
    return value;
  if (++r->n_copies > COPIES_MAX || strlen (text) > 4096)
    inner = NULL;
  else
    inner = json_is_string (value) ? strdup (json_string_value (value)) : json_is_number (value) ? json_dumps (value, JSON_ENCODE_ANY) : NULL;
  json_decref (value);
  if (!inner)
    return cannot (r, text, "puts something into a text that is neither a word nor a number");
  whole = json_sprintf ("%.*s%s%s", (int) (open - text), text, inner, close + 1);
  free (inner);
  if (!whole || strlen (json_string_value (whole)) > 4096 || ++r->hops > HOPS_MAX) {
    json_decref (whole);
    return cannot (r, text, "makes too long a text");
  }
  value = resolve_string (r, whole, where);
  r->hops--;
  json_decref (whole);
  return value;
}

/* A copy of @value with nothing left to resolve. */
static json_t *
resolve (resolver *r, json_t *value, const scope *where)
{
  const scope here = { value, where };
  json_t     *copy, *item;
  const char *key;

  if (++r->n_copies > COPIES_MAX)
    return cannot (r, "a value", "grows too large when its interpolations are followed");
  if (json_is_string (value))
    return resolve_string (r, value, where);
  if (json_is_object (value)) {
    copy = json_object ();
    json_object_foreach (value, key, item)
      if (json_object_set_new (copy, key, resolve (r, item, &here)) != 0)
        goto failed;
    return copy;
  }
  if (json_is_array (value)) {
    copy = json_array ();
    for (size_t i = 0; i < json_array_size (value); i++)
      if (json_array_append_new (copy, resolve (r, json_array_get (value, i), &here)) != 0)
        goto failed;
    return copy;
  }
  return json_incref (value);

failed:
  json_decref (copy);
  return NULL;
}

json_t *
cw_omegaconf_resolve (json_t *root, const char *key, const char *path, cw_error *error)
{
  resolver    r = { .root = root, .path = path, .error = error };
  const scope top = { root, NULL };
  json_t     *value = json_object_get (root, key);

  return value ? resolve (&r, value, &top) : json_null ();
}
