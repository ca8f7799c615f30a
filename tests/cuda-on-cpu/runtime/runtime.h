/* SPDX-License-Identifier: MIT
 *
 * runtime.h: what the files of the runtime share. From a call to a finding:
 *
 *   device.cpp, memory.cpp, streams.cpp, graphs.cpp   the CUDA calls; each enters through Call (lock, injected failures, sticky errors)
 *   launch.cpp + limits.cpp                           a launch is checked against the architecture, queued, and run block by block
 *   block.cpp + fibers.cpp                            the threads of one block, as fibers, in the order asked for; barriers
 *   warp.cpp, async-copy.cpp                          shuffles, votes, cp.async
 *   hooks.cpp -> shadow.cpp                           every load and store of a kernel arrives here in the checked build
 *   module.cpp                                        what the kernels' variables are called, where they begin and end
 *   report.cpp, counts.cpp                            what was found, and what was counted
 *
 * State is global, as a device is; `lock` guards it. While a kernel runs, the thread that waits for it holds the lock.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda-on-cpu.h"
#include "coc/vector-types.h"

#define COC_CALLER __builtin_return_address (0)
/* The kernels are in the same module: nothing but the CUDA names and the test's names leaves it. */
#define COC_HIDDEN extern "C" __attribute__ ((visibility ("hidden")))

