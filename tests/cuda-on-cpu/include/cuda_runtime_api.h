/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime_api.h: the part of CUDA's runtime API that the shim has, for C and C++. Names, numbers and signatures are CUDA's;
 * nvcc compiles the same kernels and calls against the real headers where it is found. A call that is not here does not compile, which
 * is the intent: whoever needs it adds it with its checks. What the calls mean is in the README.
 */
#ifndef CUDA_RUNTIME_API_H
#define CUDA_RUNTIME_API_H

#include <stddef.h>
#include <stdint.h>

#define CUDA_ON_CPU 1
#define CUDART_VERSION 13000
#define CUDART_CB

#ifdef __cplusplus
extern "C" {
#define COC_DEFAULT(value) = value
#else
#define COC_DEFAULT(value)
#endif
#define COC_API __attribute__ ((visibility ("default")))

/* name, number, sentence */
#define COC_ERRORS(X)                                                                                                          \
  X (cudaSuccess, 0, "no error")                                                                                               \
  X (cudaErrorInvalidValue, 1, "invalid argument")                                                                             \
  X (cudaErrorMemoryAllocation, 2, "out of memory")                                                                            \
  X (cudaErrorInitializationError, 3, "initialization error")                                                                  \
  X (cudaErrorInvalidConfiguration, 9, "invalid configuration argument")                                                       \
  X (cudaErrorInvalidSymbol, 13, "invalid device symbol")                                                                      \
  X (cudaErrorInvalidDevicePointer, 17, "invalid device pointer")                                                              \
  X (cudaErrorInvalidMemcpyDirection, 21, "invalid copy direction for memcpy")                                                 \
  X (cudaErrorInsufficientDriver, 35, "CUDA driver version is insufficient for CUDA runtime version")                          \
  X (cudaErrorDevicesUnavailable, 46, "CUDA-capable device(s) is/are busy or unavailable")                                     \
  X (cudaErrorInvalidDeviceFunction, 98, "invalid device function")                                                            \
  X (cudaErrorNoDevice, 100, "no CUDA-capable device is detected")                                                             \
  X (cudaErrorInvalidDevice, 101, "invalid device ordinal")                                                                    \
  X (cudaErrorNoKernelImageForDevice, 209, "no kernel image is available for execution on the device")                         \
  X (cudaErrorECCUncorrectable, 214, "uncorrectable ECC error encountered")                                                    \
  X (cudaErrorOperatingSystem, 304, "OS call failed or operation not supported on this OS")                                    \
  X (cudaErrorInvalidResourceHandle, 400, "invalid resource handle")                                                           \
  X (cudaErrorNotReady, 600, "device not ready")                                                                               \
  X (cudaErrorIllegalAddress, 700, "an illegal memory access was encountered")                                                 \
  X (cudaErrorLaunchOutOfResources, 701, "too many resources requested for launch")                                            \
  X (cudaErrorLaunchTimeout, 702, "the launch timed out and was terminated")                                                   \
  X (cudaErrorContextIsDestroyed, 709, "context is destroyed")                                                                 \
  X (cudaErrorAssert, 710, "device-side assert triggered")                                                                     \
  X (cudaErrorHostMemoryAlreadyRegistered, 712, "part or all of the requested memory range is already mapped")                 \
  X (cudaErrorHostMemoryNotRegistered, 713, "pointer does not correspond to a registered memory region")                       \
  X (cudaErrorMisalignedAddress, 716, "misaligned address")                                                                    \
  X (cudaErrorLaunchFailure, 719, "unspecified launch failure")                                                                \
  X (cudaErrorNotPermitted, 800, "operation not permitted")                                                                    \
  X (cudaErrorNotSupported, 801, "operation not supported")                                                                    \
  X (cudaErrorStreamCaptureUnsupported, 900, "operation not permitted when stream is capturing")                               \
  X (cudaErrorStreamCaptureInvalidated, 901, "operation failed due to a previous error during capture")                        \
  X (cudaErrorStreamCaptureMerge, 902, "operation would result in a merge of separate capture sequences")                      \
  X (cudaErrorStreamCaptureUnmatched, 903, "capture was not ended in the same stream as it began")                             \
  X (cudaErrorStreamCaptureUnjoined, 904, "capturing stream has unjoined work")                                                \
  X (cudaErrorStreamCaptureIsolation, 905, "dependency created on uncaptured work in another stream")                          \
  X (cudaErrorStreamCaptureImplicit, 906, "operation would make the legacy stream depend on a capturing blocking stream")      \
  X (cudaErrorCapturedEvent, 907, "operation not permitted on an event last recorded in a capturing stream")                   \
  X (cudaErrorUnknown, 999, "unknown error")

typedef enum cudaError {
#define COC_ERROR_ENUM(name, number, text) name = number,
  COC_ERRORS (COC_ERROR_ENUM)
#undef COC_ERROR_ENUM
} cudaError_t;

typedef struct CUstream_st    *cudaStream_t;
typedef struct CUevent_st     *cudaEvent_t;
typedef struct CUgraph_st     *cudaGraph_t;
typedef struct CUgraphNode_st *cudaGraphNode_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;
typedef void (CUDART_CB *cudaHostFn_t) (void *data);

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive, cudaStreamCaptureStatusInvalidated };
enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9
};
enum cudaFuncCache { cudaFuncCachePreferNone, cudaFuncCachePreferShared, cudaFuncCachePreferL1, cudaFuncCachePreferEqual };
enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrWarpSize = 10,
  cudaDevAttrMaxRegistersPerBlock = 12,
  cudaDevAttrClockRate = 13,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrIntegrated = 18,
  cudaDevAttrComputeMode = 20,
  cudaDevAttrMemoryClockRate = 36,
  cudaDevAttrGlobalMemoryBusWidth = 37,
  cudaDevAttrL2CacheSize = 38,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrCooperativeLaunch = 95,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  cudaDevAttrMemoryPoolsSupported = 115
};

