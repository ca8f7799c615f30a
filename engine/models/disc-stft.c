/* SPDX-License-Identifier: MIT
 *
 * disc-stft.c: the layers of one DiscriminatorSTFT, audiocraft adversarial/discriminators/msstftd.py:
 *
 *     spectrum [2 C, frames, bins] ─ conv 3x9 without norm ─ conv 3x9, dilated 1, 2, 4 over frames, stride 2 over bins ─ conv 3x3 ─ conv 3x3
 */
#include <stdio.h>

#include "base/error.h"
#include "models/disc.h"

/* The class's arguments. */
typedef struct {
  long   in, out, filters, max_filters, scale;
  size_t n_subs, n_ffts[CW_DISC_SUBS_MAX], hops[CW_DISC_SUBS_MAX], wins[CW_DISC_SUBS_MAX];
  size_t kernel[2], stride[2], n_dilations, dilations[CW_DISC_MAPS_MAX - 2];
  bool   normalised;
} arguments;

static bool
read_arguments (arguments *a, const cw_json_scope *scope, cw_error *error)
{
  size_t n_hops = 3, n_wins = 3, n_kernel = 2, n_stride = 2;
  bool   apart = false;

  *a = (arguments){ .in = 1, .out = 1, .filters = 32, .max_filters = 1024, .scale = 1, .n_subs = 3, .n_ffts = { 1024, 2048, 512 },
                    .hops = { 256, 512, 128 }, .wins = { 1024, 2048, 512 }, .kernel = { 3, 9 }, .stride = { 1, 2 }, .n_dilations = 3,
                    .dilations = { 1, 2, 4 }, .normalised = true };
  if (!cw_json_int_or (scope, "in_channels", 1, 2, &a->in, error) || !cw_json_int_or (scope, "out_channels", 1, 16, &a->out, error) ||
      !cw_json_int_or (scope, "filters", 1, 4096, &a->filters, error) ||
      !cw_json_int_or (scope, "max_filters", 1, 4096, &a->max_filters, error) ||
      !cw_json_int_or (scope, "filters_scale", 1, 16, &a->scale, error) || !cw_json_bool_or (scope, "normalized", &a->normalised, error) ||
      !cw_json_bool_or (scope, "sep_channels", &apart, error) ||
      !cw_disc_sizes (scope, "n_ffts", 2, CW_FFT_MAX, CW_DISC_SUBS_MAX, a->n_ffts, &a->n_subs, error) ||
      !cw_disc_sizes (scope, "hop_lengths", 1, CW_FFT_MAX, CW_DISC_SUBS_MAX, a->hops, &n_hops, error) ||
      !cw_disc_sizes (scope, "win_lengths", 1, CW_FFT_MAX, CW_DISC_SUBS_MAX, a->wins, &n_wins, error) ||
      !cw_disc_sizes (scope, "kernel_size", 1, 255, 2, a->kernel, &n_kernel, error) ||
      !cw_disc_sizes (scope, "stride", 1, 64, 2, a->stride, &n_stride, error) ||
      !cw_disc_sizes (scope, "dilations", 1, 1024, CW_DISC_MAPS_MAX - 2, a->dilations, &a->n_dilations, error))
    return false;
  if (n_hops != a->n_subs || n_wins != a->n_subs || n_kernel != 2 || n_stride != 2) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: n_ffts, hop_lengths and win_lengths must be as long as each other, kernel_size and stride pairs.",
             scope->path);
    return false;
  }
  if (apart && a->in > 1) {
    cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: sep_channels is true for %ld channels, which is not supported.", scope->path, a->in);
    return false;
  }
  return true;
}

bool
cw_disc_stft_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error)
{
  arguments a;

  if (!read_arguments (&a, scope, error))
    return false;
  *n_subs = a.n_subs;
  return true;
}

bool
cw_disc_stft_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch)
{
  arguments       a;
  cw_conv2d_shape shape = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
  size_t          width;
  char            name[32];

  if (!read_arguments (&a, scope, fetch->error))
    return false;
  sub->stft = (cw_stft_config){ .n_fft = a.n_ffts[index], .hop = a.hops[index], .win = a.wins[index], .normalised = a.normalised };
  sub->n_convs = a.n_dilations + 2;
  width = (size_t) a.filters;
  shape.c_in = 2 * (size_t) a.in;
  for (size_t i = 0; i < sub->n_convs && !fetch->failed; i++) {
    const bool first = i == 0, last = i + 1 == sub->n_convs;

    if (i > 0)
      width = width * (size_t) a.scale < (size_t) a.max_filters ? width * (size_t) a.scale : (size_t) a.max_filters;
    shape.c_out = width;
    shape.kernel[0] = a.kernel[0];
    shape.kernel[1] = last ? a.kernel[0] : a.kernel[1];
    shape.stride[0] = first || last ? 1 : a.stride[0];
    shape.stride[1] = first || last ? 1 : a.stride[1];
    shape.dilation[0] = first || last ? 1 : a.dilations[i - 1];
    shape.padding[0] = (shape.kernel[0] - 1) * shape.dilation[0] / 2;
    shape.padding[1] = (shape.kernel[1] - 1) / 2;
    snprintf (name, sizeof name, "convs.%zu", i);
    cw_conv2d_fetch (fetch, &sub->convs[i], shape, 2, false, name);
    shape.c_in = shape.c_out;
  }
  shape.c_out = (size_t) a.out;
  if (!fetch->failed)
    cw_conv2d_fetch (fetch, &sub->post, shape, 2, false, "conv_post");
  return !fetch->failed;
}
