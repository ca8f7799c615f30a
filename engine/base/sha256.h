/* SPDX-License-Identifier: MIT
 *
 * sha256.h: FIPS 180-4, to name models by their content.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t state[8];
  uint64_t n_bytes;
  uint8_t  block[64];
} cw_sha256;

void cw_sha256_begin (cw_sha256 *sha);
void cw_sha256_add (cw_sha256 *sha, const void *data, size_t n);
void cw_sha256_end (cw_sha256 *sha, char hex[65]);
