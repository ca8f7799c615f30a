/* SPDX-License-Identifier: MIT
 *
 * models.c: clipwright models: what there is, what is here, and what becomes of it. Getting is in models-get.c.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "hub-token.h"
#include "hub.h"
#include "model-folder.h"
#include "model-trash.h"
#include "model-pins.h"
#include "model-records.h"

typedef struct {
  gboolean json, quiet, yes, link, here, forget;
  char    *name;
  char   **rest;
} Options;

/* ---- list and info --------------------------------------------------------------------------------------------------- */

static json_t *
string_or_null (const char *text)
{
  json_t *string = text ? json_string (text) : NULL;

  return string ? string : json_null ();
}

static json_t *
record_json (const CwModelRecord *record)
{
  const CwCatalogueEntry *entry = record->entry;
  json_t                 *object = json_object (), *memory = json_object (), *needs = json_array ();

  json_object_set_new (object, "name", json_string (record->name));
  json_object_set_new (object, "title", json_string (cw_model_record_get_title (record)));
  json_object_set_new (object, "state", json_string (cw_model_state_name (record->state)));
  json_object_set_new (object, "folder", string_or_null (record->folder));
  json_object_set_new (object, "bytes_on_disk", json_integer (record->n_bytes));
  json_object_set_new (object, "repo", string_or_null (record->repo));
  json_object_set_new (object, "licence", string_or_null (record->licence));
  json_object_set_new (object, "rate_hz", record->rate_hz ? json_integer (record->rate_hz) : json_null ());
  json_object_set_new (object, "channels", record->n_channels ? json_integer (record->n_channels) : json_null ());
  json_object_set_new (object, "non_commercial", json_boolean (cw_licence_is_non_commercial (record->licence)));
  if (entry) {
    static const char *const kinds[] = { "music", "effects", "codec", "text-encoder" };

    for (cw_precision p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++)
      if (cw_catalogue_memory (entry, p))
        json_object_set_new (memory, cw_precision_name (p), json_integer ((json_int_t) cw_catalogue_memory (entry, p)));
    for (guint i = 0; entry->needs[i]; i++)
      json_array_append_new (needs, json_string (entry->needs[i]));
    json_object_set_new (object, "what", json_string (entry->what));
    json_object_set_new (object, "kind", json_string (kinds[entry->kind]));
    json_object_set_new (object, "format", json_string (entry->format == CW_FORMAT_HUGGINGFACE ? "huggingface" : "audiocraft"));
    json_object_set_new (object, "window_s", entry->window_s > 0.0 ? json_real (entry->window_s) : json_null ());
    json_object_set_new (object, "download_bytes", entry->download_bytes >= 0 ? json_integer (entry->download_bytes) : json_null ());
    json_object_set_new (object, "not_yet", string_or_null (entry->not_yet));
  }
  json_object_set_new (object, "memory_bytes", memory);
  json_object_set_new (object, "needs", needs);
  return object;
}

static const char *
say_state (CwModelState state)
{
  switch (state) {
  case CW_MODEL_STARTER: return _ ("starter");
  case CW_MODEL_INSTALLED: return _ ("here");
  case CW_MODEL_PARTIAL: return _ ("partly");
  case CW_MODEL_AVAILABLE: return "-";
  case CW_MODEL_NOT_YET: return _ ("not yet");
  }
  return "-";
}

static CwExit
run_list (const Options *options, GError **error)
{
  g_autoptr (GPtrArray) records = cw_model_records_list (error);
  json_t *array = json_array ();

  for (guint i = 0; records && i < records->len; i++) {
    const CwModelRecord    *record = g_ptr_array_index (records, i);
    const CwCatalogueEntry *entry = record->entry;
    g_autofree char        *channels = cw_command_say_channels (record->n_channels);
    const guint64           memory = entry ? cw_catalogue_memory (entry, CW_PRECISION_INT8) : 0;
    g_autofree char        *disk = record->n_bytes ? g_format_size ((guint64) record->n_bytes) : g_strdup ("-");
    g_autofree char        *sound = record->rate_hz ? g_strdup_printf (_ ("%g kHz %s"), record->rate_hz / 1000.0, channels) : g_strdup ("-");
    g_autofree char        *needs = memory ? g_strdup_printf ("%.1f GB", (double) memory / 1e9) : g_strdup ("-");

    if (options->here && !record->n_bytes)
      continue;
    json_array_append_new (array, record_json (record));
    if (options->json)
      continue;
    if (json_array_size (array) == 1)
      g_print ("%-32s %-8s %10s  %-14s %8s  %s\n", _ ("NAME"), _ ("STATE"), _ ("ON DISK"), _ ("SOUND"), _ ("MEMORY"), _ ("LICENCE"));
    g_print ("%-32s %-8s %10s  %-14s %8s  %s\n", record->name, say_state (record->state), disk, sound, needs,
             record->licence ? cw_licence_title (record->licence) : _ ("see the model card"));
  }
  if (records && options->json)
    cw_command_print_json (json_pack ("{s:O}", "models", array));
  else if (records && !options->here)
    g_print (_ ("\nMEMORY is what weights and caches take in int8, at least. “clipwright models info NAME” says more, “get NAME” downloads.\n"));
  json_decref (array);
  return records ? CW_EXIT_DONE : CW_EXIT_FAILED;
}

