/* SPDX-License-Identifier: MIT
 *
 * module.h: what the engine and the CUDA module say to each other. The engine opens the module with dlopen, asks its one symbol for this
 *     table, and models run on the table alone: no file but those of the module names CUDA.
 *
 * A cw_gpu is one card with its streams. Everything that is launched or copied is queued on a stream and returns at once; the first
 * failure is kept, what is queued behind it does nothing, and cw_cuda_module.wait tells. So a model's run reads as one call a line.
 *
 * Pointers in the structures below are the card's unless they say host. Sums have the order of ops/lanes.h and arithmetic is not
 * contracted: what a kernel computes is the plain C definition's result to the bit, but for attention, whose keys are split, for the group norm,
 * whose sums in double precision have another order, and for what cuBLAS makes (cw_gpu_linear.may_round).
 */
#ifndef CW_CUDA_MODULE_H
#define CW_CUDA_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tensor.h"
#include "ops/pad/pad.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CW_CUDA_ABI     5
#define CW_CUDA_SYMBOL  "clipwright_cuda_module"

#define CW_GPU_STREAMS  2  /* CW_GPU_STEPS, CW_GPU_CODEC */
#define CW_GPU_SECTOR   32 /* bytes that a card's cache asks memory for */
#define CW_GPU_FUSED    8  /* layers of one linear launch */
#define CW_GPU_SPLITS   8  /* pieces that the keys of an attention are split into, at most */
#define CW_GPU_LATENT_MAX 2048 /* numbers of a code vector that is searched for */

typedef enum { CW_GPU_STEPS, CW_GPU_CODEC } cw_gpu_stream;

typedef struct cw_gpu       cw_gpu;
typedef struct cw_gpu_graph cw_gpu_graph;

/* What the module's calls return: 0, or one of these for what a person can act on; others are CUDA's own numbers. */
enum {
  CW_GPU_OK = 0,
  CW_GPU_NO_MEMORY = 2,       /* cudaErrorMemoryAllocation */
  CW_GPU_OLD_DRIVER = 35,     /* cudaErrorInsufficientDriver: also when there is no driver at all */
  CW_GPU_UNAVAILABLE = 46,    /* cudaErrorDevicesUnavailable: busy, or held by another in exclusive mode */
  CW_GPU_NO_DEVICE = 100,
  CW_GPU_INVALID_DEVICE = 101,
};

typedef struct {
  char   name[256];
  int    major, minor;             /* compute capability */
  int    driver_version, runtime_version; /* CUDA's: 13000 is 13.0; driver 0: there is none */
  size_t memory_bytes, free_bytes; /* free: 0 unless the card is open */
  size_t cache_bytes;              /* the second-level cache */
} cw_gpu_info;

/* ---- cuBLAS --------------------------------------------------------------------------------------------------------- */

#define CW_GPU_BLAS_WORKSPACE ((size_t) 32 << 20) /* its own, given to it; what it asks for on the newest cards */
#define CW_GPU_BLAS_COLUMNS   2048                /* at once, at most */

/* Terms of 16 bits that a column of a layer with such weights becomes for it (blas.cu); 0: such layers are not for it. */
static inline unsigned
cw_gpu_blas_terms (int dtype)
{
  return dtype == CW_F16 ? 2 : dtype == CW_BF16 ? 3 : 0;
}

/* ---- linear layers ------------------------------------------------------------------------------------------------ */

/* A matrix [n_out, n_in] as ops/kernels.h lays it out, and its bias. */
typedef struct {
  const void   *w;
  const float  *scales; /* [n_out] of 8 and 4 bits */
  const int8_t *groups; /* of 4 bits */
  const float  *bias;   /* [n_out] or NULL */
  uint32_t      n_out, n_in;
  int           dtype;  /* CW_F32, CW_F16, CW_BF16; CW_I8 and CW_U8 for 8 and 4 bits */
} cw_gpu_matrix;

/* Bytes that a launch behind this one will read, and that this one asks the second-level cache for when it has read its own: memory works while
 * one launch ends and the next begins. n 0: none. */
typedef struct {
  const void *bytes;
  uint32_t    n;
} cw_gpu_ahead;

/* What a column passes before the product. */
typedef enum {
  CW_GPU_AS_IS, /* x [n, ld_x] */
  CW_GPU_NORM,  /* layer norm of x: gamma, beta, eps */
  CW_GPU_RMS,   /* the same without mean and beta */
  CW_GPU_MERGE, /* x is what attention left in pieces: see cw_gpu_pieces */
} cw_gpu_prologue;

