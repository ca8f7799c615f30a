/* SPDX-License-Identifier: MIT
 *
 * narrow-avx2.c: see narrow-c.c.
 */
#if !defined(__AVX2__) || !defined(__F16C__)
#error built without -mavx2 -mf16c
#endif
#include "ops/narrow/narrow.h"

#include <immintrin.h>

void
cw_narrow_avx2 (uint16_t *y, const float *x, size_t n)
{
  size_t i = 0;

  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128 ((__m128i *) (y + i),
                      _mm256_cvtps_ph (_mm256_loadu_ps (x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  for (; i < n; i++)
    y[i] = _cvtss_sh (x[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
