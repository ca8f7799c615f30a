/* SPDX-License-Identifier: MIT
 *
 * cublas.cpp: cuBLAS's matrix products over CBLAS. Operands of 16 bits are widened, the product is taken in f32 (the only compute type
 * the project uses), and the result is rounded once. Operands are checked like a kernel's accesses: extents, initialised bytes, types,
 * leading dimensions; so is what would bite later: a capture without a workspace, an operand that is not aligned.
 */
#include "runtime.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "coc/bfloat16.h"
#include "coc/half.h"
#include "cublas_v2.h"
#ifdef COC_HAVE_CBLAS
#include <cblas.h>
#endif
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

struct cublasContext {
  cudaStream_t stream;
  bool         has_workspace;
};

namespace coc {

static std::set<cublasHandle_t> &handles = *new std::set<cublasHandle_t>;

int
cublas_alive (bool print)
{
  for (size_t i = 0; print && i < handles.size (); i++)
    fprintf (stderr, "cuda-on-cpu: LEAK: a cuBLAS handle\n");
  return (int) handles.size ();
}

void
cublas_reset (void)
{
  for (cublasHandle_t handle : handles)
    delete handle;
  handles.clear ();
}

/* Column-major, as cuBLAS has it: column j of @n_rows elements begins at element j * @ld. */
struct Matrix {
  const void  *data;
  cudaDataType type;
  int          n_rows, n_columns, ld;
  long long    stride;

  size_t
  element_size (void) const
  {
    return type == CUDA_R_32F ? 4 : 2;
  }
  char *
  column (int batch, int j) const
  {
    return (char *) data + ((size_t) batch * (size_t) stride + (size_t) j * (size_t) ld) * element_size ();
  }
  bool
  ld_fits (void) const
  {
    return ld >= std::max (1, n_rows);
  }
};

static cudaError_t
check_extent (const Matrix &m, int n_batch, Access access, const char *what)
{
  for (int batch = 0; batch < n_batch && m.n_rows; batch++)
    for (int j = 0; j < m.n_columns; j++)
      if (shadow_range (m.column (batch, j), (size_t) m.n_rows * m.element_size (), access, what))
        return cudaErrorIllegalAddress;
  return cudaSuccess;
}

static float
widen (const char *column, cudaDataType type, int i)
{
  return type == CUDA_R_32F   ? ((const float *) column)[i]
         : type == CUDA_R_16F ? coc_half_widen (((const uint16_t *) column)[i])
                              : coc_bfloat16_widen (((const uint16_t *) column)[i]);
}

static void
widen_matrix (const Matrix &m, int batch, std::vector<float> *result)
{
  result->resize ((size_t) m.n_rows * (size_t) m.n_columns);
  for (int j = 0; j < m.n_columns; j++)
    for (int i = 0; i < m.n_rows; i++)
      (*result)[(size_t) j * (size_t) m.n_rows + (size_t) i] = widen (m.column (batch, j), m.type, i);
}

static void
narrow_matrix (const Matrix &m, int batch, const std::vector<float> &values)
{
  for (int j = 0; j < m.n_columns; j++)
    for (int i = 0; i < m.n_rows; i++) {
      const float value = values[(size_t) j * (size_t) m.n_rows + (size_t) i];
      if (m.type == CUDA_R_32F)
        ((float *) m.column (batch, j))[i] = value;
      else
        ((uint16_t *) m.column (batch, j))[i] = m.type == CUDA_R_16F ? coc_half_narrow (value) : coc_bfloat16_narrow (value);
    }
}

/* c [m, n] = alpha * op (a) * op (b) + beta * c, dense */
static void
multiply (bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, const float *b, float beta, float *c)
{
  const int ld_a = std::max (1, transpose_a ? k : m), ld_b = std::max (1, transpose_b ? n : k);
#ifdef COC_HAVE_CBLAS
  cblas_sgemm (CblasColMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, ld_a, b,
               ld_b, beta, c, std::max (1, m));
#else
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++) {
      float sum = 0;
      for (int l = 0; l < k; l++)
        sum += (transpose_a ? a[(size_t) i * ld_a + l] : a[(size_t) l * ld_a + i]) * (transpose_b ? b[(size_t) l * ld_b + j] : b[(size_t) j * ld_b + l]);
      float *at = &c[(size_t) j * std::max (1, m) + i];
      *at = alpha * sum + (beta == 0 ? 0 : beta * *at);
    }
#endif
}

