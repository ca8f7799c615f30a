/* SPDX-License-Identifier: MIT
 *
 * codes-writer.c: codes to a file while they come. See codes-file.h for the layouts.
 *
 * JSON is written in order. Safetensors holds a row for each codebook, and a header with the number of frames, before anything else:
 * the codes first go frame by frame to a file without a name, and are dealt out to their rows at the end, a window at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file-write.h"
#include "generate/codes-file.h"

struct cw_codes_writer {
  char         *path;
  cw_codes_info info;
  bool          json, open; /* open: write is to be ended or abandoned */
  cw_file_write write;
  FILE         *spool;      /* safetensors: int32_t [n_frames, K] */
  size_t        n_blocks;
  cw_buffer     scales;     /* of float */
};

static cw_status
fail_write (const cw_codes_writer *writer, cw_error *error)
{
  return cw_fail (error, CW_ERROR_IO, "“%s” cannot be written: %s.", writer->path, strerror (errno ? errno : EIO));
}

/* A file beside @path that has no name any more. */
static FILE *
open_spool (const char *path)
{
  char *name = NULL;
  int   fd;
  FILE *file = NULL;

  if (asprintf (&name, "%s.XXXXXX", path) < 0)
    return NULL;
  if ((fd = mkostemp (name, O_CLOEXEC)) >= 0) {
    unlink (name);
    if (!(file = fdopen (fd, "w+b")))
      close (fd);
  }
  free (name);
  return file;
}

cw_codes_writer *
cw_codes_writer_new (const char *path, const cw_codes_info *info, cw_error *error)
{
  const char      *dot = strrchr (path, '.');
  cw_codes_writer *writer;

  if (info->n_codebooks > CW_CODEBOOKS_MAX) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: %u codebooks are too many for a file of codes, which holds up to %d.", path,
             info->n_codebooks, CW_CODEBOOKS_MAX);
    return NULL;
  }
  writer = calloc (1, sizeof *writer);
  if (!writer || !(writer->path = strdup (path))) {
    cw_fail_memory (error, "a file of codes", sizeof *writer);
    free (writer);
    return NULL;
  }
  writer->info = *info;
  writer->info.n_frames = 0;
  writer->json = dot && strcasecmp (dot, ".json") == 0;
  errno = 0;
  if (writer->json) {
    writer->open = cw_file_write_begin (&writer->write, path, error) == CW_OK;
    if (writer->open)
      fprintf (writer->write.file,
               "{\"format\":\"" CW_CODES_FORMAT "\",\"version\":1,\"rate_hz\":%u,\"n_channels\":%u,\"n_codebooks\":%u,"
               "\"codebook_size\":%u,\"chunk_frames\":%zu,\"scaled\":%s,\"blocks\":[\n",
               info->rate_hz, info->n_channels, info->n_codebooks, info->codebook_size, info->chunk_frames, info->scaled ? "true" : "false");
  } else if (!(writer->spool = open_spool (path))) {
    fail_write (writer, error);
  }
  if (writer->open || writer->spool)
    return writer;
  cw_codes_writer_free (writer);
  return NULL;
}

void
cw_codes_writer_free (cw_codes_writer *writer)
{
  if (!writer)
    return;
  if (writer->open)
    cw_file_write_abandon (&writer->write);
  if (writer->spool)
    fclose (writer->spool);
  cw_buffer_free (&writer->scales);
  free (writer->path);
  free (writer);
}

static void
add_json (cw_codes_writer *writer, const cw_codes_block *block)
{
  FILE *file = writer->write.file;

  fputs (writer->n_blocks ? ",\n{" : "{", file);
  if (writer->info.scaled)
    fprintf (file, "\"scale\":%.9g,", (double) block->scale);
  fputs ("\"codes\":[", file);
  for (unsigned k = 0; k < writer->info.n_codebooks; k++) {
    fputs (k ? ",[" : "[", file);
    for (size_t t = 0; t < block->n_frames; t++)
      fprintf (file, t ? ",%d" : "%d", (int) block->codes[k * block->ld + t]);
    fputc (']', file);
  }
  fputs ("]}", file);
}

cw_status
cw_codes_writer_add (const cw_codes_block *block, void *user, cw_error *error)
{
  cw_codes_writer *writer = user;
  FILE            *file = writer->json ? writer->write.file : writer->spool;
  int32_t          frame[CW_CODEBOOKS_MAX];

  errno = 0;
  if (writer->json)
    add_json (writer, block);
  else
    for (size_t t = 0; t < block->n_frames; t++) {
      for (unsigned k = 0; k < writer->info.n_codebooks; k++)
        frame[k] = block->codes[k * block->ld + t];
      fwrite (frame, sizeof *frame, writer->info.n_codebooks, file);
    }
  if (ferror (file))
    return fail_write (writer, error);
  if (writer->info.scaled && (writer->n_blocks == 0 || writer->info.chunk_frames))
    cw_buffer_append (&writer->scales, &block->scale, sizeof block->scale);
  if (writer->scales.failed)
    return cw_fail_memory (error, "the scales of the chunks", writer->scales.n);
  writer->n_blocks++;
  writer->info.n_frames += block->n_frames;
  return CW_OK;
}

