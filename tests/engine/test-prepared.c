/* SPDX-License-Identifier: MIT
 *
 * test-prepared.c: each precision gives the same codes for any number of threads, from memory, from a fresh cache file and from one that is
 *     read; broken, foreign and unwritable caches do no harm.
 *
 * Usage: test-prepared MODEL
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"

static const char *folder;

/* The codes of a short clip; NULL, and a failed check, when something went wrong. */
static cw_codes *
codes_of (cw_precision precision, const char *cache, unsigned n_threads, unsigned n_takes)
{
  cw_error   error = { 0 };
  cw_engine *engine = cw_engine_new (&(cw_engine_options){ .n_threads = n_threads }, &error);
  cw_model  *model = engine ? cw_model_load (engine, folder, &(cw_model_options){ .precision = precision, .cache_folder = cache }, &error) : NULL;
  cw_codes  *codes = NULL;
  cw_request request;

  if (model) {
    cw_request_init (&request, cw_model_get_info (model));
    request.prompt = "a door creaks open";
    request.duration_s = 0.4 < cw_model_get_info (model)->max_duration_s ? 0.4 : cw_model_get_info (model)->max_duration_s;
    request.seed = 11;
    request.n_takes = n_takes;
    cw_generate (model, &request, NULL, &codes, &error);
  }
  CHECK (codes, "%s, %u threads: %s", cw_precision_name (precision), n_threads, error.message);
  cw_model_free (model);
  cw_engine_free (engine);
  return codes;
}

static void
same_codes (const cw_codes *a, const cw_codes *b, const char *what, cw_precision precision)
{
  CHECK (a && b && a->n_frames == b->n_frames && a->n_codebooks == b->n_codebooks &&
           memcmp (a->codes, b->codes, a->n_frames * a->n_codebooks * sizeof *a->codes) == 0,
         "%s: %s gives other codes", cw_precision_name (precision), what);
}

/* The only file of @cache; free. */
static char *
cache_file (const char *cache)
{
  DIR           *entries = opendir (cache);
  struct dirent *entry;
  char          *path = NULL;

  while (entries && (entry = readdir (entries)))
    if (entry->d_name[0] != '.') {
      free (path);
      if (asprintf (&path, "%s/%s", cache, entry->d_name) < 0)
        path = NULL;
    }
  if (entries)
    closedir (entries);
  return path;
}

static long
size_of (const char *path)
{
  struct stat info;

  return path && stat (path, &info) == 0 ? (long) info.st_size : -1;
}

static void
test_precision (cw_precision precision, const char *base)
{
  cw_codes *exact = codes_of (precision, NULL, 1, 1), *other;
  char     *cache = NULL, *path;
  long      size;
  FILE     *file;

  for (unsigned n_threads = 2; n_threads <= 8; n_threads += n_threads == 2 ? 1 : 5) {
    other = codes_of (precision, NULL, n_threads, 1);
    same_codes (exact, other, "another number of threads", precision);
    cw_codes_free (other);
  }
  other = codes_of (precision, NULL, 2, 3);
  same_codes (exact, other, "the first of three takes", precision);
  cw_codes_free (other);

  if (asprintf (&cache, "%s/%s/weights", base, cw_precision_name (precision)) < 0)
    abort ();
  for (int i = 0; i < 2; i++) {
    other = codes_of (precision, cache, 2, 1);
    same_codes (exact, other, i ? "the cache file" : "the first load with a cache", precision);
    cw_codes_free (other);
  }
  path = cache_file (cache);
  size = size_of (path);
  CHECK (precision == CW_PRECISION_F32 ? !path : size > 0, "%s: the cache's file has %ld bytes", cw_precision_name (precision), size);
  if (path) {
    /* cut short, then not even the format, then empty: made anew each time */
    CHECK (truncate (path, size / 2) == 0, "truncate");
    for (int i = 0; i < 3; i++) {
      other = codes_of (precision, cache, 2, 1);
      same_codes (exact, other, "a broken cache file", precision);
      cw_codes_free (other);
      CHECK (size_of (path) == size, "%s: a broken cache file was not replaced", cw_precision_name (precision));
      if ((file = fopen (path, "w"))) {
        fputs (i == 0 ? "no safetensors file" : "", file);
        fclose (file);
      }
    }
    unlink (path);
  }
  cw_codes_free (exact);
  free (path);
  rmdir (cache);
  *strrchr (cache, '/') = '\0';
  rmdir (cache);
  free (cache);
}

int
main (int argc, char **argv)
{
  char      base[] = "/tmp/clipwright-test-XXXXXX";
  cw_codes *with, *without;

  if (argc != 2 || !mkdtemp (base)) {
    fputs ("usage: test-prepared MODEL\n", stderr);
    return 2;
  }
  folder = argv[1];
  for (int precision = CW_PRECISION_F32; precision < CW_N_PRECISIONS; precision++)
    test_precision ((cw_precision) precision, base);

  /* a folder that cannot be made */
  without = codes_of (CW_PRECISION_INT8, NULL, 2, 1);
  with = codes_of (CW_PRECISION_INT8, "/proc/clipwright", 2, 1);
  same_codes (without, with, "an impossible cache folder", CW_PRECISION_INT8);
  cw_codes_free (with);
  cw_codes_free (without);
  rmdir (base);
  return check_done ();
}