typedef enum { CW_GPU_NONE, CW_GPU_RELU, CW_GPU_GELU, CW_GPU_GELU_TANH } cw_gpu_activation; /* as cw_activation */

/* An attention's result before it is put together: of each query and head, CW_GPU_SPLITS pieces, each with its largest score, the sum
 * of its weights, and d sums of weighted values. Pieces that see no key have the sum 0. */
typedef struct {
  float   *values;  /* [n, heads, CW_GPU_SPLITS, d] */
  float   *largest; /* [n, heads, CW_GPU_SPLITS] */
  float   *sums;    /* [n, heads, CW_GPU_SPLITS] */
  uint32_t heads, d;
} cw_gpu_pieces;

/* Keys and values of one layer, [n_rows, heads, max_steps, d] of type @dtype. */
typedef struct {
  void    *keys, *values;
  uint32_t heads, d, max_steps;
  int      dtype; /* CW_F32 or CW_F16 */
} cw_gpu_cache;

/* y = activation (w x + bias) * gate + addend for each of @n_layers over the same columns, all of as many inputs and the same type. */
typedef struct {
  cw_gpu_matrix     layers[CW_GPU_FUSED];
  float            *y[CW_GPU_FUSED];   /* [n, ld_y]; with @cache the second and third are not used: they are keys and values */
  uint32_t          n_layers, n, ld_x, ld_y;
  const float      *x;
  cw_gpu_prologue   prologue;
  const float      *gamma, *beta;      /* [n_in]; beta NULL: 0 */
  float             eps;
  cw_gpu_pieces     pieces;
  cw_gpu_activation activation;
  const float      *gate;              /* [n, ld_y] or NULL */
  const float      *addend;            /* [n, ld_y] or NULL; may be y[0] */
  cw_gpu_cache      cache;             /* keys NULL: none. Column j is row j / each's, at position *step + j % each */
  uint32_t          each;
  const int32_t    *step;
  bool              may_round;         /* many columns of 16-bit weights may go to cuBLAS, where their last bits are others; not in a capture */
  cw_gpu_ahead      ahead;
} cw_gpu_linear;

/* ---- attention ------------------------------------------------------------------------------------------------------ */

/* What the queries of one text see: keys and values of all layers, [n_layers, n, width], f32. On the card, one a row. */
typedef struct {
  const float *keys, *values;
  uint32_t     n;
} cw_gpu_text;

typedef struct {
  const float       *q; /* [n, heads * d], @each queries of a row one behind the other */
  uint32_t           n, heads, d, each;
  float              scale;
  cw_gpu_pieces      pieces;
  /* over the cache: query j is row j / each's, and sees its positions 0 … *step + j % each */
  cw_gpu_cache       cache;
  const int32_t     *step;
  /* over a text (cache.keys NULL), the same of all of a row's queries: */
  const cw_gpu_text *texts; /* [n / each] */
  uint32_t           layer;
  const float       *bias;  /* NULL, or [heads, 2 each - 1]: query j's key p gets the number at each - 1 - j % each + p added, p < each */
  bool               near;  /* a text of @each keys, of which query j sees those from j % each - reach to j % each + reach */
  uint32_t           reach;
  cw_gpu_ahead       ahead;
} cw_gpu_attention;

/* ---- the ends of a step ------------------------------------------------------------------------------------------------ */

#define CW_GPU_TO_DRAW (-1) /* in a table of columns: not known yet */

/* The columns of a run: [n_takes, n_columns, K] ids. Row r belongs to take r % n_takes; column c is read at step first + c. */
typedef struct {
  int32_t *ids;
  uint32_t n_takes, n_columns, k, v, first;
} cw_gpu_columns;

typedef struct {
  float          *x;          /* [n_rows, each, width]: written */
  uint32_t        n_rows, width, each; /* each: columns of a row, from *step on */
  const float    *vectors;    /* NULL, or [n_rows, each, width] instead of codes */
  cw_gpu_columns  columns;
  const void    **tables;     /* [K] on the card: [V + 1, width] of type @dtype */
  int             dtype;
  const void     *positions;  /* [n_positions, width] of type @positions_dtype */
  int             positions_dtype;
  uint32_t        n_positions;
  const float    *later;      /* positions from n_positions on, f32, or NULL */
  const int32_t  *step;
} cw_gpu_embedding;

