/* SPDX-License-Identifier: MIT
 *
 * model.c: a checkpoint's folder becomes a model: configuration, tokenizer, weights, and the defaults it asks for.
 */
#include "generate/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

#define CONFIG_MAX_BYTES (8u << 20)

/* What the published MusicGen code takes where generation_config.json is silent: audiocraft models/musicgen.py,
 * set_generation_params; 1500 frames are the 30 s that the published models were trained on. */
#define DEFAULT_GUIDANCE 3.0
#define DEFAULT_TOP_K    250
#define DEFAULT_FRAMES   1500
#define EXTEND_STRIDE    0.6 /* of the window: 18 s of 30 s */

size_t
cw_model_codec_channels (const cw_model *model)
{
  return cw_encodec_get_config (model->codec)->net.n_channels;
}

size_t
cw_model_n_sides (const cw_model *model)
{
  return model->musicgen ? cw_musicgen_get_config (model->musicgen)->n_channels : 1;
}

const cw_model_info *
cw_model_get_info (const cw_model *model)
{
  return &model->info;
}

static char *
join (const char *folder, const char *name)
{
  const size_t n = strlen (folder) + strlen (name) + 2;
  char        *path = malloc (n);

  if (path)
    snprintf (path, n, "%s/%s", folder, name);
  return path;
}

/* The last part of the path, without slashes at its end. */
static char *
base_name (const char *folder)
{
  size_t end = strlen (folder), begin;

  while (end > 1 && folder[end - 1] == '/')
    end--;
  for (begin = end; begin > 0 && folder[begin - 1] != '/'; begin--)
    ;
  return begin < end ? strndup (folder + begin, end - begin) : strdup (folder);
}

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

/* ---- the parts ---------------------------------------------------------------------------------------------------- */

/* What each part of the model is stored as: the decoder, which is read anew for each step, as narrow as asked for; the text encoder and
 * the codec's LSTM at no less than 8 bits. */
static cw_source
source_of (cw_model *model, cw_storage narrowest)
{
  static const cw_storage storages[CW_N_PRECISIONS] = {
    [CW_PRECISION_BF16] = CW_STORE_BF16, [CW_PRECISION_F16] = CW_STORE_F16,
    [CW_PRECISION_INT8] = CW_STORE_INT8, [CW_PRECISION_INT4] = CW_STORE_INT4,
  };
  const cw_storage storage = storages[model->info.precision]; /* CW_STORE_AS_IS for f32 */

  return (cw_source){ model->weights, model->prepared, storage < narrowest ? storage : narrowest };
}

static bool
load_codec (cw_model *model, const cw_json_scope *scope, const char *prefix, cw_error *error)
{
  cw_encodec_config config;
  const cw_source   source = source_of (model, CW_STORE_INT8);

  return is_kind (scope, "encodec", error) && cw_encodec_config_read (&config, scope, error) &&
         (model->codec = cw_encodec_load (model->engine->be, &config, &source, prefix, error));
}

/* The three parts must fit: as many codebooks of the same size, text width, one codec run for each side. */
static bool
parts_fit (const cw_model *model, const char *path, cw_error *error)
{
  const cw_musicgen_config *lm = cw_musicgen_get_config (model->musicgen);
  const cw_encodec_config  *codec = cw_encodec_get_config (model->codec);

  if (codec->codebook_size != lm->codebook_size)
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: decoder.vocab_size is %zu, but audio_encoder.codebook_size is %zu; equal ones were expected.",
             path, lm->codebook_size, codec->codebook_size);
  else if (lm->n_codebooks / lm->n_channels > codec->n_books)
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the decoder makes %zu codebooks a channel, but the codec has %zu.", path,
             lm->n_codebooks / lm->n_channels, codec->n_books);
  else if (codec->net.n_channels != 1 || codec->chunk_samples || codec->normalize)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the codec under a MusicGen must be mono, without chunks and without normalisation.", path);
  else
    return true;
  return false;
}

/* A JSON file of the folder that may be missing. False when it is there and broken. */
static bool
read_optional (const cw_model *model, const char *name, char **path, json_t **json, cw_error *error)
{
  FILE *file;

  *json = NULL;
  if (!(*path = join (model->folder, name)) || !(file = fopen (*path, "re")))
    return true;
  fclose (file);
  return (*json = cw_json_read_file (*path, CONFIG_MAX_BYTES, error)) != NULL;
}

