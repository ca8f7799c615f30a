/* SPDX-License-Identifier: MIT
 *
 * wave-view.c: drawn with cairo, one line a pixel column from the clip's peaks; from close by, the samples themselves.
 */
#include "wave-view.h"

#include <glib/gi18n.h>
#include <math.h>

#include "wave-scale.h"

#define RULER_PX      22
#define LABEL_PX      70.0
#define ZOOM_STEP     1.5
#define WHEEL_PX      60.0
#define MARGIN_PX     6.0
#define SAMPLES_CLOSE 2.0 /* fewer samples a pixel than this: a line from sample to sample */

struct _CwWaveView {
  GtkWidget   parent;

  CwClip     *clip; /* owned, or NULL */
  CwWaveScale scale;
  double      position_s;
  double      pointer_x;
};

G_DEFINE_FINAL_TYPE (CwWaveView, cw_wave_view, GTK_TYPE_WIDGET)

static guint seek_signal;

static double
rate_of (CwWaveView *view)
{
  return cw_clip_get_rate (view->clip);
}

static double
end_of (CwWaveView *view)
{
  return (double) MAX (cw_clip_get_n_samples_shown (view->clip), 1);
}

/* ---- drawing --------------------------------------------------------------------------------------------------------- */

static void
draw_ruler (CwWaveView *view, cairo_t *cr, const GdkRGBA *ink)
{
  const double step_s = cw_wave_scale_get_tick (&view->scale, rate_of (view), LABEL_PX);
  const double first_s = view->scale.first / rate_of (view);
  const int    n_decimals = step_s >= 1.0 ? 0 : (int) ceil (-log10 (step_s) - 1e-9);

  cairo_set_font_size (cr, 11.0);
  for (double i = ceil (first_s / step_s);; i++) {
    const double x = floor (cw_wave_scale_to_x (&view->scale, i * step_s * rate_of (view))) + 0.5;
    char         label[32];

    if (x > view->scale.width)
      break;
    cairo_set_source_rgba (cr, ink->red, ink->green, ink->blue, 0.15);
    cairo_move_to (cr, x, RULER_PX);
    cairo_line_to (cr, x, gtk_widget_get_height (GTK_WIDGET (view)));
    cairo_stroke (cr);
    g_snprintf (label, sizeof label, "%.*f", n_decimals, i * step_s);
    cairo_set_source_rgba (cr, ink->red, ink->green, ink->blue, 0.7);
    cairo_move_to (cr, x + 3.0, RULER_PX - 7.0);
    cairo_show_text (cr, label);
  }
}

static void
draw_columns (CwWaveView *view, cairo_t *cr, guint channel, double middle, double half)
{
  const CwWaveScale *scale = &view->scale;

  for (int x = 0; x < (int) scale->width; x++) {
    const double start = cw_wave_scale_to_sample (scale, x), end = cw_wave_scale_to_sample (scale, x + 1);
    float        low, high;

    if (!cw_clip_get_peak (view->clip, channel, (gsize) start, (gsize) MAX (end, start + 1.0), &low, &high))
      break;
    cairo_move_to (cr, x + 0.5, middle - half * CLAMP (high, -1.0f, 1.0f) - 0.5);
    cairo_line_to (cr, x + 0.5, middle - half * CLAMP (low, -1.0f, 1.0f) + 0.5);
  }
  cairo_stroke (cr);
}

static void
draw_samples (CwWaveView *view, cairo_t *cr, guint channel, double middle, double half)
{
  const CwWaveScale *scale = &view->scale;
  const gsize  n_channels = cw_clip_get_n_channels (view->clip), n_ready = cw_clip_get_n_ready (view->clip);
  const gsize  first = (gsize) scale->first;
  const gsize  end = MIN (n_ready, (gsize) (scale->first + scale->width * scale->samples_per_px) + 2);
  const float *samples = cw_clip_get_samples (view->clip);

  for (gsize i = first; i < end; i++)
    cairo_line_to (cr, cw_wave_scale_to_x (scale, (double) i), middle - half * CLAMP (samples[i * n_channels + channel], -1.0f, 1.0f));
  cairo_stroke (cr);
}

static void
draw_lanes (CwWaveView *view, cairo_t *cr, const GdkRGBA *ink, const GdkRGBA *wave)
{
  const guint  n_channels = cw_clip_get_n_channels (view->clip);
  const double height = gtk_widget_get_height (GTK_WIDGET (view)) - RULER_PX, lane = height / n_channels;
  const double ready_x = cw_wave_scale_to_x (&view->scale, (double) cw_clip_get_n_ready (view->clip));

  if (!cw_clip_is_finished (view->clip) && ready_x < view->scale.width) { /* still to be made */
    cairo_set_source_rgba (cr, ink->red, ink->green, ink->blue, 0.06);
    cairo_rectangle (cr, MAX (ready_x, 0.0), RULER_PX, view->scale.width - MAX (ready_x, 0.0), height);
    cairo_fill (cr);
  }
  for (guint channel = 0; channel < n_channels; channel++) {
    const double middle = RULER_PX + lane * (channel + 0.5), half = lane / 2.0 - MARGIN_PX;

    cairo_set_source_rgba (cr, ink->red, ink->green, ink->blue, 0.25);
    cairo_move_to (cr, 0.0, floor (middle) + 0.5);
    cairo_line_to (cr, view->scale.width, floor (middle) + 0.5);
    cairo_stroke (cr);
    gdk_cairo_set_source_rgba (cr, wave);
    if (view->scale.samples_per_px < SAMPLES_CLOSE)
      draw_samples (view, cr, channel, middle, half);
    else
      draw_columns (view, cr, channel, middle, half);
  }
}

