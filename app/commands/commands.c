/* SPDX-License-Identifier: MIT
 *
 * commands.c: what the commands share.
 */
#include "commands/commands.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define THREADS_MAX 1024

static const char *
code_name (CwExit code)
{
  switch (code) {
  case CW_EXIT_DONE: return "done";
  case CW_EXIT_FAILED: return "failed";
  case CW_EXIT_USAGE: return "usage";
  case CW_EXIT_MODEL: return "model";
  case CW_EXIT_MEMORY: return "memory";
  case CW_EXIT_STOPPED: return "stopped";
  }
  return "failed";
}

void
cw_command_print_json (json_t *object)
{
  char *text = json_dumps (object, JSON_COMPACT | JSON_REAL_PRECISION (15));

  if (text)
    puts (text);
  free (text);
  json_decref (object);
}

int
cw_command_fail (gboolean json, CwExit code, GError *error)
{
  g_autofree char *message = g_utf8_make_valid (error->message, -1); /* an argument in it may be no UTF-8 */

  if (json)
    cw_command_print_json (json_pack ("{s:{s:s, s:s}}", "error", "code", code_name (code), "message", message));
  else
    g_printerr ("clipwright: %s\n", message);
  g_error_free (error);
  return (int) code;
}

int
cw_command_refuse (gboolean json, const char *form, ...)
{
  va_list arguments;
  GError *error;

  va_start (arguments, form);
  error = g_error_new_valist (CW_ERROR, CW_ERROR_ARGUMENT, form, arguments);
  va_end (arguments);
  return cw_command_fail (json, CW_EXIT_USAGE, error);
}

char *
cw_command_say_channels (guint n_channels)
{
  return n_channels == 1   ? g_strdup (_ ("mono"))
         : n_channels == 2 ? g_strdup (_ ("stereo"))
                           : g_strdup_printf (ngettext ("%u channel", "%u channels", n_channels), n_channels);
}

CwExit
cw_command_exit_code (const GError *error, gboolean loading)
{
  if (error->domain != CW_ERROR)
    return CW_EXIT_FAILED;
  switch ((cw_status) error->code) {
  case CW_ERROR_MEMORY: return CW_EXIT_MEMORY;
  case CW_ERROR_CANCELLED: return CW_EXIT_STOPPED;
  case CW_ERROR_ARGUMENT: return loading ? CW_EXIT_MODEL : CW_EXIT_USAGE;
  default: return loading ? CW_EXIT_MODEL : CW_EXIT_FAILED;
  }
}

/* Whether --json is among arguments that could not be parsed. */
static gboolean
wants_json (char **argv)
{
  for (char **word = argv; *word && strcmp (*word, "--") != 0; word++)
    if (strcmp (*word, "--json") == 0)
      return TRUE;
  return FALSE;
}

gboolean
cw_command_parse (GOptionContext *context, int *argc, char ***argv, int *code)
{
  GError          *error = NULL;
  g_autofree char *name = g_strdup_printf ("clipwright %s", (*argv)[0]);
  g_auto (GStrv)   words = g_strdupv (*argv);

  g_set_prgname (name); /* --help begins with it */
  if (g_option_context_parse (context, argc, argv, &error)) {
    if (*argc == 1)
      return TRUE;
    error = g_error_new (G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, _ ("“%s” was not expected."), (*argv)[1]);
  }
  *code = cw_command_fail (wants_json (words), CW_EXIT_USAGE, error);
  g_printerr (_ ("Try “clipwright %s --help”.\n"), words[0]);
  return FALSE;
}

gboolean
cw_command_load (CwLoaded *loaded, const char *which, const CwHow *how, CwExit *code, GError **error)
{
  g_autofree char  *cache = cw_models_get_cache_folder (), *models = cw_models_get_folder ();
  const CwHow       defaults = { 0 };
  const char       *precision = how ? how->precision : NULL;
  cw_engine_options engine_options = { 0 };
  cw_model_options  options = { .precision = CW_PRECISION_AUTO, .cache_folder = cache, .models_folder = models,
                                     .text_encoder = g_getenv ("CLIPWRIGHT_TEXT_ENCODER") };
  cw_error          problem = { 0 };
  gint64            began;

  *loaded = (CwLoaded){ 0 };
  how = how ? how : &defaults;
  *code = CW_EXIT_USAGE;
  if (how->n_threads < 0 || how->n_threads > THREADS_MAX) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("%d threads were asked for; 1 to %d were expected."), how->n_threads, THREADS_MAX);
    return FALSE;
  }
  engine_options = (cw_engine_options){ .n_threads = (unsigned) how->n_threads, .backend = how->device };
  if (how->vram && !cw_parse_bytes (how->vram, &engine_options.vram_bytes)) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("“%s” is no amount of memory; something like 6G or 800M was expected."), how->vram);
    return FALSE;
  }
  if (precision && !cw_precision_from_name (precision, &options.precision)) {
    g_set_error (error, CW_ERROR, CW_ERROR_ARGUMENT, _ ("There is no precision “%s”; there are auto, f32, bf16, f16, int8 and int4."),
                 precision);
    return FALSE;
  }
  *code = CW_EXIT_MODEL;
  if (!(loaded->place = cw_models_find (which, error)))
    return FALSE;
  options.name = loaded->place->name;
  began = g_get_monotonic_time ();
  if (!(loaded->engine = cw_engine_new (&engine_options, &problem)) ||
      !(loaded->model = cw_model_load (loaded->engine, loaded->place->folder, &options, &problem))) {
    g_autoptr (GError) failure = NULL;

    cw_take_error (&failure, &problem);
    *code = cw_command_exit_code (failure, loaded->engine != NULL);
    g_propagate_error (error, g_steal_pointer (&failure));
    cw_command_unload (loaded);
    return FALSE;
  }
  loaded->load_s = (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;
  *code = CW_EXIT_DONE;
  return TRUE;
}

void
cw_command_unload (CwLoaded *loaded)
{
  cw_model_free (loaded->model);
  cw_engine_free (loaded->engine);
  cw_model_place_free (loaded->place);
  *loaded = (CwLoaded){ 0 };
}

static atomic_bool interrupted;

static void
note_interrupt (int signal_number)
{
  (void) signal_number;
  atomic_store (&interrupted, true);
}

const atomic_bool *
cw_command_catch_interrupt (void)
{
  /* SA_RESETHAND: the second one has its usual effect */
  const struct sigaction action = { .sa_handler = note_interrupt, .sa_flags = (int) SA_RESETHAND };

  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  return &interrupted;
}
