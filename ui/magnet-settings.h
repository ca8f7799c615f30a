/* SPDX-License-Identifier: MIT
 *
 * magnet-settings.h: the settings that MAGNeT models have and no others: where guidance ends, how spans lie, the steps of each codebook. Not
 *     shown for other models.
 */
#pragma once

#include <gtk/gtk.h>

#include "recipe.h"

#define CW_TYPE_MAGNET_SETTINGS (cw_magnet_settings_get_type ())
G_DECLARE_FINAL_TYPE (CwMagnetSettings, cw_magnet_settings, CW, MAGNET_SETTINGS, GtkGrid)

/* The chosen model's, whose defaults are shown. */
void cw_magnet_settings_set_info (CwMagnetSettings *settings, const cw_model_info *info);
/* Sets @recipe's part of them, for a MAGNeT model. */
void cw_magnet_settings_fill (CwMagnetSettings *settings, CwRecipe *recipe);
/* Shows what @recipe was made with, if that was a MAGNeT model. */
void cw_magnet_settings_show (CwMagnetSettings *settings, const CwRecipe *recipe);