static void
draw_playhead (CwWaveView *view, cairo_t *cr, const GdkRGBA *ink)
{
  const double x = floor (cw_wave_scale_to_x (&view->scale, view->position_s * rate_of (view))) + 0.5;

  if (view->position_s < 0.0 || x < 0.0 || x > view->scale.width)
    return;
  gdk_cairo_set_source_rgba (cr, ink);
  cairo_move_to (cr, x, 0.0);
  cairo_line_to (cr, x, gtk_widget_get_height (GTK_WIDGET (view)));
  cairo_stroke (cr);
  cairo_move_to (cr, x - 5.0, 0.0);
  cairo_line_to (cr, x + 5.0, 0.0);
  cairo_line_to (cr, x, 7.0);
  cairo_fill (cr);
}

static void
cw_wave_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  CwWaveView      *view = CW_WAVE_VIEW (widget);
  const int        width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  GtkStyleContext *style = gtk_widget_get_style_context (widget);
  GdkRGBA          wave, ink;
  cairo_t         *cr;

  if (!view->clip || width <= 0 || height <= RULER_PX)
    return;
  cw_wave_scale_resize (&view->scale, width, end_of (view));
  gtk_style_context_get_color (style, &wave);
  if (!gtk_style_context_lookup_color (style, "window_fg_color", &ink))
    ink = wave;
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0.0f, 0.0f, (float) width, (float) height));
  cairo_set_line_width (cr, 1.0);
  draw_ruler (view, cr, &ink);
  draw_lanes (view, cr, &ink, &wave);
  draw_playhead (view, cr, &ink);
  cairo_destroy (cr);
  if (gtk_widget_has_visible_focus (widget))
    gtk_snapshot_render_focus (snapshot, style, 0.0, 0.0, width, height);
}

static void
cw_wave_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline,
                      int *natural_baseline)
{
  (void) widget;
  (void) for_size;
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? 200 : 90;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 560 : 260;
  *minimum_baseline = *natural_baseline = -1;
}

/* ---- what the person does -------------------------------------------------------------------------------------------- */

static void
seek_to_x (CwWaveView *view, double x)
{
  if (view->clip)
    g_signal_emit (view, seek_signal, 0, cw_wave_scale_to_sample (&view->scale, x) / rate_of (view));
}

static void
on_drag_begin (GtkGestureDrag *gesture, double x, double y, CwWaveView *view)
{
  (void) gesture;
  (void) y;
  gtk_widget_grab_focus (GTK_WIDGET (view));
  seek_to_x (view, x);
}

static void
on_drag_update (GtkGestureDrag *gesture, double dx, double dy, CwWaveView *view)
{
  double x, y;

  (void) dy;
  if (fabs (dx) > 2.0 && gtk_gesture_drag_get_start_point (gesture, &x, &y))
    seek_to_x (view, x + dx);
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, CwWaveView *view)
{
  (void) controller;
  (void) y;
  view->pointer_x = x;
}

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, CwWaveView *view)
{
  const GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));

  if (!view->clip)
    return FALSE;
  if (state & GDK_CONTROL_MASK)
    cw_wave_scale_zoom (&view->scale, pow (ZOOM_STEP, -dy), view->pointer_x);
  else
    cw_wave_scale_scroll (&view->scale, WHEEL_PX * (dx + dy));
  gtk_widget_queue_draw (GTK_WIDGET (view));
  return TRUE;
}

/* Parameter: seconds to go by; infinite for the ends. */
static gboolean
on_step_key (GtkWidget *widget, GVariant *by, gpointer data)
{
  CwWaveView  *view = CW_WAVE_VIEW (widget);
  const double step_s = g_variant_get_double (by);

  (void) data;
  if (!view->clip)
    return FALSE;
  g_signal_emit (view, seek_signal, 0, CLAMP (MAX (view->position_s, 0.0) + step_s, 0.0, end_of (view) / rate_of (view)));
  return TRUE;
}

static gboolean
on_zoom_key (GtkWidget *widget, GVariant *factor, gpointer data)
{
  (void) data;
  if (g_variant_get_double (factor) == 0.0)
    cw_wave_view_fit (CW_WAVE_VIEW (widget));
  else
    cw_wave_view_zoom (CW_WAVE_VIEW (widget), g_variant_get_double (factor));
  return TRUE;
}

