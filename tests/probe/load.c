/* SPDX-License-Identifier: MIT
 *
 * load.c: one loader tried on one file or folder, for the malformed ones: accepted, or refused in one sentence.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "checkpoint/audiocraft.h"
#include "generate/model.h"
#include "probe.h"

static bool
load_safetensors (const char *path, cw_error *error)
{
  cw_safetensors *file = cw_safetensors_open (path, error);
  const bool      ok = file != NULL;

  cw_safetensors_close (file);
  return ok;
}

static bool
load_folder (const char *path, const char *family, cw_error *error)
{
  cw_engine *engine = cw_engine_new (NULL, error);
  cw_model  *model = engine ? cw_model_load (engine, path, NULL, error) : NULL;
  bool       ok = model != NULL;

  if (ok && strcmp (cw_model_get_info (model)->family, family) != 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” is of the family %s, %s was expected.", path, cw_model_get_info (model)->family,
             family);
    ok = false;
  }
  /* its encoder is loaded only when it is needed */
  ok = ok && cw_encodec_load_encoder (model->codec, error) == CW_OK;
  cw_model_free (model);
  cw_engine_free (engine);
  return ok;
}

static bool
load_encodec (const char *path, cw_error *error)
{
  return load_folder (path, "encodec", error);
}

static bool
load_musicgen (const char *path, cw_error *error)
{
  return load_folder (path, "musicgen", error);
}

static bool
load_tokenizer (const char *path, cw_error *error)
{
  cw_tokenizer *tokenizer = cw_tokenizer_load (path, error);
  const bool    ok = tokenizer != NULL;

  cw_tokenizer_free (tokenizer);
  return ok;
}

static bool
load_torch (const char *path, cw_error *error)
{
  cw_audiocraft *file = cw_audiocraft_open (path, error);
  const bool     ok = file != NULL;

  cw_audiocraft_close (file);
  return ok;
}

static bool
load_prompt (const char *path, cw_error *error)
{
  FILE  *file = fopen (path, "rb");
  char  *text = malloc (CW_PROMPT_MAX_BYTES + 1);
  size_t n = file && text ? fread (text, 1, CW_PROMPT_MAX_BYTES + 1, file) : 0, bad;
  bool   ok = false;

  if (!file)
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be opened: %s.", path, strerror (errno));
  else if (!text)
    cw_fail_memory (error, "the prompt", CW_PROMPT_MAX_BYTES);
  else if (ferror (file))
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be read: %s.", path, strerror (errno));
  else if (n > CW_PROMPT_MAX_BYTES)
    cw_fail (error, CW_ERROR_ARGUMENT, "“%s” is longer than %d bytes, the longest prompt.", path, CW_PROMPT_MAX_BYTES);
  else if (!cw_utf8_valid (text, n, &bad))
    cw_fail (error, CW_ERROR_ARGUMENT, "“%s”: the byte 0x%02x at %zu is no UTF-8, which was expected.", path,
             (unsigned) (unsigned char) text[bad], bad);
  else
    ok = true;
  if (file)
    fclose (file);
  free (text);
  return ok;
}

int
probe_load (const char *kind, const char *file, cw_error *error)
{
  static const struct {
    const char *kind;
    bool (*load) (const char *path, cw_error *error);
  } loaders[] = {
    { "safetensors", load_safetensors },   { "encodec_dir", load_encodec },    { "musicgen_dir", load_musicgen },
    { "tokenizer_json", load_tokenizer },  { "torch_checkpoint", load_torch }, { "prompt", load_prompt },
    { "wav", probe_read_audio },
  };

  for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
    if (strcmp (loaders[i].kind, kind) == 0)
      return loaders[i].load (file, error) ? 0 : 1;
  cw_fail (error, CW_ERROR_ARGUMENT, "The probe has no loader of the kind “%s”.", kind);
  return 2;
}
