/* SPDX-License-Identifier: MIT
 *
 * download-file.c: see download-file.h.
 *
 *     NAME.part ──▶ length and SHA-256 as stated? ──▶ sync ──▶ NAME
 *
 * A part is gone on with when what the hub states of the file is what it stated when the part was begun, and the server confirms by
 * If-Range that it still sends the same bytes; the whole is hashed in any case. Where there is neither an ETag nor a hash to go by,
 * the file is begun anew.
 */
#include "download-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file-hash.h"
#include "retry.h"

#define PIECE_BYTES        (1 << 18)
#define PROGRESS_BYTES     (1 << 20) /* what counts as getting on between two failures */
#define SMALL_BYTES        (16 << 20) /* JSON up to this is looked at whole */

typedef struct {
  const CwFileFetch *fetch;
  CwPlanFile        *file;
  char              *path, *part, *note, *address, *what;
  char              *etag;   /* strong, of the part; NULL: none */
  gint64             n_here; /* bytes of the part */
  GChecksum         *hash;   /* of them */
  gboolean           resumed; /* some of the part is of an earlier run or answer */
} Fetch;

static void
fetch_clear (Fetch *f)
{
  g_free (f->path);
  g_free (f->part);
  g_free (f->note);
  g_free (f->address);
  g_free (f->what);
  g_free (f->etag);
  g_clear_pointer (&f->hash, g_checksum_free);
}

static void
tell (const Fetch *f, gint64 n_more)
{
  if (f->fetch->tell && n_more)
    f->fetch->tell (n_more, f->fetch->user);
}

static gboolean
fail_disk (const Fetch *f, int problem, GError **error)
{
  g_autofree char *shown = g_filename_display_name (f->path);

  if (problem == ENOSPC || problem == EDQUOT || problem == EFBIG)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                 _ ("The disk is full: “%s” could not be written whole (%s). Make room and get the model again; what came is kept."), shown,
                 g_strerror (problem));
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (problem), _ ("“%s” cannot be written: %s."), shown, g_strerror (problem));
  return FALSE;
}

/* ---- what is here ---------------------------------------------------------------------------------------------------- */

/* Forgets the part. */
static void
drop_part (Fetch *f)
{
  g_unlink (f->part);
  g_unlink (f->note);
  tell (f, -f->n_here);
  f->n_here = 0;
  f->resumed = FALSE;
  g_clear_pointer (&f->etag, g_free);
  g_checksum_reset (f->hash);
}

static gint64
size_of (const char *path)
{
  GStatBuf info;

  return g_lstat (path, &info) == 0 && S_ISREG (info.st_mode) ? (gint64) info.st_size : -1;
}

/* Does the note beside the part say that it belongs to what the hub states now? */
static gboolean
note_fits (const char *note, const CwPlanFile *file, char **etag)
{
  json_t       *object = json_load_file (note, 0, NULL);
  const json_t *size = json_object_get (object, "size");
  const char   *sha256 = json_string_value (json_object_get (object, "sha256"));
  gboolean      fits = json_is_integer (size) && json_integer_value (size) == file->size && g_strcmp0 (sha256, file->sha256) == 0;

  if (fits && etag)
    *etag = g_strdup (json_string_value (json_object_get (object, "etag")));
  json_decref (object);
  return fits;
}

static gboolean
write_note (const Fetch *f, GError **error)
{
  json_t *object = json_pack ("{s:I, s:s?, s:s?}", "size", (json_int_t) f->file->size, "sha256", f->file->sha256, "etag", f->etag);
  char   *text = json_dumps (object, JSON_COMPACT);
  gboolean written = text && g_file_set_contents (f->note, text, -1, error);

  free (text);
  json_decref (object);
  return written;
}

gint64
cw_file_fetch_get_n_here (const char *folder, const CwPlanFile *file)
{
  g_autofree char *path = g_build_filename (folder, file->name, NULL), *part = g_strconcat (path, ".part", NULL);
  g_autofree char *note = g_strconcat (part, ".json", NULL);
  const gint64     whole = size_of (path), some = size_of (part);

  if (whole >= 0)
    return whole == file->size && file->sha256 ? whole : 0;
  return some > 0 && some <= file->size && note_fits (note, file, NULL) ? some : 0;
}

/* Is the file here, whole, from an earlier run? Only a hash can tell. */
static gboolean
is_here (Fetch *f, GError **error)
{
  g_autofree char *hash = NULL;

  if (!f->file->sha256 || size_of (f->path) != f->file->size)
    return FALSE;
  hash = cw_file_hash (f->path, f->fetch->tell, f->fetch->user, f->fetch->cancellable, error);
  if (hash && strcmp (hash, f->file->sha256) == 0)
    return TRUE;
  if (hash)
    tell (f, -f->file->size);
  return FALSE;
}

