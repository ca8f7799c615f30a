/* SPDX-License-Identifier: MIT
 *
 * hub.c: one question and its answer, over libsoup.
 *
 * Redirects are followed here, not by libsoup: the first answer of the hub states a file's hash, size and commit in headers of its own
 * (X-Linked-ETag, X-Linked-Size, X-Repo-Commit), the storage that it redirects to does not. The token goes to the hub's own origin
 * only, and only over TLS or within this machine. libsoup's timeout is one of silence: a server that sends a byte of its headers now and
 * then would keep it for ever, so that the headers as a whole have a deadline.
 */
#include "hub.h"

#include <glib/gi18n.h>
#include <libsoup/soup.h>
#include <string.h>

#include "clipwright-config.h"
#include "deadline.h"
#include "hub-token.h"
#include "settings.h"

#define DEFAULT_ENDPOINT  "https://huggingface.co"
#define DEFAULT_TIMEOUT_S 10
#define HEADERS_TIMEOUTS  3    /* longest silences in which all headers must have come */
#define PACE_TIMEOUTS     6    /* in which a body must have got on by PACE_BYTES */
#define PACE_BYTES        4096
#define MAX_REDIRECTS     10
#define MAX_CONNECTIONS   8
#define QUOTE_MAX_BYTES   200

G_DEFINE_QUARK (cw-hub-error-quark, cw_hub_error)

struct _CwHub {
  SoupSession *session;
  GUri        *endpoint;
  char        *endpoint_text;
  guint        timeout_s;
  GMutex       lock; /* of the two below */
  char        *token;
  gboolean     keyring_asked;
};

static gboolean
is_true (const char *value)
{
  return value && (strcmp (value, "1") == 0 || g_ascii_strcasecmp (value, "true") == 0 || g_ascii_strcasecmp (value, "yes") == 0 ||
                   g_ascii_strcasecmp (value, "on") == 0);
}

char *
cw_hub_default_endpoint (void)
{
  const char *asked = g_getenv ("HF_ENDPOINT");
  char       *endpoint = g_strdup (asked && *asked ? asked : DEFAULT_ENDPOINT);
  gsize       length = strlen (endpoint);

  while (length > 0 && endpoint[length - 1] == '/')
    endpoint[--length] = '\0';
  return endpoint;
}

/* Certificates that are trusted instead of the system's, for networks with an authority of their own; NULL with @error when they cannot
 * be read, without @error when none are named. */
static GTlsDatabase *
read_authorities (GError **error)
{
  const char        *named = g_getenv ("SSL_CERT_FILE");
  g_autofree char   *path = named && *named ? g_canonicalize_filename (named, NULL) : NULL;
  g_autoptr (GError) problem = NULL;
  GTlsDatabase      *authorities = path ? g_tls_file_database_new (path, &problem) : NULL;

  if (problem)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("SSL_CERT_FILE names “%s”, which holds no certificates: %s."), named,
                 problem->message);
  return authorities;
}

