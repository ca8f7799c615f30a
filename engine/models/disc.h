/* SPDX-License-Identifier: MIT
 *
 * disc.h: the adversarial discriminators, which tell real sound from a codec's: several sub-discriminators look at the same sound,
 *     each gives logits (how real, here and there) and the feature maps on the way to them. audiocraft/adversarial/discriminators.
 *
 *     MultiScaleSTFTDiscriminator   disc-stft.c    planes of spectrum over time, at several resolutions; Défossez et al. 2022,
 *                                                  arXiv:2210.13438, section 3.4
 *     MultiPeriodDiscriminator      disc-period.c  every p-th sample; Kong et al. 2020, arXiv:2010.05646
 *     MultiScaleDiscriminator       disc-scale.c   the waveform itself; Kumar et al. 2019, arXiv:1910.06711
 *
 * A folder holds config.json (with "kind", one of these names, and the class's own arguments), model.safetensors, and, where the weights
 * were trained, calibration.json (see generate/judge.c).
 */
#pragma once

#include "base/json.h"
#include "base/stft.h"
#include "checkpoint/weights.h"
#include "models/conv2d.h"

#define CW_DISC_SUBS_MAX 32
#define CW_DISC_MAPS_MAX 18

/* One sub-discriminator: how sound becomes a plane, then convolutions with leaky ReLUs behind them, then one more to the logits. */
typedef struct {
  cw_stft_config stft;   /* MS-STFT: [2 C, frames, bins], real parts before imaginary ones */
  size_t         period; /* multi-period: [C, period, time]: AudioCraft's [C, time, period] on its side; else 0 */
  size_t         reflected; /* multi-scale: [C, 1, time] with so many samples reflected on both sides; else 0 */
  size_t         n_convs;
  cw_conv2d      convs[CW_DISC_MAPS_MAX];
  cw_conv2d      post;
} cw_sub;

/* What one sub-discriminator makes of a sound. */
typedef struct {
  size_t   n_maps;
  cw_plane maps[CW_DISC_MAPS_MAX + 1]; /* after each activation; multi-period and multi-scale: the logits are the last */
  cw_plane logits;
} cw_opinion;

typedef struct cw_disc cw_disc;

/* Opens config.json and model.safetensors of @folder; every shape and value is checked. */
cw_disc    *cw_disc_load (cw_backend *be, const char *folder, cw_error *error);
void        cw_disc_free (cw_disc *disc);
const char *cw_disc_kind (const cw_disc *disc); /* "MultiScaleSTFTDiscriminator" … */
size_t      cw_disc_n_subs (const cw_disc *disc);
size_t      cw_disc_n_channels (const cw_disc *disc);
/* Are the planes of this kind [C, period, time]? */
bool        cw_disc_is_turned (const cw_disc *disc);

/* What sub-discriminator @sub makes of @x [C, n]. The planes' memory is @arena's. CW_ERROR_ARGUMENT: the sound is too short for it. */
cw_status   cw_disc_run (cw_disc *disc, size_t sub, const float *x, size_t n, cw_opinion *opinion, cw_arena *arena, cw_error *error);

/* ---- for the files of the kinds ---- */

/* The list of integers @key, of 1 to @max entries; its default is @list as it comes. */
bool cw_disc_sizes (const cw_json_scope *scope, const char *key, long least, long most, size_t max, size_t *list, size_t *n,
                    cw_error *error);
/* Each fills one sub-discriminator; @scope is the configuration. False with @error. The number of them first. */
bool cw_disc_stft_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error);
bool cw_disc_stft_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch);
bool cw_disc_period_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error);
bool cw_disc_period_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch);
bool cw_disc_scale_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error);
bool cw_disc_scale_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch);
