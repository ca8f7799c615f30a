/* SPDX-License-Identifier: MIT
 *
 * fuzz-checkpoint.c: any bytes as a checkpoint: the first byte says as what, the rest is the input. Whatever it is, it is accepted or
 * refused in one sentence. An entry for libFuzzer, and for test-checkpoint.c, which gives it mutated seeds.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "checkpoint/audiocraft.h"
#include "checkpoint/omegaconf.h"
#include "checkpoint/safetensors.h"
#include "fuzz-checkpoint.h"

/* A refusal says why, in one line. */
void
fuzz_check_sentence (bool accepted, const cw_error *error)
{
  if (!accepted && (error->code == CW_OK || error->message[0] == '\0' || strchr (error->message, '\n')))
    abort ();
}

/* Every tensor that the file names, read through: under a sanitizer, a view past the end stops the program. */
static void
read_tensors (cw_torch_file *file)
{
  const cw_pickle_value *state = cw_pickle_get (cw_torch_file_object (file), "best_state");
  volatile uint8_t       sum = 0;

  for (size_t i = 0; state && state->kind == CW_PICKLE_DICT && i + 1 < state->n; i += 2) {
    cw_error  error = { 0 };
    cw_tensor tensor;
    bool      ok;

    if (state->items[i + 1]->kind != CW_PICKLE_TENSOR)
      continue;
    ok = cw_torch_file_tensor (file, state->items[i + 1], "a tensor", &tensor, &error);
    fuzz_check_sentence (ok, &error);
    for (size_t j = 0; ok && j < cw_tensor_n_elements (&tensor) * cw_dtype_size (tensor.dtype); j++)
      sum = (uint8_t) (sum + ((const uint8_t *) tensor.data)[j]);
  }
}

int
fuzz_make_file (const uint8_t *data, size_t n, char path[64])
{
  const int fd = memfd_create ("checkpoint", MFD_CLOEXEC);

  if (fd < 0 || write (fd, data, n) != (ssize_t) n)
    exit (2);
  snprintf (path, 64, "/proc/self/fd/%d", fd);
  return fd;
}

static void
try_file (const uint8_t *data, size_t n)
{
  char           path[64];
  const int      fd = fuzz_make_file (data, n, path);
  cw_error       error = { 0 };
  cw_torch_file *file;
  cw_audiocraft *checkpoint;

  file = cw_torch_file_open (path, &error);
  fuzz_check_sentence (file, &error);
  if (file)
    read_tensors (file);
  cw_torch_file_close (file);
  error = (cw_error){ 0 };
  checkpoint = cw_audiocraft_open (path, &error);
  fuzz_check_sentence (checkpoint, &error);
  cw_audiocraft_close (checkpoint);
  close (fd);
}

static void
try_pickle (const uint8_t *data, size_t n)
{
  uint8_t  *copy = malloc (n ? n : 1); /* so that a sanitizer sees its end */
  cw_arena  arena = { 0 };
  cw_error  error = { 0 };
  cw_pickle pickle;

  memcpy (copy, data, n);
  fuzz_check_sentence (cw_pickle_load (&pickle, copy, n, &arena, "a pickle", &error), &error);
  cw_arena_free (&arena);
  free (copy);
}

static void
try_yaml (const uint8_t *data, size_t n)
{
  cw_error    error = { 0 };
  json_t     *root = cw_omegaconf_parse ((const char *) data, n, "a text", &error), *item;
  const char *key;

  fuzz_check_sentence (root, &error);
  json_object_foreach (root, key, item) {
    cw_error why = { 0 };
    json_t  *part = cw_omegaconf_resolve (root, key, "a text", &why);
    fuzz_check_sentence (part, &why);
    json_decref (part);
  }
  json_decref (root);
}

static void
try_safetensors (const uint8_t *data, size_t n)
{
  char             path[64];
  const int        fd = fuzz_make_file (data, n, path);
  cw_error         error = { 0 };
  cw_safetensors  *file = cw_safetensors_open (path, &error);
  volatile uint8_t sum = 0;

  fuzz_check_sentence (file, &error);
  for (size_t i = 0; file && i < cw_safetensors_n_tensors (file); i++) {
    const char      *name;
    const cw_tensor *tensor = cw_safetensors_nth (file, i, &name);

    for (size_t j = 0; j < cw_tensor_n_elements (tensor) * cw_dtype_size (tensor->dtype); j++)
      sum = (uint8_t) (sum + ((const uint8_t *) tensor->data)[j]);
    if (cw_safetensors_find (file, name) != tensor)
      abort ();
  }
  cw_safetensors_close (file);
  close (fd);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  if (n == 0)
    return 0;
  switch (data[0] % FUZZ_N_KINDS) {
  case FUZZ_FILE: try_file (data + 1, n - 1); break;
  case FUZZ_PICKLE: try_pickle (data + 1, n - 1); break;
  case FUZZ_YAML: try_yaml (data + 1, n - 1); break;
  case FUZZ_SAFETENSORS: try_safetensors (data + 1, n - 1); break;
  }
  return 0;
}
