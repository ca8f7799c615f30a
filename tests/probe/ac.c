/* SPDX-License-Identifier: MIT
 *
 * ac.c: AudioCraft's own checkpoints: the codec (codec_*), the texts (cond_*), teacher forcing (tf_*) and each run of the case.
 */
#include "ac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the codec ---------------------------------------------------------------------------------------------------------- */

static bool
put_codec (ac *a)
{
  probe                   *p = a->p;
  cw_encodec              *codec = a->model->codec;
  const cw_encodec_config *config = cw_encodec_get_config (codec);
  const size_t             k = config->n_books, d = config->net.latent;
  const cw_tensor         *audio = probe_input (p, "codec_audio", CW_F32, 3);
  float                   *latent, *sound;
  size_t                   t, n;

  if (!audio)
    return false;
  if (audio->dims[0] != 1 || audio->dims[1] != 1)
    return probe_fail (p, "“%s”: codec_audio is not one mono signal.", p->path);
  a->n_codec = t = cw_encodec_n_frames (config, audio->dims[2]);
  latent = cw_arena_new (&p->arena, float, d * t);
  a->codec_codes = cw_arena_new (&p->arena, int32_t, k * t);
  if (!latent || !a->codec_codes)
    return cw_arena_ok (&p->arena, "the codec", &p->error);
  if (cw_encodec_encode (codec, audio->data, audio->dims[2], audio->dims[2], latent, k, a->codec_codes, &p->error) != CW_OK ||
      !probe_put_f32 (p, "codec_latent", latent, PROBE_DIMS (1, d, t)))
    return false;
  cw_encodec_dequantise (codec, a->codec_codes, t, k, t, latent, t);
  sound = probe_decode (p, codec, a->codec_codes, k, t, &n);
  return sound && probe_put_i64 (p, "codec_codes", a->codec_codes, PROBE_DIMS (1, k, t)) &&
         probe_put_f32 (p, "codec_quantised", latent, PROBE_DIMS (1, d, t)) && probe_put_f32 (p, "codec_waveform", sound, PROBE_DIMS (1, 1, n));
}

/* ---- texts -------------------------------------------------------------------------------------------------------------- */

bool
ac_read_texts (ac *a, const json_t *list, ac_texts *texts)
{
  probe       *p = a->p;
  const size_t n = json_array_size (list), width = a->config->width, text_width = a->config->text_width;
  json_t      *strings = json_array ();
  probe_texts  tokens;
  float       *hidden;
  bool         ok;

  for (size_t i = 0; i < n; i++)
    json_array_append_new (strings, json_is_string (json_array_get (list, i)) ? json_incref (json_array_get (list, i)) : json_string (""));
  ok = probe_tokenize (p, a->model->tokenizer, strings, "none", false, &tokens);
  json_decref (strings);
  if (!ok)
    return false;
  *texts = (ac_texts){ .n = n, .longest = tokens.longest, .ids = tokens.ids };
  texts->states = cw_arena_new (&p->arena, float, n * tokens.longest * width);
  texts->real = cw_arena_new (&p->arena, bool, n);
  texts->mask = cw_arena_new (&p->arena, int32_t, n * tokens.longest);
  hidden = cw_arena_new (&p->arena, float, tokens.longest * text_width);
  if (!texts->states || !texts->real || !texts->mask || !hidden)
    return cw_arena_ok (&p->arena, "the texts", &p->error);
  for (size_t i = 0; i < n; i++) {
    const char *text = json_string_value (json_array_get (list, i));

    if (!text || !*text)
      continue;
    texts->real[i] = true;
    for (size_t j = 0; j < tokens.lengths[i]; j++)
      texts->mask[i * tokens.longest + j] = 1;
    if (cw_t5_encode (a->model->t5, tokens.ids + i * tokens.longest, tokens.lengths[i], tokens.lengths[i], hidden, &p->error) != CW_OK)
      return false;
    cw_musicgen_project_text (a->model->musicgen, hidden, tokens.lengths[i], texts->states + i * tokens.longest * width);
  }
  return true;
}

/* All prompts, then as many nulls. */
static bool
put_conditions (ac *a)
{
  const json_t *prompts = json_object_get (a->p->json, "prompts");
  json_t       *list = json_array ();
  ac_texts      texts;
  bool          ok;

  json_array_extend (list, (json_t *) prompts);
  for (size_t i = 0; i < json_array_size (prompts); i++)
    json_array_append_new (list, json_null ());
  ok = ac_read_texts (a, list, &texts) && probe_put_i64 (a->p, "cond_ids", texts.ids, PROBE_DIMS (texts.n, texts.longest)) &&
       probe_put_i64 (a->p, "cond_mask", texts.mask, PROBE_DIMS (texts.n, texts.longest)) &&
       probe_put_f32 (a->p, "cond_embedding", texts.states, PROBE_DIMS (texts.n, texts.longest, a->config->width));
  json_decref (list);
  return ok;
}