/* Deals the frames of the spool out to the rows of codes [n_chunks, K, t], which begin at @data. */
static cw_status
deal_out (cw_codes_writer *writer, off_t data, size_t n_chunks, size_t t, cw_error *error)
{
  const size_t k = writer->info.n_codebooks;
  int32_t     *window = malloc (CW_CODES_WINDOW * k * sizeof *window);
  int64_t     *row = malloc (CW_CODES_WINDOW * sizeof *row);
  cw_status    status = CW_OK;

  if (!window || !row)
    status = cw_fail_memory (error, "the codes", CW_CODES_WINDOW * k * sizeof *window);
  errno = 0;
  if (status == CW_OK && (fflush (writer->spool) != 0 || fseeko (writer->spool, 0, SEEK_SET) != 0))
    status = fail_write (writer, error);
  for (size_t chunk = 0; chunk < n_chunks; chunk++)
    for (size_t first = 0, n; first < t && status == CW_OK; first += n) {
      n = t - first < CW_CODES_WINDOW ? t - first : CW_CODES_WINDOW;
      if (fread (window, k * sizeof *window, n, writer->spool) != n)
        status = fail_write (writer, error);
      for (size_t i = 0; i < k && status == CW_OK; i++) {
        for (size_t j = 0; j < n; j++)
          row[j] = window[j * k + i];
        if (fseeko (writer->write.file, data + (off_t) (((chunk * k + i) * t + first) * sizeof *row), SEEK_SET) != 0 ||
            fwrite (row, sizeof *row, n, writer->write.file) != n)
          status = fail_write (writer, error);
      }
    }
  free (window);
  free (row);
  return status;
}

static cw_status
finish_safetensors (cw_codes_writer *writer, cw_error *error)
{
  const cw_codes_info *info = &writer->info;
  const size_t         t = info->chunk_frames ? info->chunk_frames : info->n_frames;
  const size_t         n_chunks = info->chunk_frames ? info->n_frames / t : 1;
  char                 numbers[5][24];
  cw_named_tensor      tensors[] = {
    { "codes", { CW_I64, 4, { n_chunks, 1, info->n_codebooks, t }, NULL } },
    { "scales", { CW_F32, 1, { n_chunks }, writer->scales.bytes } },
  };
  const char *const metadata[][2] = {
    { "format", CW_CODES_FORMAT }, { "codebook_size", numbers[0] }, { "rate_hz", numbers[1] },
    { "n_channels", numbers[2] },  { "n_samples", numbers[3] },     { "chunk_frames", numbers[4] },
  };
  cw_status status;
  off_t     data;

  snprintf (numbers[0], sizeof numbers[0], "%u", info->codebook_size);
  snprintf (numbers[1], sizeof numbers[1], "%u", info->rate_hz);
  snprintf (numbers[2], sizeof numbers[2], "%u", info->n_channels);
  snprintf (numbers[3], sizeof numbers[3], "%zu", info->n_samples);
  snprintf (numbers[4], sizeof numbers[4], "%zu", info->chunk_frames);
  if ((status = cw_safetensors_write_begin (&writer->write, writer->path, tensors, info->scaled ? 2 : 1, metadata, 6, error)) != CW_OK)
    return status;
  writer->open = true;
  data = ftello (writer->write.file);
  if ((status = deal_out (writer, data, n_chunks, t, error)) == CW_OK && info->scaled) {
    fseeko (writer->write.file, data + (off_t) (n_chunks * t * info->n_codebooks * sizeof (int64_t)), SEEK_SET);
    fwrite (writer->scales.bytes, sizeof (float), n_chunks, writer->write.file);
  }
  return status;
}

cw_status
cw_codes_writer_finish (cw_codes_writer *writer, size_t n_samples, cw_error *error)
{
  cw_status status = CW_OK;

  writer->info.n_samples = n_samples;
  if (writer->json)
    fprintf (writer->write.file, "\n],\"n_frames\":%zu,\"n_samples\":%zu}\n", writer->info.n_frames, n_samples);
  else
    status = finish_safetensors (writer, error);
  if (status != CW_OK)
    return status;
  writer->open = false;
  return cw_file_write_end (&writer->write, error);
}
