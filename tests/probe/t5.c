/* SPDX-License-Identifier: MIT
 *
 * t5.c: T5's encoder: each text alone (single_<i>_*), and several padded to the longest, with a mask (batch_*).
 */
#include <stdio.h>

#include "generate/model.h"
#include "probe.h"

typedef struct {
  cw_weights   *weights;
  cw_tokenizer *tokenizer;
  cw_t5        *t5;
} encoder;

static bool
open_encoder (probe *p, encoder *e)
{
  const char  *model = probe_string (p, "model"), *tokenizer = model ? probe_string (p, "tokenizer") : NULL;
  const char  *folder = tokenizer ? probe_root_path (p, model) : NULL;
  const char  *path = folder ? probe_path (p, folder, "config.json") : NULL;
  json_t      *json = path ? cw_json_read_file (path, 1 << 24, &p->error) : NULL;
  cw_t5_config config;
  bool         ok;

  tokenizer = p->tokenizer ? p->tokenizer : json ? probe_root_path (p, tokenizer) : NULL;
  ok = json && tokenizer && cw_t5_config_read (&config, &(cw_json_scope){ json, path, "" }, &p->error) &&
       (e->tokenizer = cw_tokenizer_load (tokenizer, &p->error)) &&
       (e->weights = cw_weights_open (folder, &p->error)) &&
       (e->t5 = cw_t5_load (p->engine->be, &config, &(cw_source){ .weights = e->weights }, "", &p->error)) &&
       (!p->engine->card || cw_t5_to_card (e->t5, p->engine->card, &p->error));
  json_decref (json);
  return ok;
}

/* PREFIX_ids, PREFIX_mask (in a batch), PREFIX_hidden [n, longest, width]. */
static bool
put_hidden (probe *p, const encoder *e, const json_t *list, const char *prefix, bool batch)
{
  const size_t width = cw_t5_get_config (e->t5)->width;
  probe_texts  texts;
  float       *hidden;
  char         name[64];

  if (!probe_tokenize (p, e->tokenizer, list, prefix, batch, &texts))
    return false;
  for (size_t i = 0; i < texts.n * texts.longest; i++)
    if (texts.ids[i] < 0 || (size_t) texts.ids[i] >= cw_t5_get_config (e->t5)->vocab)
      return probe_fail (p, "“%s”: the tokenizer makes id %d, the encoder has %zu.", p->path, texts.ids[i],
                         cw_t5_get_config (e->t5)->vocab);
  if (!(hidden = cw_arena_new (&p->arena, float, texts.n * texts.longest * width)))
    return cw_arena_ok (&p->arena, "the hidden states", &p->error);
  for (size_t i = 0; i < texts.n; i++)
    if (cw_t5_encode (e->t5, texts.ids + i * texts.longest, texts.longest, texts.lengths[i],
                      hidden + i * texts.longest * width, &p->error) != CW_OK)
      return false;
  snprintf (name, sizeof name, "%s_hidden", prefix);
  return probe_put_f32 (p, name, hidden, PROBE_DIMS (texts.n, texts.longest, width));
}

static bool
put_all (probe *p, const encoder *e)
{
  const json_t *texts = json_object_get (p->json, "texts"), *batch = json_object_get (p->json, "batch_texts");
  bool          ok = true;

  for (size_t i = 0; i < json_array_size (texts) && ok; i++) {
    json_t *alone = json_pack ("[O]", json_array_get (texts, i));
    char    prefix[32];

    snprintf (prefix, sizeof prefix, "single_%zu", i);
    ok = put_hidden (p, e, alone, prefix, false);
    json_decref (alone);
  }
  return ok && (!batch || put_hidden (p, e, batch, "batch", true));
}

bool
probe_t5 (probe *p)
{
  encoder e = { 0 };
  bool    ok = open_encoder (p, &e) && put_all (p, &e);

  cw_t5_free (e.t5);
  cw_weights_close (e.weights);
  cw_tokenizer_free (e.tokenizer);
  return ok;
}
