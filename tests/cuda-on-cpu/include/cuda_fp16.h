/* SPDX-License-Identifier: MIT
 *
 * cuda_fp16.h: half precision, for kernels that the shim compiles.
 */
#pragma once
#include "cuda_runtime.h"
#include "coc/half.h"
