/* SPDX-License-Identifier: MIT
 *
 * main.c: the program: a command, or the window. The only place where engine, app and ui meet.
 */
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "clipwright-config.h"
#include "commands/commands.h"
#include "ui.h"

static const struct {
  const char *name;
  int (*run) (int argc, char **argv);
  const char *summary;
} commands[] = {
  { "generate", cw_command_generate, N_ ("make a clip from a prompt") },
  { "encode", cw_command_encode, N_ ("turn a sound file into the codec's codes") },
  { "decode", cw_command_decode, N_ ("turn codes back into sound") },
  { "analyze", cw_command_analyze, N_ ("measure sound, and compare two") },
  { "models", cw_command_models, N_ ("list, get, check, remove models") },
  { "bench", cw_command_bench, N_ ("measure how fast a model runs here") },
  { "doctor", cw_command_doctor, N_ ("say what works on this machine") },
};

static void
say_help (void)
{
  g_print (_ ("Clipwright makes clips of sound from a description in words, on this machine.\n\n"));
  g_print (_ ("  clipwright [FILE…]            open the window, with the clips in these files\n"));
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  clipwright %-18s %s\n", commands[i].name, _ (commands[i].summary));
  g_print (_ ("\n“clipwright COMMAND --help” says more of each.\n"));
}

/* An option among the window's arguments that it does not have, or NULL. GApplication's own are for the desktop that starts it. */
static const char *
find_unknown_option (char **argv)
{
  for (char **word = argv + 1; *word && strcmp (*word, "--") != 0; word++)
    if ((*word)[0] == '-' && (*word)[1] && !g_str_has_prefix (*word, "--gapplication-"))
      return *word;
  return NULL;
}

int
main (int argc, char **argv)
{
  const char *locale_folder = g_getenv ("CLIPWRIGHT_LOCALE_DIR"); /* a translation can be tried before it is installed */

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C"); /* numbers in commands and files have points everywhere */
  bindtextdomain ("clipwright", locale_folder && *locale_folder ? locale_folder : CLIPWRIGHT_LOCALE_DIR);
  bind_textdomain_codeset ("clipwright", "UTF-8");
  textdomain ("clipwright");
  signal (SIGXFSZ, SIG_IGN); /* a file at its size limit is an error of the write, not the end of the program */
  g_set_prgname ("clipwright");

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  if (argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)) {
    say_help ();
    return CW_EXIT_DONE;
  }
  if (argc > 1 && strcmp (argv[1], "--version") == 0) {
    g_print ("Clipwright %s\n", CLIPWRIGHT_VERSION);
    return CW_EXIT_DONE;
  }
  if (find_unknown_option (argv)) {
    g_printerr (_ ("clipwright: there is no option “%s”. Try “clipwright --help”.\n"), find_unknown_option (argv));
    return CW_EXIT_USAGE;
  }
  if (argc < 2 || argv[1][0] == '-' || g_file_test (argv[1], G_FILE_TEST_EXISTS))
    return cw_ui_run (argc, argv);
  g_printerr (_ ("clipwright: there is no command and no file “%s”.\n"), argv[1]);
  say_help ();
  return CW_EXIT_USAGE;
}
