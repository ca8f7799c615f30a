/* SPDX-License-Identifier: MIT
 *
 * disc.c: see disc.h. What the kinds share: opening a folder, and the layers one after the other.
 */
#include "models/disc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CONFIG_MAX_BYTES (1u << 20)

static const struct {
  const char *name;
  bool        turned, logits_are_a_map;
  bool (*count) (const cw_json_scope *scope, size_t *n_subs, cw_error *error);
  bool (*build) (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch);
} kinds[] = {
  { "MultiScaleSTFTDiscriminator", false, false, cw_disc_stft_count, cw_disc_stft_build },
  { "MultiPeriodDiscriminator", true, true, cw_disc_period_count, cw_disc_period_build },
  { "MultiScaleDiscriminator", false, true, cw_disc_scale_count, cw_disc_scale_build },
};

struct cw_disc {
  cw_backend *be;
  cw_arena    arena;
  size_t      kind, n_channels, n_subs;
  cw_sub     *subs;
  cw_stft   **stfts; /* [n_subs], NULL where there is none */
  float       slope; /* of the leaky ReLU's negative side */
};

/* ---- configuration ----------------------------------------------------------------------------------------------- */

bool
cw_disc_sizes (const cw_json_scope *scope, const char *key, long least, long most, size_t max, size_t *list, size_t *n, cw_error *error)
{
  const json_t *array = json_object_get (scope->object, key);

  if (!array || json_is_null (array))
    return true;
  *n = json_array_size (array);
  if (*n < 1 || *n > max) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s%s has %zu entries, a list of 1 to %zu was expected.", scope->path, scope->prefix, key, *n, max);
    return false;
  }
  for (size_t i = 0; i < *n; i++) {
    const json_t *value = json_array_get (array, i);
    if (!json_is_integer (value) || json_integer_value (value) < least || json_integer_value (value) > most) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s%s holds %lld, an integer from %ld to %ld was expected.", scope->path, scope->prefix, key,
               (long long) json_integer_value (value), least, most);
      return false;
    }
    list[i] = (size_t) json_integer_value (value);
  }
  return true;
}

static bool
read_config (cw_disc *disc, const cw_json_scope *scope, cw_error *error)
{
  const char   *kind = "missing", *activation = "LeakyReLU";
  const json_t *params = json_object_get (scope->object, "activation_params");
  cw_json_scope inner = { params, scope->path, "activation_params." };
  double        slope = 0.2;
  long          channels = 1;

  if (!cw_json_string_or (scope, "kind", &kind, error) || !cw_json_string_or (scope, "activation", &activation, error) ||
      !cw_json_int_or (scope, "in_channels", 1, 2, &channels, error) ||
      (params && !cw_json_number_or (&inner, "negative_slope", 0.0, 1.0, &slope, error)))
    return false;
  if (strcmp (activation, "LeakyReLU") != 0) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: activation is “%s”; LeakyReLU is known.", scope->path, activation);
    return false;
  }
  disc->slope = (float) slope;
  disc->n_channels = (size_t) channels;
  while (disc->kind < sizeof kinds / sizeof *kinds && strcmp (kinds[disc->kind].name, kind) != 0)
    disc->kind++;
  if (disc->kind == sizeof kinds / sizeof *kinds) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: kind is “%s”; MultiScaleSTFTDiscriminator, MultiPeriodDiscriminator and "
             "MultiScaleDiscriminator are known.", scope->path, kind);
    return false;
  }
  return kinds[disc->kind].count (scope, &disc->n_subs, error);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static bool
build (cw_disc *disc, const cw_json_scope *scope, cw_weights *weights, cw_error *error)
{
  disc->subs = cw_arena_new (&disc->arena, cw_sub, disc->n_subs);
  disc->stfts = cw_arena_new (&disc->arena, cw_stft *, disc->n_subs);
  if (!cw_arena_ok (&disc->arena, "the discriminator", error))
    return false;
  for (size_t i = 0; i < disc->n_subs; i++) {
    char     prefix[48];
    cw_fetch fetch = { .be = disc->be, .source = { .weights = weights }, .arena = &disc->arena, .prefix = prefix, .error = error };

    snprintf (prefix, sizeof prefix, "discriminators.%zu.", i);
    if (!kinds[disc->kind].build (&disc->subs[i], i, scope, &fetch))
      return false;
    if (disc->subs[i].stft.n_fft && !(disc->stfts[i] = cw_stft_new (&disc->subs[i].stft, error)))
      return false;
  }
  return true;
}

cw_disc *
cw_disc_load (cw_backend *be, const char *folder, cw_error *error)
{
  const size_t n = strlen (folder) + sizeof "/config.json";
  char        *path = malloc (n);
  cw_disc     *disc = calloc (1, sizeof *disc);
  json_t      *config = NULL;
  cw_weights  *weights = NULL;
  bool         ok = false;

  if (!path || !disc) {
    cw_fail_memory (error, "the discriminator", sizeof *disc);
  } else {
    disc->be = be;
    snprintf (path, n, "%s/config.json", folder);
    config = cw_json_read_file (path, CONFIG_MAX_BYTES, error);
    if (config && (weights = cw_weights_open (folder, error))) {
      const cw_json_scope scope = { config, path, "" };
      ok = read_config (disc, &scope, error) && build (disc, &scope, weights, error);
    }
  }
  cw_weights_close (weights); /* they are packed */
  json_decref (config);
  free (path);
  if (ok)
    return disc;
  cw_disc_free (disc);
  return NULL;
}

void
cw_disc_free (cw_disc *disc)
{
  if (!disc)
    return;
  for (size_t i = 0; disc->stfts && i < disc->n_subs; i++)
    cw_stft_free (disc->stfts[i]);
  cw_arena_free (&disc->arena);
  free (disc);
}

