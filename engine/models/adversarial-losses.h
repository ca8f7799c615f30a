/* SPDX-License-Identifier: MIT
 *
 * adversarial-losses.h: what a codec and its discriminators are trained by. audiocraft adversarial/losses.py, AdversarialLoss with normalize.
 */
#pragma once

#include "models/disc.h"

typedef enum { CW_LOSS_MSE, CW_LOSS_HINGE, CW_LOSS_HINGE2, CW_N_ADVERSARIAL_LOSSES } cw_adversarial_loss;

const char *cw_adversarial_loss_name (cw_adversarial_loss loss); /* "mse", "hinge", "hinge2" */

/* Of one sub-discriminator: how much its logits of the codec's sound cost the codec: the lower, the more real they sound.
 *   mse: mean (x - 1)^2     hinge: -mean x     hinge2: -mean min (x - 1, 0) */
double cw_generator_loss (cw_adversarial_loss loss, const cw_plane *fake_logits);
/* Of one sub-discriminator: how badly it tells them apart.
 *   mse: mean (real - 1)^2 + mean fake^2     hinge and hinge2: -mean min (real - 1, 0) - mean min (-fake - 1, 0) */
double cw_discriminator_loss (cw_adversarial_loss loss, const cw_plane *fake_logits, const cw_plane *real_logits);
/* Of one sub-discriminator: mean absolute difference of each pair of maps, averaged over the maps. */
double cw_feature_matching_loss (const cw_opinion *fake, const cw_opinion *real);
double cw_plane_mean (const cw_plane *plane);
/* The loss of all is the mean over the sub-discriminators. */
