/* SPDX-License-Identifier: MIT
 *
 * kernels.c: which twin runs here. See kernels.h.
 */
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "ops/attend/attend.h"
#include "ops/dot/dot.h"
#include "ops/elu/elu.h"
#include "ops/taps/taps.h"

#define LEVEL(level)                                                                                                   \
  {                                                                                                                    \
    #level, cw_dot_rows_f32_##level, cw_dot_rows_f16_##level, cw_dot_rows_bf16_##level, cw_attend_##level,             \
      cw_taps_##level, cw_elu_##level                                                                                  \
  }

static const cw_kernels levels[CW_N_LEVELS] = {
  LEVEL (c),
#if defined(__x86_64__)
  LEVEL (avx2),
  LEVEL (avx512),
#endif
};

/* __builtin_cpu_supports asks the processor and, through XGETBV, whether the system saves the registers. */
static bool
can_run (cw_level level)
{
#if defined(__x86_64__)
  __builtin_cpu_init ();
  if (level == CW_LEVEL_AVX2)
    return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") && __builtin_cpu_supports ("f16c");
  if (level == CW_LEVEL_AVX512)
    return can_run (CW_LEVEL_AVX2) && __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") &&
           __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512dq");
#endif
  return level == CW_LEVEL_C;
}

const cw_kernels *
cw_kernels_at (cw_level level)
{
  return level < CW_N_LEVELS && can_run (level) ? &levels[level] : NULL;
}

const cw_kernels *
cw_kernels_choose (cw_level cap)
{
  const char *forced = getenv ("CW_CPU");

  for (int level = CW_N_LEVELS - 1; level > CW_LEVEL_C; level--) {
    if (level > (int) cap || !can_run ((cw_level) level))
      continue;
    if (forced && strcmp (forced, "c") == 0)
      break;
    if (forced && strcmp (forced, "avx2") == 0 && level > CW_LEVEL_AVX2)
      continue;
    return &levels[level];
  }
  return &levels[CW_LEVEL_C];
}
