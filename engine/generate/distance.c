/* SPDX-License-Identifier: MIT
 *
 * distance.c: how far apart two sounds are to the losses that AudioCraft trains its codecs by, with the values of its own configuration
 *     (config/solver/compression/default.yaml: msspec and mel).
 */
#include "engine.h"
#include "models/spectral-losses.h"

#define N_MELS 64
#define F_MIN  64.0
#define FLOOR  1e-5

cw_status
cw_mel_distance (const float *a, const float *b, size_t n_samples, unsigned rate_hz, double *distance, double *log_mel, cw_error *error)
{
  const cw_multi_mel_config multi = { .rate_hz = rate_hz, .range_start = 6, .range_end = 11, .n_mels = N_MELS, .f_min = F_MIN,
                                      .normalised = true, .floor = FLOOR };
  const cw_mel_config       mel = { .rate_hz = rate_hz, .n_fft = 1024, .hop = 256, .win = 1024, .n_mels = N_MELS, .f_min = F_MIN,
                                    .log = true, .floor = FLOOR };
  const cw_status           status = cw_multi_mel_loss (&multi, a, b, n_samples, distance, error);

  return status == CW_OK ? cw_mel_l1_loss (&mel, a, b, n_samples, log_mel, error) : status;
}
