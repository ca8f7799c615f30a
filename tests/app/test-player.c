/* SPDX-License-Identifier: MIT
 *
 * test-player.c: when playing may begin, against a simulated maker: never dry, and not later than it must be.
 */
#include "player.h"

/* A maker that gives a block of 0.5 s whenever all of it is made, at @speed seconds of sound a second; playing begins when
 * the player says so. Returns how long it was silent before, and whether it ran dry. */
static double
simulate (double total_s, double speed, gboolean *dry)
{
  double began = -1.0;

  *dry = FALSE;
  for (double now = 0.0;; now += 0.01) {
    const double made_s = MIN (now * speed, total_s);
    const double ready_s = made_s >= total_s ? total_s : 0.5 * (double) (int) (made_s / 0.5);
    const double played_s = began < 0.0 ? 0.0 : now - began;

    if (began < 0.0 && ready_s > 0.0 && cw_player_wait_needed (0.0, ready_s, total_s, (total_s - made_s) / speed) == 0.0)
      began = now;
    if (played_s >= total_s - 1e-6)
      return began;
    if (played_s > ready_s + 1e-6)
      *dry = TRUE;
  }
}

static void
test_never_dry (void)
{
  for (double total_s = 1.0; total_s <= 32.0; total_s *= 2.0)
    for (double speed = 0.05; speed < 40.0; speed *= 1.31) {
      gboolean     dry;
      const double began = simulate (total_s, speed, &dry), least = MAX (0.0, total_s / speed - total_s);

      if (dry)
        g_error ("%.1f s at %.2f ran dry", total_s, speed);
      g_assert_cmpfloat (began, <=, MIN (least * 1.06 + 0.05 * total_s + 0.5 / speed + 0.7, total_s / speed + 0.02));
    }
}

static void
test_corners (void)
{
  g_assert_cmpfloat (cw_player_wait_needed (0.0, 4.0, 4.0, -1.0), ==, 0.0); /* all is there */
  g_assert_cmpfloat (cw_player_wait_needed (0.0, 1.0, 4.0, -1.0), <, 0.0);  /* nobody knows */
  g_assert_cmpfloat (cw_player_wait_needed (3.0, 1.0, 4.0, 0.3), >, 0.0);   /* not yet made there */
  g_assert_cmpfloat (cw_player_wait_needed (0.0, 0.0, 4.0, 0.3), >, 0.0);
}

static void
test_without_a_device (void)
{
  g_autoptr (CwPlayer) player = cw_player_new ();

  cw_player_retry (player);
  cw_player_seek (player, 2.0);
  cw_player_pause (player);
  g_assert_cmpint (cw_player_get_state (player), ==, CW_PLAYER_STOPPED);
  cw_player_shut_down (player);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/player/never-dry", test_never_dry);
  g_test_add_func ("/player/corners", test_corners);
  g_test_add_func ("/player/without-a-device", test_without_a_device);
  return g_test_run ();
}
