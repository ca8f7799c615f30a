/* SPDX-License-Identifier: MIT
 *
 * ac-lm.c: MusicGen and AudioGen as audiocraft models/lm.py, LMModel, runs them: max_gen_len counts frames, every step draws for each row
 * and codebook, guidance whenever there are descriptions, missing ones too.
 */
#include <stdio.h>
#include <string.h>

#include "ac.h"
#include "models/delay-pattern.h"
#include "sampling/sampler.h"

typedef struct {
  ac              *a;
  size_t           n_rows, k, v; /* rows: of the batch; each has a null branch behind all of them */
  float            guidance;
  cw_sampling      sampling; /* temperature 0: greedy */
  const float     *uniforms; /* [steps, n_rows, K] */
  size_t           n_uniforms, n_given, n_logits;
  cw_delay_pattern pattern;
  int32_t         *codes;  /* [n_rows, K, frames] */
  int32_t         *ids;    /* [2 n_rows, K] */
  float           *logits; /* [2 n_rows, K, V] */
  float           *kept;   /* [n_rows, K, n_logits, V] */
  char            *scratch;
} run;

bool
ac_read_melody (ac *a)
{
  const cw_tensor *audio;
  cw_chroma       *chroma;

  if (!a->model->melody || !cw_safetensors_find (a->p->reference, "melody_audio"))
    return true;
  if (!(audio = probe_input (a->p, "melody_audio", CW_F32, 2)))
    return false;
  if (audio->dims[0] != 1 || audio->dims[1] == 0)
    return probe_fail (a->p, "“%s”: melody_audio is not one signal.", a->p->path);
  chroma = cw_melody_get_chroma (a->model->melody);
  a->n_notes = cw_chroma_n_frames (chroma, audio->dims[1]);
  if (!(a->notes = cw_arena_new (&a->p->arena, uint8_t, a->n_notes)))
    return cw_arena_ok (&a->p->arena, "a melody", &a->p->error);
  cw_chroma_notes (chroma, audio->data, audio->dims[1], a->notes, NULL);
  return true;
}

/* Chroma and texts in front of the codes; the null rows have no notes and zeros for a text, as long as the texts of the batch. */
static bool
feed_prefix (ac *a, cw_musicgen_run *decoder, const ac_texts *texts, bool melody)
{
  const size_t c = a->config->width, length = cw_melody_get_config (a->model->melody)->length, total = length + texts->longest;
  float       *prefix = cw_arena_new (&a->p->arena, float, 2 * texts->n * total * c);

  if (!prefix)
    return cw_arena_ok (&a->p->arena, "the prefix", &a->p->error);
  for (size_t row = 0; row < 2 * texts->n; row++) {
    float *at = prefix + row * total * c;

    cw_melody_prefix (a->model->melody, a->notes, row < texts->n && melody ? a->n_notes : 0, at);
    if (row < texts->n)
      memcpy (at + length * c, texts->states + row * texts->longest * c, texts->longest * c * sizeof *at);
  }
  cw_musicgen_run_feed_vectors (decoder, prefix, total);
  return true;
}

/* A decoder that reads @texts, then as many null rows. */
static cw_musicgen_run *
open_decoder (ac *a, const ac_texts *texts, size_t n_steps, bool melody)
{
  const bool       prefixed = a->model->melody != NULL;
  const size_t     n_prefix = prefixed ? cw_melody_get_config (a->model->melody)->length + texts->longest : 0;
  cw_musicgen_run *decoder = cw_musicgen_run_new (a->model->musicgen, 2 * texts->n, n_prefix + n_steps, texts->n, &a->p->error);

  if (decoder && prefixed) {
    if (feed_prefix (a, decoder, texts, melody))
      return decoder;
    cw_musicgen_run_free (decoder);
    return NULL;
  }
  for (size_t i = 0; decoder && i < texts->n; i++) {
    if (!texts->real[i])
      continue; /* the null branch */
    if (i && !texts->real[i - 1])
      probe_fail (a->p, "“%s”: a run has a missing text before another.", a->p->path);
    else if (cw_musicgen_run_set_states (decoder, i, texts->states + i * texts->longest * a->config->width, texts->longest, &a->p->error) == CW_OK) {
      cw_musicgen_run_use_text (decoder, i, i);
      continue;
    }
    cw_musicgen_run_free (decoder);
    decoder = NULL;
  }
  return decoder;
}

