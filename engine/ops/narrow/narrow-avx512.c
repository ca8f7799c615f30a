/* SPDX-License-Identifier: MIT
 *
 * narrow-avx512.c: see narrow-c.c.
 */
#ifndef __AVX512F__
#error built without -mavx512f
#endif
#include "ops/narrow/narrow.h"

#include "ops/lanes-avx512.h"

void
cw_narrow_avx512 (uint16_t *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = first_lanes (n - i);
    _mm256_mask_storeu_epi16 (y + i, mask,
                              _mm512_cvtps_ph (_mm512_maskz_loadu_ps (mask, x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
}