static bool
load_melody (cw_model *model, const cw_json_scope *scope, cw_error *error)
{
  const size_t      width = cw_musicgen_get_config (model->musicgen)->width;
  const cw_source   source = source_of (model, CW_STORE_AS_IS);
  cw_melody_config  config;
  char             *path;
  json_t           *json;
  bool              ok = read_optional (model, "preprocessor_config.json", &path, &json, error);
  const cw_json_scope preprocessor = { json, path, "" };

  ok = ok && cw_melody_config_read (&config, scope, json ? &preprocessor : NULL, width, error);
  if (ok && config.chroma.rate_hz != cw_encodec_get_config (model->codec)->rate_hz) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: sampling_rate is %zu, but the codec's is %zu; equal ones were expected.", path,
             config.chroma.rate_hz, cw_encodec_get_config (model->codec)->rate_hz);
    ok = false;
  }
  ok = ok && (model->melody = cw_melody_load (model->engine->be, &config, &source, error));
  json_decref (json);
  free (path);
  return ok;
}

/* @prefixed: MusicGen Melody. */
static bool
load_musicgen (cw_model *model, const cw_json_scope *scope, bool prefixed, cw_error *error)
{
  cw_json_scope      text, decoder, codec;
  cw_t5_config       text_config;
  cw_musicgen_config config;
  cw_backend        *be = model->engine->be;
  const cw_source    wide = source_of (model, CW_STORE_INT8), narrow = source_of (model, CW_STORE_INT4);
  char              *tokenizer = join (model->folder, "tokenizer.json");
  bool               ok = tokenizer || cw_fail_memory (error, "a path", 0) == CW_OK;

  ok = ok && cw_json_object (scope, "text_encoder", "text_encoder.", &text, error) &&
       cw_json_object (scope, "decoder", "decoder.", &decoder, error) &&
       cw_json_object (scope, "audio_encoder", "audio_encoder.", &codec, error) && is_kind (&text, "t5", error) &&
       cw_t5_config_read (&text_config, &text, error) &&
       cw_musicgen_config_read (&config, &decoder, text_config.width, error);
  config.prefixed = prefixed;
  ok = ok && (model->tokenizer = cw_tokenizer_load (tokenizer, error)) &&
       (model->t5 = cw_t5_load (be, &text_config, &wide, "text_encoder.", error)) &&
       (model->musicgen = cw_musicgen_load (be, &config, &narrow, error)) &&
       load_codec (model, &codec, "audio_encoder.", error) && parts_fit (model, scope->path, error) &&
       (!prefixed || load_melody (model, scope, error));
  free (tokenizer);
  return ok;
}

/* ---- what the front ends are told ------------------------------------------------------------------------------- */

/* generation_config.json, when the folder has one. */
static bool
read_defaults (cw_model *model, double *max_length, cw_error *error)
{
  cw_model_info *info = &model->info;
  char          *path;
  json_t        *json;
  double         guidance = DEFAULT_GUIDANCE, temperature = 1.0, top_p = 0.0;
  long           top_k = DEFAULT_TOP_K;
  bool           sample = true, ok = read_optional (model, "generation_config.json", &path, &json, error);

  if (json) {
    const cw_json_scope scope = { json, path, "" };
    ok = cw_json_number_or (&scope, "guidance_scale", 0.0, 100.0, &guidance, error) &&
         cw_json_number_or (&scope, "temperature", 0.0, 100.0, &temperature, error) &&
         cw_json_number_or (&scope, "top_p", 0.0, 1.0, &top_p, error) &&
         cw_json_int_or (&scope, "top_k", 0, 1 << 20, &top_k, error) &&
         cw_json_bool_or (&scope, "do_sample", &sample, error) &&
         cw_json_number_or (&scope, "max_length", 1.0, 1e9, max_length, error);
  }
  info->guidance = (float) fmin (fmax (guidance, 1.0), CW_GUIDANCE_MAX);
  info->temperature = sample ? (float) fmin (temperature, CW_TEMPERATURE_MAX) : 0.0f;
  info->top_p = top_p < 1.0 ? (float) top_p : 0.0f;
  info->top_k = (int) top_k;
  json_decref (json);
  free (path);
  return ok;
}

