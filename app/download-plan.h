/* SPDX-License-Identifier: MIT
 *
 * download-plan.h: which files of a repository make a model, and what the hub states of each: asked before anything is downloaded.
 */
#pragma once

#include "catalogue.h"
#include "hub.h"

typedef struct {
  char  *name;   /* in the repository and in the folder: never a path */
  gint64 size;   /* -1: not stated */
  char  *sha256; /* as stated; after the download as computed. NULL: not stated */
} CwPlanFile;

typedef struct {
  char         *repo, *revision;
  char         *commit;  /* or NULL */
  char         *licence; /* as the hub states it, or NULL */
  CwModelFormat format;
  GPtrArray    *files;   /* of CwPlanFile */
} CwPlan;

/* True for "owner/name" and "name" as the hub allows them. */
gboolean cw_repo_is_valid (const char *repo);

/* Blocks. @repo and @revision (NULL: "main") as a person typed them. @entry: of the catalogue, or NULL: any model that this
 * program can load, in the Hugging Face format where there are both. */
CwPlan  *cw_plan_new (CwHub *hub, const char *repo, const char *revision, const CwCatalogueEntry *entry, GCancellable *cancellable,
                      GError **error);
void     cw_plan_free (CwPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwPlan, cw_plan_free)

/* Sum of the sizes that are known. */
gint64   cw_plan_get_n_bytes (const CwPlan *plan);
/* Address of a file below the endpoint; g_free. */
char    *cw_plan_get_path (const CwPlan *plan, const char *name);
