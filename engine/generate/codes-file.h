/* SPDX-License-Identifier: MIT
 *
 * codes-file.h: the two layouts of a file of codes, and what the files of this folder share about codes.
 *
 * Safetensors, so that any program can read it:
 *
 *     codes   I64 [n_chunks, 1, K, T]        metadata: format "clipwright-codes", codebook_size, rate_hz,
 *     scales  F32 [n_chunks], optional                 n_channels, n_samples, chunk_frames (T of a chunk, or 0)
 *
 * JSON: one object, which is also written and read as lines, so that hours of it pass through constant memory. Each entry of
 * "blocks" holds frames that follow those before: for a codec with chunks (chunk_frames > 0) one chunk, with its "scale" where
 * "scaled" is true, else any number of frames, up to 4 MiB of text. Keys may come in any order; "blocks" is the only list among them.
 *
 *     {"format":"clipwright-codes","version":1,"rate_hz":24000,"n_channels":1,"n_codebooks":2,"codebook_size":1024,"chunk_frames":0,"scaled":false,"blocks":[
 *     {"codes":[[12,7,900],[3,3,1023]]},
 *     {"codes":[[5],[77]]}
 *     ],"n_frames":4,"n_samples":1280}
 */
#pragma once

#include "base/buffer.h"
#include "checkpoint/safetensors.h"
#include "engine.h"

#define CW_CODES_FORMAT       "clipwright-codes"
#define CW_CODES_WINDOW       512 /* frames at most of a block that is no chunk: I64 rows of a page */
#define CW_CODEBOOKS_MAX      256
#define CW_CODES_BLOCK_BYTES  (4u << 20)

/* Blocks become one cw_codes. */
typedef struct {
  unsigned  n_codebooks;
  cw_buffer frames, scales; /* of int32_t [n_frames, K], of float */
} cw_codes_gathered;

cw_status cw_codes_gather (const cw_codes_block *block, void *gathered, cw_error *error); /* suits cw_codes_take */
/* NULL and @error when memory is short. */
cw_codes *cw_codes_from_gathered (const cw_codes_gathered *gathered, const cw_codes_info *info, cw_error *error);
void      cw_codes_gathered_clear (cw_codes_gathered *gathered);

/* And one cw_codes becomes blocks: @at starts at 0; false when there is no more. */
cw_codes_info cw_codes_get_info (const cw_codes *codes);
bool          cw_codes_next_block (const cw_codes *codes, size_t *at, cw_codes_block *block);
