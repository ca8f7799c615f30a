/* SPDX-License-Identifier: MIT
 *
 * conv2d.h: a convolution over planes, for the discriminators: torch.nn.Conv2d with stride, dilation, zero padding and groups; Conv1d is
 *     one with a single row.
 *
 * Each row of output is one product over taps (see conv.h): tap (channel, row, column) of the kernel reads a row of the input, shifted.
 * With a stride of s columns the input's columns are first dealt out to s rows.
 */
#pragma once

#include "backend/backend.h"
#include "models/layers.h"

/* [c, h, w], row major. */
typedef struct {
  size_t c, h, w;
  float *x;
} cw_plane;

/* Pairs are for rows and columns of a plane. */
typedef struct {
  size_t c_in, c_out, kernel[2], stride[2], dilation[2], padding[2], groups;
} cw_conv2d_shape;

typedef struct {
  cw_conv2d_shape shape;
  cw_taps        *taps; /* [groups] */
} cw_conv2d;

/* Loads NAME.conv.weight, with or without weight norm, whose shape is [c_out, c_in / groups, …] with the kernel's lengths: both
 * (@n_kernel 2), rows then columns, or with @n_kernel 1 that of the columns alone, which with @turned is followed by a 1. And
 * NAME.conv.bias. c_in and c_out are multiples of the groups. */
void cw_conv2d_fetch (cw_fetch *fetch, cw_conv2d *conv, cw_conv2d_shape shape, unsigned n_kernel, bool turned, const char *name);

/* The plane that comes out of one of @x; false when the kernel is larger than what it is laid on, or the size overflows. */
bool cw_conv2d_size (const cw_conv2d *conv, const cw_plane *x, cw_plane *y);
/* @y as cw_conv2d_size says, with memory. Takes scratch from @arena; nothing is done when that fails. */
void cw_conv2d_run (const cw_conv2d *conv, cw_backend *be, const cw_plane *x, cw_plane *y, cw_arena *arena);
