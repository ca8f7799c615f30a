/* SPDX-License-Identifier: MIT
 *
 * ring.h: a lock-free ring of floats between one writer and one reader.
 *
 * Indexes count all floats ever written or read, so they never go back; their difference is what the ring holds. The
 * writer can also discard: the reader then jumps over everything that was written before that moment.
 */
#pragma once

#include <glib.h>

typedef struct CwRing CwRing;

/* @n_floats is rounded up to a power of two. */
CwRing *cw_ring_new (gsize n_floats);
void    cw_ring_free (CwRing *ring);

/* ---- the writer ------------------------------------------------------------------------------------------------------ */

/* Takes as many as there is room for, in whole multiples of @unit, and returns how many. */
gsize   cw_ring_write (CwRing *ring, const float *samples, gsize n, gsize unit);
gsize   cw_ring_get_room (CwRing *ring);
/* What lies in the ring is not to be read. Returns the index of the next float written: playing goes on there. */
gsize   cw_ring_discard (CwRing *ring);
gsize   cw_ring_get_written (CwRing *ring);

/* ---- the reader ------------------------------------------------------------------------------------------------------ */

/* Fills @samples with up to @n floats and returns how many. No lock, no allocation, bounded time. */
gsize   cw_ring_read (CwRing *ring, float *samples, gsize n);

/* ---- any thread ------------------------------------------------------------------------------------------------------ */

/* Index of the next float that the reader takes; what was discarded counts as read. */
gsize   cw_ring_get_read (CwRing *ring);
