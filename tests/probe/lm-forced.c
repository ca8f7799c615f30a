/* SPDX-License-Identifier: MIT
 *
 * lm-forced.c: teacher forcing: given codes go through the delay pattern; every step's logits are put, conditional, null and guided.
 */
#include <stdlib.h>
#include <string.h>

#include "lm.h"
#include "models/delay-pattern.h"
#include "sampling/sampler.h"

typedef struct {
  size_t   steps, k, v, c;
  int32_t *input;                   /* [K, steps]: the codes after the delay pattern */
  float   *cond, *null, *guided;    /* [K, steps, V] */
  float   *embedding, *layer0, *normed; /* [steps, c] */
} forced;

static bool
delay (lm *m, forced *f, const cw_tensor *codes)
{
  const cw_delay_pattern pattern = { f->k, f->steps, m->config->n_channels,
                                     f->steps + 1 >= 2 * (f->k / m->config->n_channels) };
  const int64_t         *given = codes->data;
  int32_t               *undelayed = cw_arena_new (&m->p->arena, int32_t, f->k * f->steps);

  f->input = cw_arena_new (&m->p->arena, int32_t, f->k * f->steps);
  if (!undelayed || !f->input)
    return cw_arena_ok (&m->p->arena, "the codes", &m->p->error);
  for (size_t i = 0; i < f->k * f->steps; i++) {
    if (given[i] < 0 || given[i] >= (int64_t) f->v)
      return probe_fail (m->p, "“%s”: tf_codes holds %lld, a code from 0 to %zu was expected.", m->p->path,
                         (long long) given[i], f->v - 1);
    undelayed[i] = (int32_t) given[i];
  }
  for (size_t k = 0; k < f->k; k++)
    for (size_t s = 0; s < f->steps; s++) {
      size_t frame;
      f->input[k * f->steps + s] =
        cw_delay_frame (&pattern, k, s, &frame) ? undelayed[k * f->steps + frame] : (int32_t) f->v;
    }
  return probe_put_i64 (m->p, "tf_codes", undelayed, PROBE_DIMS (1, f->k, f->steps)) &&
         probe_put_i64 (m->p, "tf_decoder_input", f->input, PROBE_DIMS (1, f->k, f->steps));
}

/* Row 0 has the text, row 1 is the null branch. */
static bool
run_steps (lm *m, forced *f, cw_musicgen_run *run)
{
  const size_t      row = f->k * f->v, c = f->c;
  float            *logits = cw_arena_new (&m->p->arena, float, 2 * row), *between = cw_arena_new (&m->p->arena, float, 6 * c);
  int32_t          *ids = cw_arena_new (&m->p->arena, int32_t, 2 * f->k);
  cw_musicgen_probe inside = { between, between + 2 * c, between + 4 * c };

  if (!logits || !between || !ids)
    return cw_arena_ok (&m->p->arena, "the logits", &m->p->error);
  for (size_t s = 0; s < f->steps; s++) {
    for (size_t k = 0; k < f->k; k++)
      ids[k] = ids[f->k + k] = f->input[k * f->steps + s];
    cw_musicgen_run_step (run, ids, logits, &inside);
    memcpy (f->embedding + s * c, inside.embedding, c * sizeof (float));
    memcpy (f->layer0 + s * c, inside.after_layer0, c * sizeof (float));
    memcpy (f->normed + s * c, inside.after_norm, c * sizeof (float));
    for (size_t k = 0; k < f->k; k++) {
      const size_t at = (k * f->steps + s) * f->v;
      memcpy (f->cond + at, logits + k * f->v, f->v * sizeof (float));
      memcpy (f->null + at, logits + row + k * f->v, f->v * sizeof (float));
      memcpy (f->guided + at, logits + k * f->v, f->v * sizeof (float));
      cw_guide (f->guided + at, f->null + at, f->v, m->guidance);
    }
  }
  return true;
}

static bool
put_forced (lm *m, const forced *f)
{
  probe *p = m->p;

  return probe_put_f32 (p, "tf_cond_logits", f->cond, PROBE_DIMS (1, f->k, f->steps, f->v)) &&
         probe_put_f32 (p, "tf_null_logits", f->null, PROBE_DIMS (1, f->k, f->steps, f->v)) &&
         probe_put_f32 (p, "tf_cfg_logits", f->guided, PROBE_DIMS (1, f->k, f->steps, f->v)) &&
         probe_put_f32 (p, "tf_embedding", f->embedding, PROBE_DIMS (1, f->steps, f->c)) &&
         probe_put_f32 (p, "tf_after_layer0", f->layer0, PROBE_DIMS (1, f->steps, f->c)) &&
         probe_put_f32 (p, "tf_after_norm", f->normed, PROBE_DIMS (1, f->steps, f->c));
}

bool
lm_put_forced (lm *m)
{
  const cw_tensor *codes = probe_input (m->p, "tf_codes", CW_I64, 3);
  forced           f = { .k = m->config->n_codebooks, .v = m->config->codebook_size, .c = m->config->width };
  cw_arena        *arena = &m->p->arena;
  cw_musicgen_run *run = NULL;
  probe_texts      texts;
  json_t          *first;
  bool             ok;

  if (!codes)
    return false;
  f.steps = codes->dims[2];
  if (codes->dims[0] != 1 || codes->dims[1] != f.k || f.steps > m->config->n_positions)
    return probe_fail (m->p, "“%s”: tf_codes has %llu rows of %llu codebooks and %zu steps; 1 row, %zu and at most %zu were expected.",
                       m->p->path, (unsigned long long) codes->dims[0], (unsigned long long) codes->dims[1], f.steps, f.k,
                       m->config->n_positions);
  f.cond = cw_arena_new (arena, float, f.k * f.steps * f.v);
  f.null = cw_arena_new (arena, float, f.k * f.steps * f.v);
  f.guided = cw_arena_new (arena, float, f.k * f.steps * f.v);
  f.embedding = cw_arena_new (arena, float, f.steps * f.c);
  f.layer0 = cw_arena_new (arena, float, f.steps * f.c);
  f.normed = cw_arena_new (arena, float, f.steps * f.c);
  if (!cw_arena_ok (arena, "the logits", &m->p->error))
    return false;
  first = json_pack ("[O]", json_array_get (json_object_get (m->p->json, "prompts"), 0));
  ok = probe_tokenize (m->p, m->model->tokenizer, first, "tf_text", true, &texts) &&
       (run = cw_musicgen_run_new (m->model->musicgen, 2, lm_n_prefix (m, &texts) + f.steps, 1, &m->p->error)) &&
       lm_begin (m, run, &texts, 1, 2, true, "tf") && delay (m, &f, codes) && run_steps (m, &f, run) && put_forced (m, &f);
  json_decref (first);
  cw_musicgen_run_free (run);
  return ok;
}