/* What stands in @column, for every row and its null branch. */
static void
fill_column (run *r, size_t column)
{
  const size_t t = r->pattern.n_frames;

  for (size_t i = 0; i < 2 * r->n_rows * r->k; i++) {
    const size_t row = i / r->k % r->n_rows, k = i % r->k;
    size_t       frame;

    r->ids[i] = cw_delay_frame (&r->pattern, k, column, &frame) ? r->codes[(row * r->k + k) * t + frame] : (int32_t) r->v;
  }
}

static bool
take_memory (run *r)
{
  cw_arena *arena = &r->a->p->arena;

  r->codes = cw_arena_new (arena, int32_t, r->n_rows * r->k * r->pattern.n_frames);
  r->ids = cw_arena_new (arena, int32_t, 2 * r->n_rows * r->k);
  r->logits = cw_arena_new (arena, float, 2 * r->n_rows * r->k * r->v);
  r->kept = cw_arena_new (arena, float, r->n_rows * r->k * r->n_logits * r->v);
  r->scratch = cw_arena_take (arena, cw_sampler_scratch_bytes (r->v), 1);
  return cw_arena_ok (arena, "a run", &r->a->p->error);
}

/* ---- teacher forcing ------------------------------------------------------------------------------------------------------ */

bool
ac_put_forced (ac *a)
{
  const cw_tensor *given = probe_input (a->p, "tf_codes", CW_I64, 3);
  run              r = { .a = a, .n_rows = 1, .k = a->config->n_codebooks, .v = a->config->codebook_size };
  json_t          *first = json_pack ("[O]", json_array_get (json_object_get (a->p->json, "prompts"), 0));
  cw_musicgen_run *decoder = NULL;
  int32_t         *sequence;
  float           *null;
  ac_texts         texts;
  size_t           n_steps = 0;
  bool             ok = given && given->dims[0] == 1 && given->dims[1] == r.k && ac_read_texts (a, first, &texts);

  json_decref (first);
  if (!ok)
    return given ? probe_fail (a->p, "“%s”: tf_codes is not of this model's shape.", a->p->path) : false;
  r.pattern = (cw_delay_pattern){ r.k, given->dims[2], a->config->n_channels, true };
  n_steps = r.n_logits = cw_delay_n_steps (&r.pattern) + 1; /* the last column is fed, too */
  null = cw_arena_new (&a->p->arena, float, r.k * n_steps * r.v);
  sequence = cw_arena_new (&a->p->arena, int32_t, r.k * n_steps);
  ok = take_memory (&r) && (decoder = open_decoder (a, &texts, n_steps, true));
  for (size_t i = 0; ok && i < r.k * r.pattern.n_frames; i++)
    r.codes[i] = (int32_t) ((const int64_t *) given->data)[i];
  for (size_t step = 0; ok && step < n_steps; step++) {
    fill_column (&r, step);
    cw_musicgen_run_step (decoder, r.ids, r.logits, NULL);
    for (size_t k = 0; k < r.k; k++) {
      sequence[k * n_steps + step] = r.ids[k];
      memcpy (r.kept + (k * n_steps + step) * r.v, r.logits + k * r.v, r.v * sizeof (float));
      memcpy (null + (k * n_steps + step) * r.v, r.logits + (r.k + k) * r.v, r.v * sizeof (float));
    }
  }
  cw_musicgen_run_free (decoder);
  return ok && probe_put_i64 (a->p, "tf_codes", r.codes, PROBE_DIMS (1, r.k, r.pattern.n_frames)) &&
         probe_put_i64 (a->p, "tf_sequence", sequence, PROBE_DIMS (1, r.k, n_steps)) &&
         probe_put_f32 (a->p, "tf_cond_logits", r.kept, PROBE_DIMS (1, r.k, n_steps, r.v)) &&
         probe_put_f32 (a->p, "tf_null_logits", null, PROBE_DIMS (1, r.k, n_steps, r.v));
}

/* ---- a run -------------------------------------------------------------------------------------------------------------- */

