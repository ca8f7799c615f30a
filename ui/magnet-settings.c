/* SPDX-License-Identifier: MIT
 *
 * magnet-settings.c: see magnet-settings.h.
 */
#include "magnet-settings.h"

#include <glib/gi18n.h>

struct _CwMagnetSettings {
  GtkGrid         parent;

  guint           n_codebooks; /* of the chosen model; 0: it is no MAGNeT */
  GtkSpinButton  *guidance_end, *steps[CW_DECODING_STAGES_MAX];
  GtkWidget      *step_labels[CW_DECODING_STAGES_MAX];
  GtkCheckButton *overlapping;
};

G_DEFINE_FINAL_TYPE (CwMagnetSettings, cw_magnet_settings, GTK_TYPE_GRID)

void
cw_magnet_settings_set_info (CwMagnetSettings *settings, const cw_model_info *info)
{
  CwRecipe defaults = { 0 };

  settings->n_codebooks = info->span_frames ? MIN (info->n_codebooks, CW_DECODING_STAGES_MAX) : 0;
  gtk_widget_set_visible (GTK_WIDGET (settings), settings->n_codebooks > 0);
  for (guint i = 0; i < CW_DECODING_STAGES_MAX; i++) {
    gtk_widget_set_visible (settings->step_labels[i], i < settings->n_codebooks);
    gtk_widget_set_visible (GTK_WIDGET (settings->steps[i]), i < settings->n_codebooks);
  }
  cw_recipe_settle (&defaults, info);
  cw_magnet_settings_show (settings, &defaults);
}

void
cw_magnet_settings_fill (CwMagnetSettings *settings, CwRecipe *recipe)
{
  if (settings->n_codebooks == 0)
    return;
  gtk_spin_button_update (settings->guidance_end); /* what is still being typed */
  recipe->guidance_end = (float) gtk_spin_button_get_value (settings->guidance_end);
  recipe->overlapping_spans = gtk_check_button_get_active (settings->overlapping);
  for (guint i = 0; i < settings->n_codebooks; i++) {
    gtk_spin_button_update (settings->steps[i]);
    recipe->decoding_steps[i] = (guint) gtk_spin_button_get_value_as_int (settings->steps[i]);
  }
}

void
cw_magnet_settings_show (CwMagnetSettings *settings, const CwRecipe *recipe)
{
  if (recipe->decoding_steps[0] == 0)
    return;
  gtk_spin_button_set_value (settings->guidance_end, recipe->guidance_end);
  gtk_check_button_set_active (settings->overlapping, recipe->overlapping_spans);
  for (guint i = 0; i < CW_DECODING_STAGES_MAX && recipe->decoding_steps[i]; i++)
    gtk_spin_button_set_value (settings->steps[i], recipe->decoding_steps[i]);
}

/* Returns the label. */
static GtkWidget *
add_row (CwMagnetSettings *settings, int row, const char *text, const char *tooltip, GtkSpinButton *spin)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0.0f);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), GTK_WIDGET (spin));
  gtk_widget_set_hexpand (label, TRUE);
  gtk_widget_set_tooltip_text (GTK_WIDGET (spin), tooltip);
  gtk_grid_attach (GTK_GRID (settings), label, 0, row, 1, 1);
  gtk_grid_attach (GTK_GRID (settings), GTK_WIDGET (spin), 1, row, 1, 1);
  return label;
}

static void
cw_magnet_settings_class_init (CwMagnetSettingsClass *class)
{
  (void) class;
}

static void
cw_magnet_settings_init (CwMagnetSettings *settings)
{
  settings->guidance_end = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (1.0, CW_GUIDANCE_MAX, 0.5));
  gtk_spin_button_set_digits (settings->guidance_end, 1);
  add_row (settings, 0, _ ("Guidance at the _End"), _ ("What guidance falls to with the steps of each codebook; 1: off"), settings->guidance_end);
  settings->overlapping = GTK_CHECK_BUTTON (gtk_check_button_new_with_mnemonic (_ ("_Spans Begin Anywhere")));
  gtk_widget_set_tooltip_text (GTK_WIDGET (settings->overlapping), _ ("What is masked again may overlap; else spans lie side by side"));
  gtk_grid_attach (GTK_GRID (settings), GTK_WIDGET (settings->overlapping), 0, 1, 2, 1);
  for (guint i = 0; i < CW_DECODING_STAGES_MAX; i++) {
    /* Translators: how many steps that codebook of the model is filled in */
    g_autofree char *text = g_strdup_printf (_ ("Steps of Codebook %u"), i + 1);

    settings->steps[i] = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (1.0, CW_DECODING_STEPS_MAX, 1.0));
    settings->step_labels[i] = add_row (settings, 2 + (int) i, text, _ ("More take longer"), settings->steps[i]);
  }
  gtk_grid_set_row_spacing (GTK_GRID (settings), 6);
  gtk_grid_set_column_spacing (GTK_GRID (settings), 12);
  gtk_widget_set_visible (GTK_WIDGET (settings), FALSE);
}
