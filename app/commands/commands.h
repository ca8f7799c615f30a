/* SPDX-License-Identifier: MIT
 *
 * commands.h: the command line: one function a command, and what they share.
 *
 * A command gets the arguments from its own name on, writes what was asked for to stdout, everything else to stderr,
 * and returns the process's exit code.
 */
#pragma once

#include <gio/gio.h>

#include "audio-file.h"
#include "engine.h"
#include "exporter.h"
#include "models.h"

typedef enum {
  CW_EXIT_DONE = 0,
  CW_EXIT_FAILED = 1,      /* a file or the system refused */
  CW_EXIT_USAGE = 2,       /* unknown option, value out of range */
  CW_EXIT_MODEL = 3,       /* no such model, or it is broken */
  CW_EXIT_MEMORY = 4,
  CW_EXIT_STOPPED = 130,   /* Ctrl-C; what was made is kept */
} CwExit;

int cw_command_generate (int argc, char **argv);
int cw_command_encode (int argc, char **argv);
int cw_command_decode (int argc, char **argv);
int cw_command_analyze (int argc, char **argv);
int cw_command_doctor (int argc, char **argv);
int cw_command_bench (int argc, char **argv);
int cw_command_models (int argc, char **argv);
int cw_command_models_get (int argc, char **argv);

/* ---- shared ---------------------------------------------------------------------------------------------------------- */

/* Says @error on stderr, or with @json as {"error": {"code", "message"}} on stdout; returns @code. Frees @error. */
int                cw_command_fail (gboolean json, CwExit code, GError *error);
/* Says what is wrong with the arguments, in the same way; returns CW_EXIT_USAGE. */
int                cw_command_refuse (gboolean json, const char *form, ...) G_GNUC_PRINTF (2, 3);
/* The exit code of an error of the engine's. @loading: it came while a model was loaded. */
CwExit             cw_command_exit_code (const GError *error, gboolean loading);
/* Parses; FALSE when the command is to return *@code at once: the usage error was said, as JSON where --json stands beside it. A command
 * without G_OPTION_REMAINING takes no arguments. */
gboolean           cw_command_parse (GOptionContext *context, int *argc, char ***argv, int *code);
/* Prints @object, one line of JSON, to stdout, and releases it. */
struct json_t;
void               cw_command_print_json (struct json_t *object);
/* "mono", "stereo", "8 channels". g_free. */
char              *cw_command_say_channels (guint n_channels);

/* An engine with one model. */
typedef struct {
  cw_engine    *engine;
  cw_model     *model;
  CwModelPlace *place;
  double        load_s; /* what loading the model took */
} CwLoaded;

#define CW_COMMAND_PRECISION_HELP N_ ("auto (default), f32 (exact), bf16, f16, int8 (1 of 600 tokens differs) or int4 (1 of 180)")

/* How it is to run; all may be left out. */
typedef struct {
  const char *precision; /* NULL: auto */
  const char *device;    /* NULL: auto; see cw_engine_options.backend */
  const char *vram;      /* "6G"; NULL: what is free */
  int         n_threads; /* 0: one a core */
} CwHow;

#define CW_COMMAND_DEVICE_HELP N_ ("auto (default), cpu, cuda, or cuda:1 for the second card")
#define CW_COMMAND_VRAM_HELP   N_ ("The card's memory that may be used, like 6G or 800M (default: what is free)")

/* NULL @which: the starter. NULL @how: the defaults. FALSE with @error; *@code is then the exit code. */
gboolean           cw_command_load (CwLoaded *loaded, const char *which, const CwHow *how, CwExit *code, GError **error);
void               cw_command_unload (CwLoaded *loaded);

/* From here on Ctrl-C (and SIGTERM) sets the flag that is returned; a second Ctrl-C ends the process. */
const atomic_bool *cw_command_catch_interrupt (void);
