/* SPDX-License-Identifier: MIT
 *
 * ui.h: the window's one door.
 */
#pragma once

/* Runs the window until it is closed; argv[1] … are sound files to open in it. Returns the exit code. */
int cw_ui_run (int argc, char **argv);
