/* SPDX-License-Identifier: MIT
 *
 * model.c: a checkpoint's folder becomes a model: by which loader, at which precision, and what the front ends are told of it.
 */
#include "generate/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "models/musicgen-card.h"

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

char *
cw_join_path (const char *folder, const char *name)
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

/* ---- what the loaders share ------------------------------------------------------------------------------------------ */

cw_source
cw_model_source (cw_model *model, cw_storage narrowest)
{
  static const cw_storage storages[CW_N_PRECISIONS] = {
    [CW_PRECISION_BF16] = CW_STORE_BF16, [CW_PRECISION_F16] = CW_STORE_F16,
    [CW_PRECISION_INT8] = CW_STORE_INT8, [CW_PRECISION_INT4] = CW_STORE_INT4,
  };
  const cw_storage storage = storages[model->info.precision]; /* CW_STORE_AS_IS for f32 */

  return (cw_source){ model->weights, model->prepared, storage < narrowest ? storage : narrowest };
}

bool
cw_model_parts_fit (const cw_model *model, const char *path, cw_error *error)
{
  const cw_musicgen_config *lm = cw_musicgen_get_config (model->musicgen);
  const cw_encodec_config  *codec = cw_encodec_get_config (model->codec);

  if (codec->codebook_size != lm->codebook_size)
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the decoder makes %zu different codes, but the codec has %zu; equal numbers were expected.",
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

bool
cw_model_prepare (cw_model *model, const char *config_text, size_t n, const cw_model_options *options, cw_error *error)
{
  cw_precision *precision = &model->info.precision;

  cw_weights_hash (model->weights, config_text, n, model->info.hash);
  if (model->only_looked_at)
    cw_weights_skip_values (model->weights);
  *precision = options && !model->only_looked_at ? options->precision : CW_PRECISION_F32;
  if (*precision == CW_PRECISION_AUTO)
    *precision = cw_weights_n_bytes (model->weights) <= SMALL_BYTES ? CW_PRECISION_F32 : CW_PRECISION_INT8;
  if (*precision == CW_PRECISION_F32)
    return true;
  model->prepared = cw_prepared_open (options->cache_folder, model->info.hash, precision_names[*precision], error);
  return model->prepared != NULL;
}

/* ---- the card ----------------------------------------------------------------------------------------------------

 * What of the model goes there is said in info.device_note; where it does not fit, the processor does it. */
static bool
move_decoder (cw_model *model, cw_card *card)
{
  cw_error trouble = { 0 };

  if (!cw_musicgen_to_card (model->musicgen, card, &trouble)) {
    snprintf (model->device_note, sizeof model->device_note, "The processor makes the clips: %.400s", trouble.message);
    return false;
  }
  model->info.device = card->info.name;
  snprintf (model->device_note, sizeof model->device_note, "The decoder is on “%s”: %.0f MB in %s, %.0f MB are left.", card->info.name,
            (double) cw_musicgen_card_bytes (model->musicgen) / 1e6, cw_precision_name (model->info.precision),
            (double) (card->budget - card->used) / 1e6);
  return true;
}

/* The decoder first, then as much of the others as leaves room for a clip of a take and its null branch. */
static void
move_to_card (cw_model *model)
{
  cw_card *card = model->engine->card;
  bool     there;
  size_t   clip = 0;

  model->info.device = "cpu";
  model->info.device_note = model->device_note;
  if (!card)
    return;
  there = model->musicgen && model->magnet.span_len == 0 && move_decoder (model, card);
  if (there)
    clip = cw_musicgen_card_run_bytes (model->musicgen, 2, model->window_frames + cw_musicgen_get_config (model->musicgen)->n_codebooks);
  cw_model_rest_to_card (model, there, clip, model->device_note, sizeof model->device_note);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

/* What the loader has not said: sizes, and what follows from them. */
static void
describe (cw_model *model)
{
  const cw_encodec_config *codec = cw_encodec_get_config (model->codec);
  cw_model_info           *info = &model->info;
  const bool               magnet = model->magnet.span_len > 0;

  info->name = model->name;
  info->folder = model->folder;
  info->rate_hz = (unsigned) codec->rate_hz;
  info->n_channels = (unsigned) (codec->net.n_channels * cw_model_n_sides (model));
  info->n_codebooks = (unsigned) (model->musicgen ? cw_musicgen_get_config (model->musicgen)->n_codebooks : codec->n_books);
  info->codebook_size = (unsigned) codec->codebook_size;
  info->frame_rate_hz = (unsigned) codec->frame_rate_hz;
  info->hop_samples = (unsigned) codec->hop_samples;
  info->weight_bytes = cw_weights_n_bytes (model->weights);
  if (!model->musicgen)
    return;
  info->can_generate = true;
  info->window_s = (double) model->window_frames * (double) codec->hop_samples / (double) codec->rate_hz;
  info->can_continue = true;
  info->can_change_prompt = !magnet; /* which makes all of a clip at once */
  info->can_follow_melody = model->melody != NULL;
  /* a codec that needs the whole clip at once sets its length */
  info->can_extend = !magnet && !codec->net.group_norm && model->window_frames > 1;
  info->max_duration_s = info->can_extend ? CW_DURATION_MAX_S : info->window_s;
  info->extend_stride_s = info->can_extend ? model->stride * info->window_s : 0.0;
}

/* Some folders of the hub hold both formats: transformers' is taken then. */
static bool
is_audiocraft (const char *folder)
{
  static const char *const names[] = { "model.safetensors", "model.safetensors.index.json" };
  bool                     found = false;

  for (unsigned i = 0; i < 2; i++) {
    char *path = cw_join_path (folder, names[i]);
    found = found || (path && access (path, F_OK) == 0);
    free (path);
  }
  return !found && cw_is_audiocraft (folder);
}

static cw_model *
load (cw_engine *engine, const char *folder, const cw_model_options *options, bool only_look, cw_error *error)
{
  cw_model *model = calloc (1, sizeof *model);
  cw_error  spare;

  if (!error)
    error = &spare;
  *error = (cw_error){ 0 };
  if (!model || !(model->folder = strdup (folder)) || !(model->name = options && options->name ? strdup (options->name) : base_name (folder))) {
    cw_fail_memory (error, "the model", sizeof *model);
    cw_model_free (model);
    return NULL;
  }
  model->engine = engine;
  model->only_looked_at = only_look;
  if (!(is_audiocraft (folder) ? cw_load_audiocraft : cw_load_huggingface) (model, options, error)) {
    cw_model_free (model);
    return NULL;
  }
  describe (model);
  if (model->prepared)
    cw_prepared_finish (model->prepared);
  if (!only_look)
    move_to_card (model);
  return model;
}

cw_model *
cw_model_load (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  return load (engine, folder, options, false, error);
}

cw_status
cw_model_check (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  cw_error        spare;
  cw_model       *model = load (engine, folder, options, true, error = error ? error : &spare);
  const cw_status status = model ? cw_encodec_load_encoder (model->codec, error) : error->code;

  cw_model_free (model);
  return status;
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
