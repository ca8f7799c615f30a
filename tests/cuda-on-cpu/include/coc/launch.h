/* SPDX-License-Identifier: MIT
 *
 * launch.h: from a launch in the host's code to coc_enqueue. The arguments are copied when the kernel is launched, as CUDA does, and
 * the kernel runs when its stream is waited for. Beside it the runtime calls that take a kernel or a symbol by its type.
 */
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

#include "vector-types.h"

extern "C" cudaError_t coc_enqueue (const char *name, const void *kernel, dim3 grid, dim3 block, size_t dynamic_bytes, cudaStream_t stream,
                                    void (*run) (const void *), const void *arguments, size_t size);

template <class... P>
struct coc_arguments {
  void (*kernel) (P...);
  std::tuple<std::decay_t<P>...> values;
};

template <class... P>
__attribute__ ((no_sanitize ("thread"))) static void
coc_run (const void *arguments)
{
  const coc_arguments<P...> *a = (const coc_arguments<P...> *) arguments;
  std::apply (a->kernel, a->values);
}

template <class... P, class... A>
static cudaError_t
coc_launch (const char *name, void (*kernel) (P...), dim3 grid, dim3 block, size_t dynamic_bytes, cudaStream_t stream, A... arguments)
{
  static_assert (sizeof...(P) == sizeof...(A), "a kernel with another number of arguments");
  static_assert ((std::is_trivially_copyable<std::decay_t<P>>::value && ...), "kernel arguments must be plain data");
  coc_arguments<P...> packed { kernel, std::tuple<std::decay_t<P>...> (static_cast<P> (arguments)...) };
  return coc_enqueue (name, (const void *) kernel, grid, block, dynamic_bytes, stream, coc_run<P...>, &packed, sizeof packed);
}

template <class F> static inline cudaError_t
cudaFuncSetAttribute (F *kernel, enum cudaFuncAttribute attribute, int value)
{
  return coc_func_set_attribute ((const void *) kernel, attribute, value);
}

template <class F> static inline cudaError_t
cudaFuncGetAttributes (struct cudaFuncAttributes *attributes, F *kernel)
{
  return coc_func_get_attributes (attributes, (const void *) kernel);
}

template <class F> static inline cudaError_t
cudaFuncSetCacheConfig (F *, enum cudaFuncCache)
{
  return cudaSuccess;
}

template <class F> static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor (int *n_blocks, F *kernel, int n_threads, size_t dynamic_bytes)
{
  return coc_occupancy (n_blocks, (const void *) kernel, n_threads, dynamic_bytes);
}

template <class T> static inline cudaError_t
cudaMemcpyToSymbol (T &symbol, const void *from, size_t size, size_t offset = 0, enum cudaMemcpyKind = cudaMemcpyHostToDevice)
{
  return coc_memcpy_symbol (&symbol, sizeof symbol, (void *) from, size, offset, 1, 0, 1);
}

template <class T> static inline cudaError_t
cudaMemcpyToSymbolAsync (T &symbol, const void *from, size_t size, size_t offset = 0, enum cudaMemcpyKind = cudaMemcpyHostToDevice,
                         cudaStream_t stream = 0)
{
  return coc_memcpy_symbol (&symbol, sizeof symbol, (void *) from, size, offset, 1, stream, 0);
}

template <class T> static inline cudaError_t
cudaMemcpyFromSymbol (void *to, const T &symbol, size_t size, size_t offset = 0, enum cudaMemcpyKind = cudaMemcpyDeviceToHost)
{
  return coc_memcpy_symbol (&symbol, sizeof symbol, to, size, offset, 0, 0, 1);
}

/* cudaMalloc (&floats, size), as the real header allows it */
template <class T> static inline cudaError_t
cudaMalloc (T **pointer, size_t size)
{
  return cudaMalloc ((void **) pointer, size);
}

template <class T> static inline cudaError_t
cudaMallocHost (T **pointer, size_t size, unsigned flags = 0)
{
  return cudaHostAlloc ((void **) pointer, size, flags);
}
