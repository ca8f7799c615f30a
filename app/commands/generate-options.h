/* SPDX-License-Identifier: MIT
 *
 * generate-options.h: what “clipwright generate” is told, and the recipe that it becomes for a model.
 */
#pragma once

#include "commands/commands.h"

typedef struct {
  char    *model, *seed, *format, *output, *precision, *device, *vram, *decoding_steps, *spans;
  char   **prompts_at; /* "SECONDS:TEXT" each, or NULL */
  char   **continues, **melody; /* one file, or NULL */
  double   duration_s, guidance, temperature, top_p, extend_stride_s, guidance_end;
  int      top_k, n_takes, n_threads;
  gboolean endless, json, quiet;
  char   **rest;
} CwGenerateOptions;

/* FALSE when the command is to return *@code at once. Clear the options also then. */
gboolean  cw_generate_options_parse (CwGenerateOptions *options, int argc, char **argv, int *code);
void      cw_generate_options_clear (CwGenerateOptions *options);
/* Reads the sound files that it names. NULL with the sentence. */
CwRecipe *cw_generate_options_to_recipe (const CwGenerateOptions *options, const CwLoaded *loaded, GError **error);
