/* SPDX-License-Identifier: MIT
 *
 * codes-reader.c: codes from a file, block by block, every one checked. See codes-file.h for the layouts.
 *
 * Of a JSON file what lies before "blocks" and behind them is read first, as one object; then the blocks one after the other, each a JSON
 * value of its own, however they are broken into lines.
 */
#define _GNU_SOURCE /* memmem, memrchr */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "generate/codes-file.h"

#define ENDS_BYTES 65536 /* at most, before the blocks and behind them */

struct cw_codes_reader {
  char           *path;
  cw_codes_info   info;
  size_t          n_read;   /* frames */
  int32_t        *codes;    /* [K, max_frames]: the present block */
  size_t          max_frames;
  cw_safetensors *tensors;
  const cw_tensor *rows, *scales;
  FILE           *json;
  size_t          n_left;   /* bytes that the present value may still take */
};

/* ---- what both share ------------------------------------------------------------------------------------------------- */

static cw_status
fail_code (const cw_codes_reader *reader, long long code, cw_error *error)
{
  return cw_fail (error, CW_ERROR_FORMAT, "“%s” holds the code %lld; 0 to %u were expected.", reader->path, code,
                  reader->info.codebook_size - 1);
}

static cw_status
fail_scale (const cw_codes_reader *reader, cw_error *error)
{
  return cw_fail (error, CW_ERROR_FORMAT, "“%s”: a chunk's scale is not a finite number.", reader->path);
}

/* Room for a block of @n frames. */
static cw_status
reserve (cw_codes_reader *reader, size_t n, cw_error *error)
{
  size_t   n_bytes = 0;
  int32_t *codes = NULL;

  if (n <= reader->max_frames)
    return CW_OK;
  if (cw_mul (n, reader->info.n_codebooks * sizeof *codes, &n_bytes))
    codes = realloc (reader->codes, n_bytes);
  if (!codes)
    return cw_fail_memory (error, reader->path, n_bytes);
  reader->codes = codes;
  reader->max_frames = n;
  return CW_OK;
}

/* ---- safetensors ----------------------------------------------------------------------------------------------------- */

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
open_safetensors (cw_codes_reader *reader, cw_error *error)
{
  cw_codes_info   *info = &reader->info;
  const cw_tensor *rows, *scales;
  const char      *format;
  size_t           v, rate, channels;

  if (!(reader->tensors = cw_safetensors_open (reader->path, error)))
    return false;
  format = cw_safetensors_metadata (reader->tensors, "format");
  if (!format || strcmp (format, CW_CODES_FORMAT) != 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is not a file of codes: its format is “%s”, “" CW_CODES_FORMAT "” was expected.",
             reader->path, format ? format : "missing");
    return false;
  }
  if (!read_number (reader->tensors, "codebook_size", 2, 1 << 20, &v, error) ||
      !read_number (reader->tensors, "rate_hz", 100, 1000000, &rate, error) ||
      !read_number (reader->tensors, "n_channels", 1, 2, &channels, error) ||
      !read_number (reader->tensors, "n_samples", 0, (size_t) 1 << 48, &info->n_samples, error))
    return false;
  rows = reader->rows = cw_safetensors_find (reader->tensors, "codes");
  if (!rows || rows->dtype != CW_I64 || rows->n_dims != 4 || rows->dims[0] < 1 || rows->dims[1] != 1 || rows->dims[2] < 1 ||
      rows->dims[0] > UINT32_MAX || rows->dims[2] > CW_CODEBOOKS_MAX) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has no tensor “codes” of type I64 and shape [chunks, 1, codebooks, frames].", reader->path);
    return false;
  }
  scales = reader->scales = cw_safetensors_find (reader->tensors, "scales");
  if (scales && (scales->dtype != CW_F32 || scales->n_dims != 1 || scales->dims[0] != rows->dims[0])) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: tensor “scales” must be F32 of shape [%llu].", reader->path,
             (unsigned long long) rows->dims[0]);
    return false;
  }
  info->codebook_size = (unsigned) v;
  info->rate_hz = (unsigned) rate;
  info->n_channels = (unsigned) channels;
  info->n_codebooks = (unsigned) rows->dims[2];
  info->chunk_frames = rows->dims[0] > 1 ? rows->dims[3] : 0;
  info->n_frames = rows->dims[0] * rows->dims[3];
  info->scaled = scales != NULL;
  return true;
}

