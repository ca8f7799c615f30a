/* SPDX-License-Identifier: MIT
 *
 * model-chooser.c: see model-chooser.h.
 */
#include "model-chooser.h"

#include <glib/gi18n.h>
#include <string.h>

#include "catalogue.h"

struct _CwModelChooser {
  AdwBin       parent;

  GtkDropDown *drop_down;
  GPtrArray   *places; /* of CwModelPlace; NULL before they were listed */
  guint        chosen;
  char        *wanted; /* name of the last one that the person chose, also while it is away; NULL: the starter */
};

G_DEFINE_FINAL_TYPE (CwModelChooser, cw_model_chooser, ADW_TYPE_BIN)

static guint chosen_signal, more_signal;

/* The button may show only a part of it. */
static void
show_name (CwModelChooser *chooser)
{
  const CwModelPlace *place = cw_model_chooser_get_place (chooser);
  g_autofree char    *text = NULL;

  if (place && place->licence)
    text = g_strdup_printf (_ ("Model: %s. Licence: %s"), place->name, cw_licence_title (place->licence));
  else if (place)
    text = g_strdup_printf (_ ("Model: %s"), place->name);
  gtk_widget_set_tooltip_text (GTK_WIDGET (chooser->drop_down), text ? text : _ ("Model"));
}

static void
on_selected (CwModelChooser *chooser)
{
  const guint selected = gtk_drop_down_get_selected (chooser->drop_down);

  if (!chooser->places || selected == chooser->chosen)
    return;
  if (selected >= chooser->places->len) { /* "Get more models…" */
    gtk_drop_down_set_selected (chooser->drop_down, chooser->chosen);
    g_signal_emit (chooser, more_signal, 0);
  } else {
    chooser->chosen = selected;
    g_free (chooser->wanted);
    chooser->wanted = g_strdup (cw_model_chooser_get_place (chooser)->name);
    show_name (chooser);
    g_signal_emit (chooser, chosen_signal, 0);
  }
}

static guint
find_place (CwModelChooser *chooser, const char *name)
{
  for (guint i = 0; i < chooser->places->len; i++)
    if (g_strcmp0 (((const CwModelPlace *) g_ptr_array_index (chooser->places, i))->name, name) == 0)
      return i;
  return GTK_INVALID_LIST_POSITION;
}

void
cw_model_chooser_list (CwModelChooser *chooser, const char *name)
{
  g_autoptr (GPtrArray)     old = chooser->places;
  const CwModelPlace       *before = cw_model_chooser_get_place (chooser), *now;
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  guint                     chosen;

  chooser->places = cw_models_list ();
  for (guint i = 0; i < chooser->places->len; i++) {
    const CwModelPlace *place = g_ptr_array_index (chooser->places, i);
    g_autofree char    *marked = g_strdup_printf ("%s (%s)", place->name, cw_licence_title (place->licence));

    gtk_string_list_append (names, cw_licence_is_non_commercial (place->licence) ? marked : place->name);
  }
  gtk_string_list_append (names, _ ("Get more models…"));
  if (!old)
    chooser->wanted = g_strdup (name);
  chosen = find_place (chooser, chooser->wanted);
  g_signal_handlers_block_by_func (chooser->drop_down, on_selected, chooser);
  gtk_drop_down_set_model (chooser->drop_down, G_LIST_MODEL (names));
  chooser->chosen = chosen != GTK_INVALID_LIST_POSITION || chooser->places->len == 0 ? chosen : 0;
  gtk_drop_down_set_selected (chooser->drop_down, chooser->chosen);
  g_signal_handlers_unblock_by_func (chooser->drop_down, on_selected, chooser);
  show_name (chooser);
  now = cw_model_chooser_get_place (chooser);
  if (!old || g_strcmp0 (before ? before->folder : NULL, now ? now->folder : NULL) != 0)
    g_signal_emit (chooser, chosen_signal, 0);
}

const CwModelPlace *
cw_model_chooser_get_place (CwModelChooser *chooser)
{
  return chooser->places && chooser->chosen < chooser->places->len ? g_ptr_array_index (chooser->places, chooser->chosen) : NULL;
}

void
cw_model_chooser_choose (CwModelChooser *chooser, const char *name)
{
  const guint place = find_place (chooser, name);

  if (place != GTK_INVALID_LIST_POSITION)
    gtk_drop_down_set_selected (chooser->drop_down, place);
}

static gboolean
cw_model_chooser_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (GTK_WIDGET (CW_MODEL_CHOOSER (widget)->drop_down));
}

static void
cw_model_chooser_finalize (GObject *object)
{
  CwModelChooser *chooser = CW_MODEL_CHOOSER (object);

  g_clear_pointer (&chooser->places, g_ptr_array_unref);
  g_free (chooser->wanted);
  G_OBJECT_CLASS (cw_model_chooser_parent_class)->finalize (object);
}

static void
cw_model_chooser_class_init (CwModelChooserClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cw_model_chooser_finalize;
  GTK_WIDGET_CLASS (class)->grab_focus = cw_model_chooser_grab_focus;
  chosen_signal = g_signal_new ("chosen", CW_TYPE_MODEL_CHOOSER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  more_signal = g_signal_new ("more", CW_TYPE_MODEL_CHOOSER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
cw_model_chooser_init (CwModelChooser *chooser)
{
  g_autoptr (GtkListItemFactory) short_names = gtk_builder_list_item_factory_new_from_resource (NULL, "/io/github/clipwright/Clipwright/model-name.ui");

  chooser->drop_down = GTK_DROP_DOWN (gtk_drop_down_new (NULL, NULL));
  gtk_drop_down_set_list_factory (chooser->drop_down, gtk_drop_down_get_factory (chooser->drop_down));
  gtk_drop_down_set_factory (chooser->drop_down, short_names); /* the button may be narrower than the longest name of the list */
  gtk_accessible_update_property (GTK_ACCESSIBLE (chooser->drop_down), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Model"), -1);
  adw_bin_set_child (ADW_BIN (chooser), GTK_WIDGET (chooser->drop_down));
  g_signal_connect_swapped (chooser->drop_down, "notify::selected", G_CALLBACK (on_selected), chooser);
}
