/* SPDX-License-Identifier: MIT
 *
 * utf8.h: the one place where bytes become characters. Strict: no overlong forms, no surrogates, nothing past U+10FFFF
 *     (Unicode 15, table 3-7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character at @s, which has @n bytes left; 0 when they do not start a valid one. */
unsigned cw_utf8_length (const char *s, size_t n);

/* The character at @s, which must be valid, and its length. */
uint32_t cw_utf8_decode (const char *s, unsigned *length);

/* Is all of it valid? When not, *bad (may be NULL) is the place of the first byte that is not. */
bool cw_utf8_valid (const char *s, size_t n, size_t *bad);
