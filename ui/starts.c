/* SPDX-License-Identifier: MIT
 *
 * starts.c: see starts.h.
 */
#include "starts.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "open-file.h"
#include "record-bar.h"

#define NEXT_S 2.0 /* from one later prompt to the next, until the person says otherwise */

enum { ROLE_CONTINUE, ROLE_MELODY };
static const char *const roles[] = { "continue", "follow" }; /* states of the action "role" */

struct _CwStarts {
  GtkBox              parent;

  GSimpleActionGroup *actions;
  GtkWidget          *window; /* not owned: it holds this */
  CwSource           *source; /* chosen, or NULL; owned */
  guint               n_reads; /* asked for so far: an older one's answer is dropped */
  CwRecipe           *filled; /* what cw_starts_fill lent; owned */
  gboolean            can_continue, can_follow, can_change, can_extend;

  GtkWidget          *choice, *sound_button, *chip, *roles, *later_button, *endless;
  CwRecordBar        *record_bar;
  GtkLabel           *sound_label, *role_label, *source_label;
  GtkBox             *later_rows;
};

G_DEFINE_FINAL_TYPE (CwStarts, cw_starts, GTK_TYPE_BOX)

static guint problem_signal, sound_signal, recording_signal, endless_signal;

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

static void
enable (CwStarts *starts, const char *action, gboolean enabled)
{
  g_simple_action_set_enabled (G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (starts->actions), action)), enabled);
}

static guint
role_of (CwStarts *starts)
{
  if (starts->can_continue && starts->can_follow) {
    g_autoptr (GVariant) role = g_action_group_get_action_state (G_ACTION_GROUP (starts->actions), "role");

    return strcmp (g_variant_get_string (role, NULL), roles[ROLE_MELODY]) == 0 ? ROLE_MELODY : ROLE_CONTINUE;
  }
  return starts->can_follow ? ROLE_MELODY : ROLE_CONTINUE;
}

static void
show (CwStarts *starts)
{
  const gboolean takes_sound = starts->can_continue || starts->can_follow, both = starts->can_continue && starts->can_follow;
  const gboolean recording = cw_record_bar_is_recording (starts->record_bar);

  gtk_widget_set_visible (GTK_WIDGET (starts), recording || takes_sound || starts->can_change || starts->can_extend);
  gtk_widget_set_visible (starts->choice, takes_sound && !starts->source && !recording);
  gtk_widget_set_visible (starts->chip, takes_sound && starts->source && !recording);
  gtk_widget_set_visible (starts->roles, both);
  gtk_widget_set_visible (GTK_WIDGET (starts->role_label), !both);
  gtk_widget_set_visible (starts->later_button, starts->can_change);
  gtk_widget_set_visible (starts->endless, starts->can_extend);
  gtk_label_set_label (starts->sound_label, both                  ? _ ("Drop a Sound to _Continue or Follow…")
                                            : starts->can_follow ? _ ("Drop a Melody to _Follow…")
                                                                 : _ ("Drop a Sound to _Continue…"));
  gtk_label_set_text (starts->role_label, starts->can_follow ? _ ("Follows the melody of") : _ ("Continues"));
  if (starts->source) {
    g_autofree char *text = g_strdup_printf (_ ("%s, %.1f s"), starts->source->name, cw_source_get_seconds (starts->source));

    gtk_label_set_text (starts->source_label, text);
    gtk_widget_set_tooltip_text (starts->chip, role_of (starts) == ROLE_MELODY ? _ ("Drums and bass are not taken out of it first: a clear tune follows best")
                                                                               : _ ("The clip begins with it; its length counts"));
  }
  enable (starts, "sound", takes_sound);
  enable (starts, "record", takes_sound || recording);
  enable (starts, "drop-sound", starts->source != NULL);
  enable (starts, "later", starts->can_change);
  enable (starts, "endless", starts->can_extend);
}

void
cw_starts_set_info (CwStarts *starts, const cw_model_info *info)
{
  starts->can_continue = info && info->can_continue;
  starts->can_follow = info && info->can_follow_melody;
  starts->can_change = info && info->can_change_prompt;
  starts->can_extend = info && info->can_extend;
  show (starts);
  g_signal_emit (starts, endless_signal, 0);
}

