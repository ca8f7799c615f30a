/* SPDX-License-Identifier: MIT
 *
 * memory.cpp: device memory, pinned host memory, copies. Device memory is one range of addresses that is never given out twice while
 * there is room, with a gap after each buffer, so that a stale or stray pointer points at nothing else. It begins as 0xff (NaN).
 */
#include "runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>

namespace coc {

constexpr size_t slot_size = 256; /* cudaMalloc's alignment */

char    *arena;
uint8_t *arena_written;

static std::vector<Buffer>     &buffers = *new std::vector<Buffer> (1); /* 0 is no buffer */
static uint32_t                *slots; /* which buffer, by slot */
static std::map<char *, size_t> &pinned = *new std::map<char *, size_t>, &registered = *new std::map<char *, size_t>;
static size_t                   top = slot_size, used, total = (size_t) 8 << 30;

void *
reserve (size_t size)
{
  void *memory = mmap (nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    perror ("cuda-on-cpu: address space");
    abort ();
  }
  return memory;
}

void
memory_start (void)
{
  arena = (char *) reserve (arena_size);
  arena_written = (uint8_t *) reserve (arena_size);
  slots = (uint32_t *) reserve (arena_size / slot_size * sizeof *slots);
}

const Buffer *
buffer_at (const void *address)
{
  if (!arena || !in_arena (address))
    return nullptr;
  const uint32_t b = slots[((const char *) address - arena) / slot_size];
  return b ? &buffers[b] : nullptr;
}

static bool
holds (const std::map<char *, size_t> &ranges, const char *address, size_t size)
{
  auto it = ranges.upper_bound ((char *) address);
  if (it == ranges.begin ())
    return false;
  --it;
  return address + size <= it->first + it->second;
}

bool
is_pinned (const void *address, size_t size)
{
  return holds (pinned, (const char *) address, size) || holds (registered, (const char *) address, size);
}

/* A freed buffer with room enough, the oldest; only once the arena has been given out. */
static Buffer *
reuse (size_t room)
{
  for (size_t b = 1; b < buffers.size (); b++)
    if (!buffers[b].alive && buffers[b].room >= room)
      return &buffers[b];
  return nullptr;
}

static cudaError_t
allocate (void **pointer, size_t size)
{
  *pointer = nullptr;
  if (!size)
    return cudaSuccess;
  if (size > total || used > total - size)
    return fail (cudaErrorMemoryAllocation);
  const size_t room = (size + slot_size - 1) / slot_size * slot_size;
  Buffer *buffer;
  if (room + slot_size <= arena_size - top) {
    buffers.push_back ({ arena + top, 0, room, false });
    std::fill_n (slots + top / slot_size, room / slot_size + 1, (uint32_t) buffers.size () - 1);
    buffer = &buffers.back ();
    top += room + slot_size;
  } else if (!(buffer = reuse (room))) {
    fprintf (stderr, "cuda-on-cpu: the %zu GiB of addresses are spent\n", arena_size >> 30);
    return fail (cudaErrorMemoryAllocation);
  }
  buffer->size = size;
  buffer->alive = true;
  used += size;
  memset (buffer->start, 0xff, size);
  *pointer = buffer->start;
  return cudaSuccess;
}

static void
let_go (Buffer *buffer)
{
  buffer->alive = false;
  used -= buffer->size;
  const size_t start = (size_t) (buffer->start - arena), page = 4096;
  memset (arena_written + start, 0, buffer->size);
  const size_t first = (start + page - 1) / page * page, last = (start + buffer->room) / page * page;
  if (first < last) {
    madvise (arena + first, last - first, MADV_DONTNEED);
    madvise (arena_written + first, last - first, MADV_DONTNEED);
  }
}

static cudaError_t
release (void *pointer)
{
  Buffer *buffer = (Buffer *) buffer_at (pointer);
  if (!buffer || buffer->start != pointer || !buffer->alive) {
    report ("BAD-FREE", nullptr, "cudaFree of a pointer that is no live buffer");
    return cudaErrorInvalidValue;
  }
  let_go (buffer);
  return cudaSuccess;
}

void
memory_reset (void)
{
  for (Buffer &b : buffers)
    if (b.alive)
      let_go (&b);
  for (auto &p : pinned)
    free (p.first);
  pinned.clear ();
  registered.clear ();
}

int
memory_alive (bool print)
{
  int n = 0;
  for (const Buffer &b : buffers)
    if (b.alive) {
      n++;
      if (print)
        fprintf (stderr, "cuda-on-cpu: LEAK: a device buffer of %zu bytes\n", b.size);
    }
  for (auto &p : pinned)
    if (print)
      fprintf (stderr, "cuda-on-cpu: LEAK: %zu bytes of pinned memory\n", p.second);
  for (auto &p : registered)
    if (print)
      fprintf (stderr, "cuda-on-cpu: LEAK: %zu bytes of registered memory\n", p.second);
  return n + (int) pinned.size () + (int) registered.size ();
}

/* ---- copies */

/* @height rows of @width bytes; a plain copy is one row */
struct Copy {
  char       *to;
  size_t      to_pitch;
  const char *from;
  size_t      from_pitch, width, height;
};

static cudaError_t
copy_now (const Copy &c)
{
  for (size_t y = 0; y < c.height && c.width; y++) {
    char *to = c.to + y * c.to_pitch;
    const char *from = c.from + y * c.from_pitch;
    if (in_arena (from))
      if (cudaError_t error = shadow_range (from, c.width, Access::read, "a copy"))
        return error;
    if (in_arena (to))
      if (cudaError_t error = shadow_range (to, c.width, Access::write, "a copy"))
        return error;
    memmove (to, from, c.width);
  }
  return cudaSuccess;
}

static cudaError_t
check_copy (const Copy &c, cudaMemcpyKind kind)
{
  const bool to_device = in_arena (c.to), from_device = in_arena (c.from);
  const bool fits = kind == cudaMemcpyDefault || (kind == cudaMemcpyHostToDevice && to_device && !from_device)
                    || (kind == cudaMemcpyDeviceToHost && !to_device && from_device)
                    || (kind == cudaMemcpyDeviceToDevice && to_device && from_device)
                    || (kind == cudaMemcpyHostToHost && !to_device && !from_device);
  if (!fits) {
    report ("COPY-KIND", nullptr, "the kind of copy %d does not fit the pointers: to %s, from %s", (int) kind, to_device ? "device" : "host",
            from_device ? "device" : "host");
    return cudaErrorInvalidValue;
  }
  if (c.height > 1 && (c.width > c.to_pitch || c.width > c.from_pitch))
    return cudaErrorInvalidValue;
  return cudaSuccess;
}

static cudaError_t
copy_async (const Copy &c, cudaMemcpyKind kind, cudaStream_t stream)
{
  if (cudaError_t error = check_copy (c, kind))
    return error;
  const size_t from_span = c.height ? (c.height - 1) * c.from_pitch + c.width : 0, to_span = c.height ? (c.height - 1) * c.to_pitch + c.width : 0;
  const bool capturing = stream_is_capturing (stream);
  if (!in_arena (c.from) && in_arena (c.to) && !is_pinned (c.from, from_span) && !capturing) {
    /* from pageable memory: the driver takes its own copy before the call returns */
    auto staged = std::make_shared<std::vector<char>> (c.from, c.from + from_span);
    Copy late = c;
    late.from = staged->data ();
    return enqueue (stream, "cudaMemcpyAsync", [late, staged] { return copy_now (late); });
  }
  cudaError_t error = enqueue (stream, "cudaMemcpyAsync", [c] { return copy_now (c); });
  if (!error && in_arena (c.from) && !in_arena (c.to) && !is_pinned (c.to, to_span) && !capturing) {
    drain (stream); /* to pageable memory: the call returns when the bytes are there */
    error = sticky;
  }
  return error;
}

static cudaError_t
copy_and_wait (const Copy &c, cudaMemcpyKind kind)
{
  if (cudaError_t error = check_copy (c, kind))
    return error;
  drain_blocking ();
  return sticky ? sticky : copy_now (c);
}

} // namespace coc

