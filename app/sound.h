/* SPDX-License-Identifier: MIT
 *
 * sound.h: the machine's sound devices, through PortAudio: starting it, its default output, and what it says in words.
 *
 * Any thread may call these; each uses the streams that it opened itself. PortAudio's own list of devices is read when it starts: to see a
 * device that was plugged in later, everybody must end and begin again.
 */
#pragma once

#include <gio/gio.h>

typedef struct {
  int    index; /* PortAudio's */
  char  *name;
  guint  n_channels; /* 1 or 2: what is used of it */
  double rate_hz;    /* its own */
  double latency_s;  /* that is asked for */
} CwSoundDevice;

/* Starts PortAudio and finds the default output; what ALSA's plug-ins write to stderr meanwhile is dropped. NULL with
 * a sentence when there is none; nothing is to be ended then. */
CwSoundDevice *cw_sound_begin (GError **error);
/* The same for the default input. */
CwSoundDevice *cw_sound_begin_input (GError **error);
void           cw_sound_end (CwSoundDevice *device);
/* Around Pa_OpenStream and Pa_CloseStream, which may not run side by side. */
void           cw_sound_lock (void);
void           cw_sound_unlock (void);

/* How the last playback of the window went, kept under XDG_STATE_HOME/clipwright for doctor, which is another process. */
typedef struct {
  char   *device; /* or NULL */
  double  rate_hz, played_s;
  guint64 n_underruns;        /* callbacks that found the ring dry */
  guint64 n_device_underruns; /* that the device reported */
  char   *when;               /* ISO 8601, local */
} CwSoundReport;

/* Failing to write it is no failure of the program: nothing is said. */
void           cw_sound_report_write (const CwSoundReport *report);
CwSoundReport *cw_sound_report_read (void); /* NULL: nothing was ever played */
void           cw_sound_report_free (CwSoundReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwSoundReport, cw_sound_report_free)