static void
say_info (const CwModelRecord *record)
{
  const CwCatalogueEntry *entry = record->entry;
  const CwCatalogue      *catalogue = cw_catalogue_get (NULL);
  const CwLicence        *licence = catalogue ? cw_catalogue_find_licence (catalogue, record->licence) : NULL;
  g_autofree char        *disk = g_format_size ((guint64) record->n_bytes), *channels = cw_command_say_channels (record->n_channels);

  g_print ("%s\n", cw_model_record_get_title (record));
  if (entry)
    g_print ("%s\n", entry->what);
  g_print (_ ("\nName      %s (%s)\n"), record->name, cw_model_state_name (record->state));
  if (record->folder)
    g_print (_ ("Folder    %s, %s\n"), record->folder, disk);
  else if (record->n_bytes)
    g_print (_ ("Partly    %s of it are here; getting it again goes on from there\n"), disk);
  if (record->repo)
    g_print (_ ("Hub       %s\n"), record->repo);
  if (licence)
    g_print (_ ("Licence   %s: %s\n          %s\n"), licence->title, licence->summary, licence->url);
  else
    g_print (_ ("Licence   %s\n"), record->licence ? record->licence : _ ("not known here: see the model card"));
  if (record->rate_hz)
    g_print (_ ("Sound     %u Hz, %s\n"), record->rate_hz, channels);
  if (entry && entry->window_s > 0.0)
    g_print (_ ("Window    %g s\n"), entry->window_s);
  for (cw_precision p = CW_PRECISION_F32; entry && p < CW_N_PRECISIONS; p++)
    if (cw_catalogue_memory (entry, p))
      g_print (_ ("%s%-5s at least %.2f GB\n"), p == CW_PRECISION_F32 ? _ ("Memory    ") : "          ", cw_precision_name (p),
               (double) cw_catalogue_memory (entry, p) / 1e9);
  for (guint i = 0; entry && entry->needs[i]; i++)
    g_print (_ ("Needs     %s, which is got with it\n"), entry->needs[i]);
  if (entry && entry->not_yet)
    g_print (_ ("Not yet   %s\n"), entry->not_yet);
}

static CwExit
run_info (const Options *options, GError **error)
{
  g_autoptr (CwModelRecord) record = cw_model_records_find (options->rest[0], error);

  if (!record)
    return CW_EXIT_MODEL;
  if (options->json)
    cw_command_print_json (record_json (record));
  else
    say_info (record);
  return CW_EXIT_DONE;
}

/* ---- verify ---------------------------------------------------------------------------------------------------------- */

static const char *
say_pin (CwPinState state)
{
  switch (state) {
  case CW_PIN_RIGHT: return _ ("right");
  case CW_PIN_MISSING: return _ ("missing");
  case CW_PIN_WRONG_SIZE: return _ ("has another size");
  case CW_PIN_WRONG_HASH: return _ ("was changed");
  case CW_PIN_UNREADABLE: return _ ("cannot be read");
  }
  return "?";
}

