/* SPDX-License-Identifier: MIT
 *
 * disc-period.c: the layers of one PeriodDiscriminator, audiocraft adversarial/discriminators/mpd.py: convolutions over every p-th sample,
 *     which never mix the p phases. Here a phase is a row, so that time runs along the columns.
 */
#include <stdio.h>

#include "base/error.h"
#include "models/disc.h"

typedef struct {
  long   in, out, n_layers, stride, filters, scale, max_filters;
  size_t n_subs, periods[CW_DISC_SUBS_MAX], kernels[2];
} arguments;

static bool
read_arguments (arguments *a, const cw_json_scope *scope, cw_error *error)
{
  size_t n_kernels = 2;

  *a = (arguments){ .in = 1, .out = 1, .n_layers = 5, .stride = 3, .filters = 8, .scale = 4, .max_filters = 1024, .n_subs = 5,
                    .periods = { 2, 3, 5, 7, 11 }, .kernels = { 5, 3 } };
  if (!cw_json_int_or (scope, "in_channels", 1, 2, &a->in, error) || !cw_json_int_or (scope, "out_channels", 1, 16, &a->out, error) ||
      !cw_json_int_or (scope, "n_layers", 1, CW_DISC_MAPS_MAX, &a->n_layers, error) ||
      !cw_json_int_or (scope, "stride", 1, 64, &a->stride, error) || !cw_json_int_or (scope, "filters", 1, 4096, &a->filters, error) ||
      !cw_json_int_or (scope, "filters_scale", 1, 16, &a->scale, error) ||
      !cw_json_int_or (scope, "max_filters", 1, 4096, &a->max_filters, error) ||
      !cw_disc_sizes (scope, "periods", 1, 4096, CW_DISC_SUBS_MAX, a->periods, &a->n_subs, error) ||
      !cw_disc_sizes (scope, "kernel_sizes", 1, 255, 2, a->kernels, &n_kernels, error))
    return false;
  if (n_kernels != 2) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s”: kernel_sizes has %zu entries, 2 were expected.", scope->path, n_kernels);
    return false;
  }
  return true;
}

bool
cw_disc_period_count (const cw_json_scope *scope, size_t *n_subs, cw_error *error)
{
  arguments a;

  if (!read_arguments (&a, scope, error))
    return false;
  *n_subs = a.n_subs;
  return true;
}

bool
cw_disc_period_build (cw_sub *sub, size_t index, const cw_json_scope *scope, cw_fetch *fetch)
{
  arguments       a;
  cw_conv2d_shape shape = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
  size_t          width;
  char            name[32];

  if (!read_arguments (&a, scope, fetch->error))
    return false;
  sub->period = a.periods[index];
  sub->n_convs = (size_t) a.n_layers;
  width = (size_t) a.filters;
  shape.c_in = (size_t) a.in;
  for (size_t i = 0; i < sub->n_convs && !fetch->failed; i++) {
    width = width * (size_t) a.scale < (size_t) a.max_filters ? width * (size_t) a.scale : (size_t) a.max_filters;
    shape.c_out = width;
    shape.kernel[1] = a.kernels[0];
    shape.stride[1] = i + 1 == sub->n_convs ? 1 : (size_t) a.stride;
    shape.padding[1] = (a.kernels[0] - 1) / 2;
    snprintf (name, sizeof name, "convs.%zu", i);
    cw_conv2d_fetch (fetch, &sub->convs[i], shape, 1, true, name);
    shape.c_in = shape.c_out;
  }
  shape.c_out = (size_t) a.out;
  shape.kernel[1] = a.kernels[1];
  shape.stride[1] = 1;
  shape.padding[1] = (a.kernels[1] - 1) / 2;
  if (!fetch->failed)
    cw_conv2d_fetch (fetch, &sub->post, shape, 1, true, "conv_post");
  return !fetch->failed;
}
