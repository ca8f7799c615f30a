/* SPDX-License-Identifier: MIT
 *
 * module.cu: the module's one symbol: cards, memory, streams, graphs and launches behind the table of module.h. Built by nvcc as
 *     libclipwright-cuda.so, and by g++ with the stand-in of tests/cuda-on-cpu as libclipwright-cuda-on-cpu.so.
 */
#include "cuda/module.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/blas.h"
#include "cuda/launchers.h"
#include "ops/kernels.h"

#ifdef CUDA_ON_CPU
#define NAME "cuda-on-cpu"
#else
#define NAME "cuda"
#endif

struct cw_gpu {
  int          index;
  cudaError_t  error; /* the first; what comes later does nothing */
  bool         stuck; /* in a capture that cannot be ended any more: only a reset of the device helps */
  cudaStream_t streams[CW_GPU_STREAMS];
  cudaEvent_t  events[CW_GPU_STREAMS]; /* of each stream, for others to wait for */
  cw_cuda_blas *blas;      /* from the first layer on that is for it */
  bool          no_blas;   /* it is not there, or it failed */
  bool          blas_refused; /* it would take memory that is not its */
};

struct cw_gpu_graph {
  cudaGraph_t     graph;
  cudaGraphExec_t exec;
};

/* ---- which cards there are ----------------------------------------------------------------------------------------------- */

static int
count (int *n)
{
  *n = 0;
  return (int) cudaGetDeviceCount (n);
}

static int
describe (int index, cw_gpu_info *info)
{
  struct cudaDeviceProp properties;
  cudaError_t           error;

  memset (info, 0, sizeof *info);
  if ((error = cudaDriverGetVersion (&info->driver_version)) != cudaSuccess ||
      (error = cudaRuntimeGetVersion (&info->runtime_version)) != cudaSuccess ||
      (error = cudaGetDeviceProperties (&properties, index)) != cudaSuccess)
    return (int) error;
  memcpy (info->name, properties.name, sizeof info->name - 1);
  info->major = properties.major;
  info->minor = properties.minor;
  info->memory_bytes = properties.totalGlobalMem;
  info->cache_bytes = properties.l2CacheSize > 0 ? (size_t) properties.l2CacheSize : 0;
  return CW_GPU_OK;
}

static const char *
error_text (int code)
{
  return cudaGetErrorString ((cudaError_t) code);
}

/* ---- one card -------------------------------------------------------------------------------------------------------------- */

static void
note (cw_gpu *gpu, cudaError_t error)
{
  if (error != cudaSuccess && gpu->error == cudaSuccess)
    gpu->error = error;
}

#define QUEUE(call)                                                                                                                \
  do {                                                                                                                             \
    if (gpu->error == cudaSuccess)                                                                                                 \
      note (gpu, call);                                                                                                            \
  } while (0)

static void
close_gpu (cw_gpu *gpu)
{
  if (!gpu)
    return;
  if (!gpu->stuck)
    cw_cuda_blas_free (gpu->blas);
  for (int i = 0; i < CW_GPU_STREAMS && !gpu->stuck; i++) {
    if (gpu->streams[i])
      cudaStreamDestroy (gpu->streams[i]);
    if (gpu->events[i])
      cudaEventDestroy (gpu->events[i]);
  }
  /* after a sticky error nothing but a new context helps */
  if (gpu->error != cudaSuccess)
    cudaDeviceReset ();
  free (gpu);
}

static cw_gpu *
open_gpu (int index, int *code)
{
  cw_gpu     *gpu = (cw_gpu *) calloc (1, sizeof *gpu);
  cudaError_t error = gpu ? cudaSuccess : cudaErrorMemoryAllocation;

  if (error == cudaSuccess) {
    gpu->index = index;
    error = cudaSetDevice (index);
  }
  for (int i = 0; i < CW_GPU_STREAMS && error == cudaSuccess; i++)
    if ((error = cudaStreamCreateWithFlags (&gpu->streams[i], cudaStreamNonBlocking)) == cudaSuccess)
      error = cudaEventCreateWithFlags (&gpu->events[i], cudaEventDisableTiming);
  *code = (int) error;
  if (error != cudaSuccess) {
    close_gpu (gpu);
    cudaGetLastError ();
    return NULL;
  }
  return gpu;
}

static void
memory (cw_gpu *gpu, size_t *free_bytes, size_t *total_bytes)
{
  *free_bytes = *total_bytes = 0;
  QUEUE (cudaMemGetInfo (free_bytes, total_bytes));
}

