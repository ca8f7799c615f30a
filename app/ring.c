/* SPDX-License-Identifier: MIT
 *
 * ring.c: the ring between the feeder and PortAudio's callback.
 *
 * The release of `written` publishes the floats before it; the release of `read` gives their room back. A discard is
 * only an index, published by release: the reader jumps at its next read. Until then the room stays taken.
 */
#include "ring.h"

#include <stdatomic.h>
#include <string.h>

#define CACHE_LINE 64

struct CwRing {
  float *samples;
  gsize  mask; /* size - 1 */
  _Alignas (CACHE_LINE) atomic_size_t written;
  atomic_size_t discarded; /* floats before this index are not to be read */
  _Alignas (CACHE_LINE) atomic_size_t read;
};

CwRing *
cw_ring_new (gsize n_floats)
{
  CwRing *ring = g_aligned_alloc0 (1, sizeof *ring, CACHE_LINE);
  gsize   size = 64;

  while (size < n_floats)
    size *= 2;
  ring->samples = g_new0 (float, size);
  ring->mask = size - 1;
  return ring;
}

void
cw_ring_free (CwRing *ring)
{
  if (!ring)
    return;
  g_free (ring->samples);
  g_aligned_free (ring);
}

gsize
cw_ring_get_room (CwRing *ring)
{
  const gsize written = atomic_load_explicit (&ring->written, memory_order_relaxed);

  return ring->mask + 1 - (written - atomic_load_explicit (&ring->read, memory_order_acquire));
}

gsize
cw_ring_write (CwRing *ring, const float *samples, gsize n, gsize unit)
{
  const gsize written = atomic_load_explicit (&ring->written, memory_order_relaxed);
  const gsize room = cw_ring_get_room (ring), at = written & ring->mask;
  gsize       first;

  n = MIN (n, room);
  n -= n % unit;
  first = MIN (n, ring->mask + 1 - at);
  memcpy (ring->samples + at, samples, first * sizeof *samples);
  memcpy (ring->samples, samples + first, (n - first) * sizeof *samples);
  atomic_store_explicit (&ring->written, written + n, memory_order_release);
  return n;
}

gsize
cw_ring_discard (CwRing *ring)
{
  const gsize written = atomic_load_explicit (&ring->written, memory_order_relaxed);

  atomic_store_explicit (&ring->discarded, written, memory_order_release);
  return written;
}

gsize
cw_ring_get_written (CwRing *ring)
{
  return atomic_load_explicit (&ring->written, memory_order_acquire);
}

gsize
cw_ring_read (CwRing *ring, float *samples, gsize n)
{
  const gsize discarded = atomic_load_explicit (&ring->discarded, memory_order_acquire);
  const gsize written = atomic_load_explicit (&ring->written, memory_order_acquire);
  gsize       read = atomic_load_explicit (&ring->read, memory_order_relaxed);
  gsize       at, first;

  if (discarded > read)
    read = discarded;
  n = MIN (n, written - read);
  at = read & ring->mask;
  first = MIN (n, ring->mask + 1 - at);
  memcpy (samples, ring->samples + at, first * sizeof *samples);
  memcpy (samples + first, ring->samples, (n - first) * sizeof *samples);
  atomic_store_explicit (&ring->read, read + n, memory_order_release);
  return n;
}

gsize
cw_ring_get_read (CwRing *ring)
{
  const gsize discarded = atomic_load_explicit (&ring->discarded, memory_order_acquire);
  const gsize read = atomic_load_explicit (&ring->read, memory_order_acquire);

  return MAX (read, discarded);
}
