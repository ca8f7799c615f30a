/* SPDX-License-Identifier: MIT
 *
 * clip.h: a clip: the sound of one take, growing while it is made, with its peak pyramid, its recipe and its state.
 *
 * One thread (the engine's) appends; any thread reads. The buffer has its full size from the start, so samples never
 * move: a reader asks how many are final and reads those, without a lock. State, name and signals belong to the main
 * thread: the maker hands them over.
 *
 * Signals, on the main thread only: "notify::name", "notify::state", and "grew" (at most 30 a second while made, and
 * once at the end).
 */
#pragma once

#include <glib-object.h>

#include "recipe.h"

typedef enum {
  CW_CLIP_WAITING, /* queued */
  CW_CLIP_MAKING,
  CW_CLIP_DONE,
  CW_CLIP_STOPPED, /* by the person: what was made is kept */
  CW_CLIP_FAILED,  /* what was made before is kept */
} CwClipState;

#define CW_TYPE_CLIP (cw_clip_get_type ())
G_DECLARE_FINAL_TYPE (CwClip, cw_clip, CW, CLIP, GObject)

#define CW_CLIP_ENDLESS_S (8 * 3600) /* what is kept of an endless clip at most: then its making ends */

/* Takes a copy of @recipe. @n_samples_total: per channel; an endless clip has room for CW_CLIP_ENDLESS_S, in a file. NULL with
 * @error when memory is short. */
CwClip     *cw_clip_new (const CwRecipe *recipe, guint rate_hz, guint n_channels, gsize n_samples_total,
                         GError **error);

/* ---- the writer ---------------------------------------------------------------------------------------------- */

/* Appends interleaved samples and extends the peak pyramid. FALSE when there is no room for all of them; what has none is dropped. */
gboolean    cw_clip_append (CwClip *clip, const float *samples, gsize n_samples);
/* Seconds of making that remain; < 0 while not known. Any thread. */
void        cw_clip_set_remaining (CwClip *clip, double seconds);

/* ---- any thread ---------------------------------------------------------------------------------------------- */

guint        cw_clip_get_rate (CwClip *clip);
guint        cw_clip_get_n_channels (CwClip *clip);
gsize        cw_clip_get_n_samples_total (CwClip *clip); /* per channel; what was ordered */
gsize        cw_clip_get_n_samples_shown (CwClip *clip); /* the same for a picture of it: an endless one's grows in steps */
gsize        cw_clip_get_n_ready (CwClip *clip);         /* per channel; final and readable */
const float *cw_clip_get_samples (CwClip *clip);         /* interleaved; read the first n_ready only */
double       cw_clip_get_remaining (CwClip *clip);
/* True once nothing more will be appended (done, stopped or failed). */
gboolean     cw_clip_is_finished (CwClip *clip);

/* Smallest and largest sample of @channel in [start, end) of the ready part, from the pyramid: cost does not grow
 * with the span. False when nothing there is ready; then *low = *high = 0. */
gboolean     cw_clip_get_peak (CwClip *clip, guint channel, gsize start, gsize end, float *low, float *high);

/* ---- main thread --------------------------------------------------------------------------------------------- */

const CwRecipe *cw_clip_get_recipe (CwClip *clip);
const char     *cw_clip_get_name (CwClip *clip);
void            cw_clip_set_name (CwClip *clip, const char *name);
CwClipState     cw_clip_get_state (CwClip *clip);
const char     *cw_clip_get_failure (CwClip *clip); /* the sentence, or NULL */
/* Sets the state (and the sentence of a failure), and emits "notify::state" and "grew". */
void            cw_clip_set_state (CwClip *clip, CwClipState state, const char *failure);
void            cw_clip_emit_grew (CwClip *clip);
