/* SPDX-License-Identifier: MIT
 *
 * shadow.cpp: what is known of each byte that a kernel may touch, and the checks of every access:
 *
 *   bounds       device buffers exactly to the byte, dynamic shared memory, variables by the symbol table, pinned memory, own stack
 *   initialised  device memory by byte since its allocation; shared memory by byte since the block began
 *   races        race.h. Ordered are: accesses of one thread; of one block across __syncthreads; of one warp across __syncwarp;
 *                atomics with each other; of two blocks across fence, atomic, atomic, fence (publish, below). Nothing else.
 */
#include "race.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unordered_map>

namespace coc {

Moment now;
bool   checked;

static Race                 *arena_races;
static std::vector<uint32_t> dynamic_written (max_dynamic);
static Race                 *dynamic_races;

/* __threadfence, then an atomic: what the thread had done before the fence, and what its block had done before its last barrier, is
 * published at that address. A thread whose atomic meets it, and which then fences, has seen it; the rest of its block after the next
 * barrier. (PTX memory model: fence.acq_rel on both sides of a pair of relaxed atomics.) */
struct Published {
  uint32_t first_generation, generation, epoch, clock;
  int      thread;
};
struct Seen {
  Published what;
  int       thread;
  uint32_t  generation, epoch; /* when it was seen */
  bool      fenced;
};
static std::unordered_map<const void *, std::vector<Published>> &published = *new std::unordered_map<const void *, std::vector<Published>>;
static std::vector<Seen> &seen = *new std::vector<Seen>;

Race *
shadow_races (size_t n_words)
{
  return (Race *) reserve (n_words * sizeof (Race));
}

void
shadow_start (void)
{
  if (checked && !arena_races) {
    arena_races = shadow_races (arena_size / 4);
    dynamic_races = shadow_races (max_dynamic / 4);
  }
}

static void
next_generation (void)
{
  if (++now.generation <= max_generation)
    return;
  /* 67 million blocks: forget all, which can only hide a race, never invent one */
  if (arena_races)
    madvise (arena_races, arena_size / 4 * sizeof (Race), MADV_DONTNEED);
  if (dynamic_races)
    madvise (dynamic_races, max_dynamic / 4 * sizeof (Race), MADV_DONTNEED);
  if (launch_module)
    madvise (launch_module->races, (launch_module->owner.size () / 4 + 1) * sizeof (Race), MADV_DONTNEED);
  now.generation = now.block_start = now.launch_start = 1;
}

void
shadow_launch (void)
{
  shadow_start ();
  next_generation ();
  now.launch_start = now.generation;
  published.clear ();
}

static void
forget_clocks (void)
{
  if (checked)
    for (int i = 0; i < block.n_threads; i++) {
      memset (fibers[i].clock, 0, sizeof fibers[i].clock);
      fibers[i].clock[fibers[i].lane] = 1;
    }
}

void
shadow_block (void)
{
  next_generation ();
  now.block_start = now.generation;
  now.epoch = 0;
  seen.clear ();
  forget_clocks ();
}

void
shadow_barrier (void)
{
  if (++now.epoch == max_epoch) {
    next_generation ();
    now.epoch = 0;
  }
  forget_clocks ();
}

static bool
was_seen (Stamp other)
{
  for (const Seen &s : seen) {
    const bool by_me = s.fenced && (s.thread == current->id || s.generation != now.generation || s.epoch < now.epoch);
    const uint32_t generation = stamp_generation (other);
    if (!by_me || generation < s.what.first_generation || generation > s.what.generation)
      continue;
    if (generation < s.what.generation || stamp_epoch (other) < s.what.epoch)
      return true;
    if (stamp_thread (other) == s.what.thread && stamp_epoch (other) == s.what.epoch && stamp_clock (other) <= s.what.clock)
      return true;
  }
  return false;
}

/* May the access behind @other happen at the same time as this one? */
static bool
conflicts (Stamp other, uint32_t bytes, bool is_global, bool is_atomic)
{
  if (!(stamp_bytes (other) & bytes) || (is_atomic && stamp_atomic (other)))
    return false;
  const uint32_t generation = stamp_generation (other);
  if (generation != now.generation) {
    if (generation >= now.block_start || !is_global || generation < now.launch_start)
      return false;
    return seen.empty () || !was_seen (other);
  }
  const int thread = stamp_thread (other);
  if (thread == current->id || stamp_epoch (other) != now.epoch)
    return false;
  if (thread / warp_size != current->warp)
    return true;
  return current->clock[thread % warp_size] < stamp_clock (other);
}

/* 3 another block of this launch, 2 another warp, 1 another lane, 0 the same thread or long ago */
static int
distance (Stamp other, bool is_global)
{
  const uint32_t generation = stamp_generation (other);
  if (generation != now.generation)
    return is_global && generation >= now.launch_start && generation < now.block_start ? 3 : 0;
  if (stamp_epoch (other) != now.epoch || stamp_thread (other) == current->id)
    return 0;
  return stamp_thread (other) / warp_size != current->warp ? 2 : 1;
}

static void
keep_reader (Race *race, Stamp mine, bool is_global)
{
  Stamp *readers = race->readers;
  if (readers[0] >> 4 == mine >> 4) {
    readers[0] |= mine;
    return;
  }
  if (distance (readers[0], is_global) >= distance (readers[1], is_global))
    readers[1] = readers[0];
  readers[0] = mine;
}

static void
keep_writer (Race *race, Stamp mine)
{
  Stamp *writers = race->writers;
  const uint32_t bytes = stamp_bytes (mine);
  if (bytes == 15) {
    writers[0] = mine;
    writers[1] = 0;
  } else if (writers[0] >> 4 == mine >> 4) {
    writers[0] |= mine;
  } else {
    if (stamp_bytes (writers[0]) & ~bytes)
      writers[1] = writers[0];
    writers[0] = mine;
  }
  race->readers[0] &= ~(Stamp) bytes;
  race->readers[1] &= ~(Stamp) bytes;
}

static void
check_word (Race *race, uint32_t bytes, bool is_global, Access access, void *pc)
{
  const bool writes = access != Access::read, is_atomic = access == Access::atomic;
  const Stamp mine = (Stamp) now.generation << 38 | (Stamp) current->id << 28 | (Stamp) now.epoch << 17 | (Stamp) is_atomic << 16
                     | (Stamp) (current->clock[current->lane] & 4095) << 4 | bytes;
  Stamp other = 0;
  for (int i = 0; i < 2; i++) {
    if (conflicts (race->writers[i], bytes, is_global, is_atomic))
      other = race->writers[i];
    else if (writes && conflicts (race->readers[i], bytes, is_global, is_atomic))
      other = race->readers[i];
  }
  if (__builtin_expect (other != 0, 0))
    report ("RACE", pc, "this %s of %s memory and one by thread %d%s are not ordered", writes ? is_atomic ? "atomic" : "write" : "read",
            is_global ? "global" : "shared", stamp_thread (other), stamp_generation (other) < now.block_start ? " of another block" : "");
  if (writes)
    keep_writer (race, mine);
  else
    keep_reader (race, mine, is_global);
}

static void
check_races (Race *races, size_t offset, size_t size, bool is_global, Access access, void *pc)
{
  while (size) {
    const size_t first = offset & 3, n = std::min (size, 4 - first);
    check_word (&races[offset / 4], ((1u << n) - 1) << first, is_global, access, pc);
    offset += n;
    size -= n;
  }
}

static void
access_global (char *address, size_t size, Access access, void *pc)
{
  const Buffer *buffer = buffer_at (address);
  const char *how = access == Access::read ? "read" : access == Access::write ? "write" : "atomic";
  if (!buffer || !buffer->alive || address < buffer->start || address + size > buffer->start + buffer->size) {
    if (buffer)
      report ("OUT-OF-BOUNDS", pc, "%zu-byte %s at offset %ld of a %s buffer of %zu bytes", size, how, (long) (address - buffer->start),
              buffer->alive ? "live" : "freed", buffer->size);
    else
      report ("OUT-OF-BOUNDS", pc, "%zu-byte %s outside of every buffer", size, how);
    launch_wrong ();
  }
  if (!checked)
    return;
  const size_t offset = (size_t) (address - arena);
  if (access == Access::write)
    memset (arena_written + offset, 1, size);
  else if (memchr (arena_written + offset, 0, size))
    report ("UNINITIALISED", pc, "%s of device memory that was never written, offset %ld of a buffer of %zu bytes", how,
            (long) (address - buffer->start), buffer->size);
  if (counting)
    counts_access (offset, size, access);
  check_races (arena_races, offset, size, true, access, pc);
}

static void
access_shared (uint32_t *written, Race *races, size_t offset, size_t size, Access access, void *pc)
{
  if (!checked)
    return;
  for (size_t i = 0; i < size; i++) {
    if (access != Access::write && written[offset + i] < now.block_start) {
      report ("UNINITIALISED", pc, "read of shared memory that this block has not written");
      break;
    }
    if (access != Access::read)
      written[offset + i] = now.generation;
  }
  check_races (races, offset, size, false, access, pc);
}

static void
access_variable (char *address, size_t size, Access access, void *pc)
{
  Module *m = launch_module;
  const size_t offset = (uintptr_t) address - m->data;
  const Variable &variable = m->variables[m->owner[offset]];
  if (variable.storage == Storage::none || (uintptr_t) address + size > variable.end) {
    const Variable *before = &m->variables[0];
    for (const Variable &v : m->variables)
      if (v.start <= (uintptr_t) address && v.start > before->start)
        before = &v;
    report ("OUT-OF-BOUNDS", pc, "%zu-byte %s at offset %ld of `%s`, which has %zu bytes", size, access == Access::read ? "read" : "write",
            (long) ((uintptr_t) address - before->start), before->name.c_str (), (size_t) (before->end - before->start));
    launch_wrong ();
  }
  if (variable.storage == Storage::constant) {
    if (access != Access::read)
      report ("CONSTANT-WRITE", pc, "a kernel writes `%s`, which is __constant__", variable.name.c_str ());
  } else if (variable.storage == Storage::global) {
    if (checked)
      check_races (m->races, offset, size, true, access, pc);
  } else if (variable.storage == Storage::shared) {
    access_shared (m->written.data (), m->races, offset, size, access, pc);
  }
}

void
shadow_access (const void *pointer, size_t size, Access access, void *pc)
{
  char *address = (char *) pointer;
  if (!current) {
    if (arena && in_arena (address))
      report ("HOST-DEREF", pc, "host code touches device memory");
    return;
  }
  statistics[COC_ACCESSES]++;
  if (in_stack_of (current, address, size))
    return;
  const uintptr_t at = (uintptr_t) address, arguments = (uintptr_t) launch->arguments.data ();
  if (in_arena (address)) {
    access_global (address, size, access, pc);
  } else if (address >= dynamic_shared && address < dynamic_shared + max_dynamic) {
    const size_t offset = (size_t) (address - dynamic_shared);
    if (offset + size > launch->dynamic_bytes) {
      report ("OUT-OF-BOUNDS", pc, "%zu-byte %s at offset %zu of %zu bytes of dynamic shared memory", size,
              access == Access::read ? "read" : "write", offset, launch->dynamic_bytes);
      launch_wrong ();
    }
    access_shared (dynamic_written.data (), dynamic_races, offset, size, access, pc);
  } else if (at >= launch_module->data && at + size <= launch_module->data_end) {
    access_variable (address, size, access, pc);
  } else if (at >= launch_module->low && at < launch_module->high) {
    if (access != Access::read)
      report ("CONSTANT-WRITE", pc, "a kernel writes read-only data");
  } else if (!(at >= arguments && at + size <= arguments + launch->arguments.size ()) && !is_pinned (address, size)) {
    report ("OUT-OF-BOUNDS", pc, in_any_stack (address) ? "another thread's local memory" : "not device memory: a pointer of the host?");
    launch_wrong ();
  }
}

cudaError_t
shadow_range (const void *pointer, size_t size, Access access, const char *what)
{
  const char *address = (const char *) pointer;
  const Buffer *buffer = buffer_at (address);
  if (!buffer || !buffer->alive || address < buffer->start || size > buffer->size
      || address > buffer->start + (buffer->size - size)) {
    report ("OUT-OF-BOUNDS", nullptr, "%s of %zu bytes past a device buffer", what, size);
    return cudaErrorInvalidValue;
  }
  const size_t offset = (size_t) (address - arena);
  if (access == Access::write)
    memset (arena_written + offset, 1, size);
  else if (checked && memchr (arena_written + offset, 0, size))
    report ("UNINITIALISED", nullptr, "%s reads device memory that was never written", what);
  return cudaSuccess;
}

void
shadow_fence (void)
{
  Fiber *me = current;
  me->fenced = true;
  me->fence_generation = now.generation;
  me->fence_epoch = now.epoch;
  me->fence_clock = me->clock[me->lane]++;
  for (Seen &s : seen)
    if (s.thread == me->id)
      s.fenced = true;
}

} // namespace coc

using namespace coc;

COC_HIDDEN void
coc_atomic (const void *address, int size)
{
  if ((uintptr_t) address % (unsigned) size)
    report ("MISALIGNED", COC_CALLER, "an atomic of %d bytes at address %% %d = %d", size, size, (int) ((uintptr_t) address % (unsigned) size));
  shadow_access (address, (size_t) size, Access::atomic, COC_CALLER);
  if (!checked || !in_arena (address))
    return;
  std::vector<Published> &here = published[address];
  for (const Published &p : here)
    seen.push_back ({ p, current->id, now.generation, now.epoch, false });
  if (current->fenced)
    here.push_back ({ now.block_start, current->fence_generation, current->fence_epoch, current->fence_clock, current->id });
}
