/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime.h: CUDA C++ for g++. Host code and kernels of a .cu file compile against this as plain C++17; what differs from nvcc is
 * spelled in engine/cuda/cuda-launch.h. Each part is in a header of its own under coc/.
 */
#pragma once

#include "cuda_runtime_api.h"

#include "coc/vector-types.h"
#include "coc/threads.h"
#include "coc/warp.h"
#include "coc/atomics.h"
#include "coc/arithmetic.h"
#include "coc/launch.h"
