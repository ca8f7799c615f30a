/* SPDX-License-Identifier: MIT
 *
 * engine.c: an engine: one backend with its threads.
 */
#include <stdlib.h>

#include "base/error.h"
#include "generate/model.h"

cw_engine *
cw_engine_new (const cw_engine_options *options, cw_error *error)
{
  cw_engine *engine = calloc (1, sizeof *engine);

  if (error)
    *error = (cw_error){ 0 };
  if (!engine) {
    cw_fail_memory (error, "the engine", sizeof *engine);
    return NULL;
  }
  if (!(engine->be = cw_backend_new (options ? options->backend : NULL, options ? options->n_threads : 0, error))) {
    free (engine);
    return NULL;
  }
  return engine;
}

void
cw_engine_free (cw_engine *engine)
{
  if (!engine)
    return;
  cw_backend_free (engine->be);
  free (engine);
}

const char *
cw_engine_get_backend (const cw_engine *engine)
{
  return engine->be->name;
}

const char *
cw_engine_get_kernels (const cw_engine *engine)
{
  return engine->be->kernels->name;
}

unsigned
cw_engine_get_n_threads (const cw_engine *engine)
{
  return cw_pool_n_threads (engine->be->pool);
}