static bool
describe (cw_model *model, cw_error *error)
{
  const cw_encodec_config *codec = cw_encodec_get_config (model->codec);
  cw_model_info           *info = &model->info;
  double                   max_length = DEFAULT_FRAMES;

  info->name = model->name;
  info->folder = model->folder;
  info->family = model->musicgen ? "musicgen" : "encodec";
  info->rate_hz = (unsigned) codec->rate_hz;
  info->n_channels = (unsigned) (codec->net.n_channels * cw_model_n_sides (model));
  info->n_codebooks = (unsigned) (model->musicgen ? cw_musicgen_get_config (model->musicgen)->n_codebooks : codec->n_books);
  info->codebook_size = (unsigned) codec->codebook_size;
  info->frame_rate_hz = (unsigned) codec->frame_rate_hz;
  info->hop_samples = (unsigned) codec->hop_samples;
  info->weight_bytes = cw_weights_n_bytes (model->weights);
  if (model->musicgen) {
    const cw_musicgen_config *lm = cw_musicgen_get_config (model->musicgen);
    const size_t              late = lm->n_codebooks / lm->n_channels - 1;

    if (!read_defaults (model, &max_length, error))
      return false;
    /* a clip of T frames takes T + late steps, each with a position of its own */
    model->window_frames = lm->n_positions > late ? lm->n_positions - late : 1;
    if ((double) model->window_frames > max_length)
      model->window_frames = (size_t) max_length;
    info->can_generate = true;
    info->window_s = (double) model->window_frames * (double) codec->hop_samples / (double) codec->rate_hz;
    info->can_continue = info->can_change_prompt = true;
    info->can_follow_melody = model->melody != NULL;
    info->can_extend = !codec->net.group_norm && model->window_frames > 1; /* a codec that needs the whole clip at once sets its length */
    info->max_duration_s = info->can_extend ? CW_DURATION_MAX_S : info->window_s;
    info->extend_stride_s = info->can_extend ? EXTEND_STRIDE * info->window_s : 0.0;
  }
  return true;
}

/* ---- precision -----------------------------------------------------------------------------------------------------

 * Weights up to this size stay in the caches of common processors, where fewer bits gain little. */
#define SMALL_BYTES ((size_t) 48 << 20)

static const char *const precision_names[CW_N_PRECISIONS] = {
  [CW_PRECISION_AUTO] = "auto", [CW_PRECISION_F32] = "f32",   [CW_PRECISION_BF16] = "bf16",
  [CW_PRECISION_F16] = "f16",   [CW_PRECISION_INT8] = "int8", [CW_PRECISION_INT4] = "int4",
};

const char *
cw_precision_name (cw_precision precision)
{
  return precision_names[precision];
}

bool
cw_precision_from_name (const char *name, cw_precision *precision)
{
  for (int i = 0; i < CW_N_PRECISIONS; i++)
    if (strcmp (name, precision_names[i]) == 0) {
      *precision = (cw_precision) i;
      return true;
    }
  return false;
}

/* Names the checkpoint, settles the precision and opens the cache of weights prepared for it. */
static bool
prepare (cw_model *model, const json_t *config, const cw_model_options *options, cw_error *error)
{
  cw_precision *precision = &model->info.precision;
  char         *text = json_dumps (config, JSON_COMPACT | JSON_SORT_KEYS);

  if (!text) {
    cw_fail_memory (error, "the configuration's text", 0);
    return false;
  }
  cw_weights_hash (model->weights, text, strlen (text), model->info.hash);
  free (text);
  *precision = options ? options->precision : CW_PRECISION_F32;
  if (*precision == CW_PRECISION_AUTO)
    *precision = cw_weights_n_bytes (model->weights) <= SMALL_BYTES ? CW_PRECISION_F32 : CW_PRECISION_INT8;
  if (*precision == CW_PRECISION_F32)
    return true;
  model->prepared = cw_prepared_open (options->cache_folder, model->info.hash, precision_names[*precision], error);
  return model->prepared != NULL;
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static bool
load (cw_model *model, const cw_model_options *options, cw_error *error)
{
  char       *path = join (model->folder, "config.json");
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
    ok = ok && (model->weights = cw_weights_open (model->folder, error)) && prepare (model, json, options, error) &&
         (strcmp (kind, "encodec") == 0
            ? load_codec (model, &scope, "", error) && cw_encodec_load_encoder (model->codec, error) == CW_OK
            : load_musicgen (model, &scope, strcmp (kind, "musicgen_melody") == 0, error)) &&
         describe (model, error);
  }
  json_decref (json);
  free (path);
  return ok;
}

cw_model *
cw_model_load (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  cw_model *model = calloc (1, sizeof *model);
  cw_error  spare;

  if (!error)
    error = &spare;
  *error = (cw_error){ 0 };
  if (!model || !(model->folder = strdup (folder)) || !(model->name = base_name (folder))) {
    cw_fail_memory (error, "the model", sizeof *model);
    cw_model_free (model);
    return NULL;
  }
  model->engine = engine;
  if (!load (model, options, error)) {
    cw_model_free (model);
    return NULL;
  }
  if (model->prepared)
    cw_prepared_finish (model->prepared);
  return model;
}

void
cw_model_free (cw_model *model)
{
  if (!model)
    return;
  cw_encodec_free (model->codec);
  cw_melody_free (model->melody);
  cw_musicgen_free (model->musicgen);
  cw_t5_free (model->t5);
  cw_tokenizer_free (model->tokenizer);
  cw_prepared_close (model->prepared);
  cw_weights_close (model->weights);
  free (model->name);
  free (model->folder);
  free (model);
}
