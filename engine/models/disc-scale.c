/* SPDX-License-Identifier: MIT
 *
 * disc-scale.c: the layers of one ScaleDiscriminator, audiocraft adversarial/discriminators/msd.py:
 *
 *     waveform, reflected ─ conv 15 ─ grouped convs, each of stride 4 and four times as wide ─ conv 5 ─ conv 3
 *
 * The class pools the waveform between the scales and then forgets the result: all scales hear the same.
 */
#include <stdio.h>

#include "base/error.h"
#include "models/disc.h"

typedef struct {
  long   in, out, filters, max_filters;
  size_t n_scales, scales[CW_DISC_MAPS_MAX - 2], kernels[2];
  size_t n_inner, inner[CW_DISC_MAPS_MAX - 2], n_groups, groups[CW_DISC_MAPS_MAX - 2];
  size_t n_strides, strides[CW_DISC_MAPS_MAX - 2], n_paddings, paddings[CW_DISC_MAPS_MAX - 2];
} arguments;

static bool
read_arguments (arguments *a, const cw_json_scope *scope, cw_error *error)
{
  const size_t most = CW_DISC_MAPS_MAX - 2;
  size_t       n_kernels = 2;

  *a = (arguments){ .in = 1, .out = 1, .filters = 16, .max_filters = 1024, .n_scales = 4, .scales = { 4, 4, 4, 4 }, .kernels = { 5, 3 } };
  if (!cw_json_int_or (scope, "in_channels", 1, 2, &a->in, error) || !cw_json_int_or (scope, "out_channels", 1, 16, &a->out, error) ||
      !cw_json_int_or (scope, "filters", 1, 4096, &a->filters, error) ||
      !cw_json_int_or (scope, "max_filters", 1, 4096, &a->max_filters, error) ||
      !cw_disc_sizes (scope, "downsample_scales", 1, 64, most, a->scales, &a->n_scales, error) ||
      !cw_disc_sizes (scope, "kernel_sizes", 1, 63, 2, a->kernels, &n_kernels, error) ||
      !cw_disc_sizes (scope, "inner_kernel_sizes", 1, 4096, most, a->inner, &a->n_inner, error) ||
      !cw_disc_sizes (scope, "groups", 1, 4096, most, a->groups, &a->n_groups, error) ||
      !cw_disc_sizes (scope, "strides", 1, 64, most, a->strides, &a->n_strides, error) ||
      !cw_disc_sizes (scope, "paddings", 0, 4096, most, a->paddings, &a->n_paddings, error))
    return false;
  if (n_kernels != 2 || (a->n_inner && a->n_inner != a->n_scales) || (a->n_groups && a->n_groups != a->n_scales) ||
      (a->n_strides && a->n_strides != a->n_scales) || (a->n_paddings && a->n_paddings != a->n_scales)) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: kernel_sizes must be a pair, and inner_kernel_sizes, groups, strides and paddings as long as "
             "downsample_scales.", scope->path);
    return false;
  }
  return true;
}

bool
cw_disc_scale_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error)
{
  const json_t *norms = json_object_get (scope->object, "scale_norms");
  arguments     a;

  *n_subs = norms ? json_array_size (norms) : 3;
  if (*n_subs < 1 || *n_subs > CW_DISC_SUBS_MAX) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: scale_norms has %zu entries, 1 to %d were expected.", scope->path, *n_subs, CW_DISC_SUBS_MAX);
    return false;
  }
  return read_arguments (&a, scope, error);
}

bool
cw_disc_scale_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch)
{
  arguments       a;
  cw_conv2d_shape shape = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
  size_t          most;
  char            name[32];

  (void) index;
  if (!read_arguments (&a, scope, fetch->error))
    return false;
  most = (size_t) a.max_filters;
  sub->n_convs = a.n_scales + 2;
  sub->reflected = (a.kernels[0] * a.kernels[1] - 1) / 2;
  shape.c_in = (size_t) a.in;
  shape.c_out = (size_t) a.filters;
  shape.kernel[1] = a.kernels[0] * a.kernels[1];
  cw_conv2d_fetch (fetch, &sub->convs[0], shape, 1, false, "convs.0.1");
  for (size_t i = 0; i < a.n_scales && !fetch->failed; i++) {
    const size_t down = a.scales[i];

    shape.c_in = shape.c_out;
    shape.c_out = shape.c_in * down < most ? shape.c_in * down : most;
    shape.kernel[1] = a.n_inner ? a.inner[i] : 10 * down + 1;
    shape.stride[1] = a.n_strides ? a.strides[i] : down;
    shape.padding[1] = a.n_paddings ? a.paddings[i] : 5 * down;
    shape.groups = a.n_groups ? a.groups[i] : shape.c_in / 4;
    if (shape.groups < 1 || shape.c_in % shape.groups || shape.c_out % shape.groups) {
      cw_fail (fetch->error, CW_ERROR_FORMAT, "“%s”: %zu groups do not divide %zu and %zu channels.", scope->path, shape.groups, shape.c_in,
               shape.c_out);
      return false;
    }
    snprintf (name, sizeof name, "convs.%zu", i + 1);
    cw_conv2d_fetch (fetch, &sub->convs[i + 1], shape, 1, false, name);
  }
  shape = (cw_conv2d_shape){ .c_in = shape.c_out, .c_out = 2 * shape.c_out < most ? 2 * shape.c_out : most, .kernel = { 1, a.kernels[0] },
                             .stride = { 1, 1 }, .dilation = { 1, 1 }, .padding = { 0, (a.kernels[0] - 1) / 2 }, .groups = 1 };
  snprintf (name, sizeof name, "convs.%zu", a.n_scales + 1);
  if (!fetch->failed)
    cw_conv2d_fetch (fetch, &sub->convs[a.n_scales + 1], shape, 1, false, name);
  shape.c_in = shape.c_out;
  shape.c_out = (size_t) a.out;
  shape.kernel[1] = a.kernels[1];
  shape.padding[1] = (a.kernels[1] - 1) / 2;
  if (!fetch->failed)
    cw_conv2d_fetch (fetch, &sub->post, shape, 1, false, "conv_post");
  return !fetch->failed;
}