/* ---- a sound ----------------------------------------------------------------------------------------------------------- */

static void
read_in_thread (GTask *task, gpointer object, gpointer path, GCancellable *cancellable)
{
  GError   *error = NULL;
  CwSource *source = cw_source_read (path, &error);

  (void) object;
  (void) cancellable;
  if (source)
    g_task_return_pointer (task, source, (GDestroyNotify) cw_source_unref);
  else
    g_task_return_error (task, error);
}

static void
set_source (CwStarts *starts, CwSource *source)
{
  cw_source_unref (starts->source);
  starts->source = cw_source_ref (source);
  show (starts);
}

static void
on_read (GObject *object, GAsyncResult *result, gpointer number)
{
  CwStarts            *starts = CW_STARTS (object);
  g_autoptr (GError)   error = NULL;
  g_autoptr (CwSource) source = g_task_propagate_pointer (G_TASK (result), &error);

  if (GPOINTER_TO_UINT (number) != starts->n_reads)
    return;
  if (!source) {
    g_signal_emit (starts, problem_signal, 0, error->message);
    return;
  }
  set_source (starts, source);
  g_signal_emit (starts, sound_signal, 0, cw_source_get_seconds (source));
}

static void
take_file (CwStarts *starts, GFile *file)
{
  g_autoptr (GTask) task = g_task_new (starts, NULL, on_read, GUINT_TO_POINTER (++starts->n_reads));
  char             *path = g_file_get_path (file);

  if (!path) {
    g_signal_emit (starts, problem_signal, 0, _ ("Only files of this machine can be opened."));
    return;
  }
  g_task_set_task_data (task, path, g_free);
  g_task_run_in_thread (task, read_in_thread);
}

static GdkDragAction
on_drag_enter (GtkDropTarget *target, double x, double y, CwStarts *starts)
{
  (void) target;
  (void) x;
  (void) y;
  gtk_widget_add_css_class (GTK_WIDGET (starts), "drop-active");
  return GDK_ACTION_COPY;
}

static void
on_drag_leave (GtkDropTarget *target, CwStarts *starts)
{
  (void) target;
  gtk_widget_remove_css_class (GTK_WIDGET (starts), "drop-active");
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, CwStarts *starts)
{
  const GSList *files = g_value_get_boxed (value);

  (void) x;
  (void) y;
  on_drag_leave (target, starts); /* GTK does not say so */
  if (!files)
    return FALSE;
  if (starts->can_continue || starts->can_follow)
    take_file (starts, files->data);
  else
    g_signal_emit (starts, problem_signal, 0, _ ("The chosen model takes no sound to begin with."));
  return TRUE;
}

static void
on_chosen (GFile *file, gpointer starts)
{
  take_file (starts, file);
}

static void
on_sound (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwStarts *starts = data;

  (void) action;
  (void) parameter;
  cw_choose_sound_file (GTK_WINDOW (starts->window), _ ("Begin with a Sound"), _ ("_Choose"), on_chosen, starts);
}

static void
on_drop_sound (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwStarts *starts = data;

  (void) action;
  (void) parameter;
  starts->n_reads++;
  set_source (starts, NULL);
}

static void
on_record (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwStarts *starts = data;

  (void) action;
  (void) parameter;
  cw_record_bar_toggle (starts->record_bar);
}

static void
on_endless (CwStarts *starts)
{
  g_signal_emit (starts, endless_signal, 0);
}

static void
on_recording (CwStarts *starts, gboolean recording)
{
  show (starts);
  g_signal_emit (starts, recording_signal, 0, recording);
}

static void
on_recorded (CwStarts *starts, const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);

  take_file (starts, file);
}

static void
on_record_problem (CwStarts *starts, const char *problem)
{
  g_signal_emit (starts, problem_signal, 0, problem);
}

/* ---- prompts that begin later ---------------------------------------------------------------------------------------------- */

static void
show_count (CwStarts *starts)
{
  guint n = 0;

  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (starts->later_rows)); row; row = gtk_widget_get_next_sibling (row))
    n++;
  if (n) {
    g_autofree char *text = g_strdup_printf (_ ("Later Prompts (%u)"), n);

    gtk_menu_button_set_label (GTK_MENU_BUTTON (starts->later_button), text);
  } else {
    gtk_menu_button_set_label (GTK_MENU_BUTTON (starts->later_button), _ ("Later Prompts"));
  }
}

