/* SPDX-License-Identifier: MIT
 *
 * fuzz-checkpoint.h: see fuzz-checkpoint.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine.h"

enum { FUZZ_FILE, FUZZ_PICKLE, FUZZ_YAML, FUZZ_SAFETENSORS, FUZZ_N_KINDS };

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

/* @data as each configuration that a model has: config.json's parts, and xp.cfg in a checkpoint of AudioCraft's. In fuzz-config.c, not under
 * libFuzzer: it needs the models. */
void fuzz_config (const uint8_t *data, size_t n);
/* Ends the program when a refusal has no sentence. */
void fuzz_check_sentence (bool accepted, const cw_error *error);
/* A file with @data in memory, to be closed; its path to @path. */
int  fuzz_make_file (const uint8_t *data, size_t n, char path[64]);
