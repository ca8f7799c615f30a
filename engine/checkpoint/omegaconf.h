/* SPDX-License-Identifier: MIT
 *
 * omegaconf.h: the configuration inside of an AudioCraft checkpoint: YAML with interpolations, as OmegaConf reads it. libyaml takes the text
 *     apart; what a plain word means is YAML 1.1's rule (PyYAML's SafeLoader), what ${a.b} means is OmegaConf's (omegaconf.readthedocs.io,
 *     "Variable interpolation").
 *
 * Files may be hostile: bounded size, depth and number of nodes; no anchors, aliases (so no text that grows when it is read), tags or
 * duplicate keys. Interpolations that lead to each other in a circle are refused, and so are resolvers such as ${oc.env:HOME}.
 */
#pragma once

#include <jansson.h>

#include "engine.h"

#define CW_YAML_BYTES_MAX (1u << 20)
#define CW_YAML_DEPTH_MAX 32
#define CW_YAML_NODES_MAX 20000

/* The text as JSON, interpolations still in it as strings. A new reference, an object; NULL and @error. @path is for messages. */
json_t *cw_omegaconf_parse (const char *text, size_t n, const char *path, cw_error *error);

/* The part of @root at the top-level @key, every interpolation inside replaced by what it stands for; JSON null when there is none. A
 * new reference. Only what is asked for is resolved: a configuration may hold interpolations that nobody here can resolve. */
json_t *cw_omegaconf_resolve (json_t *root, const char *key, const char *path, cw_error *error);
