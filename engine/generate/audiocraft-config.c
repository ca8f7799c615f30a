/* SPDX-License-Identifier: MIT
 *
 * audiocraft-config.c: see audiocraft-config.h. Defaults are those of audiocraft's constructors.
 */
#include "generate/audiocraft-config.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* ---- the language model --------------------------------------------------------------------------------------------- */

/* A switch of the transformer that this engine knows in one position only. */
static bool
must_be (const cw_json_scope *scope, const char *key, bool by_default, bool expected, cw_error *error)
{
  bool value = by_default;

  if (!cw_json_bool_or (scope, key, &value, error))
    return false;
  if (value == expected)
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %s%s is %s; this version runs models where it is %s.", scope->path, scope->prefix, key,
           value ? "true" : "false", expected ? "true" : "false");
  return false;
}

static bool
must_say (const cw_json_scope *scope, const char *key, const char *by_default, const char *expected, cw_error *error)
{
  const char *value = by_default;

  if (!cw_json_string_or (scope, key, &value, error))
    return false;
  if (strcmp (value, expected) == 0)
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %s%s is “%s”; “%s” was expected.", scope->path, scope->prefix, key, value, expected);
  return false;
}

static bool
must_be_missing (const cw_json_scope *scope, const char *key, cw_error *error)
{
  const json_t *value = json_object_get (scope->object, key);

  if (!value || json_is_null (value))
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %s%s is set; this version runs models without it.", scope->path, scope->prefix, key);
  return false;
}

static bool
read_transformer (cw_audiocraft *file, cw_audiocraft_lm *lm, bool magnet, cw_error *error)
{
  cw_json_scope scope;
  long          width = 128, heads = 8, n_layers = 0, k = 8, v = 1024, repeat = 1;
  double        scale = 4.0;
  const char   *activation = "gelu";

  if (!cw_audiocraft_scope (file, "transformer_lm", "transformer_lm.", &scope, error) ||
      !cw_json_int_or (&scope, "dim", 1, 1 << 16, &width, error) || !cw_json_int_or (&scope, "num_heads", 1, 1 << 10, &heads, error) ||
      !cw_json_int (&scope, "num_layers", 1, 512, &n_layers, error) || !cw_json_int_or (&scope, "n_q", 1, 64, &k, error) ||
      !cw_json_int_or (&scope, "card", 1, 1 << 20, &v, error) || !cw_json_number_or (&scope, "hidden_scale", 0.01, 64.0, &scale, error) ||
      !cw_json_int_or (&scope, "kv_repeat", 1, 1, &repeat, error) || !cw_json_string_or (&scope, "activation", &activation, error) ||
      !must_be (&scope, "norm_first", false, true, error) || !must_be (&scope, "bias_ff", true, false, error) ||
      !must_be (&scope, "bias_attn", true, false, error) || !must_be (&scope, "bias_proj", true, false, error) ||
      !must_be (&scope, "qk_layer_norm", false, false, error) || !must_be (&scope, "qk_layer_norm_cross", false, false, error) ||
      !must_be (&scope, "xpos", false, false, error) || !must_be (&scope, "causal", false, !magnet, error) ||
      !must_say (&scope, "positional_embedding", "sin", "sin", error) || !must_say (&scope, "norm", "layer_norm", "layer_norm", error) ||
      !must_be_missing (&scope, "layer_scale", error) || !must_be_missing (&scope, "past_context", error))
    return false;
  if (width % heads != 0 || width % 2 != 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: transformer_lm.dim is %ld; an even multiple of transformer_lm.num_heads, %ld, was expected.",
             scope.path, width, heads);
    return false;
  }
  if (strcmp (activation, "gelu") != 0 && strcmp (activation, "relu") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: transformer_lm.activation is “%s”; gelu and relu are known.", scope.path, activation);
    return false;
  }
  lm->lm = (cw_musicgen_config){
    .codebook_size = (size_t) v,
    .n_codebooks = (size_t) k,
    .width = (size_t) width,
    .heads = (size_t) heads,
    .ffn = (size_t) fmax (scale * (double) width, 1.0),
    .n_layers = (size_t) n_layers,
    .n_channels = 1,
    .activation = strcmp (activation, "relu") == 0 ? CW_ACTIVATION_RELU : CW_ACTIVATION_GELU,
    .projects = true,
    .exact_positions = true,
  };
  if (!magnet)
    return true;
  lm->magnet.context = 5;
  return cw_json_int_or (&scope, "subcodes_context", -1, 1 << 20, &lm->magnet.context, error);
}

