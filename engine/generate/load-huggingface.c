/* SPDX-License-Identifier: MIT
 *
 * load-huggingface.c: a folder of transformers' becomes a model: config.json, generation_config.json, tokenizer.json, safetensors.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "generate/load.h"

#define CONFIG_MAX_BYTES (8u << 20)

/* What the published MusicGen code takes where generation_config.json is silent: audiocraft models/musicgen.py,
 * set_generation_params; 1500 frames are the 30 s that the published models were trained on. */
#define DEFAULT_GUIDANCE 3.0
#define DEFAULT_TOP_K    250
#define DEFAULT_FRAMES   1500
#define EXTEND_STRIDE    0.6 /* of the window: 18 s of 30 s */

/* A part of the configuration must be of the kind that this engine runs. */
static bool
is_kind (const cw_json_scope *scope, const char *expected, cw_error *error)
{
  const char *kind = NULL;

  if (!cw_json_string_or (scope, "model_type", &kind, error))
    return false;
  if (!kind || strcmp (kind, expected) == 0)
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %smodel_type is “%s”; “%s” was expected.", scope->path, scope->prefix, kind,
           expected);
  return false;
}

static bool
read_codec (const cw_json_scope *scope, cw_encodec_config *config, cw_error *error)
{
  return is_kind (scope, "encodec", error) && cw_encodec_config_read (config, scope, error);
}

static bool
load_codec (cw_model *model, const cw_encodec_config *config, const char *prefix, cw_error *error)
{
  const cw_source source = cw_model_source (model, CW_STORE_INT8);

  return (model->codec = cw_encodec_load (model->engine->be, config, &source, prefix, error)) != NULL;
}

/* A JSON file of the folder that may be missing. False when it is there and broken. */
static bool
read_optional (const cw_model *model, const char *name, char **path, json_t **json, cw_error *error)
{
  FILE *file;

  *json = NULL;
  if (!(*path = cw_join_path (model->folder, name)) || !(file = fopen (*path, "re")))
    return true;
  fclose (file);
  return (*json = cw_json_read_file (*path, CONFIG_MAX_BYTES, error)) != NULL;
}

static bool
read_melody (const cw_model *model, const cw_json_scope *scope, size_t width, size_t rate_hz, cw_melody_config *config, cw_error *error)
{
  char   *path;
  json_t *json;
  bool    ok = read_optional (model, "preprocessor_config.json", &path, &json, error);
  const cw_json_scope preprocessor = { json, path, "" };

  ok = ok && cw_melody_config_read (config, scope, json ? &preprocessor : NULL, width, error);
  if (ok && config->chroma.rate_hz != rate_hz) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: sampling_rate is %zu, but the codec's is %zu; equal ones were expected.", path,
             config->chroma.rate_hz, rate_hz);
    ok = false;
  }
  json_decref (json);
  free (path);
  return ok;
}

/* ---- what the front ends are told ------------------------------------------------------------------------------- */

