/* SPDX-License-Identifier: MIT
 *
 * adversarial-losses.c: see adversarial-losses.h.
 */
#include "models/adversarial-losses.h"

#include <math.h>

const char *
cw_adversarial_loss_name (cw_adversarial_loss loss)
{
  static const char *const names[] = { "mse", "hinge", "hinge2" };

  return names[loss];
}

/* Mean of (x - target)^2. */
static double
mean_square (const cw_plane *logits, double target)
{
  const size_t n = logits->c * logits->h * logits->w;
  double       sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += (logits->x[i] - target) * (logits->x[i] - target);
  return sum / (double) n;
}

/* -mean of min (sign x - 1, 0). */
static double
mean_hinge (const cw_plane *logits, double sign)
{
  const size_t n = logits->c * logits->h * logits->w;
  double       sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += fmax (1.0 - sign * logits->x[i], 0.0);
  return sum / (double) n;
}

double
cw_plane_mean (const cw_plane *plane)
{
  const size_t n = plane->c * plane->h * plane->w;
  double       sum = 0.0;

  for (size_t i = 0; i < n; i++)
    sum += plane->x[i];
  return sum / (double) n;
}

double
cw_generator_loss (cw_adversarial_loss loss, const cw_plane *fake_logits)
{
  return loss == CW_LOSS_MSE ? mean_square (fake_logits, 1.0) : loss == CW_LOSS_HINGE ? -cw_plane_mean (fake_logits)
                                                                                       : mean_hinge (fake_logits, 1.0);
}

double
cw_discriminator_loss (cw_adversarial_loss loss, const cw_plane *fake_logits, const cw_plane *real_logits)
{
  if (loss == CW_LOSS_MSE)
    return mean_square (real_logits, 1.0) + mean_square (fake_logits, 0.0);
  return mean_hinge (real_logits, 1.0) + mean_hinge (fake_logits, -1.0);
}

double
cw_feature_matching_loss (const cw_opinion *fake, const cw_opinion *real)
{
  double loss = 0.0;

  for (size_t i = 0; i < real->n_maps; i++) {
    const cw_plane *a = &fake->maps[i], *b = &real->maps[i];
    const size_t    n = b->c * b->h * b->w;
    double          sum = 0.0;

    for (size_t j = 0; j < n; j++)
      sum += fabs ((double) a->x[j] - b->x[j]);
    loss += sum / (double) n;
  }
  return loss / (double) real->n_maps;
}