CwHub *
cw_hub_new (GError **error)
{
  g_autofree char *text = cw_hub_default_endpoint ();
  g_autoptr (GUri) endpoint = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
  const char      *asked = g_getenv ("HF_HUB_DOWNLOAD_TIMEOUT"), *scheme = endpoint ? g_uri_get_scheme (endpoint) : NULL;
  guint64          timeout_s = DEFAULT_TIMEOUT_S;
  g_autoptr (GTlsDatabase) authorities = NULL;
  GError          *problem = NULL;
  CwHub           *hub;

  if (is_true (g_getenv ("HF_HUB_OFFLINE"))) {
    g_set_error_literal (error, CW_HUB_ERROR, CW_HUB_ERROR_OFFLINE,
                         _ ("Offline mode is on (HF_HUB_OFFLINE), so nothing was asked of the hub. Unset it to download."));
    return NULL;
  }
  if (cw_settings_get_offline ()) {
    g_set_error_literal (error, CW_HUB_ERROR, CW_HUB_ERROR_OFFLINE,
                         _ ("Offline mode is on in the preferences, so nothing was asked of the hub. Switch it off to download."));
    return NULL;
  }
  if (!endpoint || (strcmp (scheme, "https") != 0 && strcmp (scheme, "http") != 0) || !g_uri_get_host (endpoint) || !*g_uri_get_host (endpoint)) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED,
                 _ ("HF_ENDPOINT is “%s”; it must be the address of a hub, like https://hub.example.org."), text);
    return NULL;
  }
  authorities = read_authorities (&problem);
  if (problem) {
    g_propagate_error (error, problem);
    return NULL;
  }
  if (asked)
    g_ascii_string_to_unsigned (asked, 10, 1, 3600, &timeout_s, NULL);
  hub = g_new0 (CwHub, 1);
  hub->endpoint = g_steal_pointer (&endpoint);
  hub->endpoint_text = g_steal_pointer (&text);
  hub->timeout_s = (guint) timeout_s;
  hub->token = cw_hub_token_from_environment ();
  g_mutex_init (&hub->lock);
  hub->session = soup_session_new_with_options ("user-agent", "Clipwright/" CLIPWRIGHT_VERSION, "timeout", hub->timeout_s, "max-conns",
                                                2 * MAX_CONNECTIONS, "max-conns-per-host", MAX_CONNECTIONS, NULL);
  if (authorities)
    soup_session_set_tls_database (hub->session, authorities);
  soup_session_remove_feature_by_type (hub->session, SOUP_TYPE_CONTENT_DECODER); /* bytes as they are stored, or hashes mean nothing */
  return hub;
}

void
cw_hub_free (CwHub *hub)
{
  if (!hub)
    return;
  soup_session_abort (hub->session);
  g_object_unref (hub->session);
  g_uri_unref (hub->endpoint);
  g_free (hub->endpoint_text);
  cw_hub_token_free (hub->token);
  g_mutex_clear (&hub->lock);
  g_free (hub);
}

const char *
cw_hub_get_endpoint (const CwHub *hub)
{
  return hub->endpoint_text;
}

void
cw_hub_reply_clear (CwHubReply *reply)
{
  g_clear_object (&reply->body);
  g_free (reply->sha256);
  g_free (reply->etag);
  g_free (reply->commit);
  g_free (reply->content_type);
  *reply = (CwHubReply){ .length = -1, .range_start = -1, .range_total = -1, .size = -1, .retry_after_s = -1.0 };
}

/* ---- the token ------------------------------------------------------------------------------------------------------- */

static gboolean
is_loopback (GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return g_ascii_strcasecmp (host, "localhost") == 0 || (address && g_inet_address_get_is_loopback (address));
}

/* NULL unless @uri is of the hub's own origin, and nobody on the way can read it; cw_hub_token_free. */
static char *
token_for (CwHub *hub, GUri *uri)
{
  char *token;

  if (strcmp (g_uri_get_scheme (uri), g_uri_get_scheme (hub->endpoint)) != 0 ||
      g_ascii_strcasecmp (g_uri_get_host (uri), g_uri_get_host (hub->endpoint)) != 0 || g_uri_get_port (uri) != g_uri_get_port (hub->endpoint) ||
      (strcmp (g_uri_get_scheme (uri), "https") != 0 && !is_loopback (uri)))
    return NULL;
  g_mutex_lock (&hub->lock);
  token = g_strdup (hub->token);
  g_mutex_unlock (&hub->lock);
  return token;
}

/* The keyring is asked only once the hub wants to know who asks. TRUE when there is a token now that was not there before. */
static gboolean
look_into_keyring (CwHub *hub, GCancellable *cancellable)
{
  gboolean found = FALSE;

  g_mutex_lock (&hub->lock);
  if (!hub->token && !hub->keyring_asked) {
    hub->token = cw_hub_token_from_keyring (hub->endpoint_text, cancellable);
    found = hub->token != NULL;
  }
  hub->keyring_asked = TRUE;
  g_mutex_unlock (&hub->lock);
  return found;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

static const char *
host_of (GUri *uri)
{
  const char *host = g_uri_get_host (uri);

  return host ? host : "?";
}

static void
take_transport_error (CwHub *hub, GUri *uri, const char *what, GError *problem, GError **error)
{
  const gboolean timed_out = g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_propagate_error (error, problem);
    return;
  }
  if (problem->domain == G_TLS_ERROR)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: the connection to %s is not safe, so it was not used: %s."), what,
                 host_of (uri), problem->message);
  else if (timed_out)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s sent nothing for %u seconds."), what, host_of (uri), hub->timeout_s);
  else
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: the connection to %s failed: %s."), what, host_of (uri),
                 problem->message);
  g_error_free (problem);
}

