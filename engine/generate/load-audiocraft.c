/* SPDX-License-Identifier: MIT
 *
 * load-audiocraft.c: a folder with AudioCraft's files becomes a model.
 *
 *     state_dict.bin              the language model: MusicGen, AudioGen or MAGNeT       its text encoder: a folder of transformers'
 *     compression_state_dict.bin  the codec, or the name of one                          such a codec, too
 *
 * A folder with the second alone is a codec.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "generate/audiocraft-config.h"
#include "generate/companion.h"
#include "generate/load.h"

#define CONFIG_MAX_BYTES (1u << 20)

/* audiocraft models/musicgen.py, audiogen.py and magnet.py, set_generation_params. */
#define TOP_K             250
#define MUSICGEN_STRIDE   (18.0 / 30.0)
#define AUDIOGEN_STRIDE   (2.0 / 10.0)
#define MAGNET_GUIDANCE   10.0f
#define MAGNET_TEMPERATURE 3.0f
#define MAGNET_TOP_P      0.9f
#define MAGNET_STEPS      20 /* of the first codebook; half of it of each other */

static const char *const lm_names[] = { "state_dict.bin", "state_dict.th", NULL };
static const char *const codec_names[] = { "compression_state_dict.bin", "compression_state_dict.th", NULL };

/* The first of @names that is in @folder; free. NULL when there is none. */
static char *
find_file (const char *folder, const char *const *names)
{
  for (; *names; names++) {
    char *path = cw_join_path (folder, *names);
    if (path && access (path, F_OK) == 0)
      return path;
    free (path);
  }
  return NULL;
}

bool
cw_is_audiocraft (const char *folder)
{
  char *lm = find_file (folder, lm_names), *codec = find_file (folder, codec_names);
  bool  is = lm || codec;

  free (lm);
  free (codec);
  return is;
}

/* What is read of the folder before anything is loaded. */
typedef struct {
  cw_audiocraft    *lm, *codec; /* lm NULL: a codec alone */
  cw_audiocraft_lm  lm_config;
  cw_encodec_config codec_config;
  cw_t5_config      text_config;
  char             *text_folder, *codec_folder; /* codec_folder: when the file names one */
  const char       *models_folder;
} files;

static void
clear (files *f)
{
  cw_audiocraft_close (f->lm);
  cw_audiocraft_close (f->codec);
  free (f->text_folder);
  free (f->codec_folder);
}

/* config.json of a folder of transformers'. */
static json_t *
read_config (const char *folder, char **path, cw_error *error)
{
  *path = cw_join_path (folder, "config.json");
  if (!*path)
    cw_fail_memory (error, folder, strlen (folder));
  return *path ? cw_json_read_file (*path, CONFIG_MAX_BYTES, error) : NULL;
}

/* ---- the parts --------------------------------------------------------------------------------------------------------- */

/* The language model's file, its configuration and its weights. */
static bool
open_lm (cw_model *model, files *f, const char *path, cw_error *error)
{
  return (f->lm = cw_audiocraft_open (path, error)) && cw_audiocraft_read_lm (f->lm, &f->lm_config, error) &&
         cw_audiocraft_add_weights (f->lm, CW_AUDIOCRAFT_LM, model->weights, error);
}

/* A codec in a folder of transformers', which the file names. */
static bool
open_named_codec (cw_model *model, files *f, cw_error *error)
{
  const cw_companion wanted = { model->folder, f->models_folder, cw_audiocraft_pretrained (f->codec), "encodec", "sampling_rate",
                                f->lm_config.rate_hz, "codec" };
  char              *path = NULL;
  json_t            *json = NULL;
  bool               ok;

  if (!f->lm) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” holds no codec, only the name of one, “%s”; load that one's folder instead.",
             cw_audiocraft_path (f->codec), wanted.name);
    return false;
  }
  ok = (f->codec_folder = cw_companion_find (&wanted, error)) && (json = read_config (f->codec_folder, &path, error)) &&
       cw_encodec_config_read (&f->codec_config, &(cw_json_scope){ json, path, "" }, error) &&
       cw_weights_add_folder (model->weights, f->codec_folder, "audio_encoder.", error);
  json_decref (json);
  free (path);
  return ok;
}