using namespace coc;

void
coc_set_memory (size_t bytes)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  total = bytes;
}

cudaError_t
cudaMalloc (void **pointer, size_t size)
{
  COC_ENTER (COC_ALLOCATION)
  COC_NOT_IN_CAPTURE ("cudaMalloc")
  return allocate (pointer, size);
}

cudaError_t
cudaFree (void *pointer)
{
  coc::Call call { coc::release_call };
  if (!call.error)
    COC_NOT_IN_CAPTURE ("cudaFree")
  if (!pointer)
    return fail (call.error);
  drain_all ();
  const cudaError_t error = release (pointer);
  return fail (call.error ? call.error : error);
}

cudaError_t
cudaMallocAsync (void **pointer, size_t size, cudaStream_t stream)
{
  COC_ENTER (COC_ALLOCATION)
  if (stream_is_capturing (stream)) {
    report ("CAPTURE", nullptr, "cudaMallocAsync during stream capture: memory nodes are not in the shim");
    return fail (cudaErrorNotSupported);
  }
  return allocate (pointer, size);
}

cudaError_t
cudaFreeAsync (void *pointer, cudaStream_t stream)
{
  COC_ENTER ()
  return fail (enqueue (stream, "cudaFreeAsync", [pointer] { return release (pointer); }));
}

cudaError_t
cudaHostAlloc (void **pointer, size_t size, unsigned)
{
  COC_ENTER (COC_ALLOCATION)
  COC_NOT_IN_CAPTURE ("cudaHostAlloc")
  *pointer = size ? aligned_alloc (4096, (size + 4095) / 4096 * 4096) : nullptr;
  if (size && !*pointer)
    return fail (cudaErrorMemoryAllocation);
  if (size)
    pinned[(char *) *pointer] = size;
  return cudaSuccess;
}