void
cw_hub_take_read_error (CwHub *hub, const char *what, GError *problem, GError **error)
{
  take_transport_error (hub, hub->endpoint, what, problem, error);
}

gboolean
cw_hub_keeps_pace (const CwHub *hub, CwHubPace *pace, gint64 n_more, const char *what, GError **error)
{
  const gint64 now = g_get_monotonic_time ();

  if (!pace->since)
    pace->since = now;
  pace->n_bytes += n_more;
  if (now - pace->since <= (gint64) hub->timeout_s * PACE_TIMEOUTS * G_USEC_PER_SEC)
    return TRUE;
  if (pace->n_bytes < PACE_BYTES) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: the server sends next to nothing."), what);
    return FALSE;
  }
  *pace = (CwHubPace){ .since = now };
  return TRUE;
}

/* What the server wrote, fit for a sentence: valid, short, on one line, after a colon; "" when it wrote nothing. */
static char *
quote (const char *text)
{
  char *valid = g_utf8_make_valid (text ? text : "", -1), *cut, *end;

  for (char *at = valid; *at; at++)
    if ((guchar) *at < 0x20 || *at == 0x7f)
      *at = ' ';
  if (strlen (valid) > QUOTE_MAX_BYTES) {
    if ((end = g_utf8_find_prev_char (valid, valid + QUOTE_MAX_BYTES)))
      *end = '\0';
  }
  g_strstrip (valid);
  cut = *valid ? g_strdup_printf (": “%s”", valid) : g_strdup ("");
  g_free (valid);
  return cut;
}

/* The sentence of a status that is no success. */
static void
fail_status (SoupMessage *message, GUri *uri, gboolean at_hub, const char *what, double retry_after_s, GError **error)
{
  const guint      status = soup_message_get_status (message);
  g_autofree char *said = quote (soup_message_headers_get_one (soup_message_get_response_headers (message), "X-Error-Message"));
  const char      *host = host_of (uri);

  if (status == 401 || (status == 403 && at_hub))
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED,
                 _ ("%s: %s refuses access (%u)%s. If the model exists and asks for it, agree to its terms on its page and set a token with "
                    "“clipwright models token” or HF_TOKEN."), what, host, status, said);
  else if (status == 403)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s refuses access (403)."), what, host);
  else if (status == 404 || status == 410)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_MISSING, _ ("%s: %s does not have it (%u)%s."), what, host, status, said);
  else if (status == 416)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_RANGE, _ ("%s: %s does not send the part that was asked for (416)."), what, host);
  else if (status == 405 || status == 501)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_METHOD, _ ("%s: %s does not answer questions of that kind (%u)."), what, host, status);
  else if (status == 429 && retry_after_s >= 0.0)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s was asked too often (429) and wants to be left alone for %.0f seconds."),
                 what, host, retry_after_s);
  else if (status == 429)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s was asked too often (429). Try again later."), what, host);
  else if (status == 408 || status >= 500)
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s has a problem of its own (%u)%s. Try again later."), what, host,
                 status, said);
  else
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s answered with status %u%s."), what, host, status, said);
}

/* ---- headers --------------------------------------------------------------------------------------------------------- */

/* The hex digits of W/"…" or "…" when they are a SHA-256; else NULL. */
static char *
sha256_of_etag (const char *etag)
{
  g_autofree char *digits = NULL;
  gsize            length;

  if (!etag)
    return NULL;
  if (g_str_has_prefix (etag, "W/"))
    etag += 2;
  length = strlen (etag);
  if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"')
    digits = g_strndup (etag + 1, length - 2);
  else
    digits = g_strdup (etag);
  if (strlen (digits) != 64 || strspn (digits, "0123456789abcdefABCDEF") != 64)
    return NULL;
  return g_ascii_strdown (digits, -1);
}

static gint64
number_of (const char *text)
{
  guint64 value;

  return text && g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &value, NULL) ? (gint64) value : -1;
}

