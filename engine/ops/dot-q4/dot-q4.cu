/* SPDX-License-Identifier: MIT
 *
 * dot-q4.cu: linear layers with 4-bit weights: see cuda/quantised.cuh, and dot-q4-c.c for what is computed.
 *
 * The low halves of a row's 32 bytes are the first 32 columns of a tile, the high halves the others, and a thread's 16 bytes have 16 of each.
 * A half shifted to the top of its byte is 16 times the weight, exactly.
 */
#include "cuda/quantised.cuh"

/* The products of 16 halves, at the top of the bytes of @w, with columns q …, times the group's scale. */
static __device__ __forceinline__ void
add_group (int32_t (&lanes)[CW_HALF_LANES], int4 w, const int16_t *q, int32_t group)
{
  const int4 x = *(const int4 *) q, y = *(const int4 *) (q + 8);

  lanes[0] += (dot_low (x.x, w.x, 0) >> 4) * group;
  lanes[1] += (dot_high (x.y, w.x, 0) >> 4) * group;
  lanes[2] += (dot_low (x.z, w.y, 0) >> 4) * group;
  lanes[3] += (dot_high (x.w, w.y, 0) >> 4) * group;
  lanes[4] += (dot_low (y.x, w.z, 0) >> 4) * group;
  lanes[5] += (dot_high (y.y, w.z, 0) >> 4) * group;
  lanes[6] += (dot_low (y.z, w.w, 0) >> 4) * group;
  lanes[7] += (dot_high (y.w, w.w, 0) >> 4) * group;
}

static __device__ __forceinline__ int4
top_halves (int4 w, bool low)
{
  const unsigned mask = 0xf0f0f0f0u;
  const unsigned shift = low ? 4 : 0;
  int4           top;

  top.x = (int) (((unsigned) w.x << shift) & mask);
  top.y = (int) (((unsigned) w.y << shift) & mask);
  top.z = (int) (((unsigned) w.z << shift) & mask);
  top.w = (int) (((unsigned) w.w << shift) & mask);
  return top;
}

struct q4 {
  static constexpr uint32_t RUN = CW_Q4_RUN, ROW_BYTES = CW_PAD / 2, UNROLL = 2;
  const int8_t             *groups; /* of this thread's row */

  __device__ __forceinline__
  q4 (const cw_gpu_matrix &matrix, uint32_t four, uint32_t n, uint32_t row)
    : groups (matrix.groups + (size_t) (four * CW_TILE_ROWS + row) * (n / CW_Q4_GROUP))
  {
  }

  /* @q: the first of COLS columns of @n, at the place of @w's low halves. */
  template <int COLS>
  __device__ __forceinline__ void
  add (int32_t (&lanes)[COLS][CW_HALF_LANES], int4 w, uint32_t tile, const int16_t *q, uint32_t n) const
  {
    const int4 low = top_halves (w, true), high = top_halves (w, false);

    CW_GPU_UNROLL (4)
    for (int j = 0; j < COLS; j++) {
      add_group (lanes[j], low, q + j * n, groups[2 * tile]);
      add_group (lanes[j], high, q + j * n + CW_Q4_GROUP, groups[2 * tile + 1]);
    }
  }
};

cudaError_t
cw_cuda_dot_q4 (cudaStream_t stream, const cw_gpu_linear *a)
{
  return launch_quantised<q4> (stream, a);
}
