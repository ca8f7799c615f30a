/* SPDX-License-Identifier: MIT
 *
 * sound.c: PortAudio's start and end, and the report of how playback went.
 */
#include "sound.h"

#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <portaudio.h>
#include <stdlib.h>
#include <unistd.h>

/* ALSA and JACK print a page of guesses while PortAudio looks for devices; what matters comes back as an error. */
static PaError
start_quietly (void)
{
  const int null = g_open ("/dev/null", O_WRONLY | O_CLOEXEC, 0);
  const int kept = dup (STDERR_FILENO);
  PaError   status;

  if (null >= 0 && kept >= 0)
    dup2 (null, STDERR_FILENO);
  status = Pa_Initialize ();
  if (kept >= 0) {
    dup2 (kept, STDERR_FILENO);
    close (kept);
  }
  if (null >= 0)
    close (null);
  return status;
}

/* PortAudio keeps lists of its own without a lock. */
static GMutex portaudio;

void
cw_sound_lock (void)
{
  g_mutex_lock (&portaudio);
}

void
cw_sound_unlock (void)
{
  g_mutex_unlock (&portaudio);
}

/* Starts PortAudio; its default device one way or the other. */
static CwSoundDevice *
begin (gboolean input, GError **error)
{
  const PaDeviceInfo *info;
  CwSoundDevice      *device;
  PaError             status;
  int                 index, n_channels;

  cw_sound_lock ();
  if ((status = start_quietly ()) != paNoError) {
    cw_sound_unlock ();
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The sound system did not start: %s."), Pa_GetErrorText (status));
    return NULL;
  }
  index = input ? Pa_GetDefaultInputDevice () : Pa_GetDefaultOutputDevice ();
  info = index == paNoDevice ? NULL : Pa_GetDeviceInfo (index);
  n_channels = info ? input ? info->maxInputChannels : info->maxOutputChannels : 0;
  if (n_channels < 1) {
    Pa_Terminate ();
    cw_sound_unlock ();
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                         input ? _ ("There is no microphone. Connect one, or choose one in the system's sound settings.") : _ ("There is no sound device."));
    return NULL;
  }
  device = g_new0 (CwSoundDevice, 1);
  device->index = index;
  device->name = g_utf8_make_valid (info->name, -1);
  device->n_channels = n_channels == 1 ? 1 : 2;
  device->rate_hz = info->defaultSampleRate;
  device->latency_s = MAX (input ? info->defaultHighInputLatency : info->defaultHighOutputLatency, 0.05);
  cw_sound_unlock ();
  return device;
}

CwSoundDevice *
cw_sound_begin (GError **error)
{
  return begin (FALSE, error);
}

CwSoundDevice *
cw_sound_begin_input (GError **error)
{
  return begin (TRUE, error);
}

void
cw_sound_end (CwSoundDevice *device)
{
  if (!device)
    return;
  cw_sound_lock ();
  Pa_Terminate ();
  cw_sound_unlock ();
  g_free (device->name);
  g_free (device);
}

/* ---- the report ------------------------------------------------------------------------------------------------------ */

static char *
report_path (void)
{
  return g_build_filename (g_get_user_state_dir (), "clipwright", "playback.json", NULL);
}

void
cw_sound_report_write (const CwSoundReport *report)
{
  g_autofree char *path = report_path (), *folder = g_path_get_dirname (path);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *when = g_date_time_format_iso8601 (now);
  json_t *object = json_pack ("{s:s?, s:f, s:f, s:I, s:I, s:s}", "device", report->device, "rate_hz", report->rate_hz, "played_s",
                              report->played_s, "underruns", (json_int_t) report->n_underruns, "device_underruns",
                              (json_int_t) report->n_device_underruns, "when", when);
  char   *text = object ? json_dumps (object, JSON_INDENT (2)) : NULL;

  if (text && g_mkdir_with_parents (folder, 0777) == 0)
    g_file_set_contents (path, text, -1, NULL);
  free (text);
  json_decref (object);
}

CwSoundReport *
cw_sound_report_read (void)
{
  g_autofree char *path = report_path ();
  json_t          *object = json_load_file (path, 0, NULL);
  const char      *device = NULL, *when = NULL;
  json_int_t       n_underruns = 0, n_device_underruns = 0;
  double           rate_hz = 0.0, played_s = 0.0;
  CwSoundReport   *report = NULL;

  if (json_unpack (object, "{s?s, s:F, s:F, s:I, s:I, s:s}", "device", &device, "rate_hz", &rate_hz, "played_s", &played_s,
                   "underruns", &n_underruns, "device_underruns", &n_device_underruns, "when", &when) == 0) {
    report = g_new0 (CwSoundReport, 1);
    *report = (CwSoundReport){ g_strdup (device), rate_hz, played_s, (guint64) n_underruns, (guint64) n_device_underruns,
                               g_strdup (when) };
  }
  json_decref (object);
  return report;
}

void
cw_sound_report_free (CwSoundReport *report)
{
  if (!report)
    return;
  g_free (report->device);
  g_free (report->when);
  g_free (report);
}
