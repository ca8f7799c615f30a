/* SPDX-License-Identifier: MIT
 *
 * side.h: for tests that compare the processor with the card: one model loaded on either, and the stand-in's calls that are made to fail.
 */
#pragma once

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE first: dlfcn.h"
#endif
#include <dlfcn.h>
#include <string.h>

#include "check.h"
#include "generate/model.h"

typedef struct {
  cw_engine *engine;
  cw_model  *model;
} side;

/* The model in @folder, on @backend. Ends the test when there is none: 77, skipped, where it is the card that is missing. */
static inline side
open_side_with (const char *folder, const char *backend, cw_model_options options)
{
  cw_error error = { 0 };
  side     s = { .engine = cw_engine_new (&(cw_engine_options){ .backend = backend, .n_threads = 2 }, &error) };

  s.model = s.engine ? cw_model_load (s.engine, folder, &options, &error) : NULL;
  if (!s.model) {
    fprintf (stderr, "%s\n", error.message);
    exit (error.code == CW_ERROR_DEVICE ? 77 : 1);
  }
  return s;
}

static inline side
open_side (const char *folder, const char *backend, cw_precision precision)
{
  return open_side_with (folder, backend, (cw_model_options){ .precision = precision });
}

static inline void
close_side (side *s)
{
  cw_model_free (s->model);
  cw_engine_free (s->engine);
}

enum { COC_ANY_CALL, COC_ALLOCATION, COC_LAUNCH }; /* tests/cuda-on-cpu/include/cuda-on-cpu.h */
enum { COC_CALLS, COC_LAUNCHES };
#define LAUNCH_FAILURE 719
#define INVALID_VALUE  1
#define OUT_OF_MEMORY  2

/* The stand-in's function @name, from the module that CW_CUDA_MODULE names, to *@function; NULL when it is none. */
static inline void
find_in_stand_in (const char *name, void *function)
{
  const char *module = getenv ("CW_CUDA_MODULE");
  void       *library = dlopen (module ? module : "", RTLD_NOW), *symbol = library ? dlsym (library, name) : NULL;

  memcpy (function, &symbol, sizeof symbol);
}

/* The @nth call of the kind @call from now on fails with @error. */
typedef void (*fail_fn) (int call, long nth, int error);

static inline fail_fn
find_fail (void)
{
  fail_fn fail;

  find_in_stand_in ("coc_fail", &fail);
  return fail;
}

/* Ends the test, skipped, when calls cannot be made to fail. */
static inline void
need_stand_in (fail_fn fail)
{
  if (fail)
    return;
  fprintf (stderr, "CW_CUDA_MODULE does not name the stand-in\n");
  exit (77);
}

/* Counts calls of a kind: begin, and after them the number of those that went well. */
#define COUNT_FROM 1000000l

static inline long
counted (int call)
{
  long (*left) (int call);

  find_in_stand_in ("coc_left", &left);
  return COUNT_FROM - left (call);
}

/* Kernels that ran since the start, also those of a graph. */
static inline long
n_kernels (void)
{
  long (*statistic) (int which);

  find_in_stand_in ("coc_statistic", &statistic);
  return statistic (COC_LAUNCHES);
}