/* ---- what runs share ------------------------------------------------------------------------------------------------------ */

bool
ac_read_prompt (ac *a, const json_t *run, const char *name, const int32_t **codes, size_t *n)
{
  const size_t k = a->config->n_codebooks;
  int32_t     *cut;

  *n = 0;
  *codes = NULL;
  if (!json_is_true (json_object_get (run, "audio_prompt")))
    return true;
  *n = (size_t) json_integer_value (json_array_get (probe_shape (a->p, name), 2));
  if (*n == 0 || *n > a->n_codec || k > cw_encodec_get_config (a->model->codec)->n_books)
    return probe_fail (a->p, "“%s”: %s has %zu frames; 1 to %zu were expected.", a->p->path, name, *n, a->n_codec);
  if (!(cut = cw_arena_new (&a->p->arena, int32_t, k * *n)))
    return cw_arena_ok (&a->p->arena, name, &a->p->error);
  for (size_t i = 0; i < k; i++)
    memcpy (cut + i * *n, a->codec_codes + i * a->n_codec, *n * sizeof *cut);
  *codes = cut;
  return probe_put_i64 (a->p, name, cut, PROBE_DIMS (1, k, *n));
}

bool
ac_read_uniforms (ac *a, const json_t *run, const char *name, const float **uniforms, size_t *n)
{
  char             full[256];
  const cw_tensor *tensor;

  *uniforms = NULL;
  *n = 0;
  if (!json_is_true (json_object_get (run, "use_sampling")))
    return true;
  snprintf (full, sizeof full, "%s_uniforms", name);
  tensor = cw_safetensors_find (a->p->reference, full);
  if (!tensor || tensor->dtype != CW_F32)
    return probe_fail (a->p, "“%s”: the draws %s are not given.", a->p->path, full);
  *uniforms = tensor->data;
  *n = cw_tensor_n_elements (tensor);
  return true;
}

bool
ac_put_codes (ac *a, const char *name, const int32_t *codes, size_t n_rows, size_t n_frames)
{
  probe       *p = a->p;
  const size_t k = a->config->n_codebooks;
  float       *sound = NULL;
  size_t       n = 0;
  char         full[256];

  snprintf (full, sizeof full, "%s_codes", name);
  if (!probe_put_i64 (p, full, codes, PROBE_DIMS (n_rows, k, n_frames)))
    return false;
  snprintf (full, sizeof full, "%s_waveform", name);
  if (!probe_shape (p, full))
    return true;
  for (size_t row = 0; row < n_rows; row++) {
    float *one = probe_decode (p, a->model->codec, codes + row * k * n_frames, k, n_frames, &n);

    if (one && !sound)
      sound = cw_arena_new (&p->arena, float, n_rows * n);
    if (!one || !sound)
      return cw_arena_ok (&p->arena, full, &p->error);
    memcpy (sound + row * n, one, n * sizeof *sound);
  }
  return probe_put_f32 (p, full, sound, PROBE_DIMS (n_rows, 1, n));
}

bool
probe_audiocraft (probe *p)
{
  const char      *name = probe_string (p, "model"), *text = name ? probe_string (p, "t5") : NULL;
  cw_model_options options = { .text_encoder = text ? probe_root_path (p, text) : NULL };
  const char      *folder = options.text_encoder ? probe_root_path (p, name) : NULL;
  ac               a = { .p = p, .model = folder ? cw_model_load (p->engine, folder, &options, &p->error) : NULL };
  bool             ok = a.model != NULL, magnet;
  const char      *key;
  json_t          *run;

  if (ok && !a.model->musicgen)
    ok = probe_fail (p, "“%s” holds no language model, which this case runs.", folder);
  if (ok) {
    a.config = cw_musicgen_get_config (a.model->musicgen);
    magnet = a.model->magnet.span_len > 0;
    ok = put_codec (&a) && put_conditions (&a) && ac_read_melody (&a) && (magnet ? ac_put_stages (&a) : ac_put_forced (&a));
    json_object_foreach (p->json, key, run)
      if (ok && json_object_get (run, "max_gen_len"))
        ok = magnet ? ac_put_magnet_run (&a, key, run) : ac_put_run (&a, key, run);
  }
  cw_model_free (a.model);
  return ok;
}