#define cudaStreamDefault 0x00
#define cudaStreamNonBlocking 0x01
#define cudaStreamLegacy ((cudaStream_t) 0x1)
#define cudaStreamPerThread ((cudaStream_t) 0x2)
#define cudaEventDefault 0x00
#define cudaEventBlockingSync 0x01
#define cudaEventDisableTiming 0x02
#define cudaHostAllocDefault 0x00
#define cudaHostAllocPortable 0x01
#define cudaHostAllocMapped 0x02
#define cudaHostAllocWriteCombined 0x04
#define cudaHostRegisterDefault 0x00
#define cudaHostRegisterReadOnly 0x08
#define cudaDeviceScheduleAuto 0x00
#define cudaDeviceScheduleBlockingSync 0x04

struct cudaDeviceProp {
  char   name[256];
  size_t totalGlobalMem, sharedMemPerBlock;
  int    regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
  size_t totalConstMem;
  int    major, minor, multiProcessorCount, integrated, pciBusID, pciDeviceID, pciDomainID, memoryBusWidth, l2CacheSize,
    maxThreadsPerMultiProcessor;
  size_t sharedMemPerMultiprocessor, sharedMemPerBlockOptin, reservedSharedMemPerBlock;
  int    regsPerMultiprocessor, cooperativeLaunch, memoryPoolsSupported;
};
struct cudaFuncAttributes {
  size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
  int    maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, maxDynamicSharedSizeBytes;
};

/* errors and the device */
COC_API cudaError_t cudaGetLastError (void);
COC_API cudaError_t cudaPeekAtLastError (void);
COC_API const char *cudaGetErrorString (cudaError_t error);
COC_API const char *cudaGetErrorName (cudaError_t error);
COC_API cudaError_t cudaGetDeviceCount (int *count);
COC_API cudaError_t cudaSetDevice (int device);
COC_API cudaError_t cudaGetDevice (int *device);
COC_API cudaError_t cudaSetDeviceFlags (unsigned flags);
COC_API cudaError_t cudaGetDeviceProperties (struct cudaDeviceProp *properties, int device);
COC_API cudaError_t cudaDeviceGetAttribute (int *value, enum cudaDeviceAttr attribute, int device);
COC_API cudaError_t cudaDeviceGetPCIBusId (char *id, int length, int device);
COC_API cudaError_t cudaDriverGetVersion (int *version);
COC_API cudaError_t cudaRuntimeGetVersion (int *version);
COC_API cudaError_t cudaDeviceSynchronize (void);
COC_API cudaError_t cudaDeviceReset (void);

