/* SPDX-License-Identifier: MIT
 *
 * wrap-box.c: see wrap-box.h. A line is found once, by next_line; measuring and allocating walk the same lines.
 */
#include "wrap-box.h"

struct _CwWrapBox {
  GtkWidget parent;

  int       spacing, natural_width;
  float     xalign;
};

G_DEFINE_FINAL_TYPE (CwWrapBox, cw_wrap_box, GTK_TYPE_WIDGET)

enum { PROP_SPACING = 1, PROP_XALIGN, PROP_NATURAL_WIDTH };

typedef struct {
  GtkWidget *first, *end;  /* children from first up to end, which is not of the line */
  int        width;        /* natural, with the spacing between; at most what there is */
  int        min_height, height;
  int        n_expanding;
} Line;

/* What @child gets of a line that is @width wide. */
static int
width_of (GtkWidget *child, int width)
{
  int minimum, natural;

  gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, &natural, NULL, NULL);
  return MAX (minimum, MIN (natural, width));
}

/* The line that begins at @first, or after the children that are not shown. FALSE when none is left. */
static gboolean
next_line (CwWrapBox *box, GtkWidget *first, int width, Line *line)
{
  *line = (Line){ .first = NULL };
  for (GtkWidget *child = first; child; child = gtk_widget_get_next_sibling (child)) {
    int wide, minimum, natural;

    if (!gtk_widget_should_layout (child))
      continue;
    wide = width_of (child, width);
    if (line->first && line->width + box->spacing + wide > width) {
      line->end = child;
      return TRUE;
    }
    line->width += wide + (line->first ? box->spacing : 0);
    if (!line->first)
      line->first = child;
    gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, wide, &minimum, &natural, NULL, NULL);
    line->min_height = MAX (line->min_height, minimum);
    line->height = MAX (line->height, natural);
    line->n_expanding += gtk_widget_compute_expand (child, GTK_ORIENTATION_HORIZONTAL);
  }
  return line->first != NULL;
}

static void
measure_width (CwWrapBox *box, int *minimum, int *natural)
{
  *minimum = *natural = 0;
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (box)); child; child = gtk_widget_get_next_sibling (child)) {
    int child_minimum, child_natural;

    if (!gtk_widget_should_layout (child))
      continue;
    gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &child_minimum, &child_natural, NULL, NULL);
    *minimum = MAX (*minimum, child_minimum);
    *natural += child_natural + (*natural ? box->spacing : 0);
  }
  if (box->natural_width >= 0)
    *natural = MAX (*minimum, MIN (*natural, box->natural_width));
}

static void
cw_wrap_box_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline,
                     int *natural_baseline)
{
  CwWrapBox *box = CW_WRAP_BOX (widget);
  Line       line;

  *minimum_baseline = *natural_baseline = -1;
  if (orientation == GTK_ORIENTATION_HORIZONTAL) {
    measure_width (box, minimum, natural);
    return;
  }
  *minimum = *natural = 0;
  for (GtkWidget *at = gtk_widget_get_first_child (widget); next_line (box, at, for_size < 0 ? G_MAXINT / 2 : for_size, &line); at = line.end) {
    *minimum += line.min_height + (*minimum ? box->spacing : 0);
    *natural += line.height + (*natural ? box->spacing : 0);
    if (!line.end)
      break;
  }
}

static void
cw_wrap_box_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  CwWrapBox     *box = CW_WRAP_BOX (widget);
  const gboolean mirrored = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int            y = 0;
  Line           line;

  (void) baseline;
  for (GtkWidget *at = gtk_widget_get_first_child (widget); next_line (box, at, width, &line); at = line.end) {
    int left = MAX (width - line.width, 0), n_expanding = line.n_expanding, x = n_expanding ? 0 : (int) ((float) left * box->xalign);

    for (GtkWidget *child = line.first; child != line.end; child = gtk_widget_get_next_sibling (child)) {
      GtkAllocation place = { .x = x, .y = y, .height = y == 0 && !line.end ? MAX (height, line.height) : line.height };

      if (!gtk_widget_should_layout (child))
        continue;
      place.width = width_of (child, width);
      if (n_expanding && gtk_widget_compute_expand (child, GTK_ORIENTATION_HORIZONTAL)) {
        const int share = left / n_expanding--;

        place.width += share;
        left -= share;
      }
      x += place.width + box->spacing;
      if (mirrored)
        place.x = width - place.x - place.width;
      gtk_widget_size_allocate (child, &place, -1);
    }
    y += line.height + box->spacing;
    if (!line.end)
      break;
  }
}

static GtkSizeRequestMode
cw_wrap_box_get_request_mode (GtkWidget *widget)
{
  (void) widget;
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
cw_wrap_box_get_property (GObject *object, guint property, GValue *value, GParamSpec *spec)
{
  CwWrapBox *box = CW_WRAP_BOX (object);

  switch (property) {
  case PROP_SPACING: g_value_set_int (value, box->spacing); break;
  case PROP_XALIGN: g_value_set_float (value, box->xalign); break;
  case PROP_NATURAL_WIDTH: g_value_set_int (value, box->natural_width); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property, spec);
  }
}

static void
cw_wrap_box_set_property (GObject *object, guint property, const GValue *value, GParamSpec *spec)
{
  CwWrapBox *box = CW_WRAP_BOX (object);

  switch (property) {
  case PROP_SPACING: box->spacing = g_value_get_int (value); break;
  case PROP_XALIGN: box->xalign = g_value_get_float (value); break;
  case PROP_NATURAL_WIDTH: box->natural_width = g_value_get_int (value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property, spec);
  }
  gtk_widget_queue_resize (GTK_WIDGET (box));
}

static void
cw_wrap_box_dispose (GObject *object)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))))
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (cw_wrap_box_parent_class)->dispose (object);
}

static void
cw_wrap_box_class_init (CwWrapBoxClass *class)
{
  GObjectClass         *object_class = G_OBJECT_CLASS (class);
  GtkWidgetClass       *widget_class = GTK_WIDGET_CLASS (class);
  const GParamFlags     flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = cw_wrap_box_get_property;
  object_class->set_property = cw_wrap_box_set_property;
  object_class->dispose = cw_wrap_box_dispose;
  widget_class->measure = cw_wrap_box_measure;
  widget_class->size_allocate = cw_wrap_box_size_allocate;
  widget_class->get_request_mode = cw_wrap_box_get_request_mode;
  g_object_class_install_property (object_class, PROP_SPACING, g_param_spec_int ("spacing", NULL, NULL, 0, 1000, 0, flags));
  g_object_class_install_property (object_class, PROP_XALIGN, g_param_spec_float ("xalign", NULL, NULL, 0.0f, 1.0f, 0.0f, flags));
  g_object_class_install_property (object_class, PROP_NATURAL_WIDTH, g_param_spec_int ("natural-width", NULL, NULL, -1, G_MAXINT, -1, flags));
}

static void
cw_wrap_box_init (CwWrapBox *box)
{
  box->natural_width = -1;
}

void
cw_wrap_box_append (CwWrapBox *box, GtkWidget *child)
{
  gtk_widget_insert_before (child, GTK_WIDGET (box), NULL);
}
