/* SPDX-License-Identifier: MIT
 *
 * blas.cu: see blas.h.
 *
 *     columns ─ prologue ─ each in 16-bit terms, times a power of two ─ cuBLAS: terms times weights, added in f32 ─ terms together ─ epilogue
 *
 * cuBLAS wants both operands of one type, and a column rounded to 16 bits would lose what the weights have not lost. So it becomes two terms of
 * f16 or three of bf16, each what the ones before left over, which together hold f32's 24 bits (22 of f16): the product differs from the
 * plain definition's by the order of its sums and by such roundings, no more.
 */
#include "cuda/blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/linear.cuh"

#if __has_include(<cublas_v2.h>)
#include <cublas_v2.h>
#define HAVE_CUBLAS 1
#else
#define HAVE_CUBLAS 0
#endif

#define TERMS_F16  2 /* cw_gpu_blas_terms */
#define TERMS_BF16 3

/* ---- columns in terms -------------------------------------------------------------------------------------------------- */

static __device__ __forceinline__ __half
narrow (float value, __half)
{
  return __float2half_rn (value);
}

static __device__ __forceinline__ __nv_bfloat16
narrow (float value, __nv_bfloat16)
{
  return __float2bfloat16_rn (value);
}

/* Column blockIdx.x, behind the prologue, to terms [n * TERMS, n_in] and scales [n]: column = scale * sum over t of STEP^t term_t, STEP
 * being 2^-11 or 2^-8. */
template <typename W, int TERMS>
static __global__ void __launch_bounds__ (CW_THREADS) split (const __grid_constant__ cw_gpu_linear a, W *terms, float *scales)
{
  CW_DYN_SHARED (unsigned char, shared);
  const uint32_t   column = blockIdx.x, n_in = a.layers[0].n_in;
  const float      step = TERMS == TERMS_F16 ? 2048.0f : 256.0f;
  uint32_t         ld;
  const float     *x = linear_prologue<1, false> (a, column, 1, shared, &ld, NULL, NULL);
  float            largest[1] = {}, inverse;
  int              exponent = 0;

  for (uint32_t i = threadIdx.x; i < n_in; i += CW_THREADS)
    largest[0] = fmaxf (largest[0], fabsf (x[i]));
  block_max<1> (largest);
  if (largest[0] > 1e-30f)
    frexpf (largest[0], &exponent);
  inverse = ldexpf (1.0f, -exponent);
  if (threadIdx.x == 0)
    scales[column] = ldexpf (1.0f, exponent);
  for (uint32_t i = threadIdx.x; i < n_in; i += CW_THREADS) {
    float rest = x[i] * inverse;

    CW_GPU_UNROLL (3)
    for (int t = 0; t < TERMS; t++) {
      const W term = narrow (rest, W ());

      terms[((size_t) column * TERMS + t) * n_in + i] = term;
      rest = (rest - widen (term)) * step;
    }
  }
}

/* Row of layer @l and column blockIdx.y from the terms' products [n * TERMS, n_out]. */
template <int TERMS>
static __global__ void __launch_bounds__ (CW_THREADS) join (const __grid_constant__ cw_gpu_linear a, uint32_t l, const float *products, const float *scales)
{
  const uint32_t row = blockIdx.x * CW_THREADS + threadIdx.x, column = blockIdx.y, n_out = a.layers[l].n_out;
  const float    step = TERMS == TERMS_F16 ? 1.0f / 2048.0f : 1.0f / 256.0f;
  float          sum = 0.0f;

  if (row >= n_out)
    return;
  for (int t = TERMS - 1; t >= 0; t--)
    sum = fmaf (sum, step, products[((size_t) column * TERMS + t) * n_out + row]);
  linear_epilogue (a, l, row, column, sum * scales[column]);
}

/* ---- cuBLAS ---------------------------------------------------------------------------------------------------------------- */

#if HAVE_CUBLAS

