/* SPDX-License-Identifier: MIT
 *
 * clip.h: for tests that compare the processor's clips with a card's.
 */
#pragma once

#include "side.h"

/* What came out: the first take's codes, and a sum over all takes' samples. */
typedef struct {
  cw_codes *codes;
  double    sums[CW_TAKES_MAX];
  unsigned  n_notices;
  char      notice[640]; /* the last */
  long      n_kernels;   /* that the card ran for it */
} clip;

static inline void
add_block (const cw_block *block, void *user)
{
  clip *c = user;

  for (size_t i = 0; i < block->n_samples * block->n_channels; i++)
    c->sums[block->take] += (double) block->samples[i] * (double) ((block->start + i) % 97 + 1);
}

static inline void
add_notice (const char *sentence, void *user)
{
  clip *c = user;

  c->n_notices++;
  snprintf (c->notice, sizeof c->notice, "%s", sentence);
}

static inline clip
make (const side *s, const cw_request *request)
{
  clip          c = { 0 };
  const cw_sink sink = { .block = add_block, .user = &c, .notice = add_notice };
  cw_error      error = { 0 };

  CHECK (cw_generate (s->model, request, &sink, &c.codes, &error) == CW_OK, "%s", error.message);
  return c;
}

static inline void
same (const clip *a, const clip *b, const char *what)
{
  const size_t n = a->codes && b->codes ? a->codes->n_codebooks * a->codes->n_frames : 0;

  CHECK (n > 0 && a->codes->n_frames == b->codes->n_frames, "%s: %zu codes", what, n);
  CHECK (n > 0 && memcmp (a->codes->codes, b->codes->codes, n * sizeof *a->codes->codes) == 0, "%s: the codes differ", what);
  CHECK (memcmp (a->sums, b->sums, sizeof a->sums) == 0, "%s: the sound differs", what);
}

/* Codes of the first take that are equal; 0 where their number is not. */
static inline size_t
count_same (const clip *a, const clip *b)
{
  size_t n_same = 0;

  for (size_t i = 0; i < a->codes->n_codebooks * a->codes->n_frames && b->codes->n_frames == a->codes->n_frames; i++)
    n_same += a->codes->codes[i] == b->codes->codes[i];
  return n_same;
}

/* All codes agree, or nine of ten where something on the card @rounds otherwise. */
static inline void
check_agreement (const clip *a, const clip *b, bool rounds, const char *what)
{
  const size_t n = a->codes->n_codebooks * a->codes->n_frames, n_same = count_same (a, b);

  printf ("%s: %zu of %zu codes agree\n", what, n_same, n);
  CHECK (n_same >= (rounds ? n * 9 / 10 : n), "%s: %zu of %zu codes agree", what, n_same, n);
}
