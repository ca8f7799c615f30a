/* SPDX-License-Identifier: MIT
 *
 * conv2d.c: see conv2d.h.
 */
#include "models/conv2d.h"

#include <string.h>

#include "models/conv.h"

void
cw_conv2d_fetch (cw_fetch *fetch, cw_conv2d *conv, cw_conv2d_shape shape, unsigned n_kernel, bool turned, const char *name)
{
  const size_t c_in = shape.c_in / shape.groups, c_out = shape.c_out / shape.groups, r = c_in * shape.kernel[0] * shape.kernel[1];
  uint64_t     dims[4] = { shape.c_out, c_in, n_kernel == 2 ? shape.kernel[0] : shape.kernel[1], n_kernel == 2 ? shape.kernel[1] : 1 };
  cw_arena     unpacked = { 0 };
  cw_fetch     local = *fetch;
  float       *w = NULL;
  const float *bias = NULL;

  *conv = (cw_conv2d){ .shape = shape, .taps = cw_arena_new (fetch->arena, cw_taps, shape.groups) };
  local.arena = &unpacked;
  cw_conv_fetch_weight (&local, &w, dims, n_kernel == 2 || turned ? 4 : 3, name);
  cw_fetch_vector (&local, &bias, shape.c_out, "%s.conv.bias", name);
  fetch->failed = local.failed;
  if (!fetch->failed && conv->taps)
    for (size_t g = 0; g < shape.groups; g++)
      conv->taps[g] = cw_taps_pack (fetch->arena, c_out, r, w + g * c_out * r, bias + g * c_out);
  if (!fetch->failed)
    fetch->failed = !cw_arena_ok (fetch->arena, "the discriminator's weights", fetch->error);
  cw_arena_free (&unpacked);
}

/* Length of a side that comes out; 0 when the kernel does not fit. */
static size_t
length_out (const cw_conv2d_shape *shape, unsigned side, size_t n)
{
  const size_t span = (shape->kernel[side] - 1) * shape->dilation[side] + 1, padded = n + 2 * shape->padding[side];

  return padded < span ? 0 : (padded - span) / shape->stride[side] + 1;
}

bool
cw_conv2d_size (const cw_conv2d *conv, const cw_plane *x, cw_plane *y)
{
  size_t n;

  *y = (cw_plane){ conv->shape.c_out, length_out (&conv->shape, 0, x->h), length_out (&conv->shape, 1, x->w), NULL };
  return y->h > 0 && y->w > 0 && cw_mul (y->h, y->w, &n) && cw_mul (n, y->c * sizeof *y->x, &n);
}

/* @x padded left and right, its columns dealt out by the stride: [c, h, stride, ld]. */
static void
deal (const cw_conv2d_shape *shape, const cw_plane *x, float *dealt, size_t ld)
{
  const size_t s = shape->stride[1], pad = shape->padding[1];

  for (size_t row = 0; row < x->c * x->h; row++) {
    const float *from = x->x + row * x->w;
    float       *to = dealt + row * s * ld;

    memset (to, 0, s * ld * sizeof *to);
    if (s == 1)
      memcpy (to + pad, from, x->w * sizeof *to);
    else
      for (size_t i = 0; i < x->w; i++)
        to[(i + pad) % s * ld + (i + pad) / s] = from[i];
  }
}

void
cw_conv2d_run (const cw_conv2d *conv, cw_backend *be, const cw_plane *x, cw_plane *y, cw_arena *arena)
{
  const cw_conv2d_shape *shape = &conv->shape;
  const cw_taps_finish   plain = { .phases = 1 };
  const size_t  s = shape->stride[1], ld = (x->w + 2 * shape->padding[1] + s - 1) / s + 1;
  const size_t  c_in = shape->c_in / shape->groups, c_out = shape->c_out / shape->groups;
  const float **rows = cw_arena_new (arena, const float *, c_in * shape->kernel[0] * shape->kernel[1]);
  float        *zeros = cw_arena_new (arena, float, s * ld), *dealt = cw_arena_new (arena, float, x->c * x->h * s * ld);

  if (!rows || !zeros || !dealt)
    return;
  deal (shape, x, dealt, ld);
  for (size_t g = 0; g < shape->groups; g++)
    for (size_t h = 0; h < y->h; h++) {
      const float **row = rows;

      for (size_t c = 0; c < c_in; c++)
        for (size_t i = 0; i < shape->kernel[0]; i++) {
          const size_t at = h * shape->stride[0] + i * shape->dilation[0];
          const bool   inside = at >= shape->padding[0] && at - shape->padding[0] < x->h;
          const float *from = inside ? dealt + ((g * c_in + c) * x->h + at - shape->padding[0]) * s * ld : zeros;
          for (size_t j = 0; j < shape->kernel[1]; j++)
            *row++ = from + j * shape->dilation[1] % s * ld + j * shape->dilation[1] / s;
        }
      be->taps (be, y->x + (g * c_out * y->h + h) * y->w, y->h * y->w, &conv->taps[g], rows, y->w, &plain);
    }
}