cudaError_t
cudaMallocHost (void **pointer, size_t size)
{
  return cudaHostAlloc (pointer, size, 0);
}

cudaError_t
cudaFreeHost (void *pointer)
{
  coc::Call call { coc::release_call };
  if (!call.error)
    COC_NOT_IN_CAPTURE ("cudaFreeHost")
  if (!pointer)
    return fail (call.error);
  drain_all ();
  if (!pinned.erase ((char *) pointer)) {
    report ("BAD-FREE", nullptr, "cudaFreeHost of a pointer that is not pinned memory");
    return fail (cudaErrorInvalidValue);
  }
  free (pointer);
  return fail (call.error);
}

cudaError_t
cudaHostRegister (void *pointer, size_t size, unsigned)
{
  COC_ENTER (COC_ALLOCATION)
  COC_NOT_IN_CAPTURE ("cudaHostRegister")
  if (!pointer || !size)
    return fail (cudaErrorInvalidValue);
  if (is_pinned (pointer, 1))
    return fail (cudaErrorHostMemoryAlreadyRegistered);
  registered[(char *) pointer] = size;
  return cudaSuccess;
}

cudaError_t
cudaHostUnregister (void *pointer)
{
  coc::Call call { coc::release_call };
  drain_all ();
  if (!registered.erase ((char *) pointer))
    return fail (cudaErrorHostMemoryNotRegistered);
  return fail (call.error);
}

cudaError_t
cudaMemGetInfo (size_t *free_bytes, size_t *total_bytes)
{
  COC_ENTER ()
  *total_bytes = total;
  *free_bytes = used < total ? total - used : 0;
  return cudaSuccess;
}

cudaError_t
cudaMemcpy (void *to, const void *from, size_t size, enum cudaMemcpyKind kind)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaMemcpy")
  return fail (copy_and_wait ({ (char *) to, size, (const char *) from, size, size, 1 }, kind));
}

cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t size, enum cudaMemcpyKind kind, cudaStream_t stream)
{
  COC_ENTER ()
  return fail (copy_async ({ (char *) to, size, (const char *) from, size, size, 1 }, kind, stream));
}

cudaError_t
cudaMemcpy2D (void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, enum cudaMemcpyKind kind)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaMemcpy2D")
  return fail (copy_and_wait ({ (char *) to, to_pitch, (const char *) from, from_pitch, width, height }, kind));
}

cudaError_t
cudaMemcpy2DAsync (void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, enum cudaMemcpyKind kind,
                   cudaStream_t stream)
{
  COC_ENTER ()
  return fail (copy_async ({ (char *) to, to_pitch, (const char *) from, from_pitch, width, height }, kind, stream));
}

static cudaError_t
set_rows (char *to, size_t pitch, int value, size_t width, size_t height)
{
  for (size_t y = 0; y < height && width; y++) {
    if (cudaError_t error = shadow_range (to + y * pitch, width, Access::write, "a memset"))
      return error;
    memset (to + y * pitch, value, width);
  }
  return cudaSuccess;
}

cudaError_t
cudaMemset (void *to, int value, size_t size)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaMemset")
  drain_blocking ();
  return fail (sticky ? sticky : set_rows ((char *) to, size, value, size, 1));
}

cudaError_t
cudaMemsetAsync (void *to, int value, size_t size, cudaStream_t stream)
{
  COC_ENTER ()
  return fail (enqueue (stream, "cudaMemsetAsync", [=] { return set_rows ((char *) to, size, value, size, 1); }));
}

cudaError_t
cudaMemset2DAsync (void *to, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream)
{
  COC_ENTER ()
  return fail (enqueue (stream, "cudaMemset2DAsync", [=] { return set_rows ((char *) to, pitch, value, width, height); }));
}

/* A symbol is a variable of the module: host memory here, device memory to the program. */
cudaError_t
coc_memcpy_symbol (const void *symbol, size_t symbol_size, void *host, size_t size, size_t offset, int to_device, cudaStream_t stream, int waits)
{
  COC_ENTER ()
  if (waits)
    COC_NOT_IN_CAPTURE ("cudaMemcpyToSymbol")
  if (offset > symbol_size || size > symbol_size - offset) {
    report ("OUT-OF-BOUNDS", nullptr, "a copy of %zu bytes at offset %zu of a symbol of %zu", size, offset, symbol_size);
    return fail (cudaErrorInvalidValue);
  }
  char *device = (char *) symbol + offset;
  if (waits) {
    drain_blocking ();
    memcpy (to_device ? device : host, to_device ? host : device, size);
    return cudaSuccess;
  }
  return fail (enqueue (stream, "cudaMemcpyToSymbolAsync", [=] {
    memcpy (to_device ? device : host, to_device ? host : device, size);
    return cudaSuccess;
  }));
}