/* How a run's tokens are chosen; on the card, so that a captured step holds none of it. See sampling/sampler.h. */
typedef struct {
  uint64_t seed;
  float    guidance, temperature, top_p;
  int32_t  top_k;
  uint32_t first_take, first_step; /* added to the take's and the column's number before they are counted by Philox */
} cw_gpu_choice;

typedef struct {
  float               *logits;  /* [n_rows, K, V]: with twice as many rows as takes the second half is the null branch */
  uint32_t             n_rows;
  const cw_gpu_choice *choice;
  cw_gpu_columns       columns; /* the column behind the one of *step receives the tokens where it says CW_GPU_TO_DRAW */
  const int32_t       *step;
  int32_t             *tokens;  /* [n_takes, K]: that column */
} cw_gpu_sample;

/* One codebook of a clip that is looked at whole: of each of @n frames a token, and how sure the model was: cw_sample_scored, for the same draws. */
typedef struct {
  float        *logits;      /* [n, V]: overwritten */
  const float  *null_branch; /* [n, V] or NULL */
  const double *uniforms;    /* [n] in [0, 1); < 0: the frame is left alone, its token -1 */
  uint32_t      n, v;
  cw_gpu_choice choice;      /* guidance, temperature above 0, top_p, top_k */
  bool          greedy;
  int32_t      *tokens;      /* [n] */
  float        *sure;        /* [n] */
} cw_gpu_scored;

/* ---- the codec ------------------------------------------------------------------------------------------------------ */

/* Of @n_signals signals side by side, each the size that is said below.
 *
 * Sum of code vectors: y [c, ld_y], @n columns; @codes [n_books, ld_codes]; books [n_books] on the card, each [V, c] f32. */
typedef struct {
  float          *y;
  const int32_t  *codes;
  const float   **books;
  uint32_t        n_books, n, c, ld_y, ld_codes, n_signals;
} cw_gpu_books;

/* For each of @n columns of x [c, ld_x]: book by book the row that is nearest to what the one before left over, to codes [n_books, ld_codes]; books
 * [n_books] on the card, each [v, c] f32. x stays as it is. */
typedef struct {
  int32_t      *codes;
  const float  *x;
  const float **books;
  uint32_t      n_books, v, n, c, ld_x, ld_codes;
} cw_gpu_nearest;

/* @n columns of each of @rows rows, from @column on, are the samples @first … that lie before or behind a signal of @n_signal samples: see
 * ops/pad/pad.h. Sample i stands in column origin + i. */
typedef struct {
  float      *x; /* [rows, ld] */
  uint32_t    ld, rows, column, n;
  int64_t     first, origin, n_signal, extended;
  cw_pad_mode mode;
} cw_gpu_pad;

/* A convolution over a buffer that already holds its padding, as taps: see models/conv.h. Row (m) of w: [r] in panels of 8. Tap t of
 * channel i reads x[i * ld_x + first + t * dilation + column * stride]; transposed ones run with dilation -1. */
typedef struct {
  float       *y; /* [m, ld_y], or with @phases > 1 [m / phases, ld_y]: row co * phases + p is sample column * phases + p - skip of co */
  const float *x;
  const float *panels, *bias;
  const float *addend; /* [m, ld_addend] or NULL: added */
  uint32_t     m, c_in, kernel, n;
  uint32_t     ld_x, ld_y, ld_addend;
  int32_t      first, dilation, stride;
  uint32_t     phases;
  int32_t      skip;   /* samples that are cut on the left; those past @n_out are not written */
  uint32_t     n_out, n_signals;
  bool         elu;    /* of what is written */
} cw_gpu_conv;

/* Group norm with one group, over all @c rows and @n columns of each signal, in place: y = elu (norm (y) + addend). Wu and He 2018,
 * arXiv:1803.08494. */
typedef struct {
  float       *y; /* [n_signals, c, ld_y] */
  const float *gamma, *beta; /* [c] */
  const float *addend;       /* [n_signals, c, ld_addend] or NULL */
  float        eps;
  uint32_t     c, n, ld_y, ld_addend, n_signals;
  bool         elu;
} cw_gpu_group_norm;

/* One frame of an LSTM layer of @n signals: gates [n, 4 c] hold w_ih x + both biases; y [n, c] is the next hidden state, and may not be
 * hidden_in: see backend.h. */
typedef struct {
  const float  *gates;
  const float  *hidden_in; /* [n, c] */
  float        *cell, *y;  /* [n, c] */
  cw_gpu_matrix w_hh;      /* of any type but 4 bits */
  uint32_t      c, n;
} cw_gpu_lstm;

