/* SPDX-License-Identifier: MIT
 *
 * catalogue.h: the checkpoints that the program knows of, read from data/models.json.
 */
#pragma once

#include <gio/gio.h>

#include "engine.h"

typedef enum {
  CW_FORMAT_HUGGINGFACE, /* config.json and safetensors */
  CW_FORMAT_AUDIOCRAFT,  /* state_dict.bin and compression_state_dict.bin */
} CwModelFormat;

typedef enum { CW_KIND_MUSIC, CW_KIND_EFFECTS, CW_KIND_CODEC, CW_KIND_TEXT_ENCODER } CwModelKind;

typedef struct {
  const char   *id;             /* "musicgen-small": the hub's name without its owner, and the folder's on this machine */
  const char   *title;          /* "MusicGen Small" */
  const char   *repo;           /* of the hub: "facebook/musicgen-small" */
  const char   *what;           /* one sentence */
  CwModelFormat format;
  CwModelKind   kind;
  guint         rate_hz;        /* 0: makes no sound itself */
  guint         n_channels;     /* 0, too */
  double        window_s;       /* the longest clip of one window; 0: none */
  guint64       n_decoder, n_text, n_codec; /* weights of each part; 0: not known, or there is none */
  guint         n_layers, n_hidden;         /* of the decoder; 0: none */
  gint64        download_bytes; /* -1: the server says */
  const char   *licence;        /* "cc-by-nc-4.0", or NULL: see the model card */
  const char  **needs;          /* ids of other entries that it needs beside it; NULL-terminated */
  const char   *not_yet;        /* why this version cannot run it, or NULL */
} CwCatalogueEntry;

typedef struct {
  const char *id, *title, *summary, *url;
} CwLicence;

typedef struct _CwCatalogue CwCatalogue;

/* From CLIPWRIGHT_DATA_DIR, the installed data folder, or the source tree the program was built from. Read once and kept; NULL
 * with @error when there is none or it is damaged. Any thread. Strings and entries live as long as the process. */
const CwCatalogue      *cw_catalogue_get (GError **error);
guint                   cw_catalogue_get_n (const CwCatalogue *catalogue);
const CwCatalogueEntry *cw_catalogue_get_entry (const CwCatalogue *catalogue, guint i);
/* By id or by the hub's name; NULL when it is not in it. */
const CwCatalogueEntry *cw_catalogue_find (const CwCatalogue *catalogue, const char *id_or_repo);

/* By its id, whatever the case; NULL when the catalogue has no words for it. */
const CwLicence        *cw_catalogue_find_licence (const CwCatalogue *catalogue, const char *id);
/* "CC BY-NC 4.0", or @id itself; NULL for NULL. */
const char             *cw_licence_title (const char *id);
/* True for the CC licences with NC in them: the mark by the model's name. */
gboolean                cw_licence_is_non_commercial (const char *id);
/* True for licences that ask for no more than that they are kept: what comes along with a model may have one without a question. */
gboolean                cw_licence_is_free (const char *id);

/* Bytes that the weights and caches take at @precision, for a clip of one whole window; 0 when that is not known:
 *   decoder and text encoder: 4, 2, 2, 1 or 17/32 bytes a weight (f32, bf16, f16, int8, int4 with 8 bits of scale for each 32),
 *   codec: 4 bytes a weight, at any precision,
 *   keys and values: 2 (of them) x 2 (with and without the prompt) x 2 bytes x layers x hidden x frames of the window. */
guint64                 cw_catalogue_memory (const CwCatalogueEntry *entry, cw_precision precision);