/* Hashes the part that an earlier run left, or forgets it. FALSE when cancelled or it cannot be read. */
static gboolean
pick_up_part (Fetch *f, GError **error)
{
  const gint64 size = size_of (f->part);

  if (size <= 0 || f->file->size < 0 || size > f->file->size || !note_fits (f->note, f->file, &f->etag) || (!f->etag && !f->file->sha256)) {
    drop_part (f);
    return TRUE;
  }
  if (!cw_file_hash_add (f->hash, f->part, size, f->fetch->tell, f->fetch->user, f->fetch->cancellable, error))
    return FALSE;
  f->n_here = size;
  f->resumed = TRUE;
  return TRUE;
}

/* ---- one answer ------------------------------------------------------------------------------------------------------ */

static gboolean
fail_sent (const Fetch *f, CwHubError code, const char *why, GError **error)
{
  g_set_error (error, CW_HUB_ERROR, code, "%s: %s", f->what, why);
  return FALSE;
}

/* Does the answer fit what the hub stated before? May forget the part: then all must come with this answer. */
static gboolean
check_answer (Fetch *f, const CwHubReply *reply, GError **error)
{
  gint64           left;
  g_autofree char *why = NULL;

  if (!f->file->sha256 && f->file->size < 0) { /* the hub was not asked for the headers alone */
    f->file->sha256 = g_strdup (reply->sha256);
    f->file->size = reply->size;
  }
  left = f->file->size - f->n_here;
  if (f->file->sha256 && reply->sha256 && strcmp (f->file->sha256, reply->sha256) != 0)
    return fail_sent (f, CW_HUB_ERROR_REFUSED, _ ("the file changed on the server meanwhile. Get the model again."), error);
  if (reply->content_type && g_ascii_strcasecmp (reply->content_type, "text/html") == 0)
    return fail_sent (f, CW_HUB_ERROR_REFUSED, _ ("the server sent a web page in its place; perhaps a login page of this network, or the "
                                                  "address of the hub is wrong."), error);
  if (reply->status == 206 &&
      (reply->range_start != f->n_here || (reply->range_total >= 0 && reply->range_total != f->file->size) ||
       (f->etag && reply->etag && strcmp (f->etag, reply->etag) != 0)))
    return fail_sent (f, CW_HUB_ERROR_RANGE, _ ("the server sent another part than was asked for."), error);
  if (reply->status == 200 && f->n_here > 0)
    drop_part (f); /* it is another file now, or the server sends no parts */
  if (reply->length >= 0 && f->file->size >= 0 && reply->length != (reply->status == 206 ? left : f->file->size)) {
    why = g_strdup_printf (_ ("the server states %" G_GINT64_FORMAT " bytes in one place and %" G_GINT64_FORMAT " in another. Nothing of it can be trusted."),
                           reply->status == 206 ? left : f->file->size, reply->length);
    return fail_sent (f, CW_HUB_ERROR_REFUSED, why, error);
  }
  if (f->file->size < 0 && reply->length < 0 && !f->file->sha256 && !g_str_has_suffix (f->file->name, ".json"))
    return fail_sent (f, CW_HUB_ERROR_REFUSED, _ ("the server states neither its length nor its hash, so nobody could tell whether it is whole."), error);
  return TRUE;
}

static gboolean
write_all (const Fetch *f, int out, const guchar *data, gsize n, GError **error)
{
  while (n > 0) {
    const gssize written = write (out, data, n);

    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fail_disk (f, errno, error);
    data += written;
    n -= (gsize) written;
  }
  return TRUE;
}

/* Appends the answer's bytes to the part. TRUE at the answer's proper end. */
static gboolean
read_body (Fetch *f, CwHubReply *reply, int out, GError **error)
{
  g_autofree guchar *piece = g_malloc (PIECE_BYTES);
  const gint64       size = f->file->size >= 0 ? f->file->size : reply->length;
  CwHubPace          pace = { 0 };

  for (;;) {
    GError      *problem = NULL;
    const gssize n = g_input_stream_read (reply->body, piece, PIECE_BYTES, f->fetch->cancellable, &problem);

    if (n < 0) {
      cw_hub_take_read_error (f->fetch->hub, f->what, problem, error);
      return FALSE;
    }
    if (n == 0)
      break;
    if (size >= 0 && f->n_here + n > size)
      return fail_sent (f, CW_HUB_ERROR_REFUSED, _ ("the server sends more bytes than it stated. Nothing of it can be trusted."), error);
    if (!write_all (f, out, piece, (gsize) n, error))
      return FALSE;
    g_checksum_update (f->hash, piece, n);
    f->n_here += n;
    tell (f, n);
    if (!cw_hub_keeps_pace (f->fetch->hub, &pace, n, f->what, error))
      return FALSE;
  }
  if (size >= 0 && f->n_here < size)
    return fail_sent (f, CW_HUB_ERROR_TEMPORARY, _ ("the connection was cut before the end."), error);
  return TRUE;
}

