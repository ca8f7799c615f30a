/* SPDX-License-Identifier: MIT
 *
 * model-pins.h: what a model's folder held when it came here: the small file clipwright-model.json in it, with where each file is
 * from, its size and its SHA-256, and the licence that was agreed to.
 */
#pragma once

#include <gio/gio.h>

#define CW_PINS_NAME "clipwright-model.json"

typedef struct {
  char  *name;
  gint64 size;
  char  *sha256; /* hex */
} CwPinnedFile;

typedef struct {
  char      *repo;     /* of the hub, or NULL: imported */
  char      *revision; /* that was asked for, or NULL */
  char      *commit;   /* that was got, or NULL */
  char      *licence;  /* or NULL: none was stated */
  GPtrArray *files;    /* of CwPinnedFile */
} CwPins;

CwPins  *cw_pins_new (void);
void     cw_pins_free (CwPins *pins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwPins, cw_pins_free)
void     cw_pins_add (CwPins *pins, const char *name, gint64 size, const char *sha256);

/* NULL when the folder has none, or it is damaged. */
CwPins  *cw_pins_read (const char *folder);
gboolean cw_pins_write (const CwPins *pins, const char *folder, GError **error);

typedef enum { CW_PIN_RIGHT, CW_PIN_MISSING, CW_PIN_WRONG_SIZE, CW_PIN_WRONG_HASH, CW_PIN_UNREADABLE } CwPinState;

/* Reads the file again. @tell as in file-hash.h. Cancelled counts as unreadable: look at @cancellable. */
CwPinState  cw_pins_check_file (const CwPinnedFile *file, const char *folder, void (*tell) (gint64 n_more, gpointer user), gpointer user,
                                GCancellable *cancellable);
const char *cw_pin_state_name (CwPinState state);
