/* SPDX-License-Identifier: MIT
 *
 * engine.c: an engine: the processor with its threads, and a card if there is one.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "generate/model.h"

/* Is it worth to look for a card? The kernel's driver makes these files; /dev/dxg is Windows' under WSL. */
static bool
may_have_card (void)
{
  return access ("/dev/nvidiactl", F_OK) == 0 || access ("/dev/dxg", F_OK) == 0;
}

cw_engine *
cw_engine_new (const cw_engine_options *options, cw_error *error)
{
  const char *backend = options ? options->backend : NULL;
  const bool  automatic = !backend || strcmp (backend, "auto") == 0, on_card = !automatic && cw_card_is_name (backend);
  cw_engine  *engine = calloc (1, sizeof *engine);

  if (error)
    *error = (cw_error){ 0 };
  if (!engine) {
    cw_fail_memory (error, "the engine", sizeof *engine);
    return NULL;
  }
  engine->be = cw_backend_new (automatic || on_card ? NULL : backend, options ? options->n_threads : 0, error);
  if (engine->be && on_card)
    engine->card = cw_card_open (backend, options->vram_bytes, error);
  else if (engine->be && automatic && may_have_card ())
    engine->card = cw_card_open ("cuda", options ? options->vram_bytes : 0, NULL);
  if (!engine->be || (on_card && !engine->card)) {
    cw_engine_free (engine);
    return NULL;
  }
  return engine;
}

void
cw_engine_free (cw_engine *engine)
{
  if (!engine)
    return;
  cw_card_close (engine->card);
  cw_backend_free (engine->be);
  free (engine);
}

const char *
cw_engine_get_backend (const cw_engine *engine)
{
  return engine->card ? engine->card->name : engine->be->name;
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
