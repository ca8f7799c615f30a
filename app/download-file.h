/* SPDX-License-Identifier: MIT
 *
 * download-file.h: one file of a plan, from the hub into a folder.
 */
#pragma once

#include "download-plan.h"

typedef struct {
  CwHub        *hub;
  const CwPlan *plan;
  const char   *folder;                                /* exists */
  void (*tell) (gint64 n_more, gpointer user); /* bytes that are here now and were not; negative when they turned out useless */
  gpointer      user;
  GCancellable *cancellable;
} CwFileFetch;

/* Blocks until @file is in the folder, checked and synced, or failed. What came of it before a failure stays as NAME.part, with what
 * it belongs to in NAME.part.json, and the next call goes on from there; but what turned out wrong is removed. On success
 * file->size and file->sha256 are those of what is there. */
gboolean cw_file_fetch (const CwFileFetch *fetch, CwPlanFile *file, GError **error);

/* Bytes of @file that lie in the folder already, whole or in part. */
gint64   cw_file_fetch_get_n_here (const char *folder, const CwPlanFile *file);
