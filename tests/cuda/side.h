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
open_side (const char *folder, const char *backend, cw_precision precision)
{
  cw_error error = { 0 };
  side     s = { .engine = cw_engine_new (&(cw_engine_options){ .backend = backend, .n_threads = 2 }, &error) };

  s.model = s.engine ? cw_model_load (s.engine, folder, &(cw_model_options){ .precision = precision }, &error) : NULL;
  if (!s.model) {
    fprintf (stderr, "%s\n", error.message);
    exit (error.code == CW_ERROR_DEVICE ? 77 : 1);
  }
  return s;
}

static inline void
close_side (side *s)
{
  cw_model_free (s->model);
  cw_engine_free (s->engine);
}

enum { COC_ANY_CALL, COC_ALLOCATION, COC_LAUNCH }; /* tests/cuda-on-cpu/include/cuda-on-cpu.h */
#define LAUNCH_FAILURE 719
#define INVALID_VALUE  1
#define OUT_OF_MEMORY  2

/* The @nth call of the kind @call from now on fails with @error. */
typedef void (*fail_fn) (int call, long nth, int error);

/* The stand-in's, from the module that CW_CUDA_MODULE names; NULL when it is none. */
static inline fail_fn
find_fail (void)
{
  const char *module = getenv ("CW_CUDA_MODULE");
  void       *library = dlopen (module ? module : "", RTLD_NOW), *symbol = library ? dlsym (library, "coc_fail") : NULL;
  fail_fn     fail;

  memcpy (&fail, &symbol, sizeof fail);
  return fail;
}