/* ---- the table ------------------------------------------------------------------------------------------------------- */

typedef struct {
  uint32_t    abi;  /* CW_CUDA_ABI */
  const char *name; /* "cuda", or "cuda-on-cpu" for the stand-in of the tests */

  int (*count) (int *n);
  int (*describe) (int index, cw_gpu_info *info);
  const char *(*error_text) (int code); /* static */
  /* Is cuBLAS there? *version: 130000 is 13.0; 0: not known. */
  bool (*cublas) (int *version);
  /* False: from now on the module's own kernels make what cuBLAS could, which takes none of the card's memory. At first it is allowed. */
  void (*allow_cublas) (cw_gpu *gpu, bool allowed);

  /* NULL and *code when the card cannot be used. close frees what is left. */
  cw_gpu *(*open) (int index, int *code);
  void (*close) (cw_gpu *gpu);
  void (*memory) (cw_gpu *gpu, size_t *free_bytes, size_t *total_bytes);
  /* The first failure since open; after a device was lost, for good. */
  int (*status) (const cw_gpu *gpu);

  /* NULL when there is no room, which is no failure of the card. */
  void *(*alloc) (cw_gpu *gpu, size_t n_bytes);
  void (*release) (cw_gpu *gpu, void *memory);
  void *(*alloc_host) (cw_gpu *gpu, size_t n_bytes); /* pinned */
  void (*release_host) (cw_gpu *gpu, void *memory);

  void (*upload) (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes);
  void (*download) (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes);
  void (*copy) (cw_gpu *gpu, cw_gpu_stream stream, void *to, const void *from, size_t n_bytes);
  /* @n_rows of @n_bytes, from rows from_pitch bytes apart to rows to_pitch apart; must not overlap. */
  void (*copy_rows) (cw_gpu *gpu, cw_gpu_stream stream, void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t n_bytes,
                     size_t n_rows);
  void (*zero) (cw_gpu *gpu, cw_gpu_stream stream, void *memory, size_t n_bytes);
  /* Until all of @stream is done; returns status. */
  int (*wait) (cw_gpu *gpu, cw_gpu_stream stream);
  /* Is all of @stream done by now, or has the card failed? */
  bool (*done) (cw_gpu *gpu, cw_gpu_stream stream);
  /* What is queued on @later from now on waits for what is on @earlier by now. */
  void (*order) (cw_gpu *gpu, cw_gpu_stream earlier, cw_gpu_stream later);

  /* What is queued between the two becomes a graph instead of running; false or NULL when it could not, and then nothing failed. */
  bool (*capture_begin) (cw_gpu *gpu, cw_gpu_stream stream);
  cw_gpu_graph *(*capture_end) (cw_gpu *gpu, cw_gpu_stream stream, size_t *n_nodes);
  void (*replay) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_graph *graph);
  void (*release_graph) (cw_gpu *gpu, cw_gpu_graph *graph);

  void (*embed) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_embedding *embedding);
  void (*linear) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_linear *linear);
  void (*attend) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_attention *attention);
  void (*layer_norm) (cw_gpu *gpu, cw_gpu_stream stream, float *y, const float *x, uint32_t n, uint32_t c, const float *gamma,
                      const float *beta, float eps);
  void (*sample) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_sample *sample);
  void (*sample_scored) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_scored *scored);
  void (*advance) (cw_gpu *gpu, cw_gpu_stream stream, int32_t *step, uint32_t n); /* *step += n */

  void (*books) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_books *books);
  void (*nearest) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_nearest *nearest);
  void (*pad) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_pad *pad);
  void (*conv) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_conv *conv);
  void (*group_norm) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_group_norm *norm);
  void (*elu) (cw_gpu *gpu, cw_gpu_stream stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n);
  void (*lstm) (cw_gpu *gpu, cw_gpu_stream stream, const cw_gpu_lstm *lstm);
  /* y [n, ld_y] = x [c, ld_x] turned around (+ addend [n, ld_addend], which may be NULL). */
  void (*transpose) (cw_gpu *gpu, cw_gpu_stream stream, float *y, uint32_t ld_y, const float *x, uint32_t ld_x, uint32_t c, uint32_t n,
                     const float *addend, uint32_t ld_addend);
} cw_cuda_module;

/* The symbol's type: NULL when this module cannot speak @abi. */
typedef const cw_cuda_module *(*cw_cuda_module_fn) (uint32_t abi);

#ifdef __cplusplus
}
#endif
#endif