static double
retry_after_of (SoupMessageHeaders *headers)
{
  const char   *text = soup_message_headers_get_one (headers, "Retry-After");
  const gint64  seconds = number_of (text);
  GDateTime    *when = text && seconds < 0 ? soup_date_time_new_from_http_string (text) : NULL;
  double        result = seconds < 0 ? -1.0 : (double) seconds;

  if (when) {
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();

    result = MAX ((double) g_date_time_difference (when, now) / G_TIME_SPAN_SECOND, 0.0);
    g_date_time_unref (when);
  }
  return result;
}

/* What the hub says of the file, which its redirect to a storage says, too. The first that says it is believed. */
static void
read_links (SoupMessageHeaders *headers, CwHubReply *reply)
{
  const char *commit = soup_message_headers_get_one (headers, "X-Repo-Commit");

  if (!reply->sha256)
    reply->sha256 = sha256_of_etag (soup_message_headers_get_one (headers, "X-Linked-Etag"));
  if (reply->size < 0)
    reply->size = number_of (soup_message_headers_get_one (headers, "X-Linked-Size"));
  if (!reply->commit && commit)
    reply->commit = g_strdup (commit);
}

/* What the last answer says of its own bytes. */
static void
read_answer (SoupMessage *message, gboolean at_hub, CwHubReply *reply)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char         *etag = soup_message_headers_get_one (headers, "ETag");
  goffset             start, end, total;

  reply->length = soup_message_headers_get_one (headers, "Transfer-Encoding")
                    ? -1
                    : number_of (soup_message_headers_get_one (headers, "Content-Length"));
  reply->etag = g_strdup (etag);
  reply->content_type = g_strdup (soup_message_headers_get_content_type (headers, NULL));
  if (at_hub && !reply->sha256)
    reply->sha256 = sha256_of_etag (etag);
  if (reply->status == 206 && soup_message_headers_get_content_range (headers, &start, &end, &total)) {
    reply->range_start = start;
    reply->range_total = total;
  } else if (reply->status == 200 && reply->size < 0) {
    reply->size = reply->length;
  }
}

/* ---- one question ---------------------------------------------------------------------------------------------------- */

static SoupMessage *
message_for (CwHub *hub, const CwHubQuery *query, GUri *uri)
{
  SoupMessage        *message = soup_message_new_from_uri (query->head ? "HEAD" : "GET", uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  char               *token = token_for (hub, uri);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (token) {
    char *value = g_strconcat ("Bearer ", token, NULL);

    soup_message_headers_replace (headers, "Authorization", value);
    cw_hub_token_free (value);
    cw_hub_token_free (token);
  }
  if (query->start > 0) {
    g_autofree char *range = g_strdup_printf ("bytes=%" G_GINT64_FORMAT "-", query->start);

    soup_message_headers_replace (headers, "Range", range);
    if (query->if_range)
      soup_message_headers_replace (headers, "If-Range", query->if_range);
  }
  return message;
}

/* Where a redirect leads, if it may be followed. */
static GUri *
redirected (GUri *from, SoupMessage *message, const char *what, GPtrArray *seen, GError **error)
{
  const char      *location = soup_message_headers_get_one (soup_message_get_response_headers (message), "Location");
  g_autoptr (GUri) to = location ? g_uri_parse_relative (from, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  g_autofree char *shown = quote (location), *text = NULL;
  const char      *scheme;

  scheme = to ? g_uri_get_scheme (to) : "";
  if (!to || (g_str_has_prefix (scheme, "http") && (!g_uri_get_host (to) || !*g_uri_get_host (to)))) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s redirects to no address%s."), what, host_of (from), shown);
    return NULL;
  }
  if (strcmp (scheme, "https") != 0 && strcmp (scheme, "http") != 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s redirects to an address of the kind “%s:”, which is not followed."),
                 what, host_of (from), scheme);
    return NULL;
  }
  if (strcmp (scheme, "http") == 0 && strcmp (g_uri_get_scheme (from), "https") == 0) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED,
                 _ ("%s: %s redirects from a safe connection to an open one on %s, which is not followed."), what, host_of (from), host_of (to));
    return NULL;
  }
  text = g_uri_to_string (to);
  if (g_ptr_array_find_with_equal_func (seen, text, g_str_equal, NULL) || seen->len >= MAX_REDIRECTS) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s redirects in circles."), what, host_of (from));
    return NULL;
  }
  g_ptr_array_add (seen, g_steal_pointer (&text));
  return g_steal_pointer (&to);
}

