/* SPDX-License-Identifier: MIT
 *
 * lm.c: MusicGen in transformers' layout: loads the folder, runs teacher forcing (tf_*) and each run that the case describes.
 */
#include "lm.h"

#include <stdio.h>
#include <string.h>

bool
lm_set_texts (lm *m, cw_musicgen_run *run, const probe_texts *texts, const char *prefix)
{
  const size_t text_width = m->config->text_width, width = m->config->width;
  float       *hidden = cw_arena_new (&m->p->arena, float, texts->longest * text_width);
  float       *projected = cw_arena_new (&m->p->arena, float, texts->longest * width);
  char         name[128];

  if (!hidden || !projected)
    return cw_arena_ok (&m->p->arena, "the texts", &m->p->error);
  for (size_t i = 0; i < texts->n; i++) {
    const size_t n = texts->lengths[i];

    for (size_t j = 0; j < n; j++)
      if ((size_t) texts->ids[i * texts->longest + j] >= cw_t5_get_config (m->model->t5)->vocab)
        return probe_fail (m->p, "“%s”: the tokenizer makes ids that the text encoder has not.", m->p->path);
    /* padding is not attended to: the text's own tokens are all that matters */
    if (cw_t5_encode (m->model->t5, texts->ids + i * texts->longest, n, n, hidden, &m->p->error) != CW_OK ||
        cw_musicgen_run_set_text (run, i, hidden, n, projected, &m->p->error) != CW_OK)
      return false;
    if (texts->n > 1)
      continue;
    snprintf (name, sizeof name, "%s_text_hidden", prefix);
    if (!probe_put_f32 (m->p, name, hidden, PROBE_DIMS (1, n, text_width)))
      return false;
    snprintf (name, sizeof name, "%s_text_projected", prefix);
    if (!probe_put_f32 (m->p, name, projected, PROBE_DIMS (1, n, width)))
      return false;
  }
  return true;
}

bool
lm_begin (lm *m, cw_musicgen_run *run, const probe_texts *texts, size_t n, size_t n_rows, bool melody, const char *prefix)
{
  if (m->model->melody)
    return lm_feed_prefix (m, run, texts, n, n_rows, melody, prefix);
  if (texts->n && !lm_set_texts (m, run, texts, prefix))
    return false;
  for (size_t i = 0; i < texts->n; i++)
    cw_musicgen_run_use_text (run, i, i);
  return true;
}

/* Does the case ask for tensors tf_*? */
static bool
wants_forced (const probe *p)
{
  json_t     *tensor;
  const char *name;

  json_object_foreach (json_object_get (p->json, "tensors"), name, tensor)
    if (strncmp (name, "tf_", 3) == 0)
      return true;
  return false;
}

bool
probe_lm (probe *p)
{
  const char         *name = probe_string (p, "model"), *folder = name ? probe_root_path (p, name) : NULL;
  lm                  m = { .p = p, .model = folder ? cw_model_load (p->engine, folder, NULL, &p->error) : NULL };
  double              guidance = 1.0;
  bool                ok = m.model != NULL;
  json_t             *run;
  const char         *key;

  if (ok && !m.model->musicgen)
    ok = probe_fail (p, "“%s” holds no MusicGen, which this case runs.", folder);
  if (ok) {
    m.config = cw_musicgen_get_config (m.model->musicgen);
    ok = cw_json_number_or (&(cw_json_scope){ p->json, p->path, "" }, "guidance_scale", 0.0, 1e3, &guidance, &p->error);
    m.guidance = (float) guidance;
  }
  if (ok && m.model->melody)
    ok = lm_put_melody (&m);
  if (ok && wants_forced (p))
    ok = lm_put_forced (&m);
  json_object_foreach (p->json, key, run)
    if (ok && json_object_get (run, "max_new_tokens"))
      ok = lm_put_run (&m, key, run);
  cw_model_free (m.model);
  return ok;
}
