/* SPDX-License-Identifier: MIT
 *
 * discriminators.c: what the sub-discriminators make of a real and a fake sound, and the losses:
 *
 *     real, fake ─ X_logits_I, X_fmap_I_J (whole, _head: 16 along each axis behind the channels, _mean_abs) ─ loss_NAME_generator,
 *     loss_NAME_discriminator, feature_matching; without a model mel_l1, msspec and mrstft of the configuration
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "generate/model.h"
#include "models/adversarial-losses.h"
#include "models/spectral-losses.h"
#include "probe.h"

#define HEAD 16

/* ---- planes ---------------------------------------------------------------------------------------------------------- */

/* @plane as AudioCraft has it, the first @most of rows and columns: [1, C, H, W], or without rows [1, C, W]. */
static bool
put_plane (probe *p, const char *name, const cw_plane *plane, bool turned, bool flat, size_t most)
{
  const size_t h = turned ? plane->w : plane->h, w = turned ? plane->h : plane->w;
  const size_t rows = h < most ? h : most, columns = w < most ? w : most;
  float       *values = cw_arena_new (&p->arena, float, plane->c * rows * columns);

  if (!values)
    return cw_arena_ok (&p->arena, "the results", &p->error);
  for (size_t c = 0; c < plane->c; c++)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++)
        values[(c * rows + i) * columns + j] = plane->x[c * h * w + (turned ? j * plane->w + i : i * plane->w + j)];
  return flat ? probe_put_f32 (p, name, values, PROBE_DIMS (1, plane->c, columns))
              : probe_put_f32 (p, name, values, PROBE_DIMS (1, plane->c, rows, columns));
}

static bool
put_scalar (probe *p, const char *name, double value)
{
  const float    narrow = (float) value;
  const uint64_t none[1] = { 0 };

  return probe_put_f32 (p, name, &narrow, 0, none);
}

static bool
put_opinion (probe *p, const cw_disc *disc, const char *what, size_t sub, const cw_opinion *opinion)
{
  const bool turned = cw_disc_is_turned (disc), flat = strcmp (cw_disc_kind (disc), "MultiScaleDiscriminator") == 0;
  char       name[96];
  bool       ok;

  snprintf (name, sizeof name, "%s_logits_%zu", what, sub);
  ok = put_plane (p, name, &opinion->logits, turned, flat, SIZE_MAX);
  for (size_t i = 0; ok && i < opinion->n_maps; i++) {
    const cw_plane *map = &opinion->maps[i];
    const size_t    n = map->c * map->h * map->w;
    double          sum = 0.0;

    for (size_t j = 0; j < n; j++)
      sum += fabs (map->x[j]);
    snprintf (name, sizeof name, "%s_fmap_%zu_%zu", what, sub, i);
    ok = put_plane (p, name, map, turned, flat, SIZE_MAX);
    snprintf (name, sizeof name, "%s_fmap_%zu_%zu_head", what, sub, i);
    ok = ok && put_plane (p, name, map, turned, flat, HEAD);
    snprintf (name, sizeof name, "%s_fmap_%zu_%zu_mean_abs", what, sub, i);
    ok = ok && put_scalar (p, name, sum / (double) n);
  }
  return ok;
}

static bool
run_discriminator (probe *p, cw_disc *disc, const cw_tensor *real, const cw_tensor *fake)
{
  double     generator[CW_N_ADVERSARIAL_LOSSES] = { 0 }, discriminator[CW_N_ADVERSARIAL_LOSSES] = { 0 }, features = 0.0;
  const double n_subs = (double) cw_disc_n_subs (disc);
  bool       ok = true;

  for (size_t i = 0; ok && i < cw_disc_n_subs (disc); i++) {
    cw_arena   arena = { 0 };
    cw_opinion of_real, of_fake;

    ok = cw_disc_run (disc, i, real->data, real->dims[2], &of_real, &arena, &p->error) == CW_OK &&
         cw_disc_run (disc, i, fake->data, fake->dims[2], &of_fake, &arena, &p->error) == CW_OK &&
         put_opinion (p, disc, "real", i, &of_real) && put_opinion (p, disc, "fake", i, &of_fake);
    for (cw_adversarial_loss loss = 0; ok && loss < CW_N_ADVERSARIAL_LOSSES; loss++) {
      generator[loss] += cw_generator_loss (loss, &of_fake.logits) / n_subs;
      discriminator[loss] += cw_discriminator_loss (loss, &of_fake.logits, &of_real.logits) / n_subs;
    }
    if (ok && real->dims[2] == fake->dims[2])
      features += cw_feature_matching_loss (&of_fake, &of_real) / n_subs;
    cw_arena_free (&arena);
  }
  for (cw_adversarial_loss loss = 0; ok && loss < CW_N_ADVERSARIAL_LOSSES; loss++) {
    char name[64];

    snprintf (name, sizeof name, "loss_%s_generator", cw_adversarial_loss_name (loss));
    ok = put_scalar (p, name, generator[loss]);
    snprintf (name, sizeof name, "loss_%s_discriminator", cw_adversarial_loss_name (loss));
    ok = ok && put_scalar (p, name, discriminator[loss]);
  }
  return ok && put_scalar (p, "feature_matching", features);
}

/* ---- spectra --------------------------------------------------------------------------------------------------------- */

