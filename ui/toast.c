/* SPDX-License-Identifier: MIT
 *
 * toast.c: see toast.h.
 */
#include "toast.h"

#define LEAST_S      6
#define CHARS_PER_S  12 /* read at leisure */
#define LEAST_CHARS  12
#define MOST_CHARS   60
#define BESIDE_PX    180 /* margins and buttons */

/* How many letters fit into a line. libadwaita asks a toast for its height without saying how wide it will be: a line must not be wider
 * than there is room. */
static int
count_chars (GtkWidget *place)
{
  PangoContext     *context = gtk_widget_get_pango_context (place);
  PangoFontMetrics *metrics = pango_context_get_metrics (context, NULL, NULL);
  const int         char_px = MAX (PANGO_PIXELS (pango_font_metrics_get_approximate_char_width (metrics)), 1);
  const int         room_px = gtk_widget_get_width (place) - BESIDE_PX;

  pango_font_metrics_unref (metrics);
  return CLAMP (room_px / (char_px + 1), LEAST_CHARS, MOST_CHARS); /* + 1: it is bold */
}

AdwToast *
cw_toast_new (GtkWidget *place, const char *text)
{
  AdwToast   *toast = adw_toast_new ("");
  GtkWidget  *label = gtk_label_new (text);
  const guint n_chars = (guint) g_utf8_strlen (text, -1);

  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (label), count_chars (place));
  gtk_label_set_xalign (GTK_LABEL (label), 0.0f);
  gtk_widget_add_css_class (label, "heading");
  adw_toast_set_custom_title (toast, label);
  adw_toast_set_timeout (toast, MAX (LEAST_S, n_chars / CHARS_PER_S));
  return toast;
}