/* cublasGemmEx, of which cuBLAS's header has several for C++ */
typedef cublasStatus_t (*gemm_fn) (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k, const void *alpha,
                                   const void *a, cudaDataType type_a, int ld_a, const void *b, cudaDataType type_b, int ld_b, const void *beta,
                                   void *c, cudaDataType type_c, int ld_c, cublasComputeType_t compute, cublasGemmAlgo_t algorithm);

typedef struct {
  decltype (&cublasCreate_v2)     create;
  decltype (&cublasDestroy_v2)    destroy;
  decltype (&cublasSetStream_v2)  set_stream;
  decltype (&cublasSetWorkspace_v2) set_workspace;
  decltype (&cublasGetVersion_v2) version;
  gemm_fn                         gemm;
} functions;

struct cw_cuda_blas {
  functions      f;
  cublasHandle_t handle;
  void          *workspace, *terms;
  float         *products, *scales;
  size_t         terms_bytes, product_bytes;
};

#ifdef CUDA_ON_CPU

static bool
find (functions *f)
{
  *f = { cublasCreate_v2, cublasDestroy_v2, cublasSetStream_v2, cublasSetWorkspace_v2, cublasGetVersion_v2, cublasGemmEx };
  return true;
}

#else

/* That of this CUDA; it stays loaded. */
static bool
find (functions *f)
{
  char  name[32];
  void *library;

  snprintf (name, sizeof name, "libcublas.so.%d", CUDART_VERSION / 1000);
  library = dlopen (name, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return false;
  f->create = (decltype (f->create)) dlsym (library, "cublasCreate_v2");
  f->destroy = (decltype (f->destroy)) dlsym (library, "cublasDestroy_v2");
  f->set_stream = (decltype (f->set_stream)) dlsym (library, "cublasSetStream_v2");
  f->set_workspace = (decltype (f->set_workspace)) dlsym (library, "cublasSetWorkspace_v2");
  f->gemm = (decltype (f->gemm)) dlsym (library, "cublasGemmEx");
  f->version = (decltype (f->version)) dlsym (library, "cublasGetVersion_v2");
  return f->create && f->destroy && f->set_stream && f->set_workspace && f->gemm && f->version;
}

#endif

static bool
is_allowed (void)
{
  const char *asked = getenv ("CW_CUBLAS");

  return !asked || strcmp (asked, "0") != 0;
}

bool
cw_cuda_blas_find (int *version)
{
  functions f;

  *version = 0;
  if (!is_allowed () || !find (&f))
    return false;
  f.version (NULL, version); /* without a handle it answers, too, or leaves 0 */
  return true;
}

cw_cuda_blas *
cw_cuda_blas_new (void)
{
  cw_cuda_blas *blas = is_allowed () ? (cw_cuda_blas *) calloc (1, sizeof *blas) : NULL;

  if (blas && find (&blas->f) && cudaMalloc (&blas->workspace, CW_GPU_BLAS_WORKSPACE) == cudaSuccess &&
      blas->f.create (&blas->handle) == CUBLAS_STATUS_SUCCESS)
    return blas;
  if (blas)
    cudaFree (blas->workspace);
  cudaGetLastError (); /* what failed here is no failure of the card's */
  free (blas);
  return NULL;
}

void
cw_cuda_blas_free (cw_cuda_blas *blas)
{
  if (!blas)
    return;
  blas->f.destroy (blas->handle);
  cudaFree (blas->workspace);
  cudaFree (blas->terms);
  cudaFree (blas->products);
  cudaFree (blas->scales);
  free (blas);
}

/* At least @n_bytes at *memory, which grows. */
static bool
room (void **memory, size_t *has, size_t n_bytes)
{
  if (*has >= n_bytes)
    return true;
  cudaFree (*memory);
  *has = 0;
  if (cudaMalloc (memory, n_bytes) != cudaSuccess) {
    *memory = NULL;
    cudaGetLastError ();
    return false;
  }
  *has = n_bytes;
  return true;
}

static bool
take_room (cw_cuda_blas *blas, const cw_gpu_linear *linear, size_t n_terms)
{
  size_t n_out = 0, scales_bytes = blas->scales ? CW_GPU_BLAS_COLUMNS * sizeof (float) : 0;

  for (uint32_t l = 0; l < linear->n_layers; l++)
    n_out = linear->layers[l].n_out > n_out ? linear->layers[l].n_out : n_out;
  return room (&blas->terms, &blas->terms_bytes, linear->n * n_terms * linear->layers[0].n_in * sizeof (uint16_t)) &&
         room ((void **) &blas->products, &blas->product_bytes, linear->n * n_terms * n_out * sizeof (float)) &&
         room ((void **) &blas->scales, &scales_bytes, CW_GPU_BLAS_COLUMNS * sizeof (float));
}

template <typename W, int TERMS>
static bool
run (cw_cuda_blas *blas, cudaStream_t stream, const cw_gpu_linear *linear, cudaDataType type, cudaError_t *error)
{
  const unsigned bytes = linear_room (linear, 1, false).total;
  const float    one = 1.0f, zero = 0.0f;

  if (bytes > CW_SHARED_BYTES || !take_room (blas, linear, TERMS) || blas->f.set_stream (blas->handle, stream) != CUBLAS_STATUS_SUCCESS ||
      blas->f.set_workspace (blas->handle, blas->workspace, CW_GPU_BLAS_WORKSPACE) != CUBLAS_STATUS_SUCCESS) /* which a stream takes away */
    return false;
  *error = CW_LAUNCH ((split<W, TERMS>), linear->n, CW_THREADS, bytes, stream, *linear, (W *) blas->terms, blas->scales);
  for (uint32_t l = 0; l < linear->n_layers && *error == cudaSuccess; l++) {
    const cw_gpu_matrix *w = &linear->layers[l];
    const int            n_out = (int) w->n_out, n_in = (int) w->n_in;

    if (blas->f.gemm (blas->handle, CUBLAS_OP_T, CUBLAS_OP_N, n_out, (int) linear->n * TERMS, n_in, &one, w->w, type, n_in, blas->terms, type, n_in,
                      &zero, blas->products, CUDA_R_32F, n_out, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT) != CUBLAS_STATUS_SUCCESS) {
      cudaGetLastError ();
      return false;
    }
    *error = CW_LAUNCH (join<TERMS>, dim3 (pieces_of (w->n_out, CW_THREADS), linear->n), CW_THREADS, 0, stream, *linear, l, blas->products, blas->scales);
  }
  return true;
}

bool
cw_cuda_blas_linear (cw_cuda_blas *blas, cudaStream_t stream, const cw_gpu_linear *linear, cudaError_t *error)
{
  *error = cudaSuccess;
  return linear->layers[0].dtype == CW_F16 ? run<__half, TERMS_F16> (blas, stream, linear, CUDA_R_16F, error)
                                           : run<__nv_bfloat16, TERMS_BF16> (blas, stream, linear, CUDA_R_16BF, error);
}

#else

bool
cw_cuda_blas_find (int *version)
{
  *version = 0;
  return false;
}

cw_cuda_blas *
cw_cuda_blas_new (void)
{
  return NULL;
}

void
cw_cuda_blas_free (cw_cuda_blas *blas)
{
  (void) blas;
}

bool
cw_cuda_blas_linear (cw_cuda_blas *blas, cudaStream_t stream, const cw_gpu_linear *linear, cudaError_t *error)
{
  (void) blas, (void) stream, (void) linear;
  *error = cudaSuccess;
  return false;
}

#endif

bool
cw_cuda_blas_suits (const cw_gpu_linear *linear)
{
  return linear->may_round && linear->n >= CW_BLAS_COLUMNS && linear->n <= CW_GPU_BLAS_COLUMNS &&
         cw_gpu_blas_terms (linear->layers[0].dtype) > 0;
}
