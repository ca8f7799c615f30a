/* SPDX-License-Identifier: MIT
 *
 * models-get.c: clipwright models get NAME: a model of the catalogue, or any repository of the hub, with what it needs beside it.
 */
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "download.h"
#include "hub.h"
#include "model-folder.h"

typedef struct {
  char    *name, *revision;
  char   **accepted; /* ids of licences */
  int      n_at_once;
  gboolean json, quiet;
  char   **rest;
} Options;

typedef struct {
  const Options     *options;
  const char        *repo;
  const char        *agreed; /* id of the licence that was agreed to already, or NULL */
  gboolean           covered; /* comes with a model whose licence was agreed to, and has a free one */
  gboolean           locked_said, line_shown;
  const atomic_bool *interrupted;
  GCancellable      *cancellable;
  GThread           *watch;
  gint               done; /* atomic */
} Get;

/* ---- the licence ----------------------------------------------------------------------------------------------------- */

#define UNKNOWN_LICENCE "unknown" /* what --accept-licence takes where none is stated */

static void
show_licence (const char *repo, const char *id)
{
  const CwCatalogue *catalogue = cw_catalogue_get (NULL);
  const CwLicence   *licence = catalogue ? cw_catalogue_find_licence (catalogue, id) : NULL;

  if (licence)
    g_printerr (_ ("%s is under the licence %s: %s\n%s\n"), repo, licence->title, licence->summary, licence->url);
  else if (id)
    g_printerr (_ ("%s is under the licence “%s”; read it on the model's page.\n"), repo, id);
  else
    g_printerr (_ ("No licence of %s is stated here; read its model card before you use it.\n"), repo);
}

static gboolean
is_accepted (const Options *options, const char *id)
{
  for (guint i = 0; options->accepted && options->accepted[i]; i++)
    if (g_ascii_strcasecmp (options->accepted[i], id ? id : UNKNOWN_LICENCE) == 0)
      return TRUE;
  return FALSE;
}