struct Product {
  bool   transpose_a, transpose_b;
  int    m, n, k, n_batch;
  float  alpha, beta;
  Matrix a, b, c;
};

static cudaError_t
run_product (const Product &p)
{
  if (check_extent (p.a, p.n_batch, Access::read, "cuBLAS, operand A,") || check_extent (p.b, p.n_batch, Access::read, "cuBLAS, operand B,")
      || (p.beta != 0 && check_extent (p.c, p.n_batch, Access::read, "cuBLAS, operand C,"))
      || check_extent (p.c, p.n_batch, Access::write, "cuBLAS, result C,"))
    return cudaErrorIllegalAddress;
  if (counting)
    counts_product ((double) p.n_batch * p.m * p.n * p.k,
                    p.n_batch * ((size_t) p.m * p.k * p.a.element_size () + (size_t) p.k * p.n * p.b.element_size ()),
                    p.n_batch * (size_t) p.m * p.n * p.c.element_size ());
  std::vector<float> a, b, c;
  for (int batch = 0; batch < p.n_batch; batch++) {
    widen_matrix (p.a, batch, &a);
    widen_matrix (p.b, batch, &b);
    if (p.beta != 0)
      widen_matrix (p.c, batch, &c);
    else
      c.assign ((size_t) p.m * (size_t) p.n, 0.0f);
    multiply (p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.alpha, a.data (), b.data (), p.beta, c.data ());
    narrow_matrix (p.c, batch, c);
  }
  return cudaSuccess;
}

static bool
is_float (cudaDataType type)
{
  return type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

static bool
types_supported (const Product &p, cublasComputeType_t compute)
{
  const bool in_f32 = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC || compute == CUBLAS_COMPUTE_32F_FAST_TF32
                      || compute == CUBLAS_COMPUTE_32F_FAST_16F || compute == CUBLAS_COMPUTE_32F_FAST_16BF;
  return in_f32 && is_float (p.a.type) && p.a.type == p.b.type && (p.c.type == p.a.type || p.c.type == CUDA_R_32F);
}

} // namespace coc

using namespace coc;

