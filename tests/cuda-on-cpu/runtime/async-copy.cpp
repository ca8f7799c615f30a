/* SPDX-License-Identifier: MIT
 *
 * async-copy.cpp: cp.async, and prefetching. A copy is remembered with its group, and its bytes are written when the thread waits for the group. The
 * source is read when the copy is issued, which is the earliest that the hardware may.
 */
#include "runtime.h"

#include <algorithm>
#include <cstring>

#include "coc/async-copy.h"

namespace coc {

struct AsyncCopy {
  char  *to;
  char   bytes[16];
  size_t size;
  int    thread, group;
};
static std::vector<AsyncCopy> &copies = *new std::vector<AsyncCopy>;

void
async_copies_forget (void)
{
  copies.clear ();
}

} // namespace coc

using namespace coc;

COC_HIDDEN void
coc_copy_async (void *to, const void *from, size_t size, size_t n_zeros)
{
  if ((size != 4 && size != 8 && size != 16) || n_zeros > size) {
    report ("ASYNC-COPY", COC_CALLER, "cp.async of %zu bytes, %zu of them zero: 4, 8 or 16 were expected", size, n_zeros);
    launch_wrong ();
  }
  if ((uintptr_t) to % size || (uintptr_t) from % size) {
    report ("MISALIGNED", COC_CALLER, "cp.async of %zu bytes to %p from %p", size, to, from);
    launch_wrong ();
  }
  if (!in_arena (from))
    report ("ASYNC-COPY", COC_CALLER, "cp.async copies from global memory only");
  AsyncCopy copy { (char *) to, { 0 }, size, current->id, current->copy_group };
  if (size > n_zeros) {
    shadow_access (from, size - n_zeros, Access::read, COC_CALLER);
    memcpy (copy.bytes, from, size - n_zeros);
  }
  copies.push_back (copy);
}

COC_HIDDEN void
coc_copy_commit (void)
{
  current->copy_group++;
}

COC_HIDDEN void
coc_copy_wait (int n_groups_left)
{
  const int arrived = current->copy_group - n_groups_left;
  for (AsyncCopy &copy : copies)
    if (copy.thread == current->id && copy.group < arrived) {
      shadow_access (copy.to, copy.size, Access::write, COC_CALLER);
      memcpy (copy.to, copy.bytes, copy.size);
      copy.thread = -1;
    }
  copies.erase (std::remove_if (copies.begin (), copies.end (), [] (const AsyncCopy &c) { return c.thread < 0; }), copies.end ());
}

COC_HIDDEN void
coc_prefetch (const void *address)
{
  const Buffer *buffer = in_arena (address) ? buffer_at (address) : nullptr;
  if (buffer && buffer->alive && (const char *) address < buffer->start + buffer->size) {
    if (counting)
      counts_asked ((size_t) ((const char *) address - arena));
    return;
  }
  report ("OUT-OF-BOUNDS", COC_CALLER, "a prefetch from %p, which is in no buffer", address);
  launch_wrong ();
}
