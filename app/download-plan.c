/* SPDX-License-Identifier: MIT
 *
 * download-plan.c: the hub's list of a repository's files, of which those are taken that a model needs, and a HEAD for each of them.
 *
 *   GET  /api/models/REPO[/revision/REV]     siblings[].rfilename, sha, cardData.license
 *   HEAD /REPO/resolve/REV/FILE              X-Linked-ETag or ETag, X-Linked-Size or Content-Length, X-Repo-Commit
 *
 * A mirror without the list is asked for the known names one by one. Names that are taken are known ones, or shards by their pattern:
 * what else a server lists is never looked at, so no name can lead out of the folder.
 */
#include "download-plan.h"

#include <glib/gi18n.h>
#include <jansson.h>
#include <string.h>

#include "retry.h"

#define LIST_MAX_BYTES (8 << 20)
#define MAX_SHARDS     999

#define INDEX_NAME "model.safetensors.index.json"

static const char *const huggingface_small[] = {
  "config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
  "README.md",   "LICENSE",                NULL,
};
static const char *const audiocraft_small[] = { "README.md", "LICENSE", NULL };

static void
plan_file_free (gpointer data)
{
  CwPlanFile *file = data;

  g_free (file->name);
  g_free (file->sha256);
  g_free (file);
}

void
cw_plan_free (CwPlan *plan)
{
  if (!plan)
    return;
  g_free (plan->repo);
  g_free (plan->revision);
  g_free (plan->commit);
  g_free (plan->licence);
  g_ptr_array_unref (plan->files);
  g_free (plan);
}

gint64
cw_plan_get_n_bytes (const CwPlan *plan)
{
  gint64 sum = 0;

  for (guint i = 0; i < plan->files->len; i++)
    sum += MAX (((const CwPlanFile *) g_ptr_array_index (plan->files, i))->size, 0);
  return sum;
}

gboolean
cw_repo_is_valid (const char *repo)
{
  return g_regex_match_simple ("^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})?$", repo, G_REGEX_DOLLAR_ENDONLY, 0) &&
         !strstr (repo, "..");
}

char *
cw_plan_get_path (const CwPlan *plan, const char *name)
{
  g_autofree char *revision = g_uri_escape_string (plan->revision, NULL, FALSE), *file = g_uri_escape_string (name, NULL, FALSE);

  return g_strdup_printf ("/%s/resolve/%s/%s", plan->repo, revision, file);
}

/* ---- the list -------------------------------------------------------------------------------------------------------- */

/* Reads a small answer whole. */
static GBytes *
read_all (CwHub *hub, CwHubReply *reply, const char *what, GCancellable *cancellable, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree guchar     *piece = g_malloc (1 << 16);
  CwHubPace              pace = { 0 };
  gssize                 n;

  do {
    GError *problem = NULL;

    if ((n = g_input_stream_read (reply->body, piece, 1 << 16, cancellable, &problem)) < 0) {
      cw_hub_take_read_error (hub, what, problem, error);
      return NULL;
    }
    g_byte_array_append (bytes, piece, (guint) n);
    if (!cw_hub_keeps_pace (hub, &pace, n, what, error))
      return NULL;
  } while (n > 0 && bytes->len <= LIST_MAX_BYTES);
  if (n > 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: the answer is longer than %d MiB, which no such list is."), what,
                 LIST_MAX_BYTES >> 20);
    return NULL;
  }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

/* Asks for JSON, again where that may help. A new reference, or NULL. */
static json_t *
ask_json (CwHub *hub, const char *path, const char *what, GCancellable *cancellable, GError **error)
{
  const CwHubQuery query = { .path = path, .what = what };
  CwRetry          retry = { 0 };

  for (;;) {
    g_autoptr (GBytes) bytes = NULL;
    CwHubReply         reply;
    GError            *problem = NULL;
    double             retry_after_s;

    if (cw_hub_ask (hub, &query, &reply, cancellable, &problem))
      bytes = read_all (hub, &reply, what, cancellable, &problem);
    retry_after_s = reply.retry_after_s;
    cw_hub_reply_clear (&reply);
    if (bytes) {
      json_t *json = json_loadb (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), 0, NULL);

      if (!json)
        g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: the server at %s answered with something else than JSON, so it is no hub."),
                     what, cw_hub_get_endpoint (hub));
      return json;
    }
    if (!cw_retry_wait (&retry, problem, retry_after_s, cancellable)) {
      g_propagate_error (error, problem);
      return NULL;
    }
    g_error_free (problem);
  }
}

