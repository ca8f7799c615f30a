/* SPDX-License-Identifier: MIT
 *
 * fuzz-config.c: any text as a model's configuration: accepted with numbers that a model can be made of, or refused in one sentence.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "fuzz-checkpoint.h"
#include "generate/audiocraft-config.h"
#include "models/t5.h"

/* ---- config.json ------------------------------------------------------------------------------------------------------ */

static bool
is_sound (const cw_musicgen_config *c)
{
  return c->codebook_size > 0 && c->n_codebooks > 0 && c->heads > 0 && c->width % c->heads == 0 && c->n_layers > 0 && c->ffn > 0 &&
         c->n_channels > 0 && c->n_codebooks % c->n_channels == 0;
}

static bool
is_sound_codec (const cw_encodec_config *c)
{
  return c->net.n_channels > 0 && c->net.n_filters > 0 && c->net.n_ratios > 0 && c->hop_samples > 0 && c->frame_rate_hz > 0 && c->n_books > 0 &&
         c->codebook_size > 1 && c->net.compress > 0;
}

static void
try_json (const cw_json_scope *scope)
{
  cw_error           error = { 0 };
  cw_musicgen_config lm;
  cw_encodec_config  codec;
  cw_t5_config       t5;
  cw_melody_config   melody;
  bool               ok;

  fuzz_check_sentence (ok = cw_musicgen_config_read (&lm, scope, 64, &error), &error);
  if (ok && !is_sound (&lm))
    abort ();
  error = (cw_error){ 0 };
  fuzz_check_sentence (ok = cw_encodec_config_read (&codec, scope, &error), &error);
  if (ok && !is_sound_codec (&codec))
    abort ();
  error = (cw_error){ 0 };
  fuzz_check_sentence (cw_t5_config_read (&t5, scope, &error), &error);
  error = (cw_error){ 0 };
  fuzz_check_sentence (ok = cw_melody_config_read (&melody, scope, scope, 64, &error), &error);
  if (ok && (melody.length == 0 || melody.chroma.hop == 0 || melody.chroma.n_notes == 0))
    abort ();
}

/* The whole, and each of its parts as if it were one. */
static void
try_parts (const uint8_t *data, size_t n)
{
  cw_error    error = { 0 };
  json_t     *json = cw_json_parse ((const char *) data, n, "a text", &error), *part;
  const char *key;

  fuzz_check_sentence (json, &error);
  try_json (&(cw_json_scope){ json, "a text", "" });
  json_object_foreach (json, key, part)
    if (json_is_object (part))
      try_json (&(cw_json_scope){ part, "a text", key });
  json_decref (json);
}

/* ---- xp.cfg ----------------------------------------------------------------------------------------------------------- */

static size_t
put (uint8_t *to, size_t at, const void *bytes, size_t n)
{
  memcpy (to + at, bytes, n);
  return at + n;
}

static size_t
put_number (uint8_t *to, size_t at, uint32_t value, unsigned n)
{
  while (n-- > 0) {
    to[at++] = (uint8_t) value;
    value >>= 8;
  }
  return at;
}

/* An archive with one stored entry, a/data.pkl: { "best_state": {}, "xp.cfg": @text }. Returns its size; free @file. */
static size_t
wrap (const uint8_t *text, size_t n_text, uint8_t **file)
{
  static const char head[] = "\x80\2}(X\12\0\0\0best_state}X\6\0\0\0xp.cfgX", name[] = "a/data.pkl";
  const size_t      n_pickle = sizeof head - 1 + 4 + n_text + 2, n_name = sizeof name - 1;
  uint8_t          *out = *file = calloc (1, n_pickle + 2 * n_name + 128), *pickle = out + 30 + n_name;
  size_t            at = put (pickle, 0, head, sizeof head - 1), directory;

  at = put_number (pickle, at, (uint32_t) n_text, 4);
  at = put (pickle, at, text, n_text);
  at = put (pickle, at, "u.", 2);
  for (unsigned central = 0; central < 2; central++) {
    at = central ? directory = 30 + n_name + n_pickle : 0;
    at = put (out, at, central ? "PK\1\2\0\0" : "PK\3\4", central ? 6 : 4);
    at = put_number (out, at + 10, (uint32_t) crc32 (0, pickle, (unsigned) n_pickle), 4);
    at = put_number (out, at, (uint32_t) n_pickle, 4);
    at = put_number (out, at, (uint32_t) n_pickle, 4);
    at = put_number (out, at, (uint32_t) n_name, 2) + (central ? 16 : 2);
    at = put (out, at, name, n_name);
  }
  directory = at - 46 - n_name;
  put (out, at, "PK\5\6\0\0\0\0\1\0\1\0", 12);
  put_number (out, at + 12, (uint32_t) (46 + n_name), 4);
  put_number (out, at + 16, (uint32_t) directory, 4);
  return at + 22;
}

static void
try_checkpoint (const uint8_t *data, size_t n)
{
  uint8_t          *file;
  const size_t      n_file = wrap (data, n, &file);
  char              path[64];
  const int         fd = fuzz_make_file (file, n_file, path);
  cw_error          error = { 0 };
  cw_audiocraft    *checkpoint = cw_audiocraft_open (path, &error);
  cw_audiocraft_lm  lm;
  cw_encodec_config codec;
  bool              ok;

  fuzz_check_sentence (checkpoint, &error);
  if (!checkpoint && strstr (error.message, "zip archive is broken"))
    abort (); /* the wrapping is at fault */
  if (checkpoint) {
    fuzz_check_sentence (ok = cw_audiocraft_read_lm (checkpoint, &lm, &error), &error);
    if (ok && (!is_sound (&lm.lm) || lm.segment_s <= 0.0 || (lm.lm.prefixed && (lm.melody.length == 0 || lm.melody.chroma.hop == 0))))
      abort ();
    error = (cw_error){ 0 };
    fuzz_check_sentence (ok = cw_audiocraft_read_codec (checkpoint, &codec, &error), &error);
    if (ok && !is_sound_codec (&codec))
      abort ();
  }
  cw_audiocraft_close (checkpoint);
  close (fd);
  free (file);
}

void
fuzz_config (const uint8_t *data, size_t n)
{
  try_parts (data, n);
  try_checkpoint (data, n);
}
