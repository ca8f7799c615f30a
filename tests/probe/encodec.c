/* SPDX-License-Identifier: MIT
 *
 * encodec.c: the codec. A signal S (S_audio) has a latent and scales; each run S_bwX encodes it at a bandwidth (none: the first of the
 * targets) and decodes the codes:
 *
 *     S_audio ─ S_scales, S_latent ─ S_bwX_codes ─ S_bwX_quantised ─ S_bwX_decoded, _decoded_tail, _decoded_every4
 *
 * Chunked models (48 kHz) have a leading axis of chunks; decoding joins them and keeps the padded length.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "generate/model.h"
#include "probe.h"

typedef struct {
  probe                   *p;
  cw_encodec              *codec;
  const cw_encodec_config *config;
  size_t                   n, padded, n_chunks, chunk, frames; /* samples given, padded, of a chunk; frames of a chunk */
  float                   *x;                                  /* [C, padded] */
  size_t                   n_books;
  float                   *scales, *latent;                    /* [n_chunks], [n_chunks, D, frames] */
  int32_t                 *codes;                              /* [n_chunks, n_books, frames] */
} signal;

static bool
out_of_memory (probe *p)
{
  return cw_arena_ok (&p->arena, "the signal", &p->error);
}

static bool
open_signal (signal *s, const char *base, double bandwidth)
{
  char             name[256];
  const cw_tensor *audio;
  size_t           c = s->config->net.n_channels;

  snprintf (name, sizeof name, "%s_audio", base);
  if (!(audio = probe_input (s->p, name, CW_F32, 3)))
    return false;
  if (audio->dims[0] != 1 || audio->dims[1] != c)
    return probe_fail (s->p, "“%s”: %s is of %llu signals and %llu channels, 1 and %zu were expected.", s->p->path, name,
                       (unsigned long long) audio->dims[0], (unsigned long long) audio->dims[1], c);
  s->n = audio->dims[2];
  s->n_chunks = cw_encodec_n_chunks (s->config, s->n, &s->padded);
  s->chunk = s->config->chunk_samples ? s->config->chunk_samples : s->n;
  s->frames = cw_encodec_n_frames (s->config, s->chunk);
  s->x = cw_arena_new (&s->p->arena, float, c * s->padded);
  s->scales = cw_arena_new (&s->p->arena, float, s->n_chunks);
  s->latent = cw_arena_new (&s->p->arena, float, s->n_chunks * s->config->net.latent * s->frames);
  if (!(s->n_books = cw_encodec_books_for (s->config, bandwidth, &s->p->error)))
    return false;
  s->codes = cw_arena_new (&s->p->arena, int32_t, s->n_chunks * s->n_books * s->frames);
  if (!s->x || !s->scales || !s->latent || !s->codes)
    return out_of_memory (s->p);
  for (size_t i = 0; i < c; i++)
    memcpy (s->x + i * s->padded, (const float *) audio->data + i * s->n, s->n * sizeof *s->x);
  return true;
}

/* Scales, latents and codes of all chunks; puts the former two. */
static bool
encode (signal *s, const char *base)
{
  const size_t c = s->config->net.n_channels, d = s->config->net.latent;
  float       *chunk = cw_arena_new (&s->p->arena, float, c * s->chunk);
  char         name[256];

  if (!chunk)
    return out_of_memory (s->p);
  for (size_t i = 0; i < s->n_chunks; i++) {
    const float *from = s->x + i * s->config->stride_samples;

    s->scales[i] = s->config->normalize ? cw_encodec_scale (from, s->padded, c, s->chunk) : 1.0f;
    for (size_t j = 0; j < c; j++)
      for (size_t t = 0; t < s->chunk; t++)
        chunk[j * s->chunk + t] = from[j * s->padded + t] / s->scales[i];
    if (cw_encodec_encode (s->codec, chunk, s->chunk, s->chunk, s->latent + i * d * s->frames, s->n_books, s->codes + i * s->n_books * s->frames,
                           &s->p->error) != CW_OK)
      return false;
  }
  snprintf (name, sizeof name, "%s_latent", base);
  if (!probe_put_f32 (s->p, name, s->latent, PROBE_DIMS (s->n_chunks, 1, d, s->frames)))
    return false;
  snprintf (name, sizeof name, "%s_scales", base);
  return !s->config->normalize || probe_put_f32 (s->p, name, s->scales, PROBE_DIMS (s->n_chunks, 1, 1, 1));
}

