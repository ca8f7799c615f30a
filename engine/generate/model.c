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
#include "generate/card-return.h"

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
  return (cw_source){ .weights = model->weights, .prepared = model->prepared, .storage = cw_plan_storage (model->info.precision, narrowest) };
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

static bool
is_small (const cw_model *model)
{
  return cw_weights_n_bytes (model->weights) <= SMALL_BYTES;
}

/* What the processor takes when the person leaves it open. */
static cw_precision
precision_on_cpu (const cw_model *model, cw_precision asked)
{
  return asked != CW_PRECISION_AUTO ? asked : is_small (model) ? CW_PRECISION_F32 : CW_PRECISION_INT8;
}

/* What the codec's LSTM is in the file; a codec alone may have its names without a prefix. */
static cw_dtype
codec_dtype (const cw_weights *weights)
{
  uint64_t rows, columns;

  return cw_weights_dtype (weights, cw_weights_shape (weights, "decoder.layers.1.lstm.weight_ih_l0", &rows, &columns)
                                      ? "decoder.layers.1.lstm.weight_ih_l0" : "audio_encoder.decoder.layers.1.lstm.weight_ih_l0");
}

/* What is asked of the card. */
static void
set_ask (cw_model *model, cw_precision asked, const cw_model_parts *parts)
{
  const cw_weights *weights = model->weights;

  model->ask = (cw_plan_ask){ .codec = *parts->codec, .codec_alone = !parts->decoder, .whole = parts->whole, .n_prefix = parts->n_prefix,
                              .decoder_file = cw_weights_dtype (weights, "decoder.model.decoder.layers.0.fc1.weight"),
                              .positions_file = cw_weights_dtype (weights, "decoder.model.decoder.embed_positions.weights"),
                              .codec_file = codec_dtype (weights),
                              .text_file = cw_weights_dtype (weights, "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight"),
                              .asked = asked, .on_cpu = precision_on_cpu (model, asked), .small = is_small (model),
                              .n_frames = model->window_frames, .budget = model->wished.vram_bytes };
  if (parts->decoder) {
    model->ask.decoder = *parts->decoder;
    model->ask.text = *parts->text;
  } else {
    model->ask.n_frames = parts->codec->chunk_samples ? cw_encodec_n_frames (parts->codec, parts->codec->chunk_samples) : CW_DECODE_PUSH_FRAMES;
  }
  if (parts->decoder && model->wished.clip_s > 0.0) {
    const double n = model->wished.clip_s * (double) parts->codec->rate_hz / (double) parts->codec->hop_samples;

    if (n < (double) model->ask.n_frames)
      model->ask.n_frames = n > 1.5 ? (size_t) (n + 0.5) : 1;
  }
  model->ask.n_takes = model->wished.n_takes;
  model->ask.clip_s = (double) model->ask.n_frames * (double) parts->codec->hop_samples / (double) parts->codec->rate_hz;
  model->ask.cublas = true;
}

/* What the engine's card has for it now. False: it is lost, which nobody knew until it was asked. */
static bool
look_at_card (cw_model *model, cw_error *error)
{
  cw_card *card = model->engine->card;
  int      version;

  model->ask.cublas = card->module->cublas (&version);
  card->kept = 0;
  cw_card_look (card);
  model->ask.budget = card->budget > card->used ? card->budget - card->used : 0;
  model->ask.card = card->info.name;
  return cw_card_check (card, error) == CW_OK;
}

bool
cw_model_prepare (cw_model *model, const char *config_text, size_t n, const cw_model_options *options, const cw_model_parts *parts,
                  cw_error *error)
{
  const cw_precision asked = options && !model->only_looked_at ? options->precision : CW_PRECISION_F32;
  cw_precision      *precision = &model->info.precision;

  if (!model->only_looked_at && (model->wished.vram_bytes || model->engine->card)) {
    set_ask (model, asked, parts);
    model->planned = model->wished.vram_bytes || (cw_engine_well_card (model->engine) && look_at_card (model, NULL));
    model->left_card = !model->planned; /* it goes there when the card is back */
    if (model->planned && !model->settled && !cw_plan_make (&model->plan, &model->ask, error))
      return false;
  }
  if (model->only_planned)
    return false;
  cw_weights_hash (model->weights, config_text, n, model->info.hash);
  if (model->only_looked_at)
    cw_weights_skip_values (model->weights);
  *precision = model->planned ? model->plan.precision : precision_on_cpu (model, asked);
  if (*precision == CW_PRECISION_F32)
    return true;
  model->prepared = cw_prepared_open (options->cache_folder, model->info.hash, precision_names[*precision], error);
  return model->prepared != NULL;
}

bool
cw_model_plan_late (cw_model *model, cw_error *error)
{
  model->ask.asked = model->ask.on_cpu = model->info.precision;
  model->planned = look_at_card (model, error) && cw_plan_make (&model->plan, &model->ask, error);
  return model->planned;
}