/* Shows the licence, and asks where nothing was said on the command line and a person is there. */
static gboolean
agree_to (const Options *options, const char *repo, const char *id)
{
  char answer[16] = "";

  if (is_accepted (options, id)) {
    if (!options->quiet)
      show_licence (repo, id);
    return TRUE;
  }
  show_licence (repo, id);
  if (isatty (STDIN_FILENO)) {
    g_printerr (_ ("Do you agree to it? [y/N] "));
    if (fgets (answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
      return TRUE;
  }
  g_printerr (_ ("To agree to it without being asked: --accept-licence %s\n"), id ? id : UNKNOWN_LICENCE);
  return FALSE;
}

/* The hub has said which licence it is. Most often that is the one of the catalogue, which was agreed to before. */
static gboolean
on_agree (const char *licence, gint64 n_bytes, gpointer data)
{
  Get             *get = data;
  g_autofree char *size = g_format_size ((guint64) n_bytes);
  const gboolean   agreed = (get->agreed && licence && g_ascii_strcasecmp (get->agreed, licence) == 0) || (get->covered && cw_licence_is_free (licence)) ||
                          agree_to (get->options, get->repo, licence);

  if (agreed && !get->options->quiet)
    g_printerr (_ ("%s: %s to download\n"), get->repo, size);
  return agreed;
}

/* ---- how far it is --------------------------------------------------------------------------------------------------- */

static void
on_progress (const CwDownloadProgress *progress, gpointer data)
{
  Get             *get = data;
  g_autofree char *here = g_format_size ((guint64) MAX (progress->n_bytes, 0)), *total = g_format_size ((guint64) progress->n_bytes_total);
  g_autofree char *rate = g_format_size ((guint64) progress->bytes_per_s);

  if (progress->stage == CW_DOWNLOAD_STAGE_LOCKED && !get->locked_said) {
    get->locked_said = TRUE;
    if (!get->options->quiet)
      g_printerr (_ ("Another Clipwright downloads %s; waiting for it.\n"), get->repo);
  }
  if (progress->stage != CW_DOWNLOAD_STAGE_LOADING || get->options->quiet || !isatty (STDERR_FILENO))
    return;
  get->line_shown = TRUE;
  g_printerr (_ ("\r\033[K%3.0f %%  %s of %s, %u of %u files, %s/s"),
              progress->n_bytes_total ? 100.0 * (double) progress->n_bytes / (double) progress->n_bytes_total : 0.0, here, total,
              progress->n_files, progress->n_files_total, rate);
  if (progress->remaining_s >= 0.0)
    g_printerr (_ (", %.0f s left"), progress->remaining_s);
}

/* Ctrl-C must end what waits for a silent server, too. */
static gpointer
watch_interrupt (gpointer data)
{
  Get *get = data;

  while (!g_atomic_int_get (&get->done)) {
    if (atomic_load (get->interrupted))
      g_cancellable_cancel (get->cancellable);
    g_usleep (G_USEC_PER_SEC / 20);
  }
  return NULL;
}

/* ---- one model ------------------------------------------------------------------------------------------------------- */

static CwExit
exit_code_of (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return CW_EXIT_STOPPED;
  if (g_error_matches (error, CW_DOWNLOAD_ERROR, CW_DOWNLOAD_ERROR_LICENCE))
    return CW_EXIT_USAGE;
  return g_error_matches (error, CW_HUB_ERROR, CW_HUB_ERROR_MISSING) ? CW_EXIT_MODEL : CW_EXIT_FAILED;
}

/* Appends to @results what it got. */
static CwExit
get_one (const Options *options, const char *repo, const char *name, const CwCatalogueEntry *entry, const char *agreed, gboolean covered,
         json_t *results, GError **error)
{
  Get             get = { .options = options, .repo = repo, .agreed = agreed, .covered = covered, .interrupted = cw_command_catch_interrupt (),
                          .cancellable = g_cancellable_new () };
  CwDownloadOrder order = { repo, options->revision, name, entry, (guint) MAX (options->n_at_once, 0), on_agree, on_progress, &get };
  const gint64    began = g_get_monotonic_time ();
  g_autofree char *models = cw_models_get_folder (), *folder = g_build_filename (models, name, NULL), *size = NULL;
  gint64          n_bytes;
  gboolean        good;

  if (covered)
    order.revision = NULL; /* it is the main model's */
  get.watch = g_thread_new ("watch", watch_interrupt, &get);
  good = cw_download_run (&order, &n_bytes, get.cancellable, error);
  g_atomic_int_set (&get.done, 1);
  g_thread_join (get.watch);
  g_object_unref (get.cancellable);
  if (get.line_shown)
    g_printerr ("\r\033[K");
  if (!good) {
    const CwExit code = exit_code_of (*error);

    if (code == CW_EXIT_STOPPED) {
      g_clear_error (error);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("Stopped. What came of %s is kept; getting it again goes on from there."), repo);
    }
    return code;
  }
  size = g_format_size ((guint64) n_bytes);
  json_array_append_new (results, json_pack ("{s:s, s:s, s:s, s:I, s:f}", "name", name, "repo", repo, "folder", folder, "bytes_downloaded",
                                             (json_int_t) n_bytes, "took_s", (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC));
  if (!options->json && !options->quiet && n_bytes > 0)
    g_print (_ ("%s is here, checked: %s in %.1f s\n"), name, size, (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC);
  else if (!options->json && !options->quiet)
    g_print (_ ("%s is here already, and whole\n"), name);
  return CW_EXIT_DONE;
}

static CwExit
run (const Options *options, GError **error)
{
  const CwCatalogue      *catalogue = cw_catalogue_get (error);
  const CwCatalogueEntry *entry = catalogue ? cw_catalogue_find (catalogue, options->rest[0]) : NULL;
  const char             *repo = entry ? entry->repo : options->rest[0], *slash = strrchr (repo, '/');
  const char             *name = options->name ? options->name : entry ? entry->id : slash ? slash + 1 : repo;
  json_t                 *results;
  CwExit                  code = CW_EXIT_DONE;

  if (!catalogue)
    return CW_EXIT_FAILED;
  if (!entry && !slash) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no model “%s” in the catalogue (“clipwright models list”). Others of the hub are named like owner/model."), repo);
    return CW_EXIT_MODEL;
  }
  if (!cw_model_name_is_valid (name)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME, _ ("A model cannot be named “%s”; choose letters and digits with --as."), name);
    return CW_EXIT_USAGE;
  }
  if (entry && entry->not_yet && !options->quiet)
    g_printerr (_ ("%s can be downloaded, but this version cannot run it. %s\n"), entry->title, entry->not_yet);
  if (entry && entry->licence && !agree_to (options, repo, entry->licence)) {
    g_set_error (error, CW_DOWNLOAD_ERROR, CW_DOWNLOAD_ERROR_LICENCE, _ ("The licence of %s, %s, was not agreed to, so nothing was downloaded."),
                 repo, cw_licence_title (entry->licence));
    return CW_EXIT_USAGE;
  }
  results = json_array ();
  for (guint i = 0; entry && entry->needs[i] && code == CW_EXIT_DONE; i++) {
    const CwCatalogueEntry *needed = cw_catalogue_find (catalogue, entry->needs[i]);

    if (needed)
      code = get_one (options, needed->repo, needed->id, needed, NULL, TRUE, results, error);
  }
  if (code == CW_EXIT_DONE)
    code = get_one (options, repo, name, entry, entry ? entry->licence : NULL, FALSE, results, error);
  if (code == CW_EXIT_DONE && options->json)
    cw_command_print_json (json_pack ("{s:O}", "models", results));
  json_decref (results);
  return code;
}

int
cw_command_models_get (int argc, char **argv)
{
  Options            options = { 0 };
  const GOptionEntry entries[] = {
    { "accept-licence", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.accepted, N_ ("Agree to this licence, like cc-by-nc-4.0; may be repeated"), N_ ("ID") },
    { "as", 0, 0, G_OPTION_ARG_STRING, &options.name, N_ ("Name that it gets on this machine"), N_ ("NAME") },
    { "revision", 0, 0, G_OPTION_ARG_STRING, &options.revision, N_ ("Branch, tag or commit (default: main)"), N_ ("REV") },
    { "jobs", 'j', 0, G_OPTION_ARG_INT, &options.n_at_once, N_ ("Files at once, 1 to 8 (default: 3)"), "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print the result as one JSON object"), NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, N_ ("Print nothing but errors"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.rest, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("NAME|OWNER/MODEL"));
  GError *error = NULL;
  int     result;

  g_option_context_set_summary (context, _ (
    "Downloads a model, after its licence was agreed to. What was cut off or stopped goes on where it\n"
    "was; every file is compared with the hash that the hub states. HF_ENDPOINT names a mirror, HF_TOKEN\n"
    "a token, HF_HUB_OFFLINE=1 forbids any request."));
  g_option_context_add_main_entries (context, entries, NULL);
  if (cw_command_parse (context, &argc, &argv, &result)) {
    if (!options.rest || !options.rest[0] || options.rest[1]) {
      result = cw_command_refuse (options.json, _ ("Name one model; “clipwright models list” shows them."));
    } else if (options.n_at_once < 0 || options.n_at_once > 8) {
      result = cw_command_refuse (options.json, _ ("--jobs is %d; 1 to 8 were expected."), options.n_at_once);
    } else {
      const CwExit code = run (&options, &error);

      result = error ? cw_command_fail (options.json, code, error) : (int) code;
    }
  }
  g_free (options.name);
  g_free (options.revision);
  g_strfreev (options.accepted);
  g_strfreev (options.rest);
  return result;
}
