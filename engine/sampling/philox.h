/* SPDX-License-Identifier: MIT
 *
 * philox.h: random numbers by counting: a number depends on its key and counter alone, not on what was drawn before. So the same seed
 *     gives the same clip, whatever the number of threads or of takes made together, and on whatever device. Salmon et al. 2011, "Parallel
 *     random numbers: as easy as 1, 2, 3", Philox-4x32-10; the multipliers and the key's increments are the paper's.
 */
#pragma once

#include <stdint.h>

#include "ops/lanes.h"

/* 128 random bits of @counter under @key. */
static inline CW_EVERYWHERE void
cw_philox (const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];

  for (unsigned round = 0; round < 10; round++) {
    const uint64_t p = (uint64_t) 0xd2511f53 * a, q = (uint64_t) 0xcd9e8d57 * c;

    a = (uint32_t) (q >> 32) ^ b ^ k0;
    b = (uint32_t) q;
    c = (uint32_t) (p >> 32) ^ d ^ k1;
    d = (uint32_t) p;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/* The uniform number in [0, 1), a multiple of 2^-53, that decides the token of @codebook at @step of take @take. */
static inline CW_EVERYWHERE double
cw_philox_uniform (uint64_t seed, uint32_t take, uint32_t step, uint32_t codebook)
{
  const uint32_t counter[4] = { step, codebook, take, 0 }, key[2] = { (uint32_t) seed, (uint32_t) (seed >> 32) };
  uint32_t       bits[4];

  cw_philox (counter, key, bits);
  return (double) (((uint64_t) bits[0] << 32 | bits[1]) >> 11) * (1.0 / 9007199254740992.0); /* 2^-53 */
}