/* `license` of the model card, or a tag "license:…". */
static char *
licence_of_list (const json_t *list)
{
  const char   *licence = json_string_value (json_object_get (json_object_get (list, "cardData"), "license"));
  const json_t *tags = json_object_get (list, "tags");

  for (size_t i = 0; !licence && i < json_array_size (tags); i++) {
    const char *tag = json_string_value (json_array_get (tags, i));

    if (tag && g_str_has_prefix (tag, "license:"))
      licence = tag + strlen ("license:");
  }
  return licence && *licence && strlen (licence) < 64 ? g_strdup (licence) : NULL;
}

/* The set of names in the repository's root; NULL with no @error when the server has no such list. */
static GHashTable *
ask_list (CwHub *hub, CwPlan *plan, GCancellable *cancellable, GError **error)
{
  const gboolean     main_branch = strcmp (plan->revision, "main") == 0;
  g_autofree char   *revision = g_uri_escape_string (plan->revision, NULL, FALSE);
  g_autofree char   *path = g_strdup_printf ("/api/models/%s%s%s", plan->repo, main_branch ? "" : "/revision/", main_branch ? "" : revision);
  g_autoptr (GError) problem = NULL;
  json_t            *list = ask_json (hub, path, plan->repo, cancellable, &problem), *siblings = json_object_get (list, "siblings"), *value;
  GHashTable        *names = NULL;
  size_t             i;

  if (!list && !g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_MISSING)) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  if (json_is_array (siblings))
    names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  json_array_foreach (siblings, i, value) {
    const char *name = json_string_value (json_object_get (value, "rfilename"));

    if (name)
      g_hash_table_add (names, g_strdup (name));
  }
  plan->licence = licence_of_list (list);
  json_decref (list);
  return names;
}

/* ---- the files ------------------------------------------------------------------------------------------------------- */

typedef enum { FILE_HERE, FILE_MISSING, FILE_FAILED } Found;

static gboolean
take_commit (CwPlan *plan, const char *commit, GError **error)
{
  if (commit && plan->commit && strcmp (commit, plan->commit) != 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: the repository changed while it was looked at. Try again."), plan->repo);
    return FALSE;
  }
  if (commit && !plan->commit)
    plan->commit = g_strdup (commit);
  return TRUE;
}

static void
add_file (CwPlan *plan, const char *name, gint64 size, const char *sha256)
{
  CwPlanFile *file = g_new (CwPlanFile, 1);

  *file = (CwPlanFile){ g_strdup (name), size, g_strdup (sha256) };
  g_ptr_array_add (plan->files, file);
}

/* HEAD of @name; adds it to the plan when it is there. @listed: the hub's list has it. */
static Found
look_at (CwHub *hub, CwPlan *plan, const char *name, gboolean listed, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = cw_plan_get_path (plan, name), *what = g_strdup_printf ("%s, %s", plan->repo, name);
  const CwHubQuery query = { .path = path, .what = what, .head = TRUE };
  CwRetry          retry = { 0 };
  CwHubReply       reply;
  GError          *problem = NULL;

  while (!cw_hub_ask (hub, &query, &reply, cancellable, &problem)) {
    const double retry_after_s = reply.retry_after_s;

    cw_hub_reply_clear (&reply);
    if (!cw_retry_wait (&retry, problem, retry_after_s, cancellable)) {
      const Found found = g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_MISSING) ? FILE_MISSING : FILE_FAILED;

      if (listed && g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_METHOD)) { /* what the file is like, its GET will say */
        g_error_free (problem);
        add_file (plan, name, -1, NULL);
        return FILE_HERE;
      }
      g_propagate_error (error, problem);
      return found;
    }
    g_clear_error (&problem);
  }
  if (take_commit (plan, reply.commit, &problem))
    add_file (plan, name, reply.size, reply.sha256);
  cw_hub_reply_clear (&reply);
  if (problem)
    g_propagate_error (error, problem);
  return problem ? FILE_FAILED : FILE_HERE;
}

/* Takes @name; when it is not there, that is an error only if @needed. */
static gboolean
take (CwHub *hub, CwPlan *plan, GHashTable *listed, const char *name, gboolean needed, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) problem = NULL;
  Found              found = FILE_MISSING;

  if (listed && !g_hash_table_contains (listed, name)) {
    if (needed)
      g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_MISSING, _ ("%s has no %s, so it is no model that this program can load."), plan->repo, name);
    return !needed;
  }
  found = look_at (hub, plan, name, listed != NULL, cancellable, &problem);
  if (found == FILE_HERE || (found == FILE_MISSING && !needed && !listed))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
is_shard (const char *name)
{
  return g_regex_match_simple ("^model-[0-9]{5}-of-[0-9]{5}\\.safetensors$", name, G_REGEX_DOLLAR_ENDONLY, 0);
}

