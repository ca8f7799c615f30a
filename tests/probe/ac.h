/* SPDX-License-Identifier: MIT
 *
 * ac.h: what the parts of an audiocraft case share.
 */
#pragma once

#include "generate/model.h"
#include "probe.h"

typedef struct {
  probe                    *p;
  cw_model                 *model;
  const cw_musicgen_config *config;
  size_t                    n_codec; /* frames of codec_codes */
  int32_t                  *codec_codes; /* [K, n_codec]: of codec_audio */
  uint8_t                  *notes;       /* [n_notes] of melody_audio, if the case has one */
  size_t                    n_notes;
} ac;

/* Texts as AudioCraft batches them: projected, with zeros behind the shorter ones; a missing or empty one is zeros altogether. */
typedef struct {
  size_t   n, longest;
  float   *states; /* [n, longest, width] */
  bool    *real;   /* [n]: is there a text? */
  int32_t *ids, *mask; /* [n, longest] */
} ac_texts;

/* @list: a JSON array of strings and nulls. */
bool ac_read_texts (ac *a, const json_t *list, ac_texts *texts);

/* One run's audio prompt, of as many frames as the case lists for @name: *codes [K, *n]; puts it. None: *n is 0. */
bool ac_read_prompt (ac *a, const json_t *run, const char *name, const int32_t **codes, size_t *n);

/* NAME_codes [B, K, T] and, when the case asks for it, NAME_waveform. */
bool ac_put_codes (ac *a, const char *name, const int32_t *codes, size_t n_rows, size_t n_frames);

/* The draws of a run: NAME_uniforms, *n of them; NULL and *n 0 for one without. */
bool ac_read_uniforms (ac *a, const json_t *run, const char *name, const float **uniforms, size_t *n);

/* MusicGen Melody: the notes of melody_audio, which every run follows whose name does not begin with "text_only". */
bool ac_read_melody (ac *a);
/* MusicGen and AudioGen: teacher forcing, one run. */
bool ac_put_forced (ac *a);
bool ac_put_run (ac *a, const char *name, const json_t *run);
/* MAGNeT: the same. */
bool ac_put_stages (ac *a);
bool ac_put_magnet_run (ac *a, const char *name, const json_t *run);
