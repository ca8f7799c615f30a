/* SPDX-License-Identifier: MIT
 *
 * chroma.h: which of the twelve notes is the loudest, frame by frame: what MusicGen Melody hears of a melody.
 *
 *     sound ─ power spectrum (16384 points, hop 4096) ─ 12 filters, one a note in all octaves ─ the largest of them
 *
 * transformers MusicgenMelodyFeatureExtractor, audio_utils.chroma_filter_bank (librosa's filters.chroma, tuning 0); audiocraft
 * modules/chroma.py, ChromaExtractor. The separation of drums, bass and vocals, which AudioCraft does first, is not there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#define CW_CHROMA_MAX 64 /* notes */

typedef struct {
  size_t rate_hz;     /* of the sound */
  size_t n_fft, hop;  /* samples */
  size_t n_notes;     /* filters, 1 … CW_CHROMA_MAX */
  size_t max_samples; /* longer sound is cut to it before anything else; 0: never */
} cw_chroma_config;

typedef struct cw_chroma cw_chroma;

cw_chroma   *cw_chroma_new (const cw_chroma_config *config, cw_error *error);
void         cw_chroma_free (cw_chroma *chroma);
/* [n_notes, n_fft / 2 + 1]; owned by @chroma. */
const float *cw_chroma_filters (const cw_chroma *chroma);
/* Frames of @n >= 1 samples. */
size_t       cw_chroma_n_frames (const cw_chroma *chroma, size_t n);
/* Of each frame of @x [n] the note, lowest on ties, 0 in silence, to @notes [n_frames]. @power: NULL, or [n_frames, n_notes]: each note's
 * power over the frame's largest. No allocation, cannot fail. */
void         cw_chroma_notes (cw_chroma *chroma, const float *x, size_t n, uint8_t *notes, float *power);
