/* SPDX-License-Identifier: MIT
 *
 * quality.c: clipwright-quality MODEL [--frames N] [--int8 X]: what each precision changes against f32.
 *
 * For 20 prompts f32 makes N frames, the likeliest token always, with the model's guidance; then each precision is given the same tokens and its
 * guided logits are compared step by step:
 *     top-1      share of tokens that would be the same, in percent
 *     SNR        power of the f32 logits (their mean taken off) over power of the difference, in dB
 *     KL         mean of sum p_f32 ln (p_f32 / p), in nats
 * With --int8 it fails when fewer than that share of tokens agree in int8.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate/model.h"
#include "models/delay-pattern.h"
#include "sampling/sampler.h"

#define N_PROMPTS 20

static const char *const prompts[N_PROMPTS] = {
  "rock drums, fast and loud",      "a kick drum",          "soft hi-hat pattern",       "deep bass guitar line",
  "slow blues guitar",              "bright piano melody",  "calm organ chords",         "strings, sad and slow",
  "flute in a large hall",          "synth lead, energetic", "warm pad",                 "church bells",
  "heavy rain on a roof",           "wind in the trees",    "ocean waves",               "thunder far away",
  "footsteps on gravel",            "a siren passing by",   "laser shots",               "birds in the morning",
};

typedef struct {
  double tokens, agree, signal, noise, divergence;
} figures;

typedef struct {
  cw_model        *model;
  cw_musicgen_run *run;
  int32_t         *ids;    /* [2, K] */
  float           *logits; /* [2, K, V] */
  size_t           k, v;
} decoder;

static void
stop (const char *why)
{
  fprintf (stderr, "clipwright-quality: %s\n", why);
  exit (2);
}

static void
begin (decoder *d, cw_model *model, const char *prompt, size_t n_steps)
{
  cw_error error = { 0 };
  int32_t *ids;
  size_t   n;
  float   *hidden;

  d->model = model;
  d->k = cw_musicgen_get_config (model->musicgen)->n_codebooks;
  d->v = cw_musicgen_get_config (model->musicgen)->codebook_size;
  d->ids = calloc (2 * d->k, sizeof *d->ids);
  d->logits = calloc (2 * d->k * d->v, sizeof *d->logits);
  if (model->melody)
    stop ("A MusicGen Melody has no cross attention; only MusicGen's precisions are compared here.");
  if (cw_tokenizer_encode (model->tokenizer, prompt, strlen (prompt), &ids, &n, &error) != CW_OK)
    stop (error.message);
  hidden = calloc (n * cw_t5_get_config (model->t5)->width, sizeof *hidden);
  if (!d->ids || !d->logits || !hidden || cw_t5_encode (model->t5, ids, n, n, hidden, &error) != CW_OK ||
      !(d->run = cw_musicgen_run_new (model->musicgen, 2, n_steps, 1, &error)) ||
      cw_musicgen_run_set_text (d->run, 0, hidden, n, NULL, &error) != CW_OK)
    stop (error.message);
  cw_musicgen_run_use_text (d->run, 0, 0);
  free (ids);
  free (hidden);
}

static void
end (decoder *d)
{
  cw_musicgen_run_free (d->run);
  free (d->ids);
  free (d->logits);
}

/* One step on @column [K]: the guided logits are then the first K of d->logits. */
static void
step (decoder *d, const int32_t *column)
{
  memcpy (d->ids, column, d->k * sizeof *column);
  memcpy (d->ids + d->k, column, d->k * sizeof *column);
  cw_musicgen_run_step (d->run, d->ids, d->logits, NULL);
  cw_guide (d->logits, d->logits + d->k * d->v, d->k * d->v, d->model->info.guidance);
}

