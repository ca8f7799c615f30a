/* SPDX-License-Identifier: MIT
 *
 * cuda_pipeline_primitives.h: cp.async in its C spelling, for kernels that the shim compiles.
 */
#pragma once
#include "cuda_runtime.h"
#include "coc/async-copy.h"
