/* SPDX-License-Identifier: MIT
 *
 * test-ring.c: two threads, every float once and in order; what is discarded is never read.
 */
#include "ring.h"

#define N_FLOATS 2000000

static gpointer
write_all (gpointer data)
{
  CwRing *ring = data;
  float   block[96];
  gsize   at = 0;

  while (at < N_FLOATS) {
    const gsize n = MIN (N_FLOATS - at, G_N_ELEMENTS (block));
    gsize       n_written;

    for (gsize i = 0; i < n; i++)
      block[i] = (float) ((at + i) % 16777216);
    n_written = cw_ring_write (ring, block, n, 2);
    g_assert_cmpuint (n_written % 2, ==, 0);
    at += n_written;
    if (n_written == 0)
      g_thread_yield ();
  }
  return NULL;
}

static void
test_two_threads (void)
{
  CwRing  *ring = cw_ring_new (1000);
  GThread *writer = g_thread_new ("writer", write_all, ring);
  float    block[77];

  for (gsize at = 0; at < N_FLOATS; ) {
    const gsize n = cw_ring_read (ring, block, G_N_ELEMENTS (block));

    for (gsize i = 0; i < n; i++)
      if (block[i] != (float) ((at + i) % 16777216))
        g_error ("float %zu is wrong", at + i);
    at += n;
    if (n == 0)
      g_thread_yield ();
  }
  g_thread_join (writer);
  g_assert_cmpuint (cw_ring_read (ring, block, 1), ==, 0);
  cw_ring_free (ring);
}

static void
test_discard (void)
{
  CwRing *ring = cw_ring_new (64);
  float   in[40] = { 0 }, out[64];

  in[0] = 1.0f;
  g_assert_cmpuint (cw_ring_write (ring, in, 40, 1), ==, 40);
  g_assert_cmpuint (cw_ring_discard (ring), ==, 40);
  g_assert_cmpuint (cw_ring_get_read (ring), ==, 40);
  g_assert_cmpuint (cw_ring_get_room (ring), ==, 24); /* until the reader jumps */
  in[0] = 2.0f;
  g_assert_cmpuint (cw_ring_write (ring, in, 10, 1), ==, 10);
  g_assert_cmpuint (cw_ring_read (ring, out, 64), ==, 10);
  g_assert_cmpfloat (out[0], ==, 2.0f);
  g_assert_cmpuint (cw_ring_get_room (ring), ==, 64);
  cw_ring_free (ring);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ring/two-threads", test_two_threads);
  g_test_add_func ("/ring/discard", test_discard);
  return g_test_run ();
}