/* ---- the card ----------------------------------------------------------------------------------------------------

 * The decoder goes there as planned, then the others, of which as much as leaves room for a clip. */
bool
cw_model_move_to_card (cw_model *model, cw_error *trouble)
{
  cw_card            *card = model->engine->card;
  const cw_plan_need *need = &model->plan.needs[model->info.precision];
  const bool          there = model->planned && model->plan.on_card && model->musicgen;

  card->module->allow_cublas (card->gpu, model->plan.cublas_on_card);
  card->kept = model->plan.cublas_on_card ? need->cublas : 0;
  cw_card_look (card);
  if (there && !cw_musicgen_to_card (model->musicgen, card, trouble))
    return false;
  if (there)
    model->info.device = card->info.name;
  snprintf (model->device_note, sizeof model->device_note, "%s", model->plan.sentence);
  cw_model_rest_to_card (model, there ? need : NULL, model->device_note, sizeof model->device_note);
  return true;
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
  info->device = "cpu";
  info->device_note = model->device_note;
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

/* A model of which nothing is read yet. */
static cw_model *
begin (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  cw_model *model = calloc (1, sizeof *model);

  *error = (cw_error){ 0 };
  if (!model || !(model->folder = strdup (folder)) || !(model->name = options && options->name ? strdup (options->name) : base_name (folder))) {
    cw_fail_memory (error, "the model", sizeof *model);
    cw_model_free (model);
    return NULL;
  }
  model->engine = engine;
  model->next = engine->models;
  engine->models = model;
  return model;
}

/* Reads what a begun model is to hold; frees it after an error. */
static cw_model *
load (cw_model *model, const cw_model_options *options, cw_error *error)
{
  const bool loaded = model && (is_audiocraft (model->folder) ? cw_load_audiocraft : cw_load_huggingface) (model, options, error);

  if (model && model->only_planned && error->code == CW_OK)
    return model;
  if (!loaded) {
    cw_model_free (model);
    return NULL;
  }
  describe (model);
  if (model->prepared)
    cw_prepared_finish (model->prepared);
  return model;
}

/* After a trial in which the card gave less than it said: the model anew, with a plan that asks for less. */
static cw_model *
load_lower (cw_model *tried, const cw_model_options *options, const cw_error *trouble, cw_error *error)
{
  cw_model *model = begin (tried->engine, tried->folder, options, error);

  if (trouble->code == CW_ERROR_MEMORY)
    cw_plan_lower (&tried->plan, &tried->ask, trouble->message);
  else
    cw_plan_to_cpu (&tried->plan, &tried->ask, trouble->message);
  if (model) {
    model->plan = tried->plan;
    model->settled = true;
  }
  cw_model_free (tried);
  return load (model, options, error);
}

cw_model *
cw_model_load (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  cw_error  spare, trouble;
  cw_model *model;

  error = error ? error : &spare;
  model = load (begin (engine, folder, options, error), options, error);
  while (model && model->planned && engine->card) {
    trouble = (cw_error){ 0 };
    if (cw_model_move_to_card (model, &trouble))
      break;
    model = load_lower (model, options, &trouble, error); /* each turn goes down */
  }
  if (model && engine->card && !model->planned && cw_card_check (engine->card, &trouble) != CW_OK)
    snprintf (model->device_note, sizeof model->device_note, "%s The processor makes the clips.", trouble.message);
  return model;
}

cw_status
cw_model_plan (cw_engine *engine, const char *folder, const cw_model_options *options, const cw_plan_request *request, cw_plan *plan,
               cw_error *error)
{
  cw_error  spare;
  cw_model *model = begin (engine, folder, options, error = error ? error : &spare);

  if (model) {
    model->only_planned = true;
    if (request)
      model->wished = *request;
  }
  if (!(model = load (model, options, error)))
    return error->code;
  if (model->planned)
    *plan = model->plan;
  else
    cw_fail (error, CW_ERROR_DEVICE, "There is no card that could be planned for; name an amount of memory.");
  cw_model_free (model);
  return error->code;
}

cw_status
cw_model_check (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error)
{
  cw_error  spare;
  cw_model *model = begin (engine, folder, options, error = error ? error : &spare);
  cw_status status;

  if (model)
    model->only_looked_at = true;
  model = load (model, options, error);
  status = model ? cw_encodec_load_encoder (model->codec, error) : error->code;
  cw_model_free (model);
  return status;
}

static void
leave_engine (cw_model *model)
{
  if (!model->engine)
    return;
  for (cw_model **at = &model->engine->models; *at; at = &(*at)->next)
    if (*at == model) {
      *at = model->next;
      return;
    }
}

void
cw_model_free (cw_model *model)
{
  if (!model)
    return;
  leave_engine (model);
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
