/* SPDX-License-Identifier: MIT
 *
 * lm-run.c: greedy generation as transformers counts it: max_length = 1 + T0 + max_new_tokens columns, of which column 0 is the start;
 * max_length - K' frames come out of them (K': the number of delays), or max_length - 1 when max_length < 2 K' - 1 leaves them undelayed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lm.h"
#include "models/delay-pattern.h"
#include "sampling/sampler.h"

typedef struct {
  lm              *m;
  const char      *name;
  size_t           n;        /* prompts side by side */
  float            guidance;
  probe_texts      texts;    /* n of them, or none */
  size_t           n_given;  /* T0: frames of the audio prompt */
  size_t           n_logits; /* steps whose logits are put */
  cw_delay_pattern pattern;
  int32_t         *codes;    /* [n, K, frames] */
  float           *logits;   /* [n, K, n_logits, V] */
} run;

static bool
out_of_memory (run *r)
{
  return cw_arena_ok (&r->m->p->arena, "a run", &r->m->p->error);
}

static bool
put (run *r, const char *suffix, const float *values, unsigned n_dims, const uint64_t *dims)
{
  char name[256];

  snprintf (name, sizeof name, "%s_%s", r->name, suffix);
  return probe_put_f32 (r->m->p, name, values, n_dims, dims);
}

static bool
put_ids (run *r, const char *suffix, const int32_t *values, unsigned n_dims, const uint64_t *dims)
{
  char name[256];

  snprintf (name, sizeof name, "%s_%s", r->name, suffix);
  return probe_put_i64 (r->m->p, name, values, n_dims, dims);
}

/* ---- what goes in -------------------------------------------------------------------------------------------------- */

/* "prompt": which of the case's prompts; "prompts": "all", or a list of numbers; neither: no text. */
static bool
read_prompts (run *r, const json_t *json)
{
  const json_t *prompts = json_object_get (r->m->p->json, "prompts"), *one = json_object_get (json, "prompt");
  const json_t *several = json_object_get (json, "prompts");
  json_t       *texts = json_array ();
  char          prefix[128];
  bool          ok = true;

  r->n = 1;
  if (json_is_integer (one))
    json_array_append (texts, json_array_get (prompts, (size_t) json_integer_value (one)));
  else if (json_is_string (several) && strcmp (json_string_value (several), "all") == 0)
    json_array_extend (texts, (json_t *) prompts);
  else if (json_is_array (several))
    for (size_t i = 0; i < json_array_size (several); i++)
      json_array_append (texts, json_array_get (prompts, (size_t) json_integer_value (json_array_get (several, i))));
  else if (one || several)
    ok = probe_fail (r->m->p, "“%s”: the prompts of the run %s are not understood.", r->m->p->path, r->name);
  if (ok && (one || several)) {
    snprintf (prefix, sizeof prefix, "%s_text", r->name);
    ok = probe_tokenize (r->m->p, r->m->model->tokenizer, texts, prefix, true, &r->texts);
    r->n = r->texts.n;
  }
  json_decref (texts);
  return ok;
}

/* NAME_audio [1, channels, samples], encoded at the codec's first bandwidth, each channel by itself. */
static bool
read_audio (run *r, int32_t **given)
{
  const size_t             sides = r->m->config->n_channels, k = r->m->config->n_codebooks, k_side = k / sides;
  cw_encodec              *codec = r->m->model->codec;
  const cw_encodec_config *config = cw_encodec_get_config (codec);
  const cw_tensor         *audio;
  int32_t                 *side_codes;
  size_t                   frames;
  char                     name[256];

  snprintf (name, sizeof name, "%s_audio", r->name);
  if (!cw_safetensors_find (r->m->p->reference, name))
    return true;
  if (!(audio = probe_input (r->m->p, name, CW_F32, 3)))
    return false;
  if (audio->dims[0] != 1 || r->n != 1 || audio->dims[1] != sides ||
      cw_encodec_books_for (config, 0.0, &r->m->p->error) != k_side)
    return probe_fail (r->m->p, "“%s”: %s is of %llu signals and %llu channels, 1 and %zu were expected.", r->m->p->path,
                       name, (unsigned long long) audio->dims[0], (unsigned long long) audio->dims[1], sides);
  frames = r->n_given = cw_encodec_n_frames (config, audio->dims[2]);
  side_codes = cw_arena_new (&r->m->p->arena, int32_t, k_side * frames);
  *given = cw_arena_new (&r->m->p->arena, int32_t, k * frames);
  if (!side_codes || !*given)
    return out_of_memory (r);
  for (size_t side = 0; side < sides; side++) {
    if (cw_encodec_encode (codec, (const float *) audio->data + side * audio->dims[2], audio->dims[2], audio->dims[2], NULL, k_side, side_codes,
                           &r->m->p->error) != CW_OK)
      return false;
    for (size_t i = 0; i < k_side; i++)
      memcpy (*given + (i * sides + side) * frames, side_codes + i * frames, frames * sizeof **given);
  }
  return put_ids (r, "prompt_codes", *given, PROBE_DIMS (1, k, frames));
}

