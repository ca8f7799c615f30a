/* SPDX-License-Identifier: MIT
 *
 * pad.h: which sample stands where a convolution's window reaches past its signal. transformers EncodecConv1d._pad1d; the same for the
 *     processor and for a card, in C and CUDA.
 */
#pragma once

#include <stdint.h>

#include "ops/lanes.h"

typedef enum { CW_PAD_REFLECT, CW_PAD_CONSTANT, CW_PAD_REPLICATE } cw_pad_mode;

/* The sample that stands for sample @i, which lies before or behind a signal of @n; -1: zero. As the reference: a signal no longer than
 * the padding is first lengthened by zeros to @extended samples, then reflected; replication repeats the signal's own ends. */
static inline CW_EVERYWHERE int64_t
cw_pad_source (cw_pad_mode mode, int64_t i, int64_t n, int64_t extended)
{
  const int64_t last = (mode == CW_PAD_REFLECT ? extended : n) - 1;

  if (mode == CW_PAD_REFLECT) {
    if (i < 0)
      i = -i;
    else if (i > last)
      i = 2 * last - i;
  } else if (mode == CW_PAD_REPLICATE) {
    i = i < 0 ? 0 : i > last ? last : i;
  }
  return i < 0 || i >= n ? -1 : i;
}