static bool
open_codec (cw_model *model, files *f, const char *path, cw_error *error)
{
  if (!(f->codec = cw_audiocraft_open (path, error)))
    return false;
  if (cw_audiocraft_pretrained (f->codec))
    return open_named_codec (model, f, error);
  return cw_audiocraft_read_codec (f->codec, &f->codec_config, error) &&
         cw_audiocraft_add_weights (f->codec, CW_AUDIOCRAFT_CODEC, model->weights, error);
}

/* The text encoder: as wide as the matrix behind it reads. */
static bool
open_text (cw_model *model, files *f, const char *given, cw_error *error)
{
  cw_companion wanted = { model->folder, f->models_folder, f->lm_config.text_encoder, "t5", "d_model", 0, "text encoder" };
  uint64_t     rows = 0, columns = 0;
  char        *path = NULL;
  json_t      *json = NULL;
  bool         ok;

  if (!cw_weights_shape (model->weights, "enc_to_dec_proj.weight", &rows, &columns)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” lacks the matrix “condition_provider.conditioners.description.output_proj.weight”.",
             cw_audiocraft_path (f->lm));
    return false;
  }
  wanted.value = (long) columns;
  f->text_folder = given ? strdup (given) : cw_companion_find (&wanted, error);
  if (given && !f->text_folder)
    cw_fail_memory (error, given, strlen (given));
  ok = f->text_folder && (json = read_config (f->text_folder, &path, error)) &&
       cw_t5_config_read (&f->text_config, &(cw_json_scope){ json, path, "" }, error);
  if (ok && f->text_config.width != columns) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: d_model is %zu; “%s” was trained with a text encoder of %llu.", path, f->text_config.width,
             model->name, (unsigned long long) columns);
    ok = false;
  }
  f->lm_config.lm.text_width = f->text_config.width;
  ok = ok && cw_weights_add_folder (model->weights, f->text_folder, "text_encoder.", error);
  json_decref (json);
  free (path);
  return ok;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

/* Frames of a window, and so how many positions a clip has. */
static bool
set_window (cw_model *model, files *f, cw_error *error)
{
  cw_musicgen_config *lm = &f->lm_config.lm;
  const double        frames = f->lm_config.segment_s * (double) f->codec_config.rate_hz / (double) f->codec_config.hop_samples;

  if (f->lm_config.rate_hz != (long) f->codec_config.rate_hz) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: sample_rate is %ld, but the codec's is %zu; equal ones were expected.", cw_audiocraft_path (f->lm),
             f->lm_config.rate_hz, f->codec_config.rate_hz);
    return false;
  }
  if (lm->prefixed && f->lm_config.melody.chroma.rate_hz != f->codec_config.rate_hz) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: conditioners.self_wav.chroma_stem.sample_rate is %zu, but the codec's is %zu; equal ones were expected.",
             cw_audiocraft_path (f->lm), f->lm_config.melody.chroma.rate_hz, f->codec_config.rate_hz);
    return false;
  }
  model->window_frames = frames < 1.0 ? 1 : (size_t) frames;
  lm->n_positions = model->window_frames + lm->n_codebooks / lm->n_channels - 1;
  if (f->lm_config.magnet.span_len && (lm->n_codebooks > CW_DECODING_STAGES_MAX || f->lm_config.magnet.span_len > model->window_frames)) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: a MAGNeT of %zu codebooks with spans of %zu of %zu frames; at most %d codebooks are known.",
             cw_audiocraft_path (f->lm), lm->n_codebooks, f->lm_config.magnet.span_len, model->window_frames, CW_DECODING_STAGES_MAX);
    return false;
  }
  return true;
}

