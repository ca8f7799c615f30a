/* SPDX-License-Identifier: MIT
 *
 * cublas_v2.h: the part of cuBLAS that the shim has, over CBLAS (runtime/cublas.cpp). Names, numbers and signatures are cuBLAS's,
 * the `_v2` names included, so that a table of pointers may be filled with the real names.
 */
#ifndef CUBLAS_V2_H
#define CUBLAS_V2_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cublasContext *cublasHandle_t;
typedef enum {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_MAPPING_ERROR = 11,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUBLAS_STATUS_LICENSE_ERROR = 16
} cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 } cublasOperation_t;
typedef enum {
  CUDA_R_32F = 0,
  CUDA_R_64F = 1,
  CUDA_R_16F = 2,
  CUDA_R_8I = 3,
  CUDA_R_32I = 10,
  CUDA_R_16BF = 14
} cudaDataType;
typedef cudaDataType cudaDataType_t;
typedef enum {
  CUBLAS_COMPUTE_16F = 64,
  CUBLAS_COMPUTE_16F_PEDANTIC = 65,
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_32F_PEDANTIC = 69,
  CUBLAS_COMPUTE_32I = 72,
  CUBLAS_COMPUTE_32F_FAST_16F = 74,
  CUBLAS_COMPUTE_32F_FAST_16BF = 75,
  CUBLAS_COMPUTE_32F_FAST_TF32 = 77
} cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1, CUBLAS_GEMM_DEFAULT_TENSOR_OP = 99 } cublasGemmAlgo_t;
typedef enum {
  CUBLAS_DEFAULT_MATH = 0,
  CUBLAS_TENSOR_OP_MATH = 1,
  CUBLAS_PEDANTIC_MATH = 2,
  CUBLAS_TF32_TENSOR_OP_MATH = 3,
  CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16
} cublasMath_t;
typedef enum { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 } cublasPointerMode_t;
typedef enum { CUBLAS_ATOMICS_NOT_ALLOWED = 0, CUBLAS_ATOMICS_ALLOWED = 1 } cublasAtomicsMode_t;

#define cublasCreate cublasCreate_v2
#define cublasDestroy cublasDestroy_v2
#define cublasGetVersion cublasGetVersion_v2
#define cublasSetStream cublasSetStream_v2
#define cublasSetWorkspace cublasSetWorkspace_v2
#define cublasSetPointerMode cublasSetPointerMode_v2
#define cublasSgemm cublasSgemm_v2

COC_API cublasStatus_t cublasCreate_v2 (cublasHandle_t *handle);
COC_API cublasStatus_t cublasDestroy_v2 (cublasHandle_t handle);
COC_API cublasStatus_t cublasGetVersion_v2 (cublasHandle_t handle, int *version);
COC_API cublasStatus_t cublasSetStream_v2 (cublasHandle_t handle, cudaStream_t stream);
COC_API cublasStatus_t cublasSetWorkspace_v2 (cublasHandle_t handle, void *workspace, size_t size);
COC_API cublasStatus_t cublasSetPointerMode_v2 (cublasHandle_t handle, cublasPointerMode_t mode);
COC_API cublasStatus_t cublasSetMathMode (cublasHandle_t handle, cublasMath_t mode);
COC_API cublasStatus_t cublasSetAtomicsMode (cublasHandle_t handle, cublasAtomicsMode_t mode);
COC_API const char    *cublasGetStatusString (cublasStatus_t status);
COC_API cublasStatus_t cublasSgemm_v2 (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                                       const float *alpha, const float *a, int ld_a, const float *b, int ld_b, const float *beta,
                                       float *c, int ld_c);
COC_API cublasStatus_t cublasGemmEx (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                                     const void *alpha, const void *a, cudaDataType type_a, int ld_a, const void *b,
                                     cudaDataType type_b, int ld_b, const void *beta, void *c, cudaDataType type_c, int ld_c,
                                     cublasComputeType_t compute, cublasGemmAlgo_t algorithm);
COC_API cublasStatus_t cublasGemmStridedBatchedEx (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n,
                                                   int k, const void *alpha, const void *a, cudaDataType type_a, int ld_a,
                                                   long long stride_a, const void *b, cudaDataType type_b, int ld_b,
                                                   long long stride_b, const void *beta, void *c, cudaDataType type_c, int ld_c,
                                                   long long stride_c, int n_batch, cublasComputeType_t compute,
                                                   cublasGemmAlgo_t algorithm);

#ifdef __cplusplus
}
#endif
#endif