/* The codes' arrangement: MusicGen's delays, 0 1 2 3, in pairs for stereo; none for MAGNeT. */
static bool
read_pattern (cw_audiocraft *file, const cw_audiocraft_lm *lm, bool magnet, cw_error *error)
{
  cw_json_scope scope, delay;
  const char   *modeling = "delay";
  long          flatten = 0, empty = 0;
  const json_t *delays;

  if (!cw_audiocraft_scope (file, "codebooks_pattern", "codebooks_pattern.", &scope, error) ||
      !cw_json_string_or (&scope, "modeling", &modeling, error))
    return false;
  if (strcmp (modeling, magnet ? "parallel" : "delay") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: codebooks_pattern.modeling is “%s”; “%s” was expected.", scope.path, modeling,
             magnet ? "parallel" : "delay");
    return false;
  }
  if (magnet)
    return cw_json_object (&scope, "parallel", "codebooks_pattern.parallel.", &delay, error) &&
           cw_json_int (&delay, "empty_initial", -1, -1, &empty, error);
  if (json_is_null (json_object_get (scope.object, "delay")) || !json_object_get (scope.object, "delay"))
    return lm->lm.n_channels == 1 || cw_json_object (&scope, "delay", "codebooks_pattern.delay.", &delay, error);
  if (!cw_json_object (&scope, "delay", "codebooks_pattern.delay.", &delay, error) ||
      !cw_json_int_or (&delay, "flatten_first", 0, 0, &flatten, error) || !cw_json_int_or (&delay, "empty_initial", 0, 0, &empty, error))
    return false;
  delays = json_object_get (delay.object, "delays");
  if (!delays || json_is_null (delays))
    return true;
  for (size_t i = 0; i < lm->lm.n_codebooks; i++)
    if (json_array_size (delays) != lm->lm.n_codebooks || !json_is_integer (json_array_get (delays, i)) ||
        json_integer_value (json_array_get (delays, i)) != (json_int_t) (i / lm->lm.n_channels)) {
      cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: codebooks_pattern.delay.delays are not those of MusicGen: each codebook%s one frame later.",
               scope.path, lm->lm.n_channels == 2 ? " of a side" : "");
      return false;
    }
  return true;
}

/* Two sides whose codebooks take turns: 0 left, 1 right, 2 left, … */
static bool
read_channels (cw_audiocraft *file, cw_audiocraft_lm *lm, cw_error *error)
{
  const json_t *part = cw_audiocraft_config (file, "interleave_stereo_codebooks", error);
  cw_json_scope scope = { part, cw_audiocraft_path (file), "interleave_stereo_codebooks." };
  bool          use = false;

  if (!part || !json_is_object (part))
    return part != NULL;
  if (!cw_json_bool_or (&scope, "use", &use, error))
    return false;
  if (!use)
    return true;
  if (!must_be (&scope, "per_timestep", false, false, error))
    return false;
  if (lm->lm.n_codebooks % 2 != 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: transformer_lm.n_q is %zu; stereo needs an even number.", scope.path, lm->lm.n_codebooks);
    return false;
  }
  lm->lm.n_channels = 2;
  return true;
}

/* Text through T5. */
static bool
read_text (const cw_json_scope *conditioners, cw_audiocraft_lm *lm, cw_error *error)
{
  cw_json_scope description, t5;
  const char   *model = NULL;

  if (!cw_json_object (conditioners, "description", "conditioners.description.", &description, error) ||
      !cw_json_string_or (&description, "model", &model, error) ||
      !must_say (&description, "model", "", "t5", error) ||
      !cw_json_object (&description, "t5", "conditioners.description.t5.", &t5, error) ||
      !cw_json_string_or (&t5, "name", &lm->text_encoder, error) || !must_be (&t5, "normalize_text", false, false, error) ||
      !must_be (&t5, "finetune", false, false, error))
    return false;
  if (lm->text_encoder && *lm->text_encoder && !strchr (lm->text_encoder, '\\') && !strstr (lm->text_encoder, ".."))
    return true;
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: conditioners.description.t5.name does not name a text encoder.", conditioners->path);
  return false;
}