static void
on_row_removed (GtkButton *button, CwStarts *starts)
{
  gtk_box_remove (starts->later_rows, gtk_widget_get_parent (GTK_WIDGET (button)));
  show_count (starts);
}

/* A row is a box of seconds, text and a button; returns the text. */
static GtkWidget *
add_row (CwStarts *starts, double from_s, const char *prompt)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6), *remove = gtk_button_new_from_icon_name ("list-remove-symbolic");
  GtkWidget *seconds = gtk_spin_button_new_with_range (0.1, CW_DURATION_MAX_S, 1.0), *text = gtk_entry_new ();

  gtk_spin_button_set_digits (GTK_SPIN_BUTTON (seconds), 1);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (seconds), from_s);
  gtk_widget_set_tooltip_text (seconds, _ ("Seconds from the clip’s start"));
  gtk_editable_set_text (GTK_EDITABLE (text), prompt);
  gtk_editable_set_width_chars (GTK_EDITABLE (text), 12);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (text), 28);
  gtk_widget_set_hexpand (text, TRUE);
  gtk_entry_set_placeholder_text (GTK_ENTRY (text), _ ("Prompt from then on"));
  gtk_widget_set_tooltip_text (remove, _ ("Remove this prompt"));
  g_signal_connect (remove, "clicked", G_CALLBACK (on_row_removed), starts);
  gtk_box_append (GTK_BOX (row), seconds);
  gtk_box_append (GTK_BOX (row), text);
  gtk_box_append (GTK_BOX (row), remove);
  gtk_box_append (starts->later_rows, row);
  show_count (starts);
  return text;
}

static GtkWidget *
text_of (GtkWidget *row)
{
  return gtk_widget_get_next_sibling (gtk_widget_get_first_child (row));
}

static void
on_later (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  CwStarts  *starts = data;
  GtkWidget *last = gtk_widget_get_last_child (GTK_WIDGET (starts->later_rows));
  double     from_s = 0.0;

  (void) action;
  (void) parameter;
  if (last)
    from_s = gtk_spin_button_get_value (GTK_SPIN_BUTTON (gtk_widget_get_first_child (last)));
  gtk_menu_button_popup (GTK_MENU_BUTTON (starts->later_button));
  gtk_widget_grab_focus (add_row (starts, from_s + NEXT_S, ""));
}

static void
clear_rows (CwStarts *starts)
{
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (starts->later_rows))))
    gtk_box_remove (starts->later_rows, row);
  show_count (starts);
}

/* ---- recipes ------------------------------------------------------------------------------------------------------------ */

gboolean
cw_starts_is_endless (CwStarts *starts)
{
  return starts->can_extend && gtk_check_button_get_active (GTK_CHECK_BUTTON (starts->endless));
}

void
cw_starts_fill (CwStarts *starts, CwRecipe *recipe)
{
  cw_recipe_free (starts->filled);
  starts->filled = g_new0 (CwRecipe, 1);
  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (starts->later_rows)); row && starts->can_change;
       row = gtk_widget_get_next_sibling (row)) {
    GtkSpinButton *seconds = GTK_SPIN_BUTTON (gtk_widget_get_first_child (row));
    const char    *prompt = gtk_editable_get_text (GTK_EDITABLE (text_of (row)));

    gtk_spin_button_update (seconds); /* what is still being typed */
    if (prompt[strspn (prompt, " \t")]) /* a row that was left blank asks for nothing */
      cw_recipe_add_change (starts->filled, gtk_spin_button_get_value (seconds), prompt);
  }
  recipe->changes = starts->filled->changes;
  recipe->n_changes = starts->filled->n_changes;
  if (starts->source && (starts->can_continue || starts->can_follow)) {
    if (role_of (starts) == ROLE_MELODY)
      recipe->melody = starts->source;
    else
      recipe->continues = starts->source;
  }
  recipe->endless = cw_starts_is_endless (starts);
}

