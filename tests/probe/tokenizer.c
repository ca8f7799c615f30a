/* SPDX-License-Identifier: MIT
 *
 * tokenizer.c: cases.json: strings to ids; puts ids_0, ids_1, … in the order of the cases.
 */
#include <stdio.h>
#include <stdlib.h>

#include "probe.h"

static bool
put_case (probe *p, const cw_tokenizer *tokenizer, size_t i, const json_t *text)
{
  int32_t *ids;
  size_t   n;
  char     name[32];
  bool     ok;

  if (!json_is_string (text))
    return probe_fail (p, "“%s”: case %zu has no text.", p->path, i);
  if (cw_tokenizer_encode (tokenizer, json_string_value (text), json_string_length (text), &ids, &n, &p->error) != CW_OK)
    return false;
  snprintf (name, sizeof name, "ids_%zu", i);
  ok = probe_put_i64 (p, name, ids, PROBE_DIMS (n));
  free (ids);
  return ok;
}

bool
probe_tokenizer (probe *p)
{
  const json_t *cases = json_object_get (p->json, "cases");
  const char   *name = p->tokenizer ? p->tokenizer : probe_string (p, "tokenizer");
  const char   *path = p->tokenizer || !name ? name : probe_path (p, p->folder, name);
  cw_tokenizer *tokenizer = path ? cw_tokenizer_load (path, &p->error) : NULL;
  bool          ok = tokenizer != NULL;

  if (ok && json_array_size (cases) == 0)
    ok = probe_fail (p, "“%s”: the list cases is missing or empty.", p->path);
  for (size_t i = 0; i < json_array_size (cases) && ok; i++)
    ok = put_case (p, tokenizer, i, json_object_get (json_array_get (cases, i), "text"));
  cw_tokenizer_free (tokenizer);
  return ok;
}