/* All chunks decoded and joined: [C, *n]. */
static float *
decode (signal *s, size_t *n)
{
  const size_t c = s->config->net.n_channels;
  float       *sum, *weights, *y;

  if (!s->config->chunk_samples) {
    y = probe_decode (s->p, s->codec, s->codes, s->n_books, s->frames, n);
    for (size_t i = 0; y && i < c * *n; i++)
      y[i] *= s->scales[0];
    return y;
  }
  sum = cw_arena_new (&s->p->arena, float, c * s->padded);
  weights = cw_arena_new (&s->p->arena, float, s->padded);
  if (!sum || !weights) {
    out_of_memory (s->p);
    return NULL;
  }
  for (size_t i = 0; i < s->n_chunks; i++) {
    size_t n_chunk;
    if (!(y = probe_decode (s->p, s->codec, s->codes + i * s->n_books * s->frames, s->n_books, s->frames, &n_chunk)))
      return NULL;
    cw_encodec_overlap_add (s->config, i, y, n_chunk, n_chunk < s->chunk ? n_chunk : s->chunk, s->scales[i], sum,
                            s->padded, weights);
  }
  for (size_t i = 0; i < c; i++)
    for (size_t t = 0; t < s->padded; t++)
      sum[i * s->padded + t] /= weights[t];
  *n = s->padded;
  return sum;
}

static bool
put_decoded (signal *s, const char *run)
{
  const size_t c = s->config->net.n_channels;
  size_t       n, cut;
  float       *y = decode (s, &n), *part;
  char         name[256];

  if (!y)
    return false;
  cut = n < s->padded ? n : s->padded;
  snprintf (name, sizeof name, "%s_decoded", run);
  if (!(part = probe_cut (s->p, y, c, n, 0, cut, 1)) || !probe_put_f32 (s->p, name, part, PROBE_DIMS (1, c, cut)))
    return false;
  snprintf (name, sizeof name, "%s_decoded_every4", run);
  if (!(part = probe_cut (s->p, y, c, n, 0, cut, 4)) ||
      !probe_put_f32 (s->p, name, part, PROBE_DIMS (1, c, (cut + 3) / 4)))
    return false;
  snprintf (name, sizeof name, "%s_decoded_tail", run);
  return (part = probe_cut (s->p, y, c, n, cut, n - cut, 1)) &&
         probe_put_f32 (s->p, name, part, PROBE_DIMS (1, c, n - cut));
}

static bool
put_run (signal *s, const char *run)
{
  const size_t d = s->config->net.latent, latent_floats = d * s->frames, n_codes = s->n_books * s->frames;
  float       *quantised = cw_arena_new (&s->p->arena, float, s->n_chunks * latent_floats);
  char         name[256];

  if (!quantised)
    return out_of_memory (s->p);
  snprintf (name, sizeof name, "%s_codes", run);
  if (!probe_put_i64 (s->p, name, s->codes, PROBE_DIMS (s->n_chunks, 1, s->n_books, s->frames)))
    return false;
  for (size_t i = 0; i < s->n_chunks; i++)
    cw_encodec_dequantise (s->codec, s->codes + i * n_codes, s->frames, s->n_books, s->frames, quantised + i * latent_floats, s->frames);
  snprintf (name, sizeof name, "%s_quantised", run);
  return probe_put_f32 (s->p, name, quantised, PROBE_DIMS (s->n_chunks, 1, d, s->frames)) && put_decoded (s, run);
}

bool
probe_encodec (probe *p)
{
  const char *model_name = probe_string (p, "model");
  const char *folder = model_name ? probe_root_path (p, model_name) : NULL;
  cw_model   *model = folder ? cw_model_load (p->engine, folder, NULL, &p->error) : NULL;
  bool        ok = model != NULL;
  json_t     *run;
  const char *key;

  json_object_foreach (json_object_get (p->json, "runs"), key, run) {
    const json_t *bandwidth = json_object_get (run, "bandwidth");
    char          base[128] = { 0 };
    const char   *end = strstr (key, "_bw");
    const size_t  n = end ? (size_t) (end - key) : strlen (key);

    if (!ok)
      break;
    if (n >= sizeof base || !(json_is_number (bandwidth) || json_is_null (bandwidth) || !bandwidth)) {
      ok = probe_fail (p, "“%s”: the run %s is not named SIGNAL_bwX or its bandwidth is no number.", p->path, key);
      break;
    }
    memcpy (base, key, n);
    signal s = { .p = p, .codec = model->codec, .config = cw_encodec_get_config (model->codec) };
    ok = open_signal (&s, base, json_number_value (bandwidth)) && encode (&s, base) && put_run (&s, key);
  }
  cw_model_free (model);
  return ok;
}