/* Text, and in MusicGen Melody the chroma of a sound: nothing else. */
static bool
read_conditioners (cw_audiocraft *file, cw_audiocraft_lm *lm, cw_error *error)
{
  cw_json_scope all, self_wav, stem;
  const char   *key;
  json_t       *value;

  if (!cw_audiocraft_scope (file, "conditioners", "conditioners.", &all, error))
    return false;
  json_object_foreach ((json_t *) all.object, key, value) {
    const char *kind = json_string_value (json_object_get (value, "model"));

    if (strcmp (key, "description") == 0 || strcmp (key, "args") == 0)
      continue;
    if (kind && strcmp (key, "self_wav") == 0 && strcmp (kind, "chroma_stem") == 0) {
      lm->lm.prefixed = true;
      continue;
    }
    if (kind && strcmp (kind, "style") == 0)
      cw_fail (error, CW_ERROR_UNSUPPORTED,
               "“%s” is a MusicGen Style: it hears a sound through another model (MERT) and a quantiser behind it, which are not there yet.", all.path);
    else
      cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s” is conditioned on “%s” (%s); this version knows “description” (t5) and “self_wav” (chroma_stem).",
               all.path, key, kind ? kind : "of an unknown kind");
    return false;
  }
  return read_text (&all, lm, error) &&
         (!lm->lm.prefixed || (cw_json_object (&all, "self_wav", "conditioners.self_wav.", &self_wav, error) &&
                               cw_json_object (&self_wav, "chroma_stem", "conditioners.self_wav.chroma_stem.", &stem, error) &&
                               cw_melody_config_read_stem (&lm->melody, &stem, lm->segment_s, lm->lm.width, error)));
}

/* Is the list @key of the fuser that of all @n @names, in any order? */
static bool
fuses (const cw_json_scope *fuser, const char *key, const char *const *names, size_t n)
{
  const json_t *list = json_object_get (fuser->object, key);
  bool          all = json_array_size (list) == n;

  for (size_t i = 0; i < n && all; i++) {
    bool found = false;
    for (size_t j = 0; j < n; j++)
      found = found || (json_is_string (json_array_get (list, j)) && strcmp (json_string_value (json_array_get (list, j)), names[i]) == 0);
    all = found;
  }
  return all;
}

/* Where the conditions go: to cross attention, or all of them in front of the codes; there AudioCraft puts the sound first, whatever the
 * order of the list (its provider gives texts before sounds, and each is put before the last). */
static bool
read_fuser (cw_audiocraft *file, const cw_audiocraft_lm *lm, cw_error *error)
{
  static const char *const names[] = { "description", "self_wav" };
  const bool               prefixed = lm->lm.prefixed;
  cw_json_scope            fuser;

  if (!cw_audiocraft_scope (file, "fuser", "fuser.", &fuser, error) || !must_be (&fuser, "cross_attention_pos_emb", false, false, error))
    return false;
  if (fuses (&fuser, "cross", names, prefixed ? 0 : 1) && fuses (&fuser, "prepend", names, prefixed ? 2 : 0) &&
      fuses (&fuser, "sum", names, 0) && fuses (&fuser, "input_interpolate", names, 0))
    return true;
  cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: the fuser is not of a model that this version knows: %s was expected, and nothing else.", fuser.path,
           prefixed ? "prepend: [self_wav, description]" : "cross: [description]");
  return false;
}

/* A word at the top of the configuration; NULL when there is none. */
static bool
read_word (cw_audiocraft *file, const char *key, const char **word, cw_error *error)
{
  const json_t *value = cw_audiocraft_config (file, key, error);

  *word = json_string_value (value);
  return value != NULL;
}

static bool
read_rate (cw_audiocraft *file, long *rate_hz, cw_error *error)
{
  const json_t *rate = cw_audiocraft_config (file, "sample_rate", error);

  if (!rate)
    return false;
  *rate_hz = (long) json_integer_value (rate);
  if (json_is_integer (rate) && *rate_hz >= 100 && *rate_hz <= 1000000)
    return true;
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: sample_rate is missing or no number from 100 to 1000000.", cw_audiocraft_path (file));
  return false;
}