static CwExit
run_verify (const Options *options, GError **error)
{
  g_autoptr (CwModelRecord) record = cw_model_records_find (options->rest[0], error);
  g_autoptr (CwPins)        pins = NULL;
  json_t                   *files = json_array ();
  guint                     n_wrong = 0;

  if (record && record->folder)
    pins = cw_pins_read (record->folder);
  if (record && !pins)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 record->folder ? _ ("“%s” was not downloaded or imported by Clipwright, so there is nothing to compare it with.")
                                : _ ("“%s” is not on this machine."), record->name);
  for (guint i = 0; pins && i < pins->files->len; i++) {
    const CwPinnedFile *file = g_ptr_array_index (pins->files, i);
    const CwPinState    state = cw_pins_check_file (file, record->folder, NULL, NULL, NULL);

    n_wrong += state != CW_PIN_RIGHT;
    json_array_append_new (files, json_pack ("{s:s, s:s, s:s, s:I}", "name", file->name, "state", cw_pin_state_name (state), "sha256",
                                             file->sha256, "size", (json_int_t) file->size));
    if (!options->json && !options->quiet)
      g_print ("%-40s %s\n", file->name, say_pin (state));
  }
  if (pins && options->json)
    cw_command_print_json (json_pack ("{s:s, s:b, s:s?, s:O}", "name", record->name, "right", n_wrong == 0, "commit", pins->commit, "files", files));
  else if (n_wrong > 0)
    g_printerr (ngettext ("clipwright: %u file of “%s” is not what it was. “clipwright models get” mends it.\n",
                          "clipwright: %u files of “%s” are not what they were. “clipwright models get” mends them.\n", n_wrong), n_wrong, record->name);
  json_decref (files);
  return !pins ? CW_EXIT_MODEL : n_wrong ? CW_EXIT_FAILED : CW_EXIT_DONE;
}

/* ---- remove and import ----------------------------------------------------------------------------------------------- */

static gboolean
ask_yes (const char *question)
{
  char answer[16] = "";

  if (!isatty (STDIN_FILENO))
    return FALSE;
  g_printerr ("%s [y/N] ", question);
  return fgets (answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static CwExit
run_remove (const Options *options, GError **error)
{
  g_autoptr (CwModelRecord) record = cw_model_records_find (options->rest[0], error);
  g_autofree char *models = cw_models_get_folder (), *size = NULL, *question = NULL, *parent = NULL;
  CwModelTrash    *trash;

  if (!record)
    return CW_EXIT_MODEL;
  parent = record->folder ? g_path_get_dirname (record->folder) : NULL;
  if (record->state == CW_MODEL_STARTER || (parent && strcmp (parent, models) != 0)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, _ ("“%s” lies outside %s, so it is not removed."), record->name, models);
    return CW_EXIT_FAILED;
  }
  size = g_format_size ((guint64) record->n_bytes);
  question = g_strdup_printf (_ ("Remove “%s” (%s)?"), record->name, size);
  if (record->n_bytes && !options->yes && !ask_yes (question)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("“%s” was not removed; --yes removes it without a question."), record->name);
    return CW_EXIT_USAGE;
  }
  if (!(trash = cw_model_trash_put (record->name, error)))
    return record->n_bytes ? CW_EXIT_FAILED : CW_EXIT_MODEL;
  if (!cw_model_trash_delete (trash, error))
    return CW_EXIT_FAILED;
  if (options->json)
    cw_command_print_json (json_pack ("{s:s, s:I}", "removed", record->name, "bytes", (json_int_t) record->n_bytes));
  else if (!options->quiet)
    g_print (_ ("“%s” was removed; %s are free again.\n"), record->name, size);
  return CW_EXIT_DONE;
}

static CwExit
run_import (const Options *options, GError **error)
{
  g_autofree char *folder = cw_model_folder_import (options->rest[0], options->name, options->link, NULL, error), *name = NULL;

  if (!folder)
    return CW_EXIT_MODEL;
  name = g_path_get_basename (folder);
  if (options->json)
    cw_command_print_json (json_pack ("{s:s, s:s, s:I}", "name", name, "folder", folder, "bytes", (json_int_t) cw_model_folder_get_n_bytes (folder)));
  else if (!options->quiet)
    g_print (_ ("“%s” is here now: clipwright generate PROMPT --model %s\n"), name, name);
  return CW_EXIT_DONE;
}

/* ---- token ----------------------------------------------------------------------------------------------------------- */

