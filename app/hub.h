/* SPDX-License-Identifier: MIT
 *
 * hub.h: questions to the model hub over HTTP, one at a time, with its rules for redirects, tokens and errors.
 *
 * Calls block: they belong on a thread of their own; several threads may use one hub. HF_ENDPOINT names a mirror, HF_HUB_OFFLINE
 * and the setting "offline" forbid any request, HF_HUB_DOWNLOAD_TIMEOUT is the longest silence in seconds (10). Proxies are the
 * desktop's or those of http_proxy, https_proxy and no_proxy, as everywhere in GIO; certificates are those that the system trusts, or
 * those in the file SSL_CERT_FILE (a company's own, a test's).
 */
#pragma once

#include <gio/gio.h>

#define CW_HUB_ERROR (cw_hub_error_quark ())
GQuark cw_hub_error_quark (void);

typedef enum {
  CW_HUB_ERROR_OFFLINE,  /* offline mode: nothing was asked */
  CW_HUB_ERROR_REFUSED,  /* asking again gives the same answer */
  CW_HUB_ERROR_MISSING,  /* 404 */
  CW_HUB_ERROR_RANGE,    /* 416 */
  CW_HUB_ERROR_METHOD,   /* 405 or 501: a mirror that knows no HEAD */
  CW_HUB_ERROR_TEMPORARY /* may work when asked again, after retry_after_s where the reply says so */
} CwHubError;

typedef struct _CwHub CwHub;

/* NULL with @error in offline mode, or when HF_ENDPOINT is no address. */
CwHub      *cw_hub_new (GError **error);
void        cw_hub_free (CwHub *hub);
/* Without a slash at its end. */
const char *cw_hub_get_endpoint (const CwHub *hub);
/* The same, of the environment, whether or not requests are allowed; g_free. */
char       *cw_hub_default_endpoint (void);

typedef struct {
  const char *path;     /* below the endpoint, escaped, begins with a slash */
  const char *what;     /* for sentences: what is asked for */
  gboolean    head;     /* headers alone; a redirect that already states hash and size is not followed */
  gint64      start;    /* first byte wanted; 0: all */
  const char *if_range; /* the strong ETag that the bytes from @start must belong to, or NULL */
} CwHubQuery;

typedef struct {
  guint         status;
  gint64        length;                   /* of what follows, or -1 */
  gint64        range_start, range_total; /* of a 206; -1 */
  gint64        size;                     /* of the whole file, as the hub states it; -1 */
  char         *sha256;                   /* hex, as the hub states it, or NULL */
  char         *etag;                     /* of who sends the bytes, as sent, or NULL */
  char         *commit;                   /* of the repository, or NULL */
  char         *content_type;             /* or NULL */
  double        retry_after_s;            /* < 0: not stated */
  GInputStream *body;                     /* NULL for head */
} CwHubReply;

/* TRUE with status 200 or 206. Else @error is of CW_HUB_ERROR or G_IO_ERROR_CANCELLED, one sentence. Clear @reply either way. */
gboolean    cw_hub_ask (CwHub *hub, const CwHubQuery *query, CwHubReply *reply, GCancellable *cancellable, GError **error);
void        cw_hub_reply_clear (CwHubReply *reply);

/* How fast a body comes, counted from a zeroed CwHubPace on. FALSE, with one of CW_HUB_ERROR_TEMPORARY, once the server only pretends to
 * send: its silences are short, but next to nothing comes between them. */
typedef struct {
  gint64 since, n_bytes;
} CwHubPace;
gboolean    cw_hub_keeps_pace (const CwHub *hub, CwHubPace *pace, gint64 n_more, const char *what, GError **error);

/* The error of reading a body, as one of CW_HUB_ERROR_TEMPORARY, or cancelled. @what as above. Takes @problem. */
void        cw_hub_take_read_error (CwHub *hub, const char *what, GError *problem, GError **error);