static cw_status
next_safetensors (cw_codes_reader *reader, cw_codes_block *block, cw_error *error)
{
  const size_t t = reader->rows->dims[3], k = reader->info.n_codebooks;
  const size_t chunk = t ? reader->n_read / t : 0, first = t ? reader->n_read % t : 0;
  const size_t most = reader->info.chunk_frames ? t : CW_CODES_WINDOW;

  block->n_frames = chunk < reader->rows->dims[0] ? t - first < most ? t - first : most : 0;
  block->scale = 1.0f;
  if (block->n_frames == 0)
    return CW_OK;
  if (reserve (reader, block->n_frames, error) != CW_OK)
    return CW_ERROR_MEMORY;
  for (size_t row = 0; row < k; row++) {
    const int64_t *from = (const int64_t *) reader->rows->data + (chunk * k + row) * t + first;
    for (size_t i = 0; i < block->n_frames; i++) {
      if (from[i] < 0 || from[i] >= reader->info.codebook_size)
        return fail_code (reader, from[i], error);
      reader->codes[row * reader->max_frames + i] = (int32_t) from[i];
    }
    cw_safetensors_release (reader->tensors, from, block->n_frames * sizeof *from);
  }
  if (reader->scales && !isfinite (block->scale = ((const float *) reader->scales->data)[chunk]))
    return fail_scale (reader, error);
  return CW_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

/* Where `"blocks": [` begins in @text, at *key, and what lies behind it, at *first. False when it is not there. */
static bool
find_blocks (const char *text, size_t n, size_t *key, size_t *first)
{
  static const char name[] = "\"blocks\"";

  for (size_t at = 0;;) {
    const char *found = memmem (text + at, n - at, name, sizeof name - 1);
    if (!found)
      return false;
    *key = (size_t) (found - text);
    for (at = *key + sizeof name - 1; at < n && (text[at] == ':' || isspace ((unsigned char) text[at]));)
      at++;
    *first = at + 1;
    if (at < n && text[at] == '[')
      return true;
  }
}

/* The file's own object without its blocks; *blocks is where they begin in the file. */
static json_t *
read_ends (cw_codes_reader *reader, size_t file_bytes, size_t *blocks, cw_error *error)
{
  char       *head = malloc (ENDS_BYTES), *tail = malloc (ENDS_BYTES), *text = malloc (2 * ENDS_BYTES + 16);
  size_t      n_head, n_tail, key;
  const char *last;
  json_t     *object = NULL;

  if (!head || !tail || !text) {
    cw_fail_memory (error, reader->path, 4 * ENDS_BYTES);
  } else {
    n_head = fread (head, 1, ENDS_BYTES, reader->json);
    fseek (reader->json, file_bytes > ENDS_BYTES ? -(long) ENDS_BYTES : 0, file_bytes > ENDS_BYTES ? SEEK_END : SEEK_SET);
    n_tail = fread (tail, 1, ENDS_BYTES, reader->json);
    last = memrchr (tail, ']', n_tail);
    if (last && find_blocks (head, n_head, &key, blocks)) {
      memcpy (text, head, key);
      memcpy (text + key, "\"blocks\":[", 10);
      memcpy (text + key + 10, last, n_tail - (size_t) (last - tail));
      object = cw_json_parse (text, key + 10 + n_tail - (size_t) (last - tail), reader->path, error);
    } else {
      cw_fail (error, CW_ERROR_FORMAT, "“%s” is not a whole file of codes: it has no list “blocks” (it may be cut short).", reader->path);
    }
  }
  free (head);
  free (tail);
  free (text);
  return object;
}

static bool
open_json (cw_codes_reader *reader, size_t file_bytes, cw_error *error)
{
  cw_codes_info *info = &reader->info;
  size_t         blocks = 0;
  long           version = 1, v, k, rate, channels, chunk = 0, n_frames, n_samples;
  json_t        *object = read_ends (reader, file_bytes, &blocks, error);
  cw_json_scope  scope = { object, reader->path, "" };
  const char    *format = "missing";
  bool           ok = object != NULL, scaled = false;

  if (ok && (!cw_json_string_or (&scope, "format", &format, error) || strcmp (format, CW_CODES_FORMAT) != 0)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is not a file of codes: its format is “%s”, “" CW_CODES_FORMAT "” was expected.",
             reader->path, format);
    ok = false;
  }
  ok = ok && cw_json_int_or (&scope, "version", 1, 1, &version, error) &&
       cw_json_int (&scope, "codebook_size", 2, 1 << 20, &v, error) && cw_json_int (&scope, "rate_hz", 100, 1000000, &rate, error) &&
       cw_json_int (&scope, "n_channels", 1, 2, &channels, error) &&
       cw_json_int (&scope, "n_codebooks", 1, CW_CODEBOOKS_MAX, &k, error) &&
       cw_json_int_or (&scope, "chunk_frames", 0, 1 << 20, &chunk, error) && cw_json_bool_or (&scope, "scaled", &scaled, error) &&
       cw_json_int (&scope, "n_frames", 0, (long) (file_bytes / 2), &n_frames, error) &&
       cw_json_int (&scope, "n_samples", 0, 1L << 48, &n_samples, error);
  json_decref (object);
  if (!ok)
    return false;
  *info = (cw_codes_info){ .n_codebooks = (unsigned) k, .codebook_size = (unsigned) v, .rate_hz = (unsigned) rate,
                           .n_channels = (unsigned) channels, .chunk_frames = (size_t) chunk, .scaled = scaled, .n_frames = (size_t) n_frames,
                           .n_samples = (size_t) n_samples };
  return fseek (reader->json, (long) blocks, SEEK_SET) == 0;
}

