/* SPDX-License-Identifier: MIT
 *
 * download.h: a model from the hub onto this machine.
 *
 *     MODELS/NAME.part/FILE.part ─▶ FILE, for each ─▶ clipwright-model.json ─▶ MODELS/NAME
 *
 * The folder gets its name when all of it is there and checked, so that a model is listed whole or not at all. What came before a
 * failure or the end of the process stays in NAME.part, and the next order for NAME goes on from there. One process at a time
 * works on a NAME: a second waits for the first (MODELS/.locks/NAME).
 */
#pragma once

#include "catalogue.h"

#define CW_DOWNLOAD_ERROR (cw_download_error_quark ())
GQuark cw_download_error_quark (void);

typedef enum {
  CW_DOWNLOAD_ERROR_LICENCE, /* was not agreed to */
  CW_DOWNLOAD_ERROR_NAME,    /* something else has that name */
} CwDownloadError;

typedef enum {
  CW_DOWNLOAD_STAGE_LOCKED,  /* another process downloads it */
  CW_DOWNLOAD_STAGE_ASKING,  /* the hub is asked what there is */
  CW_DOWNLOAD_STAGE_LOADING, /* bytes come, or what is here is hashed */
  CW_DOWNLOAD_STAGE_DONE,
} CwDownloadStage;

typedef struct {
  CwDownloadStage stage;
  gint64          n_bytes, n_bytes_total; /* here and checked or coming; total 0 while not known */
  guint           n_files, n_files_total;
  double          bytes_per_s;            /* of the last seconds */
  double          remaining_s;            /* < 0 while not known */
} CwDownloadProgress;

typedef struct {
  const char             *repo, *revision; /* revision NULL: main */
  const char             *name;            /* of the folder that it gets */
  const CwCatalogueEntry *entry;           /* or NULL */
  guint                   n_at_once;       /* files; 0: 3 */
  /* Once the licence (NULL: none is stated) and the bytes still to come are known, before any file is asked for. FALSE: not agreed. */
  gboolean (*agree) (const char *licence, gint64 n_bytes, gpointer user);
  void (*progress) (const CwDownloadProgress *progress, gpointer user); /* a few times a second; may be NULL */
  gpointer user;                                                        /* both are called on the thread of cw_download_run */
} CwDownloadOrder;

/* Blocks until it is done, failed or cancelled. A model that is here already is checked, and mended where it is not whole;
 * *n_bytes_got, which may be NULL, is what came over the network. */
gboolean cw_download_run (const CwDownloadOrder *order, gint64 *n_bytes_got, GCancellable *cancellable, GError **error);