static int
status (const cw_gpu *gpu)
{
  return (int) gpu->error;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

/* Too little room is the caller's to know, and leaves nothing behind in the runtime; everything else is a failure of the card. */
static void *
taken (cw_gpu *gpu, cudaError_t error, void *const *memory)
{
  if (error == cudaSuccess)
    return *memory;
  cudaGetLastError ();
  if (error != cudaErrorMemoryAllocation)
    note (gpu, error);
  return NULL;
}

static void *
alloc (cw_gpu *gpu, size_t n_bytes)
{
  void *memory = NULL;

  if (gpu->error != cudaSuccess)
    return NULL;
  return taken (gpu, cudaMalloc (&memory, n_bytes ? n_bytes : 1), &memory);
}

static void
release (cw_gpu *gpu, void *memory)
{
  if (memory && !gpu->stuck)
    note (gpu, cudaFree (memory));
}

static void *
alloc_host (cw_gpu *gpu, size_t n_bytes)
{
  void *memory = NULL;

  if (gpu->error != cudaSuccess)
    return NULL;
  return taken (gpu, cudaMallocHost (&memory, n_bytes ? n_bytes : 1), &memory);
}

static void
release_host (cw_gpu *gpu, void *memory)
{
  if (memory && !gpu->stuck)
    note (gpu, cudaFreeHost (memory));
}

static void
upload (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes)
{
  if (n_bytes)
    QUEUE (cudaMemcpyAsync (to, from, n_bytes, cudaMemcpyHostToDevice, gpu->streams[stream]));
}

static void
download (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes)
{
  if (n_bytes)
    QUEUE (cudaMemcpyAsync (to, from, n_bytes, cudaMemcpyDeviceToHost, gpu->streams[stream]));
}

static void
copy (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes)
{
  if (n_bytes)
    QUEUE (cudaMemcpyAsync (to, from, n_bytes, cudaMemcpyDeviceToDevice, gpu->streams[stream]));
}

static void
copy_rows (cw_gpu *gpu, cw_gpu_stream stream, void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t n_bytes, size_t n_rows)
{
  if (n_bytes && n_rows)
    QUEUE (cudaMemcpy2DAsync (to, to_pitch, from, from_pitch, n_bytes, n_rows, cudaMemcpyDeviceToDevice, gpu->streams[stream]));
}

static void
zero (cw_gpu *gpu, cw_gpu_stream stream, void *memory, size_t n_bytes)
{
  if (n_bytes)
    QUEUE (cudaMemsetAsync (memory, 0, n_bytes, gpu->streams[stream]));
}

/* ---- order -------------------------------------------------------------------------------------------------------------------- */

static int
wait (cw_gpu *gpu, cw_gpu_stream stream)
{
  QUEUE (cudaStreamSynchronize (gpu->streams[stream]));
  return (int) gpu->error;
}

static bool
done (cw_gpu *gpu, cw_gpu_stream stream)
{
  if (gpu->error == cudaSuccess) {
    const cudaError_t error = cudaStreamQuery (gpu->streams[stream]);

    if (error == cudaErrorNotReady) {
      cudaGetLastError (); /* which a launch would otherwise find */
      return false;
    }
    note (gpu, error);
  }
  return true;
}

static void
order (cw_gpu *gpu, cw_gpu_stream earlier, cw_gpu_stream later)
{
  QUEUE (cudaEventRecord (gpu->events[earlier], gpu->streams[earlier]));
  QUEUE (cudaStreamWaitEvent (gpu->streams[later], gpu->events[earlier], 0));
}

/* ---- graphs ------------------------------------------------------------------------------------------------------------------- */

static bool
capture_begin (cw_gpu *gpu, cw_gpu_stream stream)
{
  if (gpu->error != cudaSuccess || cudaStreamBeginCapture (gpu->streams[stream], cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
    cudaGetLastError ();
    return false;
  }
  return true;
}

static void
release_graph (cw_gpu *gpu, cw_gpu_graph *graph)
{
  (void) gpu;
  if (!graph)
    return;
  if (graph->exec)
    cudaGraphExecDestroy (graph->exec);
  if (graph->graph)
    cudaGraphDestroy (graph->graph);
  free (graph);
}

static cw_gpu_graph *
capture_end (cw_gpu *gpu, cw_gpu_stream stream, size_t *n_nodes)
{
  cw_gpu_graph *graph;
  bool          ok;

  *n_nodes = 0;
  graph = (cw_gpu_graph *) calloc (1, sizeof *graph);
  cudaGraph_t captured = NULL;
  ok = cudaStreamEndCapture (gpu->streams[stream], &captured) == cudaSuccess && captured;
  if (graph)
    graph->graph = captured;
  else if (captured)
    cudaGraphDestroy (captured);
  ok = ok && graph && gpu->error == cudaSuccess && cudaGraphGetNodes (graph->graph, NULL, n_nodes) == cudaSuccess &&
       cudaGraphInstantiate (&graph->exec, graph->graph, 0) == cudaSuccess;
  if (ok)
    return graph;
  /* what failed here never ran, and is forgotten; an error that stays is the card's end */
  cudaGetLastError ();
  gpu->error = cudaGetLastError ();
  gpu->stuck = gpu->error != cudaSuccess;
  release_graph (gpu, graph);
  return NULL;
}

static void
replay (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_graph *graph)
{
  QUEUE (cudaGraphLaunch (graph->exec, gpu->streams[stream]));
}

/* ---- launches ------------------------------------------------------------------------------------------------------------------ */

cudaError_t
cw_cuda_linear (cudaStream_t stream, const cw_gpu_linear *linear)
{
  switch (linear->layers[0].dtype) {
  case CW_I8:
    return cw_cuda_dot_q8 (stream, linear);
  case CW_U8:
    return cw_cuda_dot_q4 (stream, linear);
  default:
    return cw_cuda_dot_rows (stream, linear);
  }
}

static void
embed (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_embedding *embedding)
{
  QUEUE (cw_cuda_embed (gpu->streams[stream], embedding));
}

/* False: the module's own kernels have to make it. What cuBLAS cannot do once it is not asked again. */
static bool
by_blas (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_linear *layers)
{
  cudaError_t error = cudaSuccess;

  if (gpu->error != cudaSuccess || gpu->no_blas || gpu->blas_refused)
    return false;
  if (!gpu->blas)
    gpu->blas = cw_cuda_blas_new ();
  if (gpu->blas && cw_cuda_blas_linear (gpu->blas, gpu->streams[stream], layers, &error)) {
    note (gpu, error);
    return true;
  }
  cw_cuda_blas_free (gpu->blas);
  gpu->blas = NULL;
  gpu->no_blas = true;
  return false;
}

static void
allow_blas (cw_gpu *gpu, bool allowed)
{
  gpu->blas_refused = !allowed;
}

static void
linear (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_linear *layers)
{
  if (cw_cuda_blas_suits (layers) && by_blas (gpu, stream, layers))
    return;
  QUEUE (cw_cuda_linear (gpu->streams[stream], layers));
}

static void
attend (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_attention *attention)
{
  QUEUE (cw_cuda_attend (gpu->streams[stream], attention));
}

static void
layer_norm (cw_gpu *gpu, cw_gpu_stream stream, float *y, const float *x, uint32_t n, uint32_t c, const float *gamma, const float *beta,
            float eps)
{
  QUEUE (cw_cuda_layer_norm (gpu->streams[stream], y, x, n, c, gamma, beta, eps));
}

static void
sample (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_sample *draw)
{
  QUEUE (cw_cuda_sample (gpu->streams[stream], draw));
}

static void
sample_scored (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_scored *scored)
{
  QUEUE (cw_cuda_sample_scored (gpu->streams[stream], scored));
}

static void
advance (cw_gpu *gpu, cw_gpu_stream stream, int32_t *step, uint32_t n)
{
  QUEUE (cw_cuda_advance (gpu->streams[stream], step, n));
}

static void
books (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_books *sum)
{
  QUEUE (cw_cuda_books (gpu->streams[stream], sum));
}

static void
nearest (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_nearest *columns)
{
  QUEUE (cw_cuda_nearest (gpu->streams[stream], columns));
}

static void
pad (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_pad *columns)
{
  QUEUE (cw_cuda_pad (gpu->streams[stream], columns));
}

static void
conv (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_conv *convolution)
{
  QUEUE (cw_cuda_conv (gpu->streams[stream], convolution));
}

static void
group_norm (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_group_norm *norm)
{
  QUEUE (cw_cuda_group_norm (gpu->streams[stream], norm));
}

static void
elu (cw_gpu *gpu, cw_gpu_stream stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n)
{
  QUEUE (cw_cuda_elu (gpu->streams[stream], y, ld_y, x, ld_x, c, n));
}

static void
lstm (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_lstm *frame)
{
  QUEUE (cw_cuda_lstm (gpu->streams[stream], frame));
}

static void
transpose (cw_gpu *gpu, cw_gpu_stream stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n,
           const float *addend, uint32_t ld_addend)
{
  QUEUE (cw_cuda_transpose (gpu->streams[stream], y, ld_y, x, ld_x, c, n, addend, ld_addend));
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

static const cw_cuda_module module = {
  CW_CUDA_ABI, NAME,
  count, describe, error_text, cw_cuda_blas_find, allow_blas,
  open_gpu, close_gpu, memory, status,
  alloc, release, alloc_host, release_host,
  upload, download, copy, copy_rows, zero, wait, done, order,
  capture_begin, capture_end, replay, release_graph,
  embed, linear, attend, layer_norm, sample, sample_scored, advance,
  books, nearest, pad, conv, group_norm, elu, lstm, transpose,
};

extern "C" __attribute__ ((visibility ("default"))) const cw_cuda_module *
clipwright_cuda_module (uint32_t abi)
{
  return abi == CW_CUDA_ABI ? &module : NULL;
}
