/* SPDX-License-Identifier: MIT
 *
 * audiocraft.c: see audiocraft.h.
 */
#include "checkpoint/audiocraft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "checkpoint/omegaconf.h"

/* audiocraft models/lm.py and modules/transformer.py -> transformers MusicgenForConditionalGeneration and its Melody. q, k and v are stacked in one matrix;
 * in cross attention q's third is applied to the decoder, the others to the text. */
static const cw_name_rule lm_rules[] = {
#define LAYER "transformer.layers.#."
#define OURS  "decoder.model.decoder.layers.#."
  { "emb.#.weight", "decoder.model.decoder.embed_tokens.#.weight", 0, 0 },
  { "condition_provider.conditioners.description.output_proj.*", "enc_to_dec_proj.*", 0, 0 },
  { "condition_provider.conditioners.self_wav.output_proj.*", "audio_enc_to_dec_proj.*", 0, 0 },
  { LAYER "norm1.*", OURS "self_attn_layer_norm.*", 0, 0 },
  { LAYER "self_attn.in_proj_weight", OURS "self_attn.q_proj.weight", 0, 3 },
  { LAYER "self_attn.in_proj_weight", OURS "self_attn.k_proj.weight", 1, 3 },
  { LAYER "self_attn.in_proj_weight", OURS "self_attn.v_proj.weight", 2, 3 },
  { LAYER "self_attn.out_proj.weight", OURS "self_attn.out_proj.weight", 0, 0 },
  { LAYER "norm_cross.*", OURS "encoder_attn_layer_norm.*", 0, 0 },
  { LAYER "cross_attention.in_proj_weight", OURS "encoder_attn.q_proj.weight", 0, 3 },
  { LAYER "cross_attention.in_proj_weight", OURS "encoder_attn.k_proj.weight", 1, 3 },
  { LAYER "cross_attention.in_proj_weight", OURS "encoder_attn.v_proj.weight", 2, 3 },
  { LAYER "cross_attention.out_proj.weight", OURS "encoder_attn.out_proj.weight", 0, 0 },
  { LAYER "norm2.*", OURS "final_layer_norm.*", 0, 0 },
  { LAYER "linear1.weight", OURS "fc1.weight", 0, 0 },
  { LAYER "linear2.weight", OURS "fc2.weight", 0, 0 },
  { "out_norm.*", "decoder.model.decoder.layer_norm.*", 0, 0 },
  { "linears.#.weight", "decoder.lm_heads.#.weight", 0, 0 },
#undef LAYER
#undef OURS
};

/* audiocraft modules/seanet.py, conv.py and quantization/core_vq.py -> transformers EncodecModel. * is weight, bias, weight_g, weight_v, or
 * parametrizations.weight.original0 and 1. */
static const cw_name_rule codec_rules[] = {
#define OURS "audio_encoder."
  { "encoder.model.#.conv.conv.*", OURS "encoder.layers.#.conv.*", 0, 0 },
  { "encoder.model.#.conv.norm.*", OURS "encoder.layers.#.norm.*", 0, 0 },
  { "encoder.model.#.block.#.conv.conv.*", OURS "encoder.layers.#.block.#.conv.*", 0, 0 },
  { "encoder.model.#.block.#.conv.norm.*", OURS "encoder.layers.#.block.#.norm.*", 0, 0 },
  { "encoder.model.#.shortcut.conv.conv.*", OURS "encoder.layers.#.shortcut.conv.*", 0, 0 },
  { "encoder.model.#.shortcut.conv.norm.*", OURS "encoder.layers.#.shortcut.norm.*", 0, 0 },
  { "encoder.model.#.lstm.*", OURS "encoder.layers.#.lstm.*", 0, 0 },
  { "decoder.model.#.conv.conv.*", OURS "decoder.layers.#.conv.*", 0, 0 },
  { "decoder.model.#.conv.norm.*", OURS "decoder.layers.#.norm.*", 0, 0 },
  { "decoder.model.#.convtr.convtr.*", OURS "decoder.layers.#.conv.*", 0, 0 },
  { "decoder.model.#.convtr.norm.*", OURS "decoder.layers.#.norm.*", 0, 0 },
  { "decoder.model.#.block.#.conv.conv.*", OURS "decoder.layers.#.block.#.conv.*", 0, 0 },
  { "decoder.model.#.block.#.conv.norm.*", OURS "decoder.layers.#.block.#.norm.*", 0, 0 },
  { "decoder.model.#.shortcut.conv.conv.*", OURS "decoder.layers.#.shortcut.conv.*", 0, 0 },
  { "decoder.model.#.shortcut.conv.norm.*", OURS "decoder.layers.#.shortcut.norm.*", 0, 0 },
  { "decoder.model.#.lstm.*", OURS "decoder.layers.#.lstm.*", 0, 0 },
  { "quantizer.vq.layers.#._codebook.embed", OURS "quantizer.layers.#.codebook.embed", 0, 0 },
#undef OURS
};

