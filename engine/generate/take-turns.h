/* SPDX-License-Identifier: MIT
 *
 * take-turns.h: how many takes of a request are made side by side. The processor makes all of them; a card as many as it has room for, one
 *     turn behind the other. A take does not depend on its neighbours, so the clips are the same.
 */
#pragma once

#include "generate/conditions.h"

typedef struct {
  unsigned n_turns, n_each; /* the last may have fewer; 1 and all of them when no turns are needed, or when they would not help */
} cw_take_turns;

/* For runs of @max_steps, with @rows_each sequences a take; the codec takes @max_frames a push. */
cw_take_turns cw_take_turns_of (const cw_conditions *conditions, unsigned n_takes, size_t rows_each, size_t max_steps, size_t max_frames);
