/* SPDX-License-Identifier: MIT
 *
 * codes.c: codes in a file: safetensors, so that any program can read them.
 *
 *     codes   I64 [n_chunks, 1, K, T]        metadata: format "clipwright-codes", codebook_size, rate_hz,
 *     scales  F32 [n_chunks], optional                 n_channels, n_samples
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "engine.h"

#define FORMAT "clipwright-codes"

void
cw_codes_free (cw_codes *codes)
{
  if (!codes)
    return;
  free (codes->codes);
  free (codes->scales);
  free (codes);
}

cw_status
cw_codes_write (const cw_codes *codes, const char *path, cw_error *error)
{
  const size_t    n = (size_t) codes->n_chunks * codes->n_codebooks * codes->n_frames;
  int64_t        *wide = malloc ((n ? n : 1) * sizeof *wide);
  char            numbers[4][24];
  cw_named_tensor tensors[2];
  cw_status       status;

  if (!wide)
    return cw_fail_memory (error, "the codes", n * sizeof *wide);
  for (size_t i = 0; i < n; i++)
    wide[i] = codes->codes[i];
  snprintf (numbers[0], sizeof numbers[0], "%u", codes->codebook_size);
  snprintf (numbers[1], sizeof numbers[1], "%u", codes->rate_hz);
  snprintf (numbers[2], sizeof numbers[2], "%u", codes->n_channels);
  snprintf (numbers[3], sizeof numbers[3], "%zu", codes->n_samples);
  tensors[0] = (cw_named_tensor){ "codes", { CW_I64, 4, { codes->n_chunks, 1, codes->n_codebooks, codes->n_frames }, wide } };
  tensors[1] = (cw_named_tensor){ "scales", { CW_F32, 1, { codes->n_chunks }, codes->scales } };

  const char *const metadata[][2] = {
    { "format", FORMAT },         { "codebook_size", numbers[0] }, { "rate_hz", numbers[1] },
    { "n_channels", numbers[2] }, { "n_samples", numbers[3] },
  };

  status = cw_safetensors_write (path, tensors, codes->scales ? 2 : 1, metadata, 5, error);
  free (wide);
  return status;
}

/* A whole number of the metadata, in range. */
static bool
read_number (const cw_safetensors *file, const char *key, size_t min, size_t max, size_t *value, cw_error *error)
{
  const char        *text = cw_safetensors_metadata (file, key);
  char              *end = NULL;
  unsigned long long number;

  errno = 0;
  number = text && text[0] >= '0' && text[0] <= '9' ? strtoull (text, &end, 10) : 0;
  if (!end || *end || errno || number < min || number > max) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: %s is “%s”; a number from %zu to %zu was expected.", cw_safetensors_path (file),
             key, text ? text : "missing", min, max);
    return false;
  }
  *value = number;
  return true;
}

static bool
read_codes (cw_codes *codes, const cw_safetensors *file, cw_error *error)
{
  const cw_tensor *tensor = cw_safetensors_find (file, "codes");
  const char      *path = cw_safetensors_path (file);
  const int64_t   *wide;
  size_t           n;

  if (!tensor || tensor->dtype != CW_I64 || tensor->n_dims != 4 || tensor->dims[0] < 1 || tensor->dims[1] != 1 ||
      tensor->dims[2] < 1 || tensor->dims[0] > UINT32_MAX || tensor->dims[2] > 256) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has no tensor “codes” of type I64 and shape [chunks, 1, codebooks, frames].", path);
    return false;
  }
  codes->n_chunks = (unsigned) tensor->dims[0];
  codes->n_codebooks = (unsigned) tensor->dims[2];
  codes->n_frames = tensor->dims[3];
  n = cw_tensor_n_elements (tensor);
  wide = tensor->data;
  if (!(codes->codes = malloc ((n ? n : 1) * sizeof *codes->codes))) {
    cw_fail_memory (error, path, n * sizeof *codes->codes);
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    if (wide[i] < 0 || wide[i] >= codes->codebook_size) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s” holds the code %lld; 0 to %u were expected.", path, (long long) wide[i],
               codes->codebook_size - 1);
      return false;
    }
    codes->codes[i] = (int32_t) wide[i];
  }
  return true;
}

static bool
read_scales (cw_codes *codes, const cw_safetensors *file, cw_error *error)
{
  const cw_tensor *tensor = cw_safetensors_find (file, "scales");
  const char      *path = cw_safetensors_path (file);

  if (!tensor)
    return true;
  if (tensor->dtype != CW_F32 || tensor->n_dims != 1 || tensor->dims[0] != codes->n_chunks) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “scales” must be F32 of shape [%u].", path, codes->n_chunks);
    return false;
  }
  if (!(codes->scales = malloc (codes->n_chunks * sizeof *codes->scales))) {
    cw_fail_memory (error, path, codes->n_chunks * sizeof *codes->scales);
    return false;
  }
  memcpy (codes->scales, tensor->data, codes->n_chunks * sizeof *codes->scales);
  for (unsigned i = 0; i < codes->n_chunks; i++)
    if (!isfinite (codes->scales[i])) {
      cw_fail (error, CW_ERROR_FORMAT, "“%s”: scales holds values that are NaN or infinite.", path);
      return false;
    }
  return true;
}

cw_codes *
cw_codes_read (const char *path, cw_error *error)
{
  cw_safetensors *file;
  cw_codes       *codes = calloc (1, sizeof *codes);
  const char     *format;
  size_t          v = 0, rate = 0, channels = 0;
  bool            ok = false;

  if (!codes || !(file = cw_safetensors_open (path, error))) {
    if (!codes)
      cw_fail_memory (error, path, sizeof *codes);
    free (codes);
    return NULL;
  }
  format = cw_safetensors_metadata (file, "format");
  if (!format || strcmp (format, FORMAT) != 0)
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is not a file of codes: its format is “%s”, “" FORMAT "” was expected.", path,
             format ? format : "missing");
  else
    ok = read_number (file, "codebook_size", 2, 1 << 20, &v, error) &&
         read_number (file, "rate_hz", 100, 1000000, &rate, error) &&
         read_number (file, "n_channels", 1, 2, &channels, error) &&
         read_number (file, "n_samples", 0, (size_t) 1 << 48, &codes->n_samples, error);
  codes->codebook_size = (unsigned) v;
  codes->rate_hz = (unsigned) rate;
  codes->n_channels = (unsigned) channels;
  ok = ok && read_codes (codes, file, error) && read_scales (codes, file, error);
  cw_safetensors_close (file);
  if (!ok) {
    cw_codes_free (codes);
    return NULL;
  }
  return codes;
}
