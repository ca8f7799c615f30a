/* SPDX-License-Identifier: MIT
 *
 * card.h: the engine's side of a graphics card: finds the module and opens it, holds the budget of memory, turns the card's failures
 *     into sentences. Models use the module's table (module.h) through what is here and never name CUDA.
 */
#pragma once

#include "backend/backend.h"
#include "cuda/module.h"
#include "engine.h"

/* Shapes that the kernels run: what their shared memory holds of a column, and attend.cu's registers of a head. */
#define CW_CARD_WIDTH_MAX 4096
#define CW_CARD_FFN_MAX   16384
#define CW_CARD_HEAD_MAX  512

typedef struct cw_card {
  const cw_cuda_module *module;
  cw_gpu               *gpu;          /* NULL: it was lost, and could not be opened again */
  int                   lost;         /* then why */
  cw_gpu_info           info;
  size_t                limit;        /* bytes that the person allows; 0: no limit */
  size_t                budget, used; /* bytes that may be, and that are taken */
  size_t                kept;         /* bytes beside the budget, for cuBLAS */
  char                  name[32];     /* "cuda", "cuda:1", "cuda-on-cpu" */
} cw_card;

/* @name: "cuda" (the first card), "cuda:N", or "cuda-on-cpu" (kernels run on the processor: for tests). @vram_bytes: budget; 0: what
 * CW_VRAM says ("6G", "800M"), else what is free but for a reserve. NULL and @error when there is no module or no card that works. */
cw_card *cw_card_open (const char *name, size_t vram_bytes, cw_error *error);
void     cw_card_close (cw_card *card);
/* After a failure that stays: nothing may be taken of it any more. False and @error when it cannot be; it then stays failed, and may be tried later. */
bool     cw_card_open_again (cw_card *card, cw_error *error);
/* Sets the budget anew, by what is free now. */
void     cw_card_look (cw_card *card);
/* The module that @name needs, which stays open; NULL and @error. */
const cw_cuda_module *cw_card_find_module (const char *name, cw_error *error);
/* N of "cuda:N", else 0. */
int      cw_card_index (const char *name);
/* Is @name a card's, by its form? */
bool     cw_card_is_name (const char *name);

/* CW_OK, or CW_ERROR_DEVICE and what happened. After that the card is of no use: close it, or open it again. */
cw_status cw_card_check (const cw_card *card, cw_error *error);

/* ---- memory that lives and dies together: see base/arena.h ------------------------------------------------------------- */

typedef struct cw_card_block cw_card_block;

typedef struct {
  cw_card       *card;
  cw_card_block *blocks;
  size_t         n_bytes;
  bool           failed; /* something was not there */
} cw_card_arena;

void *cw_card_take (cw_card_arena *arena, size_t n, size_t size);
#define cw_card_new(arena, type, n) ((type *) cw_card_take (arena, n, sizeof (type)))
/* Pinned memory of the host. */
void *cw_card_take_host (cw_card_arena *arena, size_t n, size_t size);
/* A copy of @n * @size bytes. */
void *cw_card_put (cw_card_arena *arena, const void *data, size_t n, size_t size);
/* True when all was there; else fills @error, naming @what: CW_ERROR_MEMORY for room, CW_ERROR_DEVICE for the card. */
bool  cw_card_arena_ok (const cw_card_arena *arena, const char *what, cw_error *error);
void  cw_card_arena_free (cw_card_arena *arena);

/* @linear's matrix as it is, and its bias. */
cw_gpu_matrix cw_card_put_linear (cw_card_arena *arena, const cw_linear *linear);
/* Bytes that a matrix takes there, without a bias. */
size_t        cw_card_matrix_bytes (size_t n_out, size_t n_in, cw_dtype dtype);
/* The beginning of part @part of @n_parts of @w's weights, for a launch in front of the one that reads them: as much as a fast card's memory gives while
 * one launch ends and the next begins, or as little as the second-level cache can spare. */
cw_gpu_ahead  cw_card_ahead (const cw_card *card, const cw_gpu_matrix *w, size_t part, size_t n_parts);