/* The shards that the index names. */
static gboolean
take_shards (CwHub *hub, CwPlan *plan, GHashTable *listed, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = cw_plan_get_path (plan, INDEX_NAME), *what = g_strdup_printf ("%s, %s", plan->repo, INDEX_NAME);
  g_autoptr (GHashTable) shards = g_hash_table_new (g_str_hash, g_str_equal);
  json_t     *index = ask_json (hub, path, what, cancellable, error), *value;
  gboolean    good = index != NULL;
  const char *key;

  json_object_foreach (json_object_get (index, "weight_map"), key, value) {
    const char *shard = json_string_value (value);

    if (!good || !shard || g_hash_table_contains (shards, shard))
      continue;
    g_hash_table_add (shards, (gpointer) shard);
    if (!is_shard (shard) || g_hash_table_size (shards) > MAX_SHARDS) {
      g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s names files that are no shards of a model."), plan->repo, INDEX_NAME);
      good = FALSE;
    } else {
      good = take (hub, plan, listed, shard, TRUE, cancellable, error);
    }
  }
  if (good && g_hash_table_size (shards) == 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s names no shards."), plan->repo, INDEX_NAME);
    good = FALSE;
  }
  json_decref (index);
  return good;
}

static gboolean
take_huggingface (CwHub *hub, CwPlan *plan, GHashTable *listed, GCancellable *cancellable, GError **error)
{
  const guint n_before = plan->files->len;
  guint       n_found;

  for (guint i = 0; huggingface_small[i]; i++)
    if (!take (hub, plan, listed, huggingface_small[i], i == 0, cancellable, error))
      return FALSE;
  n_found = plan->files->len;
  g_assert (n_found > n_before);
  if (!take (hub, plan, listed, "model.safetensors", FALSE, cancellable, error))
    return FALSE;
  if (plan->files->len > n_found)
    return TRUE;
  if (!take (hub, plan, listed, INDEX_NAME, FALSE, cancellable, error))
    return FALSE;
  if (plan->files->len == n_found) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_MISSING, _ ("%s has no weights in the safetensors format, which are the ones this program loads."),
                 plan->repo);
    return FALSE;
  }
  return take_shards (hub, plan, listed, cancellable, error);
}

static gboolean
take_audiocraft (CwHub *hub, CwPlan *plan, GHashTable *listed, GCancellable *cancellable, GError **error)
{
  if (!take (hub, plan, listed, "state_dict.bin", TRUE, cancellable, error) ||
      !take (hub, plan, listed, "compression_state_dict.bin", TRUE, cancellable, error))
    return FALSE;
  for (guint i = 0; audiocraft_small[i]; i++)
    if (!take (hub, plan, listed, audiocraft_small[i], FALSE, cancellable, error))
      return FALSE;
  return TRUE;
}

/* A repository that the catalogue does not know: by what it holds. */
static CwModelFormat
guess_format (GHashTable *listed)
{
  return listed && !g_hash_table_contains (listed, "config.json") && g_hash_table_contains (listed, "state_dict.bin") ? CW_FORMAT_AUDIOCRAFT
                                                                                                                      : CW_FORMAT_HUGGINGFACE;
}

CwPlan *
cw_plan_new (CwHub *hub, const char *repo, const char *revision, const CwCatalogueEntry *entry, GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) listed = NULL;
  g_autoptr (CwPlan)     plan = g_new0 (CwPlan, 1);
  g_autoptr (GError)     problem = NULL;
  gboolean               taken;

  plan->repo = g_strdup (repo);
  plan->revision = g_strdup (revision ? revision : "main");
  plan->files = g_ptr_array_new_with_free_func (plan_file_free);
  if (!cw_repo_is_valid (repo)) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("“%s” is no name of a repository; they look like facebook/musicgen-small."), repo);
    return NULL;
  }
  listed = ask_list (hub, plan, cancellable, &problem);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  plan->format = entry ? entry->format : guess_format (listed);
  taken = plan->format == CW_FORMAT_HUGGINGFACE ? take_huggingface (hub, plan, listed, cancellable, &problem)
                                                : take_audiocraft (hub, plan, listed, cancellable, &problem);
  if (!taken && !listed && plan->files->len == 0 && g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_MISSING)) {
    g_clear_error (&problem);
    g_set_error (&problem, CW_HUB_ERROR, CW_HUB_ERROR_MISSING, _ ("The hub at %s has no model “%s”, or it is a private one that needs a token."),
                 cw_hub_get_endpoint (hub), repo);
  }
  if (problem)
    g_propagate_error (error, g_steal_pointer (&problem));
  return taken ? g_steal_pointer (&plan) : NULL;
}