bool
cw_audiocraft_read_lm (cw_audiocraft *file, cw_audiocraft_lm *lm, cw_error *error)
{
  const char   *kind, *solver;
  cw_json_scope dataset, guidance, masking;
  long          span = 3;
  bool          magnet;

  *lm = (cw_audiocraft_lm){ .guidance = 3.0 };
  if (!read_word (file, "lm_model", &kind, error) || !read_word (file, "solver", &solver, error) || !read_rate (file, &lm->rate_hz, error))
    return false;
  magnet = kind && strcmp (kind, "transformer_lm_magnet") == 0;
  if (!magnet && !(kind && strcmp (kind, "transformer_lm") == 0)) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: lm_model is “%s” (solver “%s”); this version runs MusicGen, AudioGen and MAGNeT.",
             cw_audiocraft_path (file), kind ? kind : "missing", solver ? solver : "missing");
    return false;
  }
  lm->family = magnet ? "magnet" : solver && strcmp (solver, "audiogen") == 0 ? "audiogen" : "musicgen";
  if (!read_transformer (file, lm, magnet, error) || !read_channels (file, lm, error) || !read_pattern (file, lm, magnet, error) ||
      !cw_audiocraft_scope (file, "dataset", "dataset.", &dataset, error) ||
      !cw_audiocraft_scope (file, "classifier_free_guidance", "classifier_free_guidance.", &guidance, error) ||
      !cw_json_number_or (&guidance, "inference_coef", 0.0, 1e3, &lm->guidance, error) ||
      !cw_json_number_or (&dataset, "segment_duration", 0.01, 3600.0, &lm->segment_s, error))
    return false;
  if (lm->segment_s == 0.0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: dataset.segment_duration, the length that the model was trained on, is missing.", dataset.path);
    return false;
  }
  if (!read_conditioners (file, lm, error) || !read_fuser (file, lm, error))
    return false;
  if (magnet && lm->lm.prefixed) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s” is a MAGNeT that follows a melody, which this version does not know.", dataset.path);
    return false;
  }
  if (!magnet)
    return true;
  if (!cw_audiocraft_scope (file, "masking", "masking.", &masking, error) || !cw_json_int_or (&masking, "span_len", 1, 4096, &span, error))
    return false;
  lm->magnet.span_len = (size_t) span;
  return true;
}

/* ---- the codec ------------------------------------------------------------------------------------------------------- */

static bool
read_ratios (cw_encodec_config *codec, const cw_json_scope *scope, cw_error *error)
{
  const json_t *ratios = json_object_get (scope->object, "ratios");

  codec->hop_samples = 1;
  codec->net.n_ratios = json_array_size (ratios);
  for (size_t i = 0; i < codec->net.n_ratios && i < 16; i++) {
    const json_int_t ratio = json_integer_value (json_array_get (ratios, i));
    if (ratio < 1 || ratio > 1024 || (codec->hop_samples *= (size_t) ratio) > 1 << 20)
      codec->net.n_ratios = 0;
    else
      codec->net.ratios[i] = (size_t) ratio;
  }
  if (codec->net.n_ratios >= 1 && codec->net.n_ratios <= 16)
    return true;
  cw_fail (error, CW_ERROR_FORMAT, "“%s”: seanet.ratios is no list of 1 to 16 numbers from 1 to 1024.", scope->path);
  return false;
}

/* What one half may have otherwise than the other: only the decoder's trim, and no activation at the end. */
static bool
read_halves (cw_encodec_config *codec, const cw_json_scope *scope, cw_error *error)
{
  static const char *const halves[] = { "encoder", "decoder" };

  codec->net.trim_right_ratio = 1.0;
  for (unsigned i = 0; i < 2; i++) {
    const cw_json_scope half = { json_object_get (scope->object, halves[i]), scope->path, i ? "seanet.decoder." : "seanet.encoder." };
    const char         *key;
    json_t             *value;

    json_object_foreach ((json_t *) half.object, key, value)
      if (!(i == 1 && strcmp (key, "trim_right_ratio") == 0) && !must_be_missing (&half, key, error))
        return false;
    if (i == 1 && half.object && !cw_json_number_or (&half, "trim_right_ratio", 0.0, 1.0, &codec->net.trim_right_ratio, error))
      return false;
  }
  return true;
}

static bool
read_seanet_words (cw_encodec_config *codec, const cw_json_scope *scope, cw_error *error)
{
  const char *pad = "reflect", *norm = "none";
  bool        true_skip = true;

  if (!cw_json_string_or (scope, "pad_mode", &pad, error) || !cw_json_string_or (scope, "norm", &norm, error) ||
      !must_say (scope, "activation", "ELU", "ELU", error) || !cw_json_bool_or (scope, "causal", &codec->net.causal, error) ||
      !cw_json_bool_or (scope, "true_skip", &true_skip, error))
    return false;
  codec->net.conv_shortcut = !true_skip;
  codec->net.group_norm = strcmp (norm, "time_group_norm") == 0;
  codec->net.pad_mode = strcmp (pad, "constant") == 0 ? CW_PAD_CONSTANT : strcmp (pad, "replicate") == 0 ? CW_PAD_REPLICATE : CW_PAD_REFLECT;
  if (codec->net.pad_mode == CW_PAD_REFLECT && strcmp (pad, "reflect") != 0)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: seanet.pad_mode is “%s”; reflect, constant and replicate are known.", scope->path, pad);
  else if (!codec->net.group_norm && strcmp (norm, "weight_norm") != 0 && strcmp (norm, "none") != 0)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: seanet.norm is “%s”; weight_norm, time_group_norm and none are known.", scope->path, norm);
  else
    return true;
  return false;
}