static CwExit
run_token (const Options *options, GError **error)
{
  g_autofree char *endpoint = cw_hub_default_endpoint ();
  char             line[600] = "", *shown = NULL;
  gboolean         stored;

  if (!options->forget) {
    if (isatty (STDIN_FILENO))
      shown = getpass (_ ("Token (it is not shown): ")); /* a file would keep it in plain text */
    else if (!fgets (line, sizeof line, stdin))
      line[0] = '\0';
    if (shown)
      g_strlcpy (line, shown, sizeof line);
    g_strstrip (line);
    if (!cw_hub_token_is_valid (line)) {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("That is no token; they are one word, like hf_…"));
      return CW_EXIT_USAGE;
    }
  }
  stored = cw_hub_token_store (endpoint, options->forget ? NULL : line, error);
  explicit_bzero (line, sizeof line);
  if (shown)
    explicit_bzero (shown, strlen (shown));
  if (stored && !options->quiet)
    g_print (options->forget ? _ ("The token for %s is forgotten.\n") : _ ("The token for %s is in the keyring.\n"), endpoint);
  return stored ? CW_EXIT_DONE : CW_EXIT_FAILED;
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  CwExit (*run) (const Options *options, GError **error);
  guint       n_arguments;
  const char *argument, *options, *summary;
} actions[] = {
  { "list", run_list, 0, "", "here", N_ ("Lists the models that are known, and which of them are here.") },
  { "info", run_info, 1, N_ ("NAME"), "", N_ ("Says what is known of a model: licence, sound, memory at each precision.") },
  { "verify", run_verify, 1, N_ ("NAME"), "", N_ ("Reads a model's files again and compares them with what was downloaded.") },
  { "remove", run_remove, 1, N_ ("NAME"), "yes", N_ ("Removes a model, or what was downloaded of it.") },
  { "import", run_import, 1, N_ ("FOLDER"), "as link", N_ ("Copies a folder with a model, a fine-tuned one say, to the others.") },
  { "token", run_token, 0, "", "forget", N_ ("Keeps the token for models that ask for one in the desktop's keyring.") },
};

#define N_SHARED_OPTIONS 3 /* the first of the entries below; the others belong to the actions that name them */

static int
run_action (guint which, int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { "here", 0, 0, G_OPTION_ARG_NONE, &options.here, N_ ("Only those that take room on this machine"), NULL },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &options.yes, N_ ("Remove it without a question"), NULL },
    { "as", 0, 0, G_OPTION_ARG_STRING, &options.name, N_ ("Another name for it"), N_ ("NAME") },
    { "link", 0, 0, G_OPTION_ARG_NONE, &options.link, N_ ("Link to the folder, copy nothing"), NULL },
    { "forget", 0, 0, G_OPTION_ARG_NONE, &options.forget, N_ ("Remove it from the keyring"), NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (*actions[which].argument ? _ (actions[which].argument) : NULL);
  g_auto (GStrv) own = g_strsplit (actions[which].options, " ", -1);
  GError        *error = NULL;
  int            result;

  g_option_context_set_summary (context, _ (actions[which].summary));
  for (guint i = 0; entries[i].long_name; i++)
    if (i < N_SHARED_OPTIONS || g_strv_contains ((const char *const *) own, entries[i].long_name))
      g_option_context_add_main_entries (context, (GOptionEntry[]){ entries[i], { .long_name = NULL } }, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if ((options.rest ? g_strv_length (options.rest) : 0) != actions[which].n_arguments) {
      result = cw_command_refuse (options.json, "%s", actions[which].n_arguments ? _ ("Give one argument; --help says which.")
                                                                                : _ ("This takes no argument."));
    } else {
      const CwExit code = actions[which].run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.name);
  g_strfreev (options.rest);
  return result;
}

int
cw_command_models (int argc, char **argv)
{
  const char      *action = argc > 1 ? argv[1] : "";
  g_autofree char *spoken = g_strconcat ("models ", action, NULL);

  if (argc > 1)
    argv[1] = spoken; /* what the action is called in its own --help */
  if (strcmp (action, "get") == 0)
    return cw_command_models_get (argc - 1, argv + 1);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (strcmp (action, actions[i].name) == 0)
      return run_action (i, argc - 1, argv + 1);
  if (*action && strcmp (action, "--help") != 0 && strcmp (action, "-h") != 0)
    g_printerr (_ ("clipwright: there is no “models %s”.\n"), action);
  g_print (_ ("  clipwright models %-16s %s\n"), "get NAME", _ ("Downloads a model, after its licence was agreed to."));
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++) {
    g_autofree char *usage = g_strdup_printf ("%s %s", actions[i].name, *actions[i].argument ? _ (actions[i].argument) : "");

    g_print (_ ("  clipwright models %-16s %s\n"), usage, _ (actions[i].summary));
  }
  return strcmp (action, "--help") == 0 || strcmp (action, "-h") == 0 ? CW_EXIT_DONE : CW_EXIT_USAGE;
}
