/* SPDX-License-Identifier: MIT
 *
 * judge.c: how real a sound is to a discriminator, and what that says.
 *
 * The score of a sound is the mean of a sub-discriminator's logits, averaged over the sub-discriminators, and over windows of equal
 * length of at most CW_JUDGE_WINDOW_S seconds: higher is more real, the scale is the discriminator's own. So that it means something,
 * calibration.json beside the weights says how known clips score, by the same rule:
 *
 *     {"trained": true, "rate_hz": 16000, "n_clips": 200,
 *      "real":  {"p5": -0.1, "p25": 0.1, "p50": 0.3, "p75": 0.4, "p95": 0.6},      percentiles of real clips
 *      "codec": {"p5": -0.9, "p25": -0.6, "p50": -0.4, "p75": -0.2, "p95": 0.1}}   the same clips through the codec; may be missing
 *
 * "rate_hz" may be missing: the codec's. Without the file, or with "trained": false, the weights were never trained: no verdict.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "generate/model.h"
#include "models/adversarial-losses.h"

#define CALIBRATION_MAX_BYTES (1u << 20)

struct cw_discriminator {
  cw_disc              *disc;
  cw_discriminator_info info;
};

static bool
read_percentiles (const cw_json_scope *scope, const char *key, cw_percentiles *percentiles, cw_error *error)
{
  static const char *const names[CW_N_PERCENTILES] = { "p5", "p25", "p50", "p75", "p95" };
  char          prefix[16];
  cw_json_scope inner;

  snprintf (prefix, sizeof prefix, "%s.", key);
  if (!cw_json_object (scope, key, prefix, &inner, error))
    return false;
  for (size_t i = 0; i < CW_N_PERCENTILES; i++) {
    percentiles->p[i] = NAN;
    if (!cw_json_number_or (&inner, names[i], -1e6, 1e6, &percentiles->p[i], error))
      return false;
    if (isnan (percentiles->p[i]) || (i > 0 && percentiles->p[i] < percentiles->p[i - 1])) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s holds no rising numbers p5, p25, p50, p75 and p95.", scope->path, key);
      return false;
    }
  }
  return true;
}

static bool
read_calibration (cw_discriminator *d, const char *folder, cw_error *error)
{
  const size_t  n = strlen (folder) + sizeof "/calibration.json";
  char         *path = malloc (n);
  json_t       *object = NULL;
  cw_json_scope scope = { NULL, path, "" };
  long          n_clips = 0, rate = 0;
  bool          ok = false;

  if (!path) {
    cw_fail_memory (error, "a path", n);
    return false;
  }
  snprintf (path, n, "%s/calibration.json", folder);
  if (access (path, F_OK) != 0) {
    ok = true; /* never trained, then */
  } else if ((object = cw_json_read_file (path, CALIBRATION_MAX_BYTES, error))) {
    scope.object = object;
    if (!json_is_object (object))
      cw_fail (error, CW_ERROR_FORMAT, "“%s” is no JSON object.", path);
    ok = json_is_object (object) && cw_json_bool_or (&scope, "trained", &d->info.trained, error) && cw_json_int_or (&scope, "n_clips", 0, 1L << 40, &n_clips, error) &&
         cw_json_int_or (&scope, "rate_hz", 100, 1000000, &rate, error);
    d->info.n_clips = (size_t) n_clips;
    d->info.rate_hz = (unsigned) rate;
    d->info.has_codec = json_object_get (object, "codec") != NULL;
    if (ok && d->info.trained)
      ok = read_percentiles (&scope, "real", &d->info.real, error) &&
           (!d->info.has_codec || read_percentiles (&scope, "codec", &d->info.codec, error));
  }
  json_decref (object);
  free (path);
  return ok;
}

cw_discriminator *
cw_discriminator_load (cw_engine *engine, const char *folder, cw_error *error)
{
  cw_discriminator *d = calloc (1, sizeof *d);

  if (error)
    *error = (cw_error){ 0 };
  if (!d) {
    cw_fail_memory (error, "the discriminator", sizeof *d);
    return NULL;
  }
  if ((d->disc = cw_disc_load (engine->be, folder, error)) && read_calibration (d, folder, error)) {
    d->info.kind = cw_disc_kind (d->disc);
    d->info.n_subs = (unsigned) cw_disc_n_subs (d->disc);
    d->info.n_channels = (unsigned) cw_disc_n_channels (d->disc);
    return d;
  }
  cw_discriminator_free (d);
  return NULL;
}

void
cw_discriminator_free (cw_discriminator *discriminator)
{
  if (!discriminator)
    return;
  cw_disc_free (discriminator->disc);
  free (discriminator);
}

const cw_discriminator_info *
cw_discriminator_get_info (const cw_discriminator *discriminator)
{
  return &discriminator->info;
}

cw_status
cw_discriminator_judge (cw_discriminator *d, const float *samples, size_t n_samples, double *score, cw_error *error)
{
  const size_t c = d->info.n_channels;
  float       *x = malloc ((n_samples * c + 1) * sizeof *x);
  double       sum = 0.0;
  cw_status    status = CW_OK;

  if (!x)
    return cw_fail_memory (error, "the sound to judge", n_samples * c * sizeof *x);
  for (size_t i = 0; i < n_samples * c && status == CW_OK; i++) {
    x[i % c * n_samples + i / c] = samples[i];
    if (!isfinite (samples[i]))
      status = cw_fail (error, CW_ERROR_ARGUMENT, "Sample %zu of the sound is not a finite number.", i / c);
  }
  for (size_t i = 0; i < d->info.n_subs && status == CW_OK; i++) {
    cw_arena   arena = { 0 };
    cw_opinion opinion;

    if ((status = cw_disc_run (d->disc, i, x, n_samples, &opinion, &arena, error)) == CW_OK)
      sum += cw_plane_mean (&opinion.logits);
    cw_arena_free (&arena);
  }
  free (x);
  *score = sum / d->info.n_subs;
  return status;
}

double
cw_percentile_of (const cw_percentiles *percentiles, double score)
{
  static const double at[CW_N_PERCENTILES] = { 5.0, 25.0, 50.0, 75.0, 95.0 };
  const double       *p = percentiles->p;

  if (isnan (score))
    return NAN;
  if (score < p[0])
    return 0.0;
  for (size_t i = 1; i < CW_N_PERCENTILES; i++)
    if (score < p[i])
      return at[i - 1] + (at[i] - at[i - 1]) * (score - p[i - 1]) / (p[i] - p[i - 1]);
  return score > p[CW_N_PERCENTILES - 1] ? 100.0 : 95.0;
}