void
cw_starts_show (CwStarts *starts, const CwRecipe *recipe)
{
  CwSource *source = recipe->continues ? recipe->continues : recipe->melody;

  clear_rows (starts);
  for (guint i = 0; i < recipe->n_changes; i++)
    add_row (starts, recipe->changes[i].from_s, recipe->changes[i].prompt);
  g_action_group_change_action_state (G_ACTION_GROUP (starts->actions), "endless", g_variant_new_boolean (recipe->endless));
  g_action_group_change_action_state (G_ACTION_GROUP (starts->actions), "role",
                                      g_variant_new_string (roles[recipe->continues ? ROLE_CONTINUE : ROLE_MELODY]));
  starts->n_reads++;
  set_source (starts, source && source->audio ? source : NULL);
  if (source && !source->audio) {
    g_autofree char *text = g_strdup_printf (_ ("It began with “%s”, which is not at hand: choose that sound again."), source->name);

    g_signal_emit (starts, problem_signal, 0, text);
  }
}

/* ---- the row -------------------------------------------------------------------------------------------------------------- */

void
cw_starts_set_window (CwStarts *starts, GtkWidget *window)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  starts->window = window;
  gtk_widget_insert_action_group (window, "starts", G_ACTION_GROUP (starts->actions));
  g_signal_connect_object (target, "drop", G_CALLBACK (on_drop), starts, 0);
  g_signal_connect_object (target, "enter", G_CALLBACK (on_drag_enter), starts, 0);
  g_signal_connect_object (target, "leave", G_CALLBACK (on_drag_leave), starts, 0);
  gtk_widget_add_controller (window, GTK_EVENT_CONTROLLER (target));
}

void
cw_starts_shut_down (CwStarts *starts)
{
  cw_record_bar_shut_down (starts->record_bar);
}

static void
cw_starts_dispose (GObject *object)
{
  CwStarts *starts = CW_STARTS (object);

  g_clear_pointer (&starts->source, cw_source_unref);
  g_clear_pointer (&starts->filled, cw_recipe_free);
  g_clear_object (&starts->actions);
  G_OBJECT_CLASS (cw_starts_parent_class)->dispose (object);
}

static void
cw_starts_class_init (CwStartsClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = cw_starts_dispose;
  problem_signal = g_signal_new ("problem", CW_TYPE_STARTS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  sound_signal = g_signal_new ("sound", CW_TYPE_STARTS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_DOUBLE);
  recording_signal = g_signal_new ("recording", CW_TYPE_STARTS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_BOOLEAN);
  endless_signal = g_signal_new ("endless", CW_TYPE_STARTS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (CW_TYPE_RECORD_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/clipwright/Clipwright/starts.ui");
#define BIND(name) gtk_widget_class_bind_template_child (widget_class, CwStarts, name)
  BIND (sound_button);
  BIND (sound_label);
  BIND (chip);
  BIND (choice);
  BIND (roles);
  BIND (record_bar);
  BIND (role_label);
  BIND (source_label);
  BIND (later_button);
  BIND (later_rows);
  BIND (endless);
#undef BIND
}

static void
cw_starts_init (CwStarts *starts)
{
  static const GActionEntry actions[] = {
    { .name = "sound", .activate = on_sound },
    { .name = "drop-sound", .activate = on_drop_sound },
    { .name = "later", .activate = on_later },
    { .name = "endless", .state = "false" },
    { .name = "record", .activate = on_record },
    { .name = "role", .parameter_type = "s", .state = "'continue'" },
  };

  starts->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (starts->actions), actions, G_N_ELEMENTS (actions), starts);
  gtk_widget_init_template (GTK_WIDGET (starts));
  g_signal_connect_swapped (starts->actions, "action-state-changed::role", G_CALLBACK (show), starts);
  g_signal_connect_swapped (starts->endless, "notify::active", G_CALLBACK (on_endless), starts);
  g_signal_connect_swapped (starts->record_bar, "recording", G_CALLBACK (on_recording), starts);
  g_signal_connect_swapped (starts->record_bar, "recorded", G_CALLBACK (on_recorded), starts);
  g_signal_connect_swapped (starts->record_bar, "problem", G_CALLBACK (on_record_problem), starts);
  show (starts);
}
