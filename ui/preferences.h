/* SPDX-License-Identifier: MIT
 *
 * preferences.h: the window with what the person sets once: where clips are made, how much of the card's memory is used, in which precision,
 *     and when a model is let go; where models lie, the token for the hub, and whether it is asked at all. But for the token, which the
 *     keyring keeps, it lies in the settings, and whoever uses one follows its changes.
 */
#pragma once

#include <adwaita.h>

#define CW_TYPE_PREFERENCES (cw_preferences_get_type ())
G_DECLARE_FINAL_TYPE (CwPreferences, cw_preferences, CW, PREFERENCES, AdwPreferencesWindow)

/* Above @parent. @settings may be NULL: then nothing can be set. */
GtkWidget *cw_preferences_new (GtkWindow *parent, GSettings *settings);