namespace coc {

constexpr int    max_threads = 1024, warp_size = 32;
constexpr size_t max_dynamic = 232448;

/* ---- report.cpp */
void report (const char *kind, void *pc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
/* "file.cu:12" of a place in the code, "" where it is not known */
std::string source_line (void *pc);

/* ---- module.cpp */
enum class Storage { none, shared, global, constant, compilers };
struct Variable {
  uintptr_t   start, end;
  Storage     storage;
  std::string name;
};
struct Race;
/* A loaded object with kernels. Data is looked up by byte from @data on: owner[] is an index into variables, 0 for a gap. */
struct Module {
  uintptr_t              low, high, data, data_end;
  std::vector<Variable>  variables;
  std::vector<uint16_t>  owner;
  std::vector<uint32_t>  written; /* by byte: generation of the block that wrote it last */
  Race                  *races;   /* by word */
  bool                   has_symbols;
  std::vector<std::pair<uintptr_t, std::string>> functions; /* sorted by address, mangled */
};
Module *module_of (const void *kernel);
/* "k_gemv<4, true>": without "void " and parameters; @spelled when the symbol is not known */
std::string kernel_name (const void *kernel, const char *spelled);

/* ---- fibers.cpp */
enum class State { ready, at_barrier, at_warp_call, done };
struct Fiber {
  void    *stack_pointer;
  State    state;
  uint3    index;
  int      id, lane, warp;
  /* its warp call, see warp.cpp */
  int         call, argument, width;
  uint32_t    mask;
  uint64_t    value, result;
  const char *wrong;
  /* lane clocks: what this lane knows of each lane of its warp since the last barrier */
  uint32_t clock[warp_size];
  /* __threadfence: what was written before it is published by the next atomic */
  uint32_t fence_generation, fence_epoch, fence_clock;
  bool     fenced;
  int      copy_group;
};
extern __thread Fiber *current __attribute__ ((tls_model ("initial-exec")));
extern Fiber           fibers[max_threads];
extern void          (*fiber_main) (void);
void fibers_start (void);
/* Also after a launch that was given up: fibers that were left in the middle begin anew. */
void fibers_reset (void);
void fiber_enter (Fiber *fiber);
void fiber_leave (Fiber *fiber);
void fiber_switch (Fiber *from, Fiber *to);
bool in_stack_of (const Fiber *fiber, const void *address, size_t size);
bool in_any_stack (const void *address);

/* ---- launch.cpp */
struct Launch {
  std::string       name;
  const void       *kernel;
  dim3              grid, block;
  size_t            dynamic_bytes;
  void            (*run) (const void *arguments);
  std::vector<char> arguments;
};
extern const Launch *launch; /* the one that runs */
extern Module       *launch_module;
extern char         *dynamic_shared;
void launch_wrong (void); /* this launch ends with cudaErrorIllegalAddress; does not return */
cudaError_t launch_run (const Launch &launch);

/* ---- limits.cpp */
struct Arch {
  int    sm;
  size_t shared_optin, shared_sm;
  int    threads_sm, blocks_sm;
};
const Arch &arch (void);
struct KernelLimits {
  int    registers;
  size_t static_shared;
};
bool kernel_limits (const std::string &name, KernelLimits *limits);
size_t dynamic_limit (const void *kernel);
void limits_reset (void);
cudaError_t launch_check (const Launch &launch);

/* ---- block.cpp */
extern struct BlockState {
  uint3    index;
  int      n_threads, n_alive, n_at_barrier;
  uint32_t ready[max_threads / warp_size]; /* lanes of each warp that can go on */
  uint32_t waiting[max_threads / warp_size], done[max_threads / warp_size];
  bool     given_up;
} block;
extern coc_order order;
uint32_t random_below (uint32_t n);
bool block_run (uint3 index); /* false: given up, a finding says why */
void fiber_yield (void);
void warp_thread_done (int warp);

/* ---- shadow.cpp */
/* Every block has generations of its own (more than one, where it has many barriers). */
struct Moment {
  uint32_t generation, block_start, launch_start, epoch;
};
extern Moment now;
enum class Access { read, write, atomic };
extern bool checked; /* an instrumented module is loaded */
void shadow_start (void);
void shadow_launch (void);
void shadow_block (void);
void shadow_barrier (void);
void shadow_access (const void *address, size_t size, Access access, void *pc);
Race *shadow_races (size_t n_words);
/* Host or copy: is [@address, + @size) inside a live buffer, and was it written? */
cudaError_t shadow_range (const void *address, size_t size, Access access, const char *what);
void shadow_fence (void);

/* ---- memory.cpp */
struct Buffer {
  char  *start;
  size_t size, room;
  bool   alive;
};
extern char  *arena;
constexpr size_t arena_size = (size_t) 16 << 30;
inline bool in_arena (const void *address) { return (size_t) ((const char *) address - arena) < arena_size; }
extern uint8_t *arena_written; /* 1 for each byte that has been written */
const Buffer *buffer_at (const void *address);
/* Pinned or registered memory that holds all of the range */
bool is_pinned (const void *address, size_t size);
void *reserve (size_t size);
void memory_start (void);
void memory_reset (void);
int  memory_alive (bool print);

/* ---- streams.cpp */
/* One record of an event: whoever waits for it waits for this one, also when the event is recorded again, elsewhere, in the meantime. */
struct Event {
  cudaStream_t stream = nullptr; /* NULL: not recorded */
  bool         completed = false;
  double       completed_at = 0;
  cudaGraph_t  capture = nullptr;
  std::vector<int> capture_tails;
};
struct Operation {
  const char                       *what;
  std::function<cudaError_t (void)> run;
  std::shared_ptr<Event>            wait, record;
};
/* Queues, or adds to the graph that is being captured. */
cudaError_t enqueue (cudaStream_t stream, Operation operation);
cudaError_t enqueue (cudaStream_t stream, const char *what, std::function<cudaError_t (void)> run);
bool        stream_exists (cudaStream_t stream);
bool        stream_is_capturing (cudaStream_t stream);
void        drain (cudaStream_t stream);
void        drain_blocking (void); /* what the default stream waits for */
void        drain_all (void);
void        streams_reset (void);
int         streams_alive (bool print);

/* ---- graphs.cpp */
cudaError_t capture_add (cudaStream_t stream, Operation operation);
/* A call that a capture does not allow; cudaSuccess when nothing is captured in a mode that minds. */
cudaError_t refuse_in_capture (const char *what);
bool        any_capture (void);
bool        capture_minds_default_stream (void);
void        graphs_reset (void);
int         graphs_alive (bool print);

/* ---- cublas.cpp */
int  cublas_alive (bool print);
void cublas_reset (void);

/* ---- async-copy.cpp */
void async_copies_forget (void);

/* ---- counts.cpp */
extern bool counting;
void counts_launch_begin (const Launch &launch);
void counts_launch_end (void);
void counts_access (size_t offset, size_t size, Access access);
void counts_asked (size_t offset); /* by a prefetch */
void counts_product (double multiply_adds, size_t bytes_read, size_t bytes_written);
extern long statistics[COC_N_STATISTICS];

/* ---- device.cpp: the way into every call */
extern std::recursive_mutex lock;
extern cudaError_t          sticky;
bool is_sticky (cudaError_t error);
/* Remembers the error for cudaGetLastError and returns it. */
cudaError_t fail (cudaError_t error);

/* What gives something back is never made to fail, and does its work after a sticky error too, as far as the list of leaks goes. */
constexpr coc_call release_call = COC_N_CALLS;
class Call {
  std::lock_guard<std::recursive_mutex> guard;

public:
  cudaError_t error;
  explicit Call (coc_call kind = COC_ANY_CALL);
};
#define COC_ENTER(...)                                                                                                         \
  coc::Call call { __VA_ARGS__ };                                                                                              \
  if (call.error)                                                                                                              \
    return coc::fail (call.error);
#define COC_NOT_IN_CAPTURE(what)                                                                                               \
  if (cudaError_t refused = coc::refuse_in_capture (what))                                                                     \
    return coc::fail (refused);

} // namespace coc
