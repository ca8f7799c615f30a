/* SPDX-License-Identifier: MIT
 *
 * main.c: the probe's command line.
 *
 *     clipwright-probe CASE_FOLDER --out FILE.safetensors [--backend NAME] [--tokenizer FILE]
 *     clipwright-probe --load KIND FILE
 *
 * Exit codes: 0 done, or accepted; 1 failed, or refused, with one sentence on standard error; 2 a case, tensor, kind or argument
 * that the probe does not know.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "probe.h"

#define CASE_MAX_BYTES (64u << 20)

static const struct {
  const char *group;
  bool (*run) (probe *p);
} kinds[] = {
  { "audiocraft", probe_audiocraft },
  { "t5", probe_t5 }, { "lm", probe_lm }, { "melody", probe_lm }, { "encodec", probe_encodec },
  { "discriminators", probe_discriminators }, { "sampling", probe_sampling },
};

static const char usage[] = "usage: clipwright-probe CASE_FOLDER --out FILE.safetensors [--backend NAME] [--tokenizer FILE]\n"
                            "       clipwright-probe --load KIND FILE\n";

/* Opens case.json with its tensors, or cases.json. */
static bool
open_case (probe *p)
{
  const char *strings = probe_path (p, p->folder, "cases.json");
  const char *tensors = probe_path (p, p->folder, "reference.safetensors");

  p->path = probe_path (p, p->folder, "case.json");
  if (!strings || !tensors || !p->path)
    return false;
  if (access (p->path, F_OK) != 0 && access (strings, F_OK) == 0) {
    p->path = (char *) strings;
    return (p->json = cw_json_read_file (p->path, CASE_MAX_BYTES, &p->error)) != NULL;
  }
  return (p->json = cw_json_read_file (p->path, CASE_MAX_BYTES, &p->error)) &&
         (p->reference = cw_safetensors_open (tensors, &p->error));
}

/* By the group in the case's name, "lm/lm_mono". */
static bool
run_case (probe *p)
{
  const char  *name;
  size_t       n;

  if (!p->reference)
    return probe_tokenizer (p);
  if (!(name = probe_string (p, "case")))
    return false;
  n = strcspn (name, "/");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strlen (kinds[i].group) == n && strncmp (kinds[i].group, name, n) == 0)
      return kinds[i].run (p);
  p->unknown = true;
  return probe_fail (p, "“%s”: the probe does not know cases of the kind “%.*s”.", p->path, (int) n, name);
}

/* Was everything put that the case lists as a result? */
static bool
is_complete (probe *p)
{
  json_t     *tensor;
  const char *name;

  json_object_foreach (json_object_get (p->json, "tensors"), name, tensor) {
    const char *compare = json_string_value (json_object_get (tensor, "compare"));
    size_t      i = 0;

    while (i < p->n_outputs && strcmp (p->outputs[i].name, name) != 0)
      i++;
    if (i < p->n_outputs || (compare && strcmp (compare, "input") == 0))
      continue;
    p->unknown = true;
    return probe_fail (p, "“%s”: the probe does not know the tensor “%s”.", p->path, name);
  }
  if (p->n_outputs == 0) {
    p->unknown = true;
    return probe_fail (p, "“%s”: the case lists no tensors.", p->path);
  }
  return true;
}

static int
run_folder (probe *p, const char *out)
{
  const cw_engine_options options = { .backend = p->backend };
  bool                    ok;

  p->engine = cw_engine_new (&options, &p->error);
  ok = p->engine && open_case (p) && run_case (p) && is_complete (p) &&
       cw_safetensors_write (out, p->outputs, p->n_outputs, NULL, 0, &p->error) == CW_OK;
  if (!ok)
    fprintf (stderr, "%s\n", p->error.message);
  cw_engine_free (p->engine);
  cw_safetensors_close (p->reference);
  json_decref (p->json);
  cw_arena_free (&p->arena);
  return ok ? 0 : p->unknown ? 2 : 1;
}

int
main (int argc, char **argv)
{
  probe       p = { 0 };
  const char *out = NULL;

  if (argc == 4 && strcmp (argv[1], "--load") == 0) {
    const int status = probe_load (argv[2], argv[3], &p.error);
    if (status)
      fprintf (stderr, "%s\n", p.error.message);
    return status;
  }
  for (int i = 1; i < argc; i++) {
    const char **value = strcmp (argv[i], "--out") == 0         ? &out
                         : strcmp (argv[i], "--backend") == 0   ? &p.backend
                         : strcmp (argv[i], "--tokenizer") == 0 ? &p.tokenizer
                                                                : NULL;
    if (value && i + 1 < argc)
      *value = argv[++i];
    else if (!value && argv[i][0] != '-' && !p.folder)
      p.folder = argv[i];
    else {
      fputs (usage, stderr);
      return 2;
    }
  }
  if (!p.folder || !out) {
    fputs (usage, stderr);
    return 2;
  }
  return run_folder (&p, out);
}
