/* SPDX-License-Identifier: MIT
 *
 * cuda_bf16.h: bfloat16, for kernels that the shim compiles.
 */
#pragma once
#include "cuda_runtime.h"
#include "coc/bfloat16.h"