/* NAME_cfg_logits_firstN: how many steps N; 0 when the case asks for none. */
static size_t
logits_asked_for (const run *r, char name[256])
{
  char        prefix[128];
  json_t     *tensor;
  const char *key;

  snprintf (prefix, sizeof prefix, "%s_cfg_logits_first", r->name);
  json_object_foreach (json_object_get (r->m->p->json, "tensors"), key, tensor)
    if (strncmp (key, prefix, strlen (prefix)) == 0 && strlen (key) < 256) {
      strcpy (name, key);
      return strtoul (key + strlen (prefix), NULL, 10);
    }
  return 0;
}

/* ---- the steps ------------------------------------------------------------------------------------------------------- */

static bool
plan (run *r, const json_t *json)
{
  const cw_musicgen_config *config = r->m->config;
  const size_t              delays = config->n_codebooks / config->n_channels;
  const cw_json_scope       scope = { json, r->m->p->path, "" };
  double                    guidance = r->m->guidance;
  long                      max_new = 0;
  bool                      sample = false;
  int32_t                  *given = NULL;
  size_t                    max_length;

  if (!cw_json_int (&scope, "max_new_tokens", 1, 1 << 20, &max_new, &r->m->p->error) ||
      !cw_json_number_or (&scope, "guidance_scale", 0.0, 1e3, &guidance, &r->m->p->error) ||
      !cw_json_bool_or (&scope, "do_sample", &sample, &r->m->p->error) || !read_prompts (r, json) ||
      !read_audio (r, &given))
    return false;
  if (sample)
    return probe_fail (r->m->p, "“%s”: the run %s is sampled; only greedy runs are known.", r->m->p->path, r->name);
  r->guidance = (float) guidance;
  max_length = 1 + r->n_given + (size_t) max_new;
  r->pattern = (cw_delay_pattern){ .n_codebooks = config->n_codebooks,
                                   .group = config->n_channels,
                                   .delayed = max_length + 1 >= 2 * delays,
                                   .n_frames = max_length - 1 };
  if (r->pattern.delayed)
    r->pattern.n_frames = max_length - delays;
  if ((cw_delay_n_steps (&r->pattern) > config->n_positions && !r->m->model->melody) || r->pattern.n_frames < r->n_given)
    return probe_fail (r->m->p, "“%s”: the run %s has %zu steps for %zu frames; the decoder has %zu positions.", r->m->p->path,
                       r->name, cw_delay_n_steps (&r->pattern), r->pattern.n_frames, config->n_positions);
  r->codes = cw_arena_new (&r->m->p->arena, int32_t, r->n * config->n_codebooks * r->pattern.n_frames);
  if (!r->codes)
    return out_of_memory (r);
  for (size_t k = 0; k < config->n_codebooks && r->n_given; k++)
    memcpy (r->codes + k * r->pattern.n_frames, given + k * r->n_given, r->n_given * sizeof *given);
  return true;
}

/* What stands in @column of codebook @k. */
static int32_t
cell (const run *r, size_t row, size_t k, size_t column)
{
  size_t frame;

  if (!cw_delay_frame (&r->pattern, k, column, &frame))
    return (int32_t) r->m->config->codebook_size;
  return r->codes[(row * r->m->config->n_codebooks + k) * r->pattern.n_frames + frame];
}

/* The tokens of @column from its guided logits; what the audio prompt fills stays. */
static void
choose (run *r, const float *logits, size_t column)
{
  const size_t      n_codebooks = r->m->config->n_codebooks, v = r->m->config->codebook_size;
  const cw_sampling greedy = { 0.0f, 0, 0.0f };
  size_t            frame;

  for (size_t row = 0; row < r->n; row++)
    for (size_t k = 0; k < n_codebooks; k++)
      if (cw_delay_frame (&r->pattern, k, column, &frame) && frame >= r->n_given)
        r->codes[(row * n_codebooks + k) * r->pattern.n_frames + frame] =
          cw_sample (logits + (row * n_codebooks + k) * v, v, &greedy, 0.0, NULL);
}