cublasStatus_t
cublasCreate_v2 (cublasHandle_t *handle)
{
  Call call (COC_ALLOCATION);
  *handle = nullptr;
  if (call.error)
    return call.error == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED : CUBLAS_STATUS_NOT_INITIALIZED;
  if (refuse_in_capture ("cublasCreate"))
    return CUBLAS_STATUS_ALLOC_FAILED;
  *handle = new cublasContext { nullptr, false };
  handles.insert (*handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasDestroy_v2 (cublasHandle_t handle)
{
  Call call (release_call);
  if (!handles.erase (handle))
    return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasGetVersion_v2 (cublasHandle_t, int *version)
{
  *version = 130000;
  return CUBLAS_STATUS_SUCCESS;
}

/* Gives the default workspace back to the handle, as the real one does. */
cublasStatus_t
cublasSetStream_v2 (cublasHandle_t handle, cudaStream_t stream)
{
  Call call;
  if (call.error || !handles.count (handle))
    return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  handle->has_workspace = false;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetWorkspace_v2 (cublasHandle_t handle, void *workspace, size_t size)
{
  Call call;
  if (call.error || !handles.count (handle))
    return CUBLAS_STATUS_NOT_INITIALIZED;
  if (workspace && shadow_range (workspace, size, Access::write, "cublasSetWorkspace"))
    return CUBLAS_STATUS_INVALID_VALUE;
  handle->has_workspace = workspace != nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetPointerMode_v2 (cublasHandle_t, cublasPointerMode_t mode)
{
  if (mode == CUBLAS_POINTER_MODE_HOST)
    return CUBLAS_STATUS_SUCCESS;
  report ("CUBLAS", COC_CALLER, "scalars in device memory are not in the shim");
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t
cublasSetMathMode (cublasHandle_t, cublasMath_t)
{
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetAtomicsMode (cublasHandle_t, cublasAtomicsMode_t)
{
  return CUBLAS_STATUS_SUCCESS;
}

const char *
cublasGetStatusString (cublasStatus_t status)
{
  return status == CUBLAS_STATUS_SUCCESS            ? "success"
         : status == CUBLAS_STATUS_NOT_INITIALIZED  ? "the library was not initialized"
         : status == CUBLAS_STATUS_ALLOC_FAILED     ? "the resource allocation failed"
         : status == CUBLAS_STATUS_INVALID_VALUE    ? "an invalid value was used as an argument"
         : status == CUBLAS_STATUS_NOT_SUPPORTED    ? "the functionality is not supported"
         : status == CUBLAS_STATUS_EXECUTION_FAILED ? "the GPU program failed to execute"
                                                    : "an internal operation failed";
}

cublasStatus_t
cublasGemmStridedBatchedEx (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType type_a, int ld_a, long long stride_a, const void *b, cudaDataType type_b, int ld_b,
                            long long stride_b, const void *beta, void *c, cudaDataType type_c, int ld_c, long long stride_c, int n_batch,
                            cublasComputeType_t compute, cublasGemmAlgo_t)
{
  Call call (COC_LAUNCH);
  if (call.error)
    return CUBLAS_STATUS_EXECUTION_FAILED;
  if (!handles.count (handle)) {
    report ("CUBLAS", COC_CALLER, "a handle that does not exist");
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (m < 0 || n < 0 || k < 0 || n_batch < 0 || !alpha || !beta)
    return CUBLAS_STATUS_INVALID_VALUE;
  const Product p { op_a != CUBLAS_OP_N,
                    op_b != CUBLAS_OP_N,
                    m,
                    n,
                    k,
                    n_batch,
                    *(const float *) alpha,
                    *(const float *) beta,
                    { a, type_a, op_a == CUBLAS_OP_N ? m : k, op_a == CUBLAS_OP_N ? k : m, ld_a, stride_a },
                    { b, type_b, op_b == CUBLAS_OP_N ? k : n, op_b == CUBLAS_OP_N ? n : k, ld_b, stride_b },
                    { c, type_c, m, n, ld_c, stride_c } };
  if (!p.a.ld_fits () || !p.b.ld_fits () || !p.c.ld_fits ()) {
    report ("CUBLAS", COC_CALLER, "a leading dimension is too small: %d, %d, %d for m %d, n %d, k %d", ld_a, ld_b, ld_c, m, n, k);
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!types_supported (p, compute)) {
    report ("CUBLAS", COC_CALLER, "types %d x %d -> %d with compute type %d are not among those the project uses", (int) type_a, (int) type_b,
            (int) type_c, (int) compute);
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (stream_is_capturing (handle->stream) && !handle->has_workspace)
    report ("CUBLAS", COC_CALLER, "captured without cublasSetWorkspace: the library would allocate inside the graph");
  if (((uintptr_t) a | (uintptr_t) b | (uintptr_t) c) % 16)
    report ("CUBLAS", COC_CALLER, "an operand is not aligned to 16 bytes: a slow kernel serves it");
  return enqueue (handle->stream, "a cuBLAS product", [p] { return run_product (p); }) ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasGemmEx (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k, const void *alpha, const void *a,
              cudaDataType type_a, int ld_a, const void *b, cudaDataType type_b, int ld_b, const void *beta, void *c, cudaDataType type_c,
              int ld_c, cublasComputeType_t compute, cublasGemmAlgo_t algorithm)
{
  return cublasGemmStridedBatchedEx (handle, op_a, op_b, m, n, k, alpha, a, type_a, ld_a, 0, b, type_b, ld_b, 0, beta, c, type_c, ld_c, 0, 1,
                                     compute, algorithm);
}

cublasStatus_t
cublasSgemm_v2 (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k, const float *alpha, const float *a,
                int ld_a, const float *b, int ld_b, const float *beta, float *c, int ld_c)
{
  return cublasGemmStridedBatchedEx (handle, op_a, op_b, m, n, k, alpha, a, CUDA_R_32F, ld_a, 0, b, CUDA_R_32F, ld_b, 0, beta, c, CUDA_R_32F,
                                     ld_c, 0, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}