static size_t
likeliest (const float *logits, size_t n)
{
  size_t best = 0;

  for (size_t i = 1; i < n; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

/* ln of the sum of e^x. */
static double
log_sum (const float *x, size_t n)
{
  const double most = (double) x[likeliest (x, n)];
  double       sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += exp ((double) x[i] - most);
  return most + log (sum);
}

static void
compare (figures *f, const float *exact, const float *other, size_t n)
{
  const double a = log_sum (exact, n), b = log_sum (other, n);
  double       mean = 0.0, shift = 0.0;

  for (size_t i = 0; i < n; i++) {
    mean += (double) exact[i] / (double) n;
    shift += ((double) other[i] - (double) exact[i]) / (double) n;
  }
  for (size_t i = 0; i < n; i++) {
    const double difference = (double) other[i] - (double) exact[i] - shift;

    f->signal += ((double) exact[i] - mean) * ((double) exact[i] - mean);
    f->noise += difference * difference;
    f->divergence += exp ((double) exact[i] - a) * ((double) exact[i] - a - ((double) other[i] - b));
  }
  f->tokens += 1.0;
  f->agree += likeliest (exact, n) == likeliest (other, n);
}

/* One prompt: f32 chooses, all the others follow. */
static void
run_prompt (cw_model *const models[CW_N_PRECISIONS], const char *prompt, size_t n_frames, figures *all)
{
  const cw_musicgen_config *config = cw_musicgen_get_config (models[CW_PRECISION_F32]->musicgen);
  const size_t              k = config->n_codebooks, v = config->codebook_size;
  const cw_delay_pattern    pattern = { k, n_frames, config->n_channels, true };
  const size_t              n_steps = cw_delay_n_steps (&pattern);
  int32_t                  *codes = calloc (k * n_frames, sizeof *codes), *column = calloc (k, sizeof *column);
  decoder                   d[CW_N_PRECISIONS] = { 0 };

  if (!codes || !column)
    stop ("not enough memory");
  for (int p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
    begin (&d[p], models[p], prompt, n_steps);
  for (size_t s = 0; s < n_steps; s++) {
    size_t frame;

    for (size_t i = 0; i < k; i++)
      column[i] = cw_delay_frame (&pattern, i, s, &frame) ? codes[i * n_frames + frame] : (int32_t) v;
    for (int p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
      step (&d[p], column);
    for (size_t i = 0; i < k; i++) {
      const float *exact = d[CW_PRECISION_F32].logits + i * v;

      if (!cw_delay_frame (&pattern, i, s + 1, &frame))
        continue;
      codes[i * n_frames + frame] = (int32_t) likeliest (exact, v);
      for (int p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
        compare (&all[p], exact, d[p].logits + i * v, v);
    }
  }
  for (int p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
    end (&d[p]);
  free (codes);
  free (column);
}

int
main (int argc, char **argv)
{
  cw_error   error = { 0 };
  cw_engine *engine = cw_engine_new (NULL, &error);
  cw_model  *models[CW_N_PRECISIONS] = { NULL };
  figures    all[CW_N_PRECISIONS] = { 0 };
  size_t     n_frames = 100;
  double     wanted = 0.0;

  if (argc < 2 || argc % 2 != 0)
    stop ("a model's folder was expected, then --frames N, --int8 X");
  for (int i = 2; i < argc; i += 2) {
    if (strcmp (argv[i], "--frames") == 0)
      n_frames = strtoul (argv[i + 1], NULL, 10);
    else if (strcmp (argv[i], "--int8") == 0)
      wanted = strtod (argv[i + 1], NULL);
    else
      stop ("unknown option");
  }
  for (int p = CW_PRECISION_F32; engine && p < CW_N_PRECISIONS; p++)
    if (!(models[p] = cw_model_load (engine, argv[1], &(cw_model_options){ .precision = (cw_precision) p }, &error)))
      stop (error.message);
  if (!engine || !models[CW_PRECISION_F32]->musicgen)
    stop (engine ? "the model makes no clips" : error.message);

  for (size_t i = 0; i < N_PROMPTS; i++)
    run_prompt (models, prompts[i], n_frames, all);
  printf ("%-6s %8s %8s %10s   %.0f tokens\n", "", "top-1", "SNR", "KL", all[CW_PRECISION_F32].tokens);
  for (int p = CW_PRECISION_BF16; p < CW_N_PRECISIONS; p++)
    printf ("%-6s %6.2f %% %5.1f dB %10.6f\n", cw_precision_name ((cw_precision) p), 100.0 * all[p].agree / all[p].tokens,
            10.0 * log10 (all[p].signal / all[p].noise), all[p].divergence / all[p].tokens);
  for (int p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
    cw_model_free (models[p]);
  cw_engine_free (engine);
  if (all[CW_PRECISION_INT8].agree < wanted * all[CW_PRECISION_INT8].tokens) {
    fprintf (stderr, "int8 agrees on fewer tokens than %g\n", wanted);
    return 1;
  }
  return 0;
}