static gboolean
is_redirect (guint status)
{
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Sends @message; the body that answers once all headers are here, or NULL. */
static GInputStream *
send_message (CwHub *hub, SoupMessage *message, GUri *uri, const char *what, GCancellable *cancellable, GError **error)
{
  const guint   limit_s = hub->timeout_s * HEADERS_TIMEOUTS;
  CwDeadline   *deadline = cw_deadline_new (limit_s, cancellable);
  GError       *problem = NULL;
  GInputStream *body = soup_session_send (hub->session, message, cw_deadline_get_cancellable (deadline), &problem);
  const gboolean passed = cw_deadline_free (deadline);

  if (!body && passed) {
    g_error_free (problem);
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_TEMPORARY, _ ("%s: %s did not get to the end of its answer’s headers in %u seconds."), what,
                 host_of (uri), limit_s);
  } else if (!body) {
    take_transport_error (hub, uri, what, problem, error);
  }
  return body;
}

/* Follows redirects from @uri on. */
static gboolean
ask_from (CwHub *hub, GUri *uri, const CwHubQuery *query, CwHubReply *reply, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GUri)      at = g_uri_ref (uri);

  g_ptr_array_add (seen, g_uri_to_string (uri));
  for (gboolean at_hub = TRUE;;) {
    g_autoptr (SoupMessage)  message = message_for (hub, query, at);
    g_autoptr (GInputStream) body = NULL;
    SoupMessageHeaders      *headers = soup_message_get_response_headers (message);
    const char              *encoding;
    GUri                    *next;

    if (!(body = send_message (hub, message, at, query->what, cancellable, error)))
      return FALSE;
    reply->status = soup_message_get_status (message);
    if (at_hub)
      read_links (headers, reply);
    if (is_redirect (reply->status)) {
      if (query->head && reply->sha256 && reply->size >= 0)
        return TRUE;
      if (!(next = redirected (at, message, query->what, seen, error)))
        return FALSE;
      at_hub = at_hub && g_ascii_strcasecmp (host_of (next), host_of (hub->endpoint)) == 0 && g_uri_get_port (next) == g_uri_get_port (hub->endpoint);
      g_uri_unref (at);
      at = next;
      continue;
    }
    reply->retry_after_s = retry_after_of (headers);
    if (reply->status != 200 && !(reply->status == 206 && query->start > 0)) {
      fail_status (message, at, at_hub, query->what, reply->retry_after_s, error);
      return FALSE;
    }
    encoding = soup_message_headers_get_one (headers, "Content-Encoding");
    if (encoding && g_ascii_strcasecmp (encoding, "identity") != 0) {
      g_autofree char *shown = quote (encoding);

      g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: %s sends it packed, which was not asked for%s."), query->what, host_of (at), shown);
      return FALSE;
    }
    read_answer (message, at_hub, reply);
    reply->body = query->head ? NULL : g_steal_pointer (&body);
    return TRUE;
  }
}

gboolean
cw_hub_ask (CwHub *hub, const CwHubQuery *query, CwHubReply *reply, GCancellable *cancellable, GError **error)
{
  g_autofree char   *address = g_strconcat (hub->endpoint_text, query->path, NULL);
  g_autoptr (GUri)   uri = g_uri_parse (address, SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr (GError) problem = NULL;

  *reply = (CwHubReply){ 0 };
  cw_hub_reply_clear (reply);
  if (!uri) {
    g_set_error (error, CW_HUB_ERROR, CW_HUB_ERROR_REFUSED, _ ("%s: there is no such address."), query->what);
    return FALSE;
  }
  if (ask_from (hub, uri, query, reply, cancellable, &problem))
    return TRUE;
  if ((reply->status == 401 || reply->status == 403) && look_into_keyring (hub, cancellable)) {
    g_clear_error (&problem);
    cw_hub_reply_clear (reply);
    if (ask_from (hub, uri, query, reply, cancellable, &problem))
      return TRUE;
  }
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}