struct cw_audiocraft {
  cw_torch_file         *torch;
  bool                   given; /* the file belongs to weights now */
  const cw_pickle_value *state; /* a dict; NULL: pretrained is there instead */
  char                  *pretrained;
  const cw_pickle_value *config_text; /* NULL beside pretrained */
  json_t                *config;      /* as it stands in the file */
  json_t                *resolved;    /* key -> part */
};

/* best_state, or what a training run's own checkpoint has in it. */
static const cw_pickle_value *
find_state (const cw_pickle_value *object)
{
  const cw_pickle_value *state = cw_pickle_get (object, "best_state"), *model = cw_pickle_get (state, "model");

  state = model ? model : state;
  return state && state->kind == CW_PICKLE_DICT ? state : NULL;
}

static bool
read_parts (cw_audiocraft *file, cw_error *error)
{
  const cw_pickle_value *object = cw_torch_file_object (file->torch), *name = cw_pickle_get (object, "pretrained");
  const char            *path = cw_torch_file_path (file->torch);

  if (name && name->kind == CW_PICKLE_STRING) {
    if (name->n == 0 || name->n > 256 || !cw_utf8_valid (name->string, name->n, NULL) || memchr (name->string, '\0', name->n) ||
        !(file->pretrained = strndup (name->string, name->n))) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: pretrained, the name of a codec, is empty, too long or no UTF-8.", path);
      return false;
    }
    return true;
  }
  file->state = find_state (object);
  file->config_text = cw_pickle_get (object, "xp.cfg");
  if (!file->state || !file->config_text || file->config_text->kind != CW_PICKLE_STRING) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has no %s; a checkpoint that AudioCraft exported was expected (audiocraft.utils.export).", path,
             file->state ? "xp.cfg, a text," : "best_state");
    return false;
  }
  return (file->config = cw_omegaconf_parse (file->config_text->string, file->config_text->n, path, error));
}

cw_audiocraft *
cw_audiocraft_open (const char *path, cw_error *error)
{
  cw_audiocraft *file = calloc (1, sizeof *file);

  if (!file || !(file->resolved = json_object ()))
    cw_fail_memory (error, path, sizeof *file);
  else if ((file->torch = cw_torch_file_open (path, error)) && read_parts (file, error))
    return file;
  cw_audiocraft_close (file);
  return NULL;
}

void
cw_audiocraft_close (cw_audiocraft *file)
{
  if (!file)
    return;
  if (!file->given)
    cw_torch_file_close (file->torch);
  json_decref (file->config);
  json_decref (file->resolved);
  free (file->pretrained);
  free (file);
}

const char *
cw_audiocraft_path (const cw_audiocraft *file)
{
  return cw_torch_file_path (file->torch);
}

const char *
cw_audiocraft_pretrained (const cw_audiocraft *file)
{
  return file->pretrained;
}

const char *
cw_audiocraft_config_text (const cw_audiocraft *file, size_t *n)
{
  *n = file->config_text ? file->config_text->n : 0;
  return file->config_text ? file->config_text->string : "";
}

const json_t *
cw_audiocraft_config (cw_audiocraft *file, const char *key, cw_error *error)
{
  json_t *part = json_object_get (file->resolved, key);

  if (part)
    return part;
  part = cw_omegaconf_resolve (file->config, key, cw_audiocraft_path (file), error);
  if (part && json_object_set_new (file->resolved, key, part) != 0) {
    cw_fail_memory (error, key, sizeof *part);
    return NULL;
  }
  return part;
}

bool
cw_audiocraft_scope (cw_audiocraft *file, const char *key, const char *prefix, cw_json_scope *scope, cw_error *error)
{
  const json_t *part = cw_audiocraft_config (file, key, error);

  *scope = (cw_json_scope){ part, cw_audiocraft_path (file), prefix };
  if (part && !json_is_object (part))
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: the configuration (xp.cfg) has no part %s.", scope->path, key);
  return json_is_object (part);
}

bool
cw_audiocraft_add_weights (cw_audiocraft *file, cw_audiocraft_part part, cw_weights *weights, cw_error *error)
{
  const bool lm = part == CW_AUDIOCRAFT_LM;

  file->given = true;
  return cw_weights_add_torch (weights, file->torch, file->state, lm ? lm_rules : codec_rules,
                               (lm ? sizeof lm_rules : sizeof codec_rules) / sizeof *lm_rules, error);
}
