/* SPDX-License-Identifier: MIT
 *
 * operations.h: the kinds of arithmetic that the counting build counts, a name for each in runtime/counts.cpp.
 */
#pragma once

enum coc_operation {
  COC_F32,      /* a sum or a product */
  COC_FMA,      /* a fused multiply-add: two floating-point operations */
  COC_COMPARE,  /* of two f32, their minimum or maximum */
  COC_DIVIDE,   /* a quotient, a root */
  COC_CONVERT,  /* between f32, f16, bf16, f64 and integers, and to a whole number */
  COC_FUNCTION, /* of libm */
  COC_F64,      /* whatever is done in double */
  COC_DP2A,     /* two multiply-adds of 16 by 8 bits */
  COC_DP4A,     /* four of 8 by 8 */
  COC_N_OPERATIONS
};
