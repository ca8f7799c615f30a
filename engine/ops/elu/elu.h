/* SPDX-License-Identifier: MIT
 *
 * elu.h: the twins of ELU; contract in kernels.h. Clevert et al. 2015, arXiv:1511.07289, alpha 1.
 */
#pragma once

#include "ops/kernels.h"

void cw_elu_c (float *, const float *, size_t);
void cw_elu_avx2 (float *, const float *, size_t);
void cw_elu_avx512 (float *, const float *, size_t);