/* Asks once for what is missing. */
static gboolean
ask_once (Fetch *f, double *retry_after_s, GError **error)
{
  const CwHubQuery query = { .path = f->address, .what = f->what, .start = f->n_here, .if_range = f->etag };
  CwHubReply       reply;
  gboolean         good = FALSE;
  int              out = -1;

  *retry_after_s = -1.0;
  if (!cw_hub_ask (f->fetch->hub, &query, &reply, f->fetch->cancellable, error)) {
    *retry_after_s = reply.retry_after_s;
  } else if (check_answer (f, &reply, error)) {
    if (f->n_here == 0 && reply.etag && reply.etag[0] == '"' && strlen (reply.etag) < 512) {
      g_free (f->etag);
      f->etag = g_strdup (reply.etag);
    }
    if ((f->n_here > 0 || write_note (f, error)) &&
        (out = g_open (f->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (f->n_here ? O_APPEND : O_TRUNC), 0666)) < 0)
      fail_disk (f, errno, error);
    good = out >= 0 && read_body (f, &reply, out, error);
    if (out >= 0 && fsync (out) != 0 && good)
      good = fail_disk (f, errno, error);
    if (out >= 0)
      close (out);
  }
  cw_hub_reply_clear (&reply);
  return good;
}

/* ---- until it is whole ----------------------------------------------------------------------------------------------- */

/* Asks until the part is as long as stated. What cannot be trusted is removed. */
static gboolean
fill_part (Fetch *f, GError **error)
{
  CwRetry  retry = { 0 };
  gint64   furthest = f->n_here;
  gboolean begun_anew = FALSE;

  while (f->file->size < 0 || f->n_here < f->file->size || f->n_here == 0) {
    g_autoptr (GError) problem = NULL;
    double             retry_after_s;

    if (ask_once (f, &retry_after_s, &problem))
      return TRUE;
    if (g_error_matches (problem, CW_HUB_ERROR, CW_HUB_ERROR_RANGE) && f->n_here > 0 && !begun_anew) {
      begun_anew = TRUE;
      drop_part (f);
      continue;
    }
    if (problem->domain == CW_HUB_ERROR && problem->code != CW_HUB_ERROR_TEMPORARY && f->n_here > 0)
      drop_part (f);
    if (f->n_here - furthest >= PROGRESS_BYTES) {
      furthest = f->n_here;
      cw_retry_progressed (&retry);
    }
    if (!cw_retry_wait (&retry, problem, retry_after_s, f->fetch->cancellable)) {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
    if (f->n_here > 0 && !f->etag && !f->file->sha256)
      drop_part (f);
    f->resumed = f->n_here > 0;
  }
  return TRUE;
}

/* Is the whole part what was promised? */
static gboolean
check_part (Fetch *f, GError **error)
{
  const char *hash = g_checksum_get_string (f->hash);
  json_t     *json;

  if (f->file->sha256 && strcmp (hash, f->file->sha256) != 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED,
                 _ ("%s: what came is not what the hub states: its SHA-256 is %.12s…, %.12s… was expected. It was removed; get the model again."),
                 f->what, hash, f->file->sha256);
    return FALSE;
  }
  if (g_str_has_suffix (f->file->name, ".json") && f->n_here <= SMALL_BYTES) {
    if (!(json = json_load_file (f->part, 0, NULL)))
      return fail_sent (f, CW_HUB_ERROR_REFUSED, _ ("what came is no JSON. It was removed; get the model again."), error);
    json_decref (json);
  }
  return TRUE;
}

gboolean
cw_file_fetch (const CwFileFetch *fetch, CwPlanFile *file, GError **error)
{
  g_autoptr (GError) problem = NULL;
  gboolean           good;
  Fetch              f = { .fetch = fetch, .file = file };

  f.path = g_build_filename (fetch->folder, file->name, NULL);
  f.part = g_strconcat (f.path, ".part", NULL);
  f.note = g_strconcat (f.part, ".json", NULL);
  f.address = cw_plan_get_path (fetch->plan, file->name);
  f.what = g_strdup_printf ("%s, %s", fetch->plan->repo, file->name);
  f.hash = g_checksum_new (G_CHECKSUM_SHA256);

  if (is_here (&f, &problem)) {
    good = TRUE;
  } else if (!problem && pick_up_part (&f, &problem)) {
    while ((good = fill_part (&f, &problem)) && !(good = check_part (&f, &problem))) {
      const gboolean again = f.resumed; /* the fault may lie in what was here before: once more from the start, then it does not */

      drop_part (&f);
      if (!again)
        break;
      g_clear_error (&problem);
    }
    if (good && g_rename (f.part, f.path) != 0)
      good = fail_disk (&f, errno, &problem);
    if (good) {
      file->size = f.n_here;
      g_free (file->sha256);
      file->sha256 = g_strdup (g_checksum_get_string (f.hash));
      g_unlink (f.note);
    }
  } else {
    good = FALSE;
  }
  if (!good && f.n_here == 0)
    drop_part (&f);
  if (problem)
    g_propagate_error (error, g_steal_pointer (&problem));
  fetch_clear (&f);
  return good;
}