/* Guides all logits of step @step, counted from the first that is made, and puts the tokens of column @column where they are open. */
static void
choose (run *r, size_t step, size_t column)
{
  const size_t n = r->n_rows * r->k;

  cw_guide (r->logits, r->logits + n * r->v, n * r->v, r->guidance);
  for (size_t i = 0; i < n; i++) {
    const size_t  at = step * n + i;
    const double  uniform = at < r->n_uniforms ? (double) r->uniforms[at] : 0.0;
    float        *logits = r->logits + i * r->v;
    size_t        frame;

    if (step < r->n_logits)
      memcpy (r->kept + (i * r->n_logits + step) * r->v, logits, r->v * sizeof *logits);
    if (cw_delay_frame (&r->pattern, i % r->k, column, &frame) && frame >= r->n_given)
      r->codes[i * r->pattern.n_frames + frame] = cw_sample (logits, r->v, &r->sampling, uniform, r->scratch);
  }
}

static bool
read_run (run *r, const char *name, const json_t *json)
{
  const cw_json_scope scope = { json, r->a->p->path, "" };
  cw_error           *error = &r->a->p->error;
  long                n_frames, top_k = 0;
  double              temperature = 1.0, top_p = 0.0, guidance = 3.0;
  bool                sample = true;
  const int32_t      *given;
  char                full[256];

  snprintf (full, sizeof full, "%s_prompt_codes", name);
  if (strncmp (name, "cont", 4) == 0)
    snprintf (full, sizeof full, "cont_prompt_codes");
  if (!cw_json_int (&scope, "max_gen_len", 1, 1 << 20, &n_frames, error) || !cw_json_int_or (&scope, "top_k", 0, 1 << 20, &top_k, error) ||
      !cw_json_number_or (&scope, "temp", 0.0, 100.0, &temperature, error) || !cw_json_number_or (&scope, "top_p", 0.0, 1.0, &top_p, error) ||
      !cw_json_number_or (&scope, "cfg_coef", 0.0, 100.0, &guidance, error) || !cw_json_bool_or (&scope, "use_sampling", &sample, error) ||
      !ac_read_prompt (r->a, json, full, &given, &r->n_given) || !ac_read_uniforms (r->a, json, name, &r->uniforms, &r->n_uniforms))
    return false;
  r->guidance = (float) guidance;
  r->sampling = (cw_sampling){ sample ? (float) temperature : 0.0f, (int) top_k, (float) top_p };
  r->pattern = (cw_delay_pattern){ r->k, (size_t) n_frames, r->a->config->n_channels, true };
  snprintf (full, sizeof full, "%s_guided_logits", name);
  r->n_logits = (size_t) json_integer_value (json_array_get (probe_shape (r->a->p, full), 2));
  if (r->n_given >= (size_t) n_frames)
    return probe_fail (r->a->p, "“%s”: the run %s has nothing to make.", r->a->p->path, name);
  if (!take_memory (r))
    return false;
  for (size_t i = 0; i < r->n_rows * r->k && r->n_given; i++)
    memcpy (r->codes + i * r->pattern.n_frames, given + i % r->k * r->n_given, r->n_given * sizeof *given);
  return true;
}

bool
ac_put_run (ac *a, const char *name, const json_t *json)
{
  run              r = { .a = a, .k = a->config->n_codebooks, .v = a->config->codebook_size };
  cw_musicgen_run *decoder;
  ac_texts         texts;
  size_t           n_steps;
  char             full[256];

  r.n_rows = json_array_size (json_object_get (json, "prompts"));
  if (!ac_read_texts (a, json_object_get (json, "prompts"), &texts) || !read_run (&r, name, json))
    return false;
  n_steps = cw_delay_n_steps (&r.pattern);
  if (!(decoder = open_decoder (a, &texts, n_steps, strncmp (name, "text_only", 9) != 0)))
    return false;
  for (size_t step = 0; step < n_steps; step++) {
    fill_column (&r, step);
    cw_musicgen_run_step (decoder, r.ids, r.logits, NULL);
    if (step >= r.n_given)
      choose (&r, step - r.n_given, step + 1);
  }
  cw_musicgen_run_free (decoder);
  snprintf (full, sizeof full, "%s_guided_logits", name);
  return probe_put_f32 (a->p, full, r.kept, PROBE_DIMS (r.n_rows, r.k, r.n_logits, r.v)) &&
         ac_put_codes (a, name, r.codes, r.n_rows, r.pattern.n_frames);
}