static void
keep_logits (run *r, const float *logits, size_t step)
{
  const size_t v = r->m->config->codebook_size;

  if (step < r->n_logits)
    for (size_t i = 0; i < r->n * r->m->config->n_codebooks; i++)
      memcpy (r->logits + (i * r->n_logits + step) * v, logits + i * v, v * sizeof *logits);
}

static bool
run_steps (run *r, cw_musicgen_run *decoder, size_t n_rows)
{
  const size_t k = r->m->config->n_codebooks, v = r->m->config->codebook_size, n_steps = cw_delay_n_steps (&r->pattern);
  int32_t     *ids = cw_arena_new (&r->m->p->arena, int32_t, n_rows * k);
  float       *logits = cw_arena_new (&r->m->p->arena, float, n_rows * k * v);
  char         name[256];

  r->n_logits = logits_asked_for (r, name);
  if (r->n_logits > n_steps - r->n_given)
    r->n_logits = n_steps - r->n_given;
  r->logits = cw_arena_new (&r->m->p->arena, float, r->n * k * r->n_logits * v);
  if (!ids || !logits || !r->logits)
    return out_of_memory (r);
  for (size_t s = 0; s < n_steps; s++) {
    for (size_t row = 0; row < n_rows; row++)
      for (size_t i = 0; i < k; i++)
        ids[row * k + i] = cell (r, row % r->n, i, s);
    cw_musicgen_run_step (decoder, ids, logits, NULL);
    if (s < r->n_given)
      continue;
    if (n_rows > r->n)
      cw_guide (logits, logits + r->n * k * v, r->n * k * v, r->guidance);
    keep_logits (r, logits, s - r->n_given);
    choose (r, logits, s + 1);
  }
  return !r->n_logits || probe_put_f32 (r->m->p, name, r->logits, PROBE_DIMS (r->n, k, r->n_logits, v));
}

/* ---- what comes out ---------------------------------------------------------------------------------------------------- */

static bool
put_sound (run *r)
{
  const size_t sides = r->m->config->n_channels, k_side = r->m->config->n_codebooks / sides, t = r->pattern.n_frames;
  int32_t     *codes = cw_arena_new (&r->m->p->arena, int32_t, k_side * t);
  float       *sound = NULL, *head, *side_sound;
  size_t       n = 0, n_head;
  char         name[256];

  if (!codes)
    return out_of_memory (r);
  for (size_t i = 0; i < r->n * sides; i++) {
    for (size_t k = 0; k < k_side; k++)
      memcpy (codes + k * t, r->codes + ((i / sides * k_side + k) * sides + i % sides) * t, t * sizeof *codes);
    if (!(side_sound = probe_decode (r->m->p, r->m->model->codec, codes, k_side, t, &n)))
      return false;
    if (!sound && !(sound = cw_arena_new (&r->m->p->arena, float, r->n * sides * n)))
      return out_of_memory (r);
    memcpy (sound + i * n, side_sound, n * sizeof *sound);
  }
  snprintf (name, sizeof name, "%s_waveform_head", r->name);
  n_head = (size_t) json_integer_value (json_array_get (probe_shape (r->m->p, name), 2));
  n_head = n_head < n ? n_head : n;
  return (head = probe_cut (r->m->p, sound, r->n * sides, n, 0, n_head, 1)) &&
         put (r, "waveform_head", head, PROBE_DIMS (r->n, sides, n_head)) &&
         put (r, "waveform", sound, PROBE_DIMS (r->n, sides, n));
}

bool
lm_put_run (lm *m, const char *name, const json_t *json)
{
  run              r = { .m = m, .name = name };
  cw_musicgen_run *decoder;
  size_t           n_rows;
  bool             ok;

  if (!plan (&r, json))
    return false;
  n_rows = r.guidance > 1.0f ? 2 * r.n : r.n;
  decoder = cw_musicgen_run_new (m->model->musicgen, n_rows, lm_n_prefix (m, &r.texts) + cw_delay_n_steps (&r.pattern), r.texts.n,
                                 &m->p->error);
  if (!decoder)
    return false;
  ok = lm_begin (m, decoder, &r.texts, r.n, n_rows, strcmp (name, "text_only") != 0, name) && run_steps (&r, decoder, n_rows) &&
       put_ids (&r, "codes", r.codes, PROBE_DIMS (r.n, m->config->n_codebooks, r.pattern.n_frames)) && put_sound (&r);
  cw_musicgen_run_free (decoder);
  return ok;
}
