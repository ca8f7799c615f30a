/* SPDX-License-Identifier: MIT
 *
 * model-records.h: what the catalogue knows and what this machine has, as one list.
 */
#pragma once

#include "catalogue.h"
#include "models.h"

typedef enum {
  CW_MODEL_STARTER,   /* ships with the program */
  CW_MODEL_INSTALLED,
  CW_MODEL_PARTIAL,   /* some of it was downloaded */
  CW_MODEL_AVAILABLE, /* the hub has it */
  CW_MODEL_NOT_YET,   /* this version cannot run it */
} CwModelState;

typedef struct {
  char                   *name;   /* of the folder, and what commands take */
  char                   *folder; /* or NULL: not here */
  char                   *repo;   /* of the hub, or NULL */
  char                   *licence; /* id, or NULL: not stated */
  const CwCatalogueEntry *entry;  /* or NULL: a folder of the person's own */
  CwModelState            state;
  gint64                  n_bytes; /* on this machine's disk */
  guint                   rate_hz, n_channels; /* of its sound; 0: not stated */
} CwModelRecord;

/* The starter, the catalogue in its order, the person's own by name. Reads folders. */
GPtrArray     *cw_model_records_list (GError **error);
/* By name, the hub's name, or a folder's path. NULL with a sentence. */
CwModelRecord *cw_model_records_find (const char *which, GError **error);
void           cw_model_record_free (CwModelRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwModelRecord, cw_model_record_free)

const char    *cw_model_state_name (CwModelState state);
/* "MusicGen Small", or the folder's name. */
const char    *cw_model_record_get_title (const CwModelRecord *record);