static bool
load_parts (cw_model *model, files *f, const cw_model_options *options, cw_error *error)
{
  size_t      n;
  const char *text = cw_audiocraft_config_text (f->lm ? f->lm : f->codec, &n);
  cw_backend *be = model->engine->be;
  cw_source   narrow, wide, codec, plain;
  char       *tokenizer = f->lm ? cw_join_path (f->text_folder, "tokenizer.json") : NULL;
  const cw_model_parts all = { &f->lm_config.lm, &f->codec_config, &f->text_config, f->lm_config.lm.prefixed ? f->lm_config.melody.length : 0,
                               f->lm_config.magnet.span_len > 0 };
  bool        ok = cw_model_prepare (model, text, n, options, f->lm ? &all : &(cw_model_parts){ .codec = &f->codec_config }, error);

  narrow = cw_model_source (model, CW_STORE_INT4);
  wide = cw_model_source (model, CW_STORE_INT8);
  codec = cw_model_source (model, CW_STORE_INT8);
  plain = cw_model_source (model, CW_STORE_AS_IS);
  if (ok && f->lm && !tokenizer)
    ok = cw_fail_memory (error, f->text_folder, strlen (f->text_folder)) == CW_OK;
  if (f->lm)
    ok = ok && (model->tokenizer = cw_tokenizer_load (tokenizer, error)) &&
         (model->t5 = cw_t5_load (be, &f->text_config, &wide, "text_encoder.", error)) &&
         (model->musicgen = cw_musicgen_load (be, &f->lm_config.lm, &narrow, error)) &&
         (!f->lm_config.lm.prefixed || (model->melody = cw_melody_load (be, &f->lm_config.melody, &plain, error)));
  ok = ok && (model->codec = cw_encodec_load (be, &f->codec_config, &codec, "audio_encoder.", error));
  ok = ok && (f->lm ? cw_model_parts_fit (model, cw_audiocraft_path (f->lm), error)
                    : cw_encodec_load_encoder (model->codec, error) == CW_OK);
  free (tokenizer);
  return ok;
}

static void
describe (cw_model *model, const files *f)
{
  cw_model_info *info = &model->info;
  const bool     magnet = f->lm && strcmp (f->lm_config.family, "magnet") == 0;

  info->family = f->lm ? f->lm_config.family : "encodec";
  if (!f->lm)
    return;
  model->stride = magnet ? 0.0 : strcmp (info->family, "audiogen") == 0 ? AUDIOGEN_STRIDE : MUSICGEN_STRIDE;
  if (magnet) {
    model->magnet = f->lm_config.magnet;
    info->span_frames = (unsigned) model->magnet.span_len;
    info->guidance_last = 1.0f;
    for (unsigned i = 0; i < CW_DECODING_STAGES_MAX; i++)
      info->decoding_steps[i] = i ? MAGNET_STEPS / 2 : MAGNET_STEPS;
  }
  info->guidance = magnet ? MAGNET_GUIDANCE : (float) f->lm_config.guidance;
  info->temperature = magnet ? MAGNET_TEMPERATURE : 1.0f;
  info->top_k = magnet ? 0 : TOP_K;
  info->top_p = magnet ? MAGNET_TOP_P : 0.0f;
}

bool
cw_load_audiocraft (cw_model *model, const cw_model_options *options, cw_error *error)
{
  files f = { .models_folder = options ? options->models_folder : NULL };
  char  *lm = find_file (model->folder, lm_names), *codec = find_file (model->folder, codec_names);
  bool   ok = (model->weights = cw_weights_new (model->folder, error));

  if (ok && !codec) {
    cw_fail (error, CW_ERROR_IO, "“%s” holds state_dict.bin, but not the codec beside it, compression_state_dict.bin.", model->folder);
    ok = false;
  }
  ok = ok && (!lm || open_lm (model, &f, lm, error)) && open_codec (model, &f, codec, error);
  if (lm)
    ok = ok && open_text (model, &f, options ? options->text_encoder : NULL, error) && set_window (model, &f, error);
  ok = ok && load_parts (model, &f, options, error);
  if (ok)
    describe (model, &f);
  clear (&f);
  free (lm);
  free (codec);
  return ok;
}