/* One byte at a time, so that what follows a value stays where it is. */
static size_t
give_byte (void *buffer, size_t n, void *user)
{
  cw_codes_reader *reader = user;
  const int        c = n && reader->n_left > 0 ? getc_unlocked (reader->json) : EOF;

  if (c == EOF)
    return 0;
  reader->n_left--;
  *(char *) buffer = (char) c;
  return 1;
}

/* The next byte that is no white space; EOF. */
static int
next_mark (cw_codes_reader *reader)
{
  int c;

  do
    c = getc_unlocked (reader->json);
  while (c != EOF && isspace (c));
  return c;
}

/* The codes and the scale of one block of the file. */
static cw_status
take_block (cw_codes_reader *reader, const json_t *value, cw_codes_block *block, cw_error *error)
{
  const json_t *rows = json_object_get (value, "codes"), *scale = json_object_get (value, "scale");
  const size_t  k = reader->info.n_codebooks, n = json_array_size (json_array_get (rows, 0));
  cw_status     status;

  if (json_array_size (rows) != k || n == 0 || (reader->info.chunk_frames && n != reader->info.chunk_frames))
    return cw_fail (error, CW_ERROR_FORMAT, "“%s”: a block behind frame %zu has %zu codebooks of %zu frames, which does not fit the file's header.",
                    reader->path, reader->n_read, json_array_size (rows), n);
  if ((status = reserve (reader, n, error)) != CW_OK)
    return status;
  for (size_t row = 0; row < k; row++) {
    const json_t *list = json_array_get (rows, row);
    if (json_array_size (list) != n)
      return cw_fail (error, CW_ERROR_FORMAT, "“%s”: the codebooks of a block behind frame %zu differ in length.", reader->path, reader->n_read);
    for (size_t i = 0; i < n; i++) {
      const json_t   *code = json_array_get (list, i);
      const long long number = json_is_integer (code) ? json_integer_value (code) : -1;
      if (number < 0 || number >= reader->info.codebook_size)
        return fail_code (reader, number, error);
      reader->codes[row * reader->max_frames + i] = (int32_t) number;
    }
  }
  block->n_frames = n;
  if (reader->info.scaled) {
    block->scale = (float) json_number_value (scale);
    if (!json_is_number (scale) || !isfinite (block->scale))
      return fail_scale (reader, error);
  }
  return CW_OK;
}