const char *
cw_disc_kind (const cw_disc *disc)
{
  return kinds[disc->kind].name;
}

size_t
cw_disc_n_subs (const cw_disc *disc)
{
  return disc->n_subs;
}

size_t
cw_disc_n_channels (const cw_disc *disc)
{
  return disc->n_channels;
}

bool
cw_disc_is_turned (const cw_disc *disc)
{
  return kinds[disc->kind].turned;
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */

/* [2 C, frames, bins] */
static void
spectrum (const cw_disc *disc, cw_stft *stft, const float *x, size_t n, cw_plane *plane, cw_arena *arena)
{
  const size_t c = disc->n_channels, size = (plane->h = cw_stft_n_frames (stft, n)) * (plane->w = cw_stft_n_bins (stft));
  float       *bins = cw_arena_new (arena, float, 2 * plane->w);

  plane->c = 2 * c;
  plane->x = cw_arena_new (arena, float, plane->c * size);
  for (size_t i = 0; plane->x && bins && i < c; i++)
    for (size_t t = 0; t < plane->h; t++) {
      float *re = plane->x + i * size + t * plane->w, *im = re + c * size;

      cw_stft_frame (stft, x + i * n, n, t, bins);
      for (size_t k = 0; k < plane->w; k++) {
        re[k] = bins[2 * k];
        im[k] = bins[2 * k + 1];
      }
    }
}

/* [C, period, time], the last of each phase by reflection where the period does not divide the length. */
static void
phases (const cw_disc *disc, size_t period, const float *x, size_t n, cw_plane *plane, cw_arena *arena)
{
  *plane = (cw_plane){ disc->n_channels, period, (n + period - 1) / period, NULL };
  plane->x = cw_arena_new (arena, float, plane->c * period * plane->w);
  for (size_t c = 0; plane->x && c < plane->c; c++)
    for (size_t i = 0; i < period * plane->w; i++)
      plane->x[(c * period + i % period) * plane->w + i / period] = x[c * n + (i < n ? i : 2 * (n - 1) - i)];
}

/* [C, 1, time], reflected on both sides. */
static void
waveform (const cw_disc *disc, size_t pad, const float *x, size_t n, cw_plane *plane, cw_arena *arena)
{
  *plane = (cw_plane){ disc->n_channels, 1, n + 2 * pad, NULL };
  plane->x = cw_arena_new (arena, float, plane->c * plane->w);
  for (size_t c = 0; plane->x && c < plane->c; c++)
    for (size_t i = 0; i < plane->w; i++) {
      const size_t at = i < pad ? pad - i : i - pad;
      plane->x[c * plane->w + i] = x[c * n + (at < n ? at : 2 * (n - 1) - at)];
    }
}

/* The fewest samples that the sub-discriminator's first step takes; later steps say for themselves. */
static size_t
fewest (const cw_sub *sub)
{
  return sub->stft.n_fft ? sub->stft.n_fft : sub->period ? sub->period : sub->reflected + 1;
}

static void
leaky_relu (cw_plane *y, float slope)
{
  const size_t n = y->c * y->h * y->w;

  for (size_t i = 0; i < n; i++)
    y->x[i] = y->x[i] > 0.0f ? y->x[i] : slope * y->x[i];
}

/* One convolution into new memory of @arena; its scratch goes at once. */
static cw_status
convolve (const cw_disc *disc, const cw_conv2d *conv, const cw_plane *x, cw_plane *y, cw_arena *arena, cw_error *error)
{
  cw_arena scratch = { 0 };
  bool     ok;

  if (!cw_conv2d_size (conv, x, y))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The sound is too short for the discriminator.");
  y->x = cw_arena_new (arena, float, y->c * y->h * y->w);
  if (y->x)
    cw_conv2d_run (conv, disc->be, x, y, &scratch);
  ok = cw_arena_ok (arena, "the discriminator's maps", error) && cw_arena_ok (&scratch, "the discriminator's maps", error);
  cw_arena_free (&scratch);
  return ok ? CW_OK : CW_ERROR_MEMORY;
}

cw_status
cw_disc_run (cw_disc *disc, size_t index, const float *x, size_t n, cw_opinion *opinion, cw_arena *arena, cw_error *error)
{
  const cw_sub *sub = &disc->subs[index];
  cw_plane      plane = { 0 };
  cw_status     status = CW_OK;

  *opinion = (cw_opinion){ .n_maps = sub->n_convs };
  if (n < fewest (sub))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The sound has %zu samples; the discriminator takes %zu or more.", n, fewest (sub));
  if (sub->stft.n_fft)
    spectrum (disc, disc->stfts[index], x, n, &plane, arena);
  else if (sub->period)
    phases (disc, sub->period, x, n, &plane, arena);
  else
    waveform (disc, sub->reflected, x, n, &plane, arena);
  if (!cw_arena_ok (arena, "the discriminator's maps", error))
    return CW_ERROR_MEMORY;

  for (size_t i = 0; i < sub->n_convs && status == CW_OK; i++) {
    status = convolve (disc, &sub->convs[i], i ? &opinion->maps[i - 1] : &plane, &opinion->maps[i], arena, error);
    if (status == CW_OK)
      leaky_relu (&opinion->maps[i], disc->slope);
  }
  if (status == CW_OK)
    status = convolve (disc, &sub->post, &opinion->maps[sub->n_convs - 1], &opinion->logits, arena, error);
  if (status == CW_OK && kinds[disc->kind].logits_are_a_map)
    opinion->maps[opinion->n_maps++] = opinion->logits;
  return status;
}
