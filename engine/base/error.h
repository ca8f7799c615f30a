/* SPDX-License-Identifier: MIT
 *
 * error.h: filling a cw_error. Every failing function of the engine ends in one of these.
 */
#pragma once

#include "engine.h"

/* Fills @error (may be NULL) with @code and the formatted sentence, cut at a character's border and cleaned of invalid UTF-8
 * and control characters (names inside come from files). Returns @code, so that `return cw_fail (…)` reads well. */
cw_status cw_fail (cw_error *error, cw_status code, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

/* cw_fail with CW_ERROR_MEMORY: "Not enough memory for WHAT (N bytes)." */
cw_status cw_fail_memory (cw_error *error, const char *what, size_t n_bytes);
