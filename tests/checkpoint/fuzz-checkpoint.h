/* SPDX-License-Identifier: MIT
 *
 * fuzz-checkpoint.h: see fuzz-checkpoint.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_FILE, FUZZ_PICKLE, FUZZ_YAML, FUZZ_N_KINDS };

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);
