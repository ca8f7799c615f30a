/* SPDX-License-Identifier: MIT
 *
 * lm-melody.c: what MusicGen Melody has more: the notes of melody_audio and short_audio, and the vectors in front of the codes.
 */
#include <stdio.h>
#include <string.h>

#include "lm.h"

/* The notes of the input NAME_audio [1, samples], one-hot as @features; with @power the case's other chroma tensors, too. */
static bool
put_notes (lm *m, const char *name, const char *features, bool power, const uint8_t **notes, size_t *n)
{
  cw_chroma       *chroma = cw_melody_get_chroma (m->model->melody);
  const size_t     n_notes = cw_melody_get_config (m->model->melody)->chroma.n_notes;
  const size_t     n_bins = cw_melody_get_config (m->model->melody)->chroma.n_fft / 2 + 1;
  const cw_tensor *audio;
  uint8_t         *found;
  float           *hot, *powers;

  if (!cw_safetensors_find (m->p->reference, name))
    return true;
  if (!(audio = probe_input (m->p, name, CW_F32, 2)))
    return false;
  if (audio->dims[0] != 1)
    return probe_fail (m->p, "“%s”: %s is of %llu signals, 1 was expected.", m->p->path, name, (unsigned long long) audio->dims[0]);
  *n = cw_chroma_n_frames (chroma, audio->dims[1]);
  *notes = found = cw_arena_new (&m->p->arena, uint8_t, *n);
  hot = cw_arena_new (&m->p->arena, float, *n * n_notes);
  powers = cw_arena_new (&m->p->arena, float, *n * n_notes);
  if (!found || !hot || !powers)
    return cw_arena_ok (&m->p->arena, "a melody", &m->p->error);
  cw_chroma_notes (chroma, audio->data, audio->dims[1], found, powers);
  for (size_t t = 0; t < *n; t++)
    hot[t * n_notes + found[t]] = 1.0f;
  return probe_put_f32 (m->p, features, hot, PROBE_DIMS (1, *n, n_notes)) &&
         (!power || (probe_put_f32 (m->p, "chroma_before_argmax", powers, PROBE_DIMS (*n, n_notes)) &&
                     probe_put_f32 (m->p, "chroma_filters", cw_chroma_filters (chroma), PROBE_DIMS (n_notes, n_bins))));
}

bool
lm_put_melody (lm *m)
{
  const uint8_t *notes;
  size_t         n;

  return put_notes (m, "melody_audio", "input_features", true, &m->notes, &m->n_notes) &&
         put_notes (m, "short_audio", "short_features", false, &notes, &n);
}

size_t
lm_n_prefix (const lm *m, const probe_texts *texts)
{
  return m->model->melody ? cw_melody_get_config (m->model->melody)->length + (texts->n ? texts->longest : 1) : 0;
}

bool
lm_feed_prefix (lm *m, cw_musicgen_run *run, const probe_texts *texts, size_t n, size_t n_rows, bool melody, const char *name)
{
  const size_t length = cw_melody_get_config (m->model->melody)->length, total = lm_n_prefix (m, texts), c = m->config->width;
  float       *prefix = cw_arena_new (&m->p->arena, float, n_rows * total * c);
  float       *hidden = cw_arena_new (&m->p->arena, float, texts->longest * m->config->text_width);
  char         full[128];

  if (!prefix || !hidden)
    return cw_arena_ok (&m->p->arena, "the prefix", &m->p->error);
  for (size_t row = 0; row < n_rows; row++) { /* the rows behind the first n are null branches; what pads a text is zeros */
    float *at = prefix + row * total * c;

    cw_melody_prefix (m->model->melody, m->notes, row < n && melody ? m->n_notes : 0, at);
    if (row >= texts->n)
      continue;
    if (cw_t5_encode (m->model->t5, texts->ids + row * texts->longest, texts->lengths[row], texts->lengths[row], hidden,
                      &m->p->error) != CW_OK)
      return false;
    cw_musicgen_project_text (m->model->musicgen, hidden, texts->lengths[row], at + length * c);
  }
  cw_musicgen_run_feed_vectors (run, prefix, total);
  snprintf (full, sizeof full, "%s_prefix", name);
  return probe_put_f32 (m->p, full, prefix, PROBE_DIMS (n_rows, total, c));
}
