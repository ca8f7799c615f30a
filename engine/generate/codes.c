/* SPDX-License-Identifier: MIT
 *
 * codes.c: the codes of one whole signal: from blocks, to blocks, from a file and to a file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "generate/codes-file.h"

void
cw_codes_free (cw_codes *codes)
{
  if (!codes)
    return;
  free (codes->codes);
  free (codes->scales);
  free (codes);
}

/* ---- blocks ---------------------------------------------------------------------------------------------------------- */

cw_status
cw_codes_gather (const cw_codes_block *block, void *user, cw_error *error)
{
  cw_codes_gathered *gathered = user;

  for (size_t t = 0; t < block->n_frames; t++)
    for (unsigned k = 0; k < gathered->n_codebooks; k++)
      cw_buffer_append (&gathered->frames, &block->codes[k * block->ld + t], sizeof *block->codes);
  cw_buffer_append (&gathered->scales, &block->scale, sizeof block->scale);
  return gathered->frames.failed || gathered->scales.failed ? cw_fail_memory (error, "the codes", gathered->frames.n) : CW_OK;
}

void
cw_codes_gathered_clear (cw_codes_gathered *gathered)
{
  cw_buffer_free (&gathered->frames);
  cw_buffer_free (&gathered->scales);
}

cw_codes *
cw_codes_from_gathered (const cw_codes_gathered *gathered, const cw_codes_info *info, cw_error *error)
{
  const size_t   k = info->n_codebooks, all = gathered->frames.n / sizeof (int32_t) / k;
  const size_t   t = info->chunk_frames && all ? info->chunk_frames : all, n_chunks = info->chunk_frames && all ? all / t : 1;
  const int32_t *frames = (const int32_t *) (const void *) gathered->frames.bytes;
  cw_codes      *codes = calloc (1, sizeof *codes);

  if (codes) {
    *codes = (cw_codes){ .n_codebooks = info->n_codebooks, .n_chunks = (unsigned) n_chunks, .n_frames = t,
                         .codebook_size = info->codebook_size, .rate_hz = info->rate_hz, .n_channels = info->n_channels,
                         .n_samples = info->n_samples };
    codes->codes = malloc (all ? all * k * sizeof *codes->codes : 1);
    codes->scales = info->scaled ? calloc (n_chunks, sizeof *codes->scales) : NULL;
  }
  if (!codes || !codes->codes || (info->scaled && !codes->scales)) {
    cw_fail_memory (error, "the codes", gathered->frames.n);
    cw_codes_free (codes);
    return NULL;
  }
  for (size_t i = 0; i < n_chunks * t; i++)
    for (size_t row = 0; row < k; row++)
      codes->codes[(i / t * k + row) * t + i % t] = frames[i * k + row];
  if (codes->scales && gathered->scales.n >= n_chunks * sizeof *codes->scales)
    memcpy (codes->scales, gathered->scales.bytes, n_chunks * sizeof *codes->scales);
  return codes;
}

cw_codes_info
cw_codes_get_info (const cw_codes *codes)
{
  return (cw_codes_info){ .n_codebooks = codes->n_codebooks, .codebook_size = codes->codebook_size, .rate_hz = codes->rate_hz,
                          .n_channels = codes->n_channels, .chunk_frames = codes->n_chunks > 1 ? codes->n_frames : 0,
                          .scaled = codes->scales != NULL, .n_frames = codes->n_frames * codes->n_chunks,
                          .n_samples = codes->n_samples };
}

bool
cw_codes_next_block (const cw_codes *codes, size_t *at, cw_codes_block *block)
{
  const size_t t = codes->n_frames, chunk = t ? *at / t : codes->n_chunks, first = t ? *at % t : 0;
  const size_t most = codes->n_chunks > 1 ? t : CW_CODES_WINDOW;

  if (chunk >= codes->n_chunks)
    return false;
  *block = (cw_codes_block){ .codes = codes->codes + chunk * codes->n_codebooks * t + first, .ld = t,
                             .n_frames = t - first < most ? t - first : most, .scale = codes->scales ? codes->scales[chunk] : 1.0f };
  *at += block->n_frames;
  return true;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

cw_status
cw_codes_write (const cw_codes *codes, const char *path, cw_error *error)
{
  const cw_codes_info info = cw_codes_get_info (codes);
  cw_codes_writer    *writer = cw_codes_writer_new (path, &info, error);
  cw_codes_block      block;
  cw_status           status = CW_OK;

  if (!writer)
    return error && error->code ? error->code : CW_ERROR_IO;
  for (size_t at = 0; status == CW_OK && cw_codes_next_block (codes, &at, &block);)
    status = cw_codes_writer_add (&block, writer, error);
  if (status == CW_OK)
    status = cw_codes_writer_finish (writer, codes->n_samples, error);
  cw_codes_writer_free (writer);
  return status;
}

cw_codes *
cw_codes_read (const char *path, cw_error *error)
{
  cw_codes_reader  *reader = cw_codes_reader_new (path, error);
  cw_codes_gathered gathered = { 0 };
  cw_codes_block    block = { .n_frames = 1 };
  cw_status         status = CW_OK;
  cw_codes         *codes = NULL;

  if (!reader)
    return NULL;
  gathered.n_codebooks = cw_codes_reader_get_info (reader)->n_codebooks;
  while (status == CW_OK && block.n_frames > 0)
    if ((status = cw_codes_reader_next (reader, &block, error)) == CW_OK && block.n_frames > 0)
      status = cw_codes_gather (&block, &gathered, error);
  if (status == CW_OK)
    codes = cw_codes_from_gathered (&gathered, cw_codes_reader_get_info (reader), error);
  cw_codes_gathered_clear (&gathered);
  cw_codes_reader_free (reader);
  return codes;
}
