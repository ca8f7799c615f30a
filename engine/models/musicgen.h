/* SPDX-License-Identifier: MIT
 *
 * musicgen.h: MusicGen's decoder, a transformer that predicts the next token of each codebook from those before and from the text.
 *     Copet et al. 2023, arXiv:2306.05284; transformers MusicgenForCausalLM, MusicgenMelodyForCausalLM.
 *
 * A cw_musicgen is the weights; a cw_musicgen_run is one pass over time with its caches. Rows are sequences that are decoded side by
 * side and share each read of the weights: the takes of a request, then their null branches for guidance.
 */
#pragma once

#include "backend/backend.h"
#include "base/json.h"
#include "checkpoint/prepared.h"
#include "sampling/sampler.h"

typedef struct {
  size_t        codebook_size, n_codebooks; /* V, K */
  size_t        width, heads, ffn, n_layers, text_width;
  size_t        n_positions; /* rows of the table of positions: the longest sequence */
  size_t        n_channels;  /* 2: codebooks interleave left and right */
  bool          prefixed;    /* MusicGen Melody: no cross attention; text and melody stand in front of the codes (melody.h) */
  cw_activation activation;
  bool          projects;        /* a layer brings the text to the decoder's width */
  bool          exact_positions; /* where the file has no table: in double precision (AudioCraft), else as transformers */
} cw_musicgen_config;

typedef struct cw_musicgen     cw_musicgen;
typedef struct cw_musicgen_run cw_musicgen_run;

/* From the "decoder" part of config.json; @text_width is the text encoder's. */
bool cw_musicgen_config_read (cw_musicgen_config *config, const cw_json_scope *scope, size_t text_width,
                              cw_error *error);

/* The source's weights stay the caller's and must outlive the model. Where they are not stored as they are, the caches of keys and
 * values are f16, or with weights of 8 and 4 bits 8 bits with a scale for each head's key and value. */
cw_musicgen *cw_musicgen_load (cw_backend *be, const cw_musicgen_config *config, const cw_source *source,
                               cw_error *error);
void         cw_musicgen_free (cw_musicgen *model);

const cw_musicgen_config *cw_musicgen_get_config (const cw_musicgen *model);
/* What the heads are stored as beside layers of @layers. */
cw_storage                cw_musicgen_head_storage (cw_storage layers);
/* And what is read once a clip, for a text: its projection, the keys and values of cross attention. */
cw_storage                cw_musicgen_text_storage (cw_storage layers);
/* Bytes of weights that a step reads. */
size_t                    cw_musicgen_step_bytes (const cw_musicgen *model);

/* y [n, width]: @hidden [n, text_width] as the decoder takes it, projected where the widths differ. */
void cw_musicgen_project_text (cw_musicgen *model, const float *hidden, size_t n, float *y);

/* Memory for @n_rows sequences of up to @max_steps steps (and vectors in front of them) over @n_texts texts. All that the steps need is taken here. */
cw_musicgen_run *cw_musicgen_run_new (cw_musicgen *model, size_t n_rows, size_t max_steps, size_t n_texts,
                                      cw_error *error);
void             cw_musicgen_run_free (cw_musicgen_run *run);

/* Text @text becomes @hidden [n, text_width]: projects it and caches the keys and values of every layer's cross
 * attention. @projected (may be NULL) receives [n, width]. */
cw_status cw_musicgen_run_set_text (cw_musicgen_run *run, size_t text, const float *hidden, size_t n, float *projected,
                                    cw_error *error);
/* The same from its projected vectors, @states [n, width]: AudioCraft pads a batch's texts with zeros, which are attended to. */
cw_status cw_musicgen_run_set_states (cw_musicgen_run *run, size_t text, const float *states, size_t n, cw_error *error);
/* Row @row reads text @text from the next column on; rows begin with CW_NO_TEXT: the null branch, to which cross attention adds exactly
 * 0. No row with a text may stand behind one without. */
#define CW_NO_TEXT SIZE_MAX
void cw_musicgen_run_use_text (cw_musicgen_run *run, size_t row, size_t text);

/* Copies of what lies between, for tests: each NULL or [n_rows, width]. */
typedef struct {
  float *embedding, *after_layer0, *after_norm;
} cw_musicgen_probe;

/* One step: @ids [n_rows, K], each 0 … V (V is the pad), gives @logits [n_rows, K, V], and the position moves on. @probe may be NULL. */
void cw_musicgen_run_step (cw_musicgen_run *run, const int32_t *ids, float *logits, const cw_musicgen_probe *probe);

/* Feeds @n columns whose successors are known: @ids [n_rows, n, K]. The same, to the bit, as @n steps whose logits nobody wants, but
 * with one pass over the weights for many columns. */
void cw_musicgen_run_feed (cw_musicgen_run *run, const int32_t *ids, size_t n);
/* The same for vectors instead of codes: @vectors [n_rows, n, width]. */
void cw_musicgen_run_feed_vectors (cw_musicgen_run *run, const float *vectors, size_t n);
/* Steps whose tokens a card chooses by itself, so that no logits leave it. */
typedef struct {
  uint64_t       seed;
  unsigned       first_take;
  size_t         n_takes;    /* rows 0 … n_takes - 1; as many behind them are their null branches, or there are none */
  size_t         first_step; /* added to the column's number before it is counted by Philox */
  float          guidance;
  cw_sampling    sampling;
  const int32_t *columns;    /* [n_takes, n_columns, K], ids: column 0 is the one read at the position behind what is fed as vectors */
  size_t         n_columns;
} cw_musicgen_plan;

#define CW_TO_DRAW (-1) /* in a plan's columns: drawn by the step before */

/* From the next step on. False when the run is not on a card: the caller then samples from the logits. */
bool cw_musicgen_run_plan (cw_musicgen_run *run, const cw_musicgen_plan *plan);
/* One step: reads the planned column of its position, draws what is missing of the next, and gives that to @tokens [n_takes, K]. False
 * when there is no plan, or the card failed in this very step: nothing is lost then, the step can be made with cw_musicgen_run_step. */
bool cw_musicgen_run_draw (cw_musicgen_run *run, int32_t *tokens);

/* The copy of the weights that later runs use on @card, instead of the processor. False and @error: there is no room, and the processor
 * does it. */
struct cw_card;
bool cw_musicgen_to_card (cw_musicgen *model, struct cw_card *card, cw_error *error);
/* Lets it go again; there may be no run there. */
void cw_musicgen_off_card (cw_musicgen *model);
/* Bytes that it takes, with what makes the keys and values of texts; 0 when there is none. */
size_t cw_musicgen_bytes_on_card (const cw_musicgen *model);
/* The weights, too, that make the keys and values of texts; without them the processor does. */
bool cw_musicgen_texts_to_card (cw_musicgen *model, cw_error *error);
/* Bytes that a run of so many takes there, with texts of @n_tokens tokens in all; 0 when there is no copy. */
size_t      cw_musicgen_run_bytes_on_card (const cw_musicgen *model, size_t n_rows, size_t max_steps, size_t n_tokens);
/* Has the run left its card, or found no room there? Then why; else, and where it was not meant for one, CW_OK. */
const cw_error *cw_musicgen_run_trouble (const cw_musicgen_run *run);
/* Launches and copies of a drawn step; 0 off the card. */
size_t      cw_musicgen_run_n_nodes (const cw_musicgen_run *run);

/* Back to position 0: what was fed is forgotten, the texts stay. */
void cw_musicgen_run_rewind (cw_musicgen_run *run);