static double
number_or (const json_t *object, const char *key, double otherwise)
{
  const json_t *value = json_object_get (object, key);

  return json_is_boolean (value) ? json_is_true (value) : json_is_number (value) ? json_number_value (value) : otherwise;
}

static size_t
nth (const json_t *object, const char *key, size_t i)
{
  return (size_t) json_integer_value (json_array_get (json_object_get (object, key), i));
}

static bool
put_mel (probe *p, const json_t *c, const float *real, const float *fake, size_t n)
{
  const cw_mel_config config = { .rate_hz = (size_t) number_or (c, "sample_rate", 22050), .n_fft = (size_t) number_or (c, "n_fft", 1024),
                                 .hop = (size_t) number_or (c, "hop_length", 256), .win = (size_t) number_or (c, "win_length", 1024),
                                 .n_mels = (size_t) number_or (c, "n_mels", 80), .f_min = number_or (c, "f_min", 0.0),
                                 .f_max = number_or (c, "f_max", 0.0), .log = number_or (c, "log", 1.0) != 0.0,
                                 .normalised = number_or (c, "normalized", 0.0) != 0.0, .floor = number_or (c, "floor_level", 1e-5) };
  cw_mel *mel = cw_mel_new (&config, &p->error);
  size_t  n_frames;
  float  *out, one;
  double  loss;
  bool    ok;

  if (!mel)
    return false;
  n_frames = cw_mel_n_frames (mel, n);
  out = cw_arena_new (&p->arena, float, config.n_mels * n_frames + 1);
  ok = out && cw_mel_run (mel, real, n, out, &p->error) == CW_OK &&
       probe_put_f32 (p, "mel_l1_log_mel_of_real", out, PROBE_DIMS (1, config.n_mels, n_frames)) &&
       cw_mel_l1_loss (&config, fake, real, n, &loss, &p->error) == CW_OK;
  cw_mel_free (mel);
  one = ok ? (float) loss : 0.0f;
  return ok && probe_put_f32 (p, "mel_l1", &one, PROBE_DIMS (1));
}

static bool
run_spectra (probe *p, const float *real, const float *fake, size_t n)
{
  const json_t             *config = json_object_get (p->json, "config"), *m = json_object_get (config, "msspec");
  const json_t             *s = json_object_get (config, "mrstft");
  const cw_multi_mel_config multi = { .rate_hz = (size_t) number_or (m, "sample_rate", 22050), .range_start = (size_t) number_or (m, "range_start", 6),
                                      .range_end = (size_t) number_or (m, "range_end", 11), .n_mels = (size_t) number_or (m, "n_mels", 64),
                                      .f_min = number_or (m, "f_min", 0.0), .f_max = number_or (m, "f_max", 0.0),
                                      .normalised = number_or (m, "normalized", 0.0) != 0.0, .alphas = number_or (m, "alphas", 1.0) != 0.0,
                                      .floor = number_or (m, "floor_level", 1e-5) };
  const size_t   n_stfts = json_array_size (json_object_get (s, "n_ffts"));
  cw_stft_config stfts[16];
  double         loss;
  float          one;

  if (multi.range_end > 20 || n_stfts > 16 || !put_mel (p, json_object_get (config, "mel_l1"), real, fake, n))
    return p->error.code != CW_OK ? false : probe_fail (p, "“%s”: the configuration is out of range.", p->path);
  if (m) {
    if (cw_multi_mel_loss (&multi, fake, real, n, &loss, &p->error) != CW_OK)
      return false;
    one = (float) loss;
    if (!probe_put_f32 (p, "msspec", &one, PROBE_DIMS (1)))
      return false;
  }
  for (size_t i = 0; i < n_stfts; i++)
    stfts[i] = (cw_stft_config){ .n_fft = nth (s, "n_ffts", i), .hop = nth (s, "hop_lengths", i), .win = nth (s, "win_lengths", i), .centred = true };
  if (!s || cw_multi_stft_loss (stfts, n_stfts, fake, real, n, &loss, &p->error) != CW_OK)
    return !s;
  one = (float) loss;
  return probe_put_f32 (p, "mrstft", &one, PROBE_DIMS (1));
}

bool
probe_discriminators (probe *p)
{
  const cw_tensor *real = probe_input (p, "real", CW_F32, 3), *fake = real ? probe_input (p, "fake", CW_F32, 3) : NULL;
  const char      *folder;
  cw_disc         *disc;
  bool             ok;

  if (!real || !fake)
    return false;
  if (real->dims[0] != 1 || fake->dims[0] != 1 || real->dims[1] != fake->dims[1])
    return probe_fail (p, "“%s”: real and fake are not one sound each, of as many channels.", p->path);
  if (!json_object_get (p->json, "model"))
    return real->dims[1] == 1 && real->dims[2] == fake->dims[2] ? run_spectra (p, real->data, fake->data, real->dims[2])
                                                                : probe_fail (p, "“%s”: real and fake are not of one length.", p->path);
  folder = probe_root_path (p, probe_string (p, "model"));
  disc = folder ? cw_disc_load (p->engine->be, folder, &p->error) : NULL;
  if (disc && cw_disc_n_channels (disc) != real->dims[1])
    ok = probe_fail (p, "“%s”: the sounds have %llu channels, the discriminator %zu.", p->path, (unsigned long long) real->dims[1],
                     cw_disc_n_channels (disc));
  else
    ok = disc && run_discriminator (p, disc, real, fake);
  cw_disc_free (disc);
  return ok;
}