/* The window, and generation_config.json, when the folder has one. */
static bool
read_defaults (cw_model *model, const cw_musicgen_config *lm, cw_error *error)
{
  const size_t              late = lm->n_codebooks / lm->n_channels - 1;
  cw_model_info *info = &model->info;
  char          *path;
  json_t        *json;
  double         guidance = DEFAULT_GUIDANCE, temperature = 1.0, top_p = 0.0;
  double         max_length = DEFAULT_FRAMES;
  long           top_k = DEFAULT_TOP_K;
  bool           sample = true, ok = read_optional (model, "generation_config.json", &path, &json, error);

  if (json) {
    const cw_json_scope scope = { json, path, "" };
    ok = cw_json_number_or (&scope, "guidance_scale", 0.0, 100.0, &guidance, error) &&
         cw_json_number_or (&scope, "temperature", 0.0, 100.0, &temperature, error) &&
         cw_json_number_or (&scope, "top_p", 0.0, 1.0, &top_p, error) &&
         cw_json_int_or (&scope, "top_k", 0, 1 << 20, &top_k, error) &&
         cw_json_bool_or (&scope, "do_sample", &sample, error) &&
         cw_json_number_or (&scope, "max_length", 1.0, 1e9, &max_length, error);
  }
  info->guidance = (float) fmin (fmax (guidance, 1.0), CW_GUIDANCE_MAX);
  info->temperature = sample ? (float) fmin (temperature, CW_TEMPERATURE_MAX) : 0.0f;
  info->top_p = top_p < 1.0 ? (float) top_p : 0.0f;
  info->top_k = (int) top_k;
  /* a clip of T frames takes T + late steps, each with a position of its own */
  model->window_frames = lm->n_positions > late ? lm->n_positions - late : 1;
  if ((double) model->window_frames > max_length)
    model->window_frames = (size_t) max_length;
  model->stride = EXTEND_STRIDE;
  json_decref (json);
  free (path);
  return ok;
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

/* What config.json says. */
typedef struct {
  cw_t5_config       text;
  cw_musicgen_config decoder;
  cw_encodec_config  codec;
  cw_melody_config   melody; /* of decoder.prefixed */
} configs;

/* The configuration counts for the checkpoint's name, whatever its spacing and order. */
static bool
prepare (cw_model *model, const json_t *config, const cw_model_options *options, const cw_model_parts *parts, cw_error *error)
{
  char      *text = json_dumps (config, JSON_COMPACT | JSON_SORT_KEYS);
  const bool prepared = text ? cw_model_prepare (model, text, strlen (text), options, parts, error)
                             : cw_fail_memory (error, "the configuration's text", 0) == CW_OK;

  free (text);
  return prepared;
}

/* @prefixed: MusicGen Melody. */
static bool
read_musicgen (const cw_model *model, const cw_json_scope *scope, bool prefixed, configs *all, cw_error *error)
{
  cw_json_scope text, decoder, codec;

  if (!cw_json_object (scope, "text_encoder", "text_encoder.", &text, error) || !cw_json_object (scope, "decoder", "decoder.", &decoder, error) ||
      !cw_json_object (scope, "audio_encoder", "audio_encoder.", &codec, error) || !is_kind (&text, "t5", error) ||
      !cw_t5_config_read (&all->text, &text, error) || !cw_musicgen_config_read (&all->decoder, &decoder, all->text.width, error) ||
      !read_codec (&codec, &all->codec, error))
    return false;
  all->decoder.prefixed = prefixed;
  return !prefixed || read_melody (model, scope, all->decoder.width, all->codec.rate_hz, &all->melody, error);
}

static bool
load_musicgen (cw_model *model, const cw_json_scope *scope, bool prefixed, const cw_model_options *options, cw_error *error)
{
  configs     all;
  cw_backend *be = model->engine->be;
  cw_source   plain, wide, narrow;
  char       *tokenizer = cw_join_path (model->folder, "tokenizer.json");
  bool        ok = tokenizer || cw_fail_memory (error, "a path", 0) == CW_OK;

  ok = ok && read_musicgen (model, scope, prefixed, &all, error) && read_defaults (model, &all.decoder, error) &&
       prepare (model, scope->object, options,
                &(cw_model_parts){ .decoder = &all.decoder, .codec = &all.codec, .text = &all.text,
                                   .n_prefix = all.decoder.prefixed ? all.melody.length : 0 }, error);
  plain = cw_model_source (model, CW_STORE_AS_IS);
  wide = cw_model_source (model, CW_STORE_INT8);
  narrow = cw_model_source (model, CW_STORE_INT4);
  ok = ok && (model->tokenizer = cw_tokenizer_load (tokenizer, error)) &&
       (model->t5 = cw_t5_load (be, &all.text, &wide, "text_encoder.", error)) &&
       (model->musicgen = cw_musicgen_load (be, &all.decoder, &narrow, error)) && load_codec (model, &all.codec, "audio_encoder.", error) &&
       cw_model_parts_fit (model, scope->path, error) && (!prefixed || (model->melody = cw_melody_load (be, &all.melody, &plain, error)));
  free (tokenizer);
  return ok;
}

static bool
load_encodec (cw_model *model, const cw_json_scope *scope, const cw_model_options *options, cw_error *error)
{
  cw_encodec_config config;

  return read_codec (scope, &config, error) && prepare (model, scope->object, options, &(cw_model_parts){ .codec = &config }, error) &&
         load_codec (model, &config, "", error) && cw_encodec_load_encoder (model->codec, error) == CW_OK;
}

bool
cw_load_huggingface (cw_model *model, const cw_model_options *options, cw_error *error)
{
  char       *path = cw_join_path (model->folder, "config.json");
  json_t     *json = path ? cw_json_read_file (path, CONFIG_MAX_BYTES, error) : NULL;
  const char *kind = NULL;
  bool        ok = json != NULL;

  if (!path)
    cw_fail_memory (error, "a path", 0);
  if (ok) {
    const cw_json_scope scope = { json, path, "" };

    ok = cw_json_string_or (&scope, "model_type", &kind, error);
    if (ok && !(kind && (strcmp (kind, "musicgen") == 0 || strcmp (kind, "musicgen_melody") == 0 || strcmp (kind, "encodec") == 0))) {
      cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: model_type is “%s”; this version runs “musicgen”, “musicgen_melody” and “encodec”.", path,
               kind ? kind : "missing");
      ok = false;
    }
    ok = ok && (model->weights = cw_weights_open (model->folder, error));
    model->info.family = ok && strcmp (kind, "encodec") == 0 ? "encodec" : "musicgen";
    if (ok && strcmp (kind, "encodec") == 0)
      ok = load_encodec (model, &scope, options, error);
    else
      ok = ok && load_musicgen (model, &scope, strcmp (kind, "musicgen_melody") == 0, options, error);
  }
  json_decref (json);
  free (path);
  return ok;
}