static cw_status
next_json (cw_codes_reader *reader, cw_codes_block *block, cw_error *error)
{
  int          mark = next_mark (reader);
  json_error_t problem;
  json_t      *value;
  cw_status    status;

  block->n_frames = 0;
  block->scale = 1.0f;
  if (mark == ']') {
    if (reader->n_read != reader->info.n_frames)
      return cw_fail (error, CW_ERROR_FORMAT, "“%s” has blocks of %zu frames in all, %zu were expected.", reader->path, reader->n_read,
                      reader->info.n_frames);
    ungetc (mark, reader->json); /* so that the end stays the end */
    return CW_OK;
  }
  if (reader->n_read > 0 && mark == ',')
    mark = next_mark (reader);
  ungetc (mark, reader->json);
  reader->n_left = CW_CODES_BLOCK_BYTES;
  if (mark != '{' || !(value = json_load_callback (give_byte, reader, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &problem)))
    return cw_fail (error, CW_ERROR_FORMAT, reader->n_left ? "“%s”: what follows frame %zu is no block of codes in JSON."
                                                            : "“%s”: the block behind frame %zu is longer than 4 MiB; split it.",
                    reader->path, reader->n_read);
  status = take_block (reader, value, block, error);
  json_decref (value);
  return status;
}

/* ---- both ------------------------------------------------------------------------------------------------------------ */

/* A safetensors file begins with the length of its header, eight bytes that hold zeros, and then the header, which is JSON. */
static bool
open_file (cw_codes_reader *reader, cw_error *error)
{
  struct stat info;
  char        start[9] = { 0 };
  FILE       *file = NULL;
  size_t      n;

  if (stat (reader->path, &info) != 0 || (S_ISREG (info.st_mode) && !(file = fopen (reader->path, "rbe")))) {
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be opened: %s.", reader->path, strerror (errno));
    return false;
  }
  if (!file) {
    cw_fail (error, CW_ERROR_IO, "“%s” is no regular file.", reader->path);
    return false;
  }
  n = fread (start, 1, sizeof start, file);
  start[8] = n == sizeof start ? start[8] : '\0';
  if (n == sizeof start && !memchr (start, 0, 8) && start[strspn (start, " \t\r\n")] == '{') {
    rewind (file);
    reader->json = file;
    return open_json (reader, (size_t) info.st_size, error);
  }
  fclose (file);
  if (start[8] != '{') {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is not a file of codes: it begins neither as JSON nor as safetensors.", reader->path);
    return false;
  }
  return open_safetensors (reader, error);
}

cw_codes_reader *
cw_codes_reader_new (const char *path, cw_error *error)
{
  cw_codes_reader *reader = calloc (1, sizeof *reader);

  if (error)
    *error = (cw_error){ 0 };
  if (!reader || !(reader->path = strdup (path)))
    cw_fail_memory (error, path, sizeof *reader);
  else if (open_file (reader, error))
    return reader;
  cw_codes_reader_free (reader);
  return NULL;
}

void
cw_codes_reader_free (cw_codes_reader *reader)
{
  if (!reader)
    return;
  cw_safetensors_close (reader->tensors);
  if (reader->json)
    fclose (reader->json);
  free (reader->codes);
  free (reader->path);
  free (reader);
}

const cw_codes_info *
cw_codes_reader_get_info (const cw_codes_reader *reader)
{
  return &reader->info;
}

cw_status
cw_codes_reader_next (cw_codes_reader *reader, cw_codes_block *block, cw_error *error)
{
  const cw_status status = reader->json ? next_json (reader, block, error) : next_safetensors (reader, block, error);

  block->codes = reader->codes;
  block->ld = reader->max_frames;
  reader->n_read += status == CW_OK ? block->n_frames : 0;
  return status;
}
