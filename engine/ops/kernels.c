/* SPDX-License-Identifier: MIT
 *
 * kernels.c: which twin runs here. See kernels.h.
 */
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "ops/attend-q8/attend-q8.h"
#include "ops/attend/attend.h"
#include "ops/dot-q4/dot-q4.h"
#include "ops/dot-q8/dot-q8.h"
#include "ops/dot/dot.h"
#include "ops/elu/elu.h"
#include "ops/gelu/gelu.h"
#include "ops/lstm-cell/lstm-cell.h"
#include "ops/narrow/narrow.h"
#include "ops/norm/norm.h"
#include "ops/peak/peak.h"
#include "ops/quantise/quantise.h"
#include "ops/taps/taps.h"

#define LEVEL(level_name, level, q)                                                                                    \
  {                                                                                                                    \
    .name = level_name, .dot_rows_f32 = cw_dot_rows_f32_##level, .dot_rows_f16 = cw_dot_rows_f16_##level,              \
    .dot_rows_bf16 = cw_dot_rows_bf16_##level, .dot_q8 = cw_dot_q8_##q, .dot_q4 = cw_dot_q4_##q,                      \
    .quantise = cw_quantise_##level, .attend_f32 = cw_attend_f32_##level, .attend_f16 = cw_attend_f16_##level,         \
    .narrow = cw_narrow_##level, .taps = cw_taps_##level, .elu = cw_elu_##level, .gelu = cw_gelu_##level,              \
    .layer_norm = cw_layer_norm_##level, .rms_norm = cw_rms_norm_##level,                                              \
    .lstm_cell = cw_lstm_cell_##level, .peak = cw_peak_##level, .attend_q8 = cw_attend_q8_##q, .quantise_key = cw_quantise_key_##level,         \
  }

static const cw_kernels levels[CW_N_LEVELS] = {
  LEVEL ("c", c, c),
#if defined(__x86_64__)
  LEVEL ("avx2", avx2, avx2),
  LEVEL ("avx512", avx512, avx512),
  LEVEL ("vnni", avx512, vnni),
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
  if (level == CW_LEVEL_VNNI)
    return can_run (CW_LEVEL_AVX512) && __builtin_cpu_supports ("avx512vnni");
#endif
  return level == CW_LEVEL_C;
}

const cw_kernels *
cw_kernels_at (cw_level level)
{
  return level < CW_N_LEVELS && can_run (level) ? &levels[level] : NULL;
}

/* The level that CW_CPU names, else the highest. */
static int
cap_of_environment (void)
{
  const char *forced = getenv ("CW_CPU");

  for (int level = CW_LEVEL_C; forced && level < CW_N_LEVELS; level++)
    if (levels[level].name && strcmp (forced, levels[level].name) == 0)
      return level;
  return CW_N_LEVELS - 1;
}

const cw_kernels *
cw_kernels_choose (cw_level cap)
{
  int level = cap_of_environment ();

  if (level > (int) cap)
    level = (int) cap;
  while (level > CW_LEVEL_C && !can_run ((cw_level) level))
    level--;
  return &levels[level];
}