static bool
read_seanet (cw_audiocraft *file, cw_encodec_config *codec, cw_error *error)
{
  cw_json_scope scope;
  long          channels = 1, filters = 32, latent = 128, residual = 3, kernel = 7, last = 7, residual_kernel = 3, growth = 2, compress = 2;
  long          n_lstm = 0, plain = 0;

  if (!cw_audiocraft_scope (file, "seanet", "seanet.", &scope, error) ||
      !cw_json_int_or (&scope, "channels", 1, 2, &channels, error) || !cw_json_int_or (&scope, "n_filters", 1, 4096, &filters, error) ||
      !cw_json_int_or (&scope, "dimension", 1, 1 << 14, &latent, error) ||
      !cw_json_int_or (&scope, "n_residual_layers", 0, 16, &residual, error) ||
      !cw_json_int_or (&scope, "kernel_size", 1, 255, &kernel, error) || !cw_json_int_or (&scope, "last_kernel_size", 1, 255, &last, error) ||
      !cw_json_int_or (&scope, "residual_kernel_size", 1, 255, &residual_kernel, error) ||
      !cw_json_int_or (&scope, "dilation_base", 1, 16, &growth, error) || !cw_json_int_or (&scope, "compress", 1, filters, &compress, error) ||
      !cw_json_int (&scope, "lstm", 1, 8, &n_lstm, error) || !cw_json_int_or (&scope, "disable_norm_outer_blocks", 0, 0, &plain, error) ||
      !read_ratios (codec, &scope, error) || !read_halves (codec, &scope, error) || !read_seanet_words (codec, &scope, error))
    return false;
  if ((size_t) filters << codec->net.n_ratios > 1 << 16) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: seanet.n_filters, %ld, doubled %zu times gives more than 65536 channels.", scope.path, filters,
             codec->net.n_ratios);
    return false;
  }
  codec->net.n_channels = (size_t) channels;
  codec->net.n_filters = (size_t) filters;
  codec->net.latent = (size_t) latent;
  codec->net.n_residual = (size_t) residual;
  codec->net.kernel = (size_t) kernel;
  codec->net.last_kernel = (size_t) last;
  codec->net.residual_kernel = (size_t) residual_kernel;
  codec->net.dilation_growth = (size_t) growth;
  codec->net.compress = (size_t) compress;
  codec->net.n_lstm = (size_t) n_lstm;
  return true;
}

bool
cw_audiocraft_read_codec (cw_audiocraft *file, cw_encodec_config *codec, cw_error *error)
{
  const char   *kind;
  cw_json_scope encodec, rvq;
  long          rate, n_books = 8, v = 1024;

  *codec = (cw_encodec_config){ 0 };
  if (!read_word (file, "compression_model", &kind, error))
    return false;
  if (!kind || strcmp (kind, "encodec") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: compression_model is “%s”; “encodec” was expected.", cw_audiocraft_path (file),
             kind ? kind : "missing");
    return false;
  }
  if (!cw_audiocraft_scope (file, "encodec", "encodec.", &encodec, error) || !must_say (&encodec, "autoencoder", "seanet", "seanet", error) ||
      !must_say (&encodec, "quantizer", "rvq", "rvq", error) || !cw_json_int (&encodec, "sample_rate", 100, 1000000, &rate, error) ||
      !cw_json_bool_or (&encodec, "renormalize", &codec->normalize, error) || !read_seanet (file, codec, error) ||
      !cw_audiocraft_scope (file, "rvq", "rvq.", &rvq, error) || !cw_json_int_or (&rvq, "n_q", 1, 256, &n_books, error) ||
      !cw_json_int_or (&rvq, "bins", 2, 1 << 16, &v, error))
    return false;
  if (v & (v - 1)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: rvq.bins is %ld, a power of two was expected.", rvq.path, v);
    return false;
  }
  codec->rate_hz = (size_t) rate;
  codec->frame_rate_hz = (codec->rate_hz + codec->hop_samples - 1) / codec->hop_samples;
  codec->n_books = (size_t) n_books;
  codec->codebook_size = (size_t) v;
  /* all books: AudioCraft knows no other bandwidth unless it is asked for fewer books. A hair more, so that dividing gives them back */
  codec->n_bandwidths = 1;
  codec->bandwidths[0] = nextafter ((double) n_books * log2 ((double) v) * (double) codec->frame_rate_hz / 1000.0, INFINITY);
  return true;
}
