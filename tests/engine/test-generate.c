/* SPDX-License-Identifier: MIT
 *
 * test-generate.c: ROOT CASE: the greedy runs of a case of the reference format through the public interface alone: what cw_generate makes
 *     of the case's prompt, sound to continue and melody are the codes that the published code made.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "check.h"
#include "checkpoint/safetensors.h"
#include "engine.h"

static const char *root;

static char *
path_of (const char *folder, const char *name)
{
  static char paths[4][4096];
  static int  next;
  char       *path = paths[next++ % 4];

  snprintf (path, sizeof paths[0], "%s/%s/%s", root, folder, name);
  return path;
}

/* NAME_audio [1, channels, samples] as frames of channels; NULL when there is none. */
static float *
interleaved (cw_safetensors *file, const char *name, cw_signal *signal)
{
  const cw_tensor *audio = cw_safetensors_find (file, name);
  float           *samples;
  size_t           n, n_channels;

  if (!audio)
    return NULL;
  n = audio->dims[audio->n_dims - 1];
  n_channels = audio->n_dims == 3 ? audio->dims[1] : 1;
  samples = malloc (n * n_channels * sizeof *samples);
  for (size_t c = 0; c < n_channels; c++)
    for (size_t i = 0; i < n; i++)
      samples[i * n_channels + c] = ((const float *) audio->data)[c * n + i];
  *signal = (cw_signal){ samples, n, (unsigned) n_channels };
  return samples;
}

static void
test_run (cw_model *model, const json_t *json, cw_safetensors *file, const char *name, const json_t *run)
{
  const cw_model_info *info = cw_model_get_info (model);
  const json_t        *prompt = json_object_get (run, "prompt");
  char                 tensor[256];
  cw_request           request;
  cw_codes            *codes = NULL;
  cw_error             error = { 0 };
  float               *given, *melody = NULL;
  const cw_tensor     *expected;

  snprintf (tensor, sizeof tensor, "%s_codes", name);
  expected = cw_safetensors_find (file, tensor);
  if (!json_is_integer (prompt) || !expected)
    return;
  cw_request_init (&request, info);
  request.prompt = json_string_value (json_array_get (json_object_get (json, "prompts"), (size_t) json_integer_value (prompt)));
  request.guidance = (float) json_number_value (json_object_get (json, "guidance_scale"));
  request.temperature = 0.0f;
  request.duration_s = (double) expected->dims[2] * info->hop_samples / info->rate_hz;
  snprintf (tensor, sizeof tensor, "%s_audio", name);
  given = interleaved (file, tensor, &request.continue_sound);
  if (info->can_follow_melody && strcmp (name, "text_only") != 0)
    melody = interleaved (file, "melody_audio", &request.melody);
  CHECK (cw_generate (model, &request, NULL, &codes, &error) == CW_OK, "%s: %s", name, error.message);
  if (codes) {
    size_t n_wrong = 0;

    CHECK (codes->n_codebooks == expected->dims[1] && codes->n_frames == expected->dims[2], "%s: %u codebooks, %zu frames", name,
           codes->n_codebooks, codes->n_frames);
    for (size_t i = 0; i < expected->dims[1] * expected->dims[2]; i++)
      n_wrong += codes->codes[i] != ((const int64_t *) expected->data)[i];
    CHECK (n_wrong == 0, "%s: %zu codes are wrong", name, n_wrong);
    printf ("%s: %zu frames%s%s\n", name, codes->n_frames, given ? ", continued" : "", melody ? ", with a melody" : "");
  }
  cw_codes_free (codes);
  free (given);
  free (melody);
}

int
main (int argc, char **argv)
{
  cw_error        error = { 0 };
  cw_engine      *engine;
  cw_model       *model;
  cw_safetensors *file;
  json_t         *json, *run;
  const char     *name;

  if (argc != 3) {
    fputs ("usage: test-generate ROOT CASE\n", stderr);
    return 2;
  }
  root = argv[1];
  engine = cw_engine_new (NULL, &error);
  json = cw_json_read_file (path_of (argv[2], "case.json"), 64 << 20, &error);
  file = cw_safetensors_open (path_of (argv[2], "reference.safetensors"), &error);
  model = json ? cw_model_load (engine, path_of (json_string_value (json_object_get (json, "model")), ""), NULL, &error) : NULL;
  CHECK (json && file && model, "%s", error.message);
  json_object_foreach (json, name, run)
    if (model && file && json_object_get (run, "max_new_tokens"))
      test_run (model, json, file, name, run);
  cw_model_free (model);
  cw_safetensors_close (file);
  json_decref (json);
  cw_engine_free (engine);
  return check_done ();
}
