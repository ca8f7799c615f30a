/* SPDX-License-Identifier: MIT
 *
 * name-rule.h: how a tensor of one program's checkpoint is called in another's, as a table that a person can read.
 *
 *     { "transformer.layers.#.linear1.weight", "decoder.model.decoder.layers.#.fc1.weight" }
 *     { "encoder.model.#.conv.conv.*",         "encoder.layers.#.conv.*" }
 *     { "layers.#.in_proj_weight",             "layers.#.v_proj.weight", 2, 3 }     the last third of its rows
 *
 * # stands for a number, * for the rest of the name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CW_NAME_MAX_BYTES 256

typedef struct {
  const char *theirs, *ours;
  unsigned    part, n_parts; /* ours is this part of the rows, counted from 0; n_parts 0: all of it */
} cw_name_rule;

/* Their @name [n] as we call it, in @ours; false when the rule is not about it. */
bool cw_name_to_ours (const cw_name_rule *rule, const char *name, size_t n, char ours[CW_NAME_MAX_BYTES]);
/* The other way. */
bool cw_name_to_theirs (const cw_name_rule *rule, const char *name, size_t n, char theirs[CW_NAME_MAX_BYTES]);