/* memory */
COC_API cudaError_t cudaMalloc (void **pointer, size_t size);
COC_API cudaError_t cudaFree (void *pointer);
COC_API cudaError_t cudaMallocAsync (void **pointer, size_t size, cudaStream_t stream);
COC_API cudaError_t cudaFreeAsync (void *pointer, cudaStream_t stream);
COC_API cudaError_t cudaMallocHost (void **pointer, size_t size);
COC_API cudaError_t cudaHostAlloc (void **pointer, size_t size, unsigned flags);
COC_API cudaError_t cudaFreeHost (void *pointer);
COC_API cudaError_t cudaHostRegister (void *pointer, size_t size, unsigned flags);
COC_API cudaError_t cudaHostUnregister (void *pointer);
COC_API cudaError_t cudaMemGetInfo (size_t *free_bytes, size_t *total_bytes);
COC_API cudaError_t cudaMemcpy (void *to, const void *from, size_t size, enum cudaMemcpyKind kind);
COC_API cudaError_t cudaMemcpyAsync (void *to, const void *from, size_t size, enum cudaMemcpyKind kind,
                                     cudaStream_t stream COC_DEFAULT (0));
COC_API cudaError_t cudaMemcpy2D (void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                                  enum cudaMemcpyKind kind);
COC_API cudaError_t cudaMemcpy2DAsync (void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                                       enum cudaMemcpyKind kind, cudaStream_t stream COC_DEFAULT (0));
COC_API cudaError_t cudaMemset (void *to, int value, size_t size);
COC_API cudaError_t cudaMemsetAsync (void *to, int value, size_t size, cudaStream_t stream COC_DEFAULT (0));
COC_API cudaError_t cudaMemset2DAsync (void *to, size_t pitch, int value, size_t width, size_t height,
                                       cudaStream_t stream COC_DEFAULT (0));

/* streams and events */
COC_API cudaError_t cudaStreamCreate (cudaStream_t *stream);
COC_API cudaError_t cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags);
COC_API cudaError_t cudaStreamCreateWithPriority (cudaStream_t *stream, unsigned flags, int priority);
COC_API cudaError_t cudaDeviceGetStreamPriorityRange (int *least, int *greatest);
COC_API cudaError_t cudaStreamDestroy (cudaStream_t stream);
COC_API cudaError_t cudaStreamSynchronize (cudaStream_t stream);
COC_API cudaError_t cudaStreamQuery (cudaStream_t stream);
COC_API cudaError_t cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags COC_DEFAULT (0));
COC_API cudaError_t cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t function, void *data);
COC_API cudaError_t cudaEventCreate (cudaEvent_t *event);
COC_API cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags);
COC_API cudaError_t cudaEventDestroy (cudaEvent_t event);
COC_API cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream COC_DEFAULT (0));
COC_API cudaError_t cudaEventSynchronize (cudaEvent_t event);
COC_API cudaError_t cudaEventQuery (cudaEvent_t event);
COC_API cudaError_t cudaEventElapsedTime (float *milliseconds, cudaEvent_t start, cudaEvent_t end);

/* graphs */
COC_API cudaError_t cudaStreamBeginCapture (cudaStream_t stream, enum cudaStreamCaptureMode mode);
COC_API cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
COC_API cudaError_t cudaStreamIsCapturing (cudaStream_t stream, enum cudaStreamCaptureStatus *status);
COC_API cudaError_t cudaGraphGetNodes (cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n_nodes);
COC_API cudaError_t cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags COC_DEFAULT (0));
COC_API cudaError_t cudaGraphInstantiateWithFlags (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags COC_DEFAULT (0));
COC_API cudaError_t cudaGraphUpload (cudaGraphExec_t exec, cudaStream_t stream);
COC_API cudaError_t cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream);
COC_API cudaError_t cudaGraphDestroy (cudaGraph_t graph);
COC_API cudaError_t cudaGraphExecDestroy (cudaGraphExec_t exec);

/* kernels; in C++ cuda_runtime.h adds the overloads that take the kernel itself */
COC_API cudaError_t coc_func_set_attribute (const void *kernel, enum cudaFuncAttribute attribute, int value);
COC_API cudaError_t coc_func_get_attributes (struct cudaFuncAttributes *attributes, const void *kernel);
COC_API cudaError_t coc_occupancy (int *n_blocks, const void *kernel, int n_threads, size_t dynamic_bytes);
COC_API cudaError_t coc_memcpy_symbol (const void *symbol, size_t symbol_size, void *host, size_t size, size_t offset, int to_device,
                                       cudaStream_t stream, int waits);

#ifdef __cplusplus
}
#endif
#endif