/* ---- the widget ------------------------------------------------------------------------------------------------------ */

static void
cw_wave_view_dispose (GObject *object)
{
  cw_wave_view_set_clip (CW_WAVE_VIEW (object), NULL);
  G_OBJECT_CLASS (cw_wave_view_parent_class)->dispose (object);
}

static void
cw_wave_view_class_init (CwWaveViewClass *class)
{
  static const struct {
    guint  key, keypad;
    double plain_s, with_control_s;
  } steps[] = {
    { GDK_KEY_Left, GDK_KEY_KP_Left, -0.5, -5.0 },
    { GDK_KEY_Right, GDK_KEY_KP_Right, 0.5, 5.0 },
    { GDK_KEY_Home, GDK_KEY_KP_Home, -INFINITY, -INFINITY },
    { GDK_KEY_End, GDK_KEY_KP_End, INFINITY, INFINITY },
  };
  static const struct {
    guint  key;
    double factor;
  } zooms[] = { { GDK_KEY_plus, ZOOM_STEP }, { GDK_KEY_equal, ZOOM_STEP }, { GDK_KEY_KP_Add, ZOOM_STEP }, { GDK_KEY_minus, 1.0 / ZOOM_STEP },
                { GDK_KEY_KP_Subtract, 1.0 / ZOOM_STEP }, { GDK_KEY_0, 0.0 }, { GDK_KEY_KP_0, 0.0 } };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_wave_view_dispose;
  widget_class->snapshot = cw_wave_view_snapshot;
  widget_class->measure = cw_wave_view_measure;
  gtk_widget_class_set_css_name (widget_class, "wave");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    gtk_widget_class_add_binding (widget_class, steps[i].key, 0, on_step_key, "d", steps[i].plain_s);
    gtk_widget_class_add_binding (widget_class, steps[i].keypad, 0, on_step_key, "d", steps[i].plain_s);
    gtk_widget_class_add_binding (widget_class, steps[i].key, GDK_CONTROL_MASK, on_step_key, "d", steps[i].with_control_s);
  }
  for (guint i = 0; i < G_N_ELEMENTS (zooms); i++)
    gtk_widget_class_add_binding (widget_class, zooms[i].key, 0, on_zoom_key, "d", zooms[i].factor);
  seek_signal = g_signal_new ("seek", CW_TYPE_WAVE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_DOUBLE);
}

static void
cw_wave_view_init (CwWaveView *view)
{
  GtkGesture         *drag = gtk_gesture_drag_new ();
  GtkEventController *motion = gtk_event_controller_motion_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);

  view->position_s = -1.0;
  gtk_widget_set_focusable (GTK_WIDGET (view), TRUE);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), view);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), view);
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), view);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), view);
  gtk_widget_add_controller (GTK_WIDGET (view), GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (GTK_WIDGET (view), motion);
  gtk_widget_add_controller (GTK_WIDGET (view), scroll);
}

void
cw_wave_view_set_clip (CwWaveView *view, CwClip *clip)
{
  if (view->clip == clip)
    return;
  if (view->clip)
    g_signal_handlers_disconnect_by_func (view->clip, gtk_widget_queue_draw, view);
  g_set_object (&view->clip, clip);
  view->position_s = -1.0;
  if (clip) {
    g_autofree char *label = g_strdup_printf (_ ("Wave of “%s”"), cw_clip_get_name (clip));

    view->scale = (CwWaveScale){ .width = MAX (gtk_widget_get_width (GTK_WIDGET (view)), 1) };
    cw_wave_scale_resize (&view->scale, view->scale.width, end_of (view));
    g_signal_connect_swapped (clip, "grew", G_CALLBACK (gtk_widget_queue_draw), view);
    gtk_accessible_update_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  }
  gtk_widget_queue_draw (GTK_WIDGET (view));
}

void
cw_wave_view_set_position (CwWaveView *view, double position_s, gboolean follow)
{
  if (view->position_s == position_s)
    return;
  view->position_s = position_s;
  if (follow && view->clip && position_s >= 0.0)
    cw_wave_scale_show (&view->scale, position_s * rate_of (view));
  gtk_widget_queue_draw (GTK_WIDGET (view));
}

void
cw_wave_view_zoom (CwWaveView *view, double factor)
{
  double x = view->scale.width / 2.0;

  if (!view->clip)
    return;
  if (view->position_s >= 0.0) { /* about the playhead, where it is seen */
    const double playhead_x = cw_wave_scale_to_x (&view->scale, view->position_s * rate_of (view));

    if (playhead_x >= 0.0 && playhead_x <= view->scale.width)
      x = playhead_x;
  }
  cw_wave_scale_zoom (&view->scale, factor, x);
  gtk_widget_queue_draw (GTK_WIDGET (view));
}

void
cw_wave_view_fit (CwWaveView *view)
{
  cw_wave_scale_fit (&view->scale);
  gtk_widget_queue_draw (GTK_WIDGET (view));
}
