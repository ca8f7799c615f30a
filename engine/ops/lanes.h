/* SPDX-License-Identifier: MIT
 *
 * lanes.h: the order in which this engine adds numbers up, in plain C.
 *
 * A dot product is 16 chains of fused multiply-adds, chain i taking the elements i, i + 16, i + 32, …; then the
 * chains are added pairwise: 8 apart, 4 apart, 2 apart, 1 apart. That is what one AVX-512 register or two AVX2 registers do, so
 * every twin of an op gives the same bits, whatever the instruction set, the number of threads or of columns.
 */
#pragma once

#include <math.h>
#include <stddef.h>

/* Kernels for cards use the same functions: nvcc wants to be told so. */
#ifdef __CUDACC__
#define CW_EVERYWHERE __host__ __device__
#else
#define CW_EVERYWHERE
#endif

#define CW_LANES 16

/* Before a loop over a tile's sums: they are kept in registers only when all such loops are gone, and gcc 12 leaves some at -O2
 * and -O3 alike, at a third of the speed. */
#define CW_UNROLL _Pragma ("GCC unroll 16")

/* As much of the first-level cache as weights that were asked for ahead may take; more goes to the second. */
#define CW_FIRST_LEVEL_BYTES (32 * 1024)

static inline CW_EVERYWHERE float
cw_lanes_sum (float lane[CW_LANES])
{
  for (unsigned half = CW_LANES / 2; half > 0; half /= 2)
    for (unsigned i = 0; i < half; i++)
      lane[i] += lane[i + half];
  return lane[0];
}

/* e^x - 1 = 2^n q + (2^n - 1) with q = e^r - 1, r = x - n ln 2 in two steps, |r| <= ln 2 / 2; q is e^r's
 * Taylor series to r^7, whose rest is below 6e-9. Below -87.3 (the smallest normal result of e^x) x is raised to it. */
#define CW_EXP_MIN -87.33654f
#define CW_EXP_MAX 88.37626f
#define CW_LOG2E 1.44269504088896341f
#define CW_LN2_HIGH 0.693145751953125f
#define CW_LN2_LOW 1.42860682030941723212e-6f
#define CW_EXP_C7 (1.0f / 5040.0f)
#define CW_EXP_C6 (1.0f / 720.0f)
#define CW_EXP_C5 (1.0f / 120.0f)
#define CW_EXP_C4 (1.0f / 24.0f)
#define CW_EXP_C3 (1.0f / 6.0f)
#define CW_EXP_C2 0.5f

/* @power receives 2^n, the result is q. */
static inline CW_EVERYWHERE float
cw_exp_parts (float x, float *power)
{
  float n, r, q;
  union {
    unsigned bits;
    float    value;
  } scale;

  x = x < CW_EXP_MIN ? CW_EXP_MIN : x > CW_EXP_MAX ? CW_EXP_MAX : x;
  n = rintf (x * CW_LOG2E);
  r = fmaf (-n, CW_LN2_HIGH, x);
  r = fmaf (-n, CW_LN2_LOW, r);
  q = CW_EXP_C7;
  q = fmaf (q, r, CW_EXP_C6);
  q = fmaf (q, r, CW_EXP_C5);
  q = fmaf (q, r, CW_EXP_C4);
  q = fmaf (q, r, CW_EXP_C3);
  q = fmaf (q, r, CW_EXP_C2);
  q = fmaf (q * r, r, r);
  scale.bits = (unsigned) ((int) n + 127) << 23;
  *power = scale.value;
  return q;
}

static inline CW_EVERYWHERE float
cw_expf (float x)
{
  float power, q = cw_exp_parts (x, &power);

  return fmaf (power, q, power);
}

static inline CW_EVERYWHERE float
cw_expm1f (float x)
{
  float power, q = cw_exp_parts (x, &power);

  return fmaf (power, q, power - 1.0f);
}

/* erf (z): below 1 z + z P (z^2), from 1 on 1 - e^Q (|z|), with P and Q least-squares fits of degree 6 and 7 (to erf itself, in double
 * precision): within 2e-7 of it everywhere. */
#define CW_ERF_P(step)                                                                                                 \
  step (7.882497448e-5f) step (-8.018855006e-4f) step (5.189312156e-3f) step (-2.685432881e-2f) step (1.128359735e-1f) \
    step (-3.761262596e-1f) step (1.283791661e-1f)
#define CW_ERF_Q(step)                                                                                                 \
  step (-2.179032163e-5f) step (4.426076775e-4f) step (-4.211114254e-3f) step (2.522662841e-2f)                        \
    step (-1.084488481e-1f) step (-6.331905723e-1f) step (-1.129593968e+0f) step (1.914784953e-4f)
#define CW_ERF_LARGE 4.0f /* erf of more is 1 in f32 */

static inline CW_EVERYWHERE float
cw_erff (float z)
{
  const float size = fabsf (z) < CW_ERF_LARGE ? fabsf (z) : CW_ERF_LARGE, square = size * size;
  float       p = 0.0f, q = 0.0f;

#define STEP_P(c) p = fmaf (p, square, c);
#define STEP_Q(c) q = fmaf (q, size, c);
  CW_ERF_P (STEP_P)
  CW_ERF_Q (STEP_Q)
#undef STEP_P
#undef STEP_Q
  return copysignf (size < 1.0f ? fmaf (p, size, size) : 0.0f - cw_expm1f (q), z);
}

/* The logistic function and tanh, of an LSTM's gates. */
static inline CW_EVERYWHERE float
cw_sigmoidf (float x)
{
  return 1.0f / (1.0f + cw_expf (-x));
}

static inline CW_EVERYWHERE float
cw_tanhf (float x)
{
  const float e = cw_expm1f (2.0f * x);

  return e / (e + 2.0f);
}
