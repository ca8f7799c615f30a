/* SPDX-License-Identifier: MIT
 *
 * dot-q8.cu: linear layers with 8-bit weights: see cuda/quantised.cuh, and dot-q8-c.c for what is computed.
 */
#include "cuda/quantised.cuh"

struct q8 {
  static constexpr uint32_t RUN = CW_Q8_RUN, ROW_BYTES = CW_PAD, UNROLL = 4;

  __device__ q8 (const cw_gpu_matrix &, uint32_t, uint32_t, uint32_t) {}

  /* @q: the first of COLS columns of @n, at the place of @w's first byte. */
  template <int COLS>
  __device__ __forceinline__ void
  add (int32_t (&lanes)[COLS][CW_HALF_LANES], int4 w, uint32_t, const int16_t *q, uint32_t n) const
  {
    CW_GPU_UNROLL (4)
    for (int j = 0; j < COLS; j++) {
      const int4 x = *(const int4 *) (q + j * n), y = *(const int4 *) (q + j * n + 8);

      lanes[j][0] = dot_low (x.x, w.x, lanes[j][0]);
      lanes[j][1] = dot_high (x.y, w.x, lanes[j][1]);
      lanes[j][2] = dot_low (x.z, w.y, lanes[j][2]);
      lanes[j][3] = dot_high (x.w, w.y, lanes[j][3]);
      lanes[j][4] = dot_low (y.x, w.z, lanes[j][4]);
      lanes[j][5] = dot_high (y.y, w.z, lanes[j][5]);
      lanes[j][6] = dot_low (y.z, w.w, lanes[j][6]);
      lanes[j][7] = dot_high (y.w, w.w, lanes[j][7]);
    }
  }
};

cudaError_t
cw_cuda_dot_q8 (cudaStream_t stream, const cw_gpu_linear *a)
{
  return launch_quantised<q8> (stream, a);
}
