/* SPDX-License-Identifier: MIT
 *
 * window-private.h: the window's parts, for the files that it is written in; nobody else includes this.
 *
 *     window.c        template, settings, opening files, closing
 *     window-play.c   the clip in the wave view, and playing it
 *     window-model.c  the chosen model, the page of models, and the preferences
 *     window-make.c   from the prompt to clips
 *     window-clips.c  what is done with a clip: export, rename, delete and undo, use again
 */
#pragma once

#include "window.h"

#include "clip-list.h"
#include "magnet-settings.h"
#include "maker.h"
#include "model-chooser.h"
#include "model-shelf.h"
#include "player.h"
#include "starts.h"
#include "wave-view.h"
#include "wrap-box.h"

struct _CwWindow {
  AdwApplicationWindow parent;

  CwMaker        *maker;
  CwPlayer       *player;
  CwClipList     *clips;
  CwModelShelf   *shelf;
  GtkWidget      *models_page, *preferences; /* while they are open; weak */
  guint           reload; /* source that loads the model anew, once no more is set; 0: none */
  CwModelFacts   *facts;  /* of the chosen model, NULL while it loads or when it does not */
  guint           n_loads; /* asked for so far: an older one's answer is dropped */
  GSettings      *settings; /* or NULL */
  CwClip         *shown;  /* in the wave view; owned */
  CwClip         *deleted; /* the last one; owned */
  guint           deleted_place;
  AdwToast       *deleted_toast; /* on screen, or NULL; weak */
  AdwToast       *said;   /* the last sentence, on screen, or NULL; weak */
  guint           tick;
  double          rest_s; /* where the playhead rests while nothing plays */
  gboolean        closing;

  GtkInfoBar     *sound_bar, *model_bar;
  GtkLabel       *sound_problem, *model_problem, *clock, *making;
  AdwToastOverlay *toasts;
  GtkStack       *stage;
  AdwStatusPage  *empty_page;
  CwWrapBox      *suggestions;
  AdwFlap        *flap; /* content and the list of clips; folded where both do not fit */
  CwWaveView     *wave;
  CwStarts       *starts;
  CwMagnetSettings *magnet;
  GtkButton      *play_button;
  GtkWidget      *start_now, *stop_button;
  GtkEntry       *prompt, *seed;
  CwModelChooser *model_chooser;
  GtkToggleButton *keep_seed;
  GtkSpinButton  *duration, *takes, *guidance, *temperature, *top_k, *top_p;
  GtkListBox     *clip_box;
};

/* A toast, in place of the last one; NULL: that one goes, and none comes. */
void     cw_window_say (CwWindow *window, const char *text);
/* Shows clock, what is being made, and which actions there are, as they are now. */
void     cw_window_show_all (CwWindow *window);
/* In the list and in the wave view; NULL: none. */
void     cw_window_select_clip (CwWindow *window, CwClip *clip);
/* The clip in the wave view is what the player has. */
gboolean cw_window_plays_shown (CwWindow *window);
/* Does nothing without a clip or a device. */
void     cw_window_play_shown (CwWindow *window, double start_s);

/* Each adds its actions and follows its widgets; the window's parts are there. */
void     cw_window_set_up_play (CwWindow *window);
void     cw_window_set_up_model (CwWindow *window);
void     cw_window_set_up_make (CwWindow *window);
void     cw_window_set_up_clips (CwWindow *window);
