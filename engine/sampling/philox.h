/* SPDX-License-Identifier: MIT
 *
 * philox.h: random numbers by counting: a number depends on its key and counter alone, not on what was drawn before. So the same seed
 *     gives the same clip, whatever the number of threads or of takes made together. Salmon et al. 2011, "Parallel random
 *     numbers: as easy as 1, 2, 3", Philox-4x32-10.
 */
#pragma once

#include <stdint.h>

/* 128 random bits of @counter under @key. */
void cw_philox (const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The uniform number in [0, 1), a multiple of 2^-53, that decides the token of @codebook at @step of take @take. */
double cw_philox_uniform (uint64_t seed, uint32_t take, uint32_t step, uint32_t codebook);
