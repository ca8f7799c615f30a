/* SPDX-License-Identifier: MIT
 *
 * test-conformance.c: every kernel of the CUDA module against the plain C definition, at odd sizes. Run on the CPU stand-in, or on a
 *     card with the argument "cuda". All are to agree to the bit, but for attention, whose keys are split. What the stand-in's checks
 *     find (bounds, races, what was never written) fails the test, too.
 */
#include "conformance.h"

#include "conformance-codec.h"
#include "sampling/philox.h"
#include "sampling/sampler.h"

#define ATTENTION_ERROR 2e-6f /* of values from -1 to 1: a few roundings of the weights */

/* ---- the order of two streams ------------------------------------------------------------------------------------------ */

/* The codec's stream writes, the steps' reads, twice over: each wait is for what was there when it was asked for, though the event behind it
 * is recorded again. */
static void
test_order (void)
{
  enum { N = 1000 };
  place        p = enter ();
  const float *first = numbers (&p.host, N), *second = numbers (&p.host, N);
  float       *x = cw_card_new (&p.there, float, N), *y = cw_card_new (&p.there, float, N), *z = cw_card_new (&p.there, float, N);

  card->module->upload (card->gpu, CW_GPU_CODEC, x, first, N * sizeof *first);
  card->module->order (card->gpu, CW_GPU_CODEC, CW_GPU_STEPS);
  card->module->copy (card->gpu, CW_GPU_STEPS, y, x, N * sizeof *x);
  card->module->order (card->gpu, CW_GPU_STEPS, CW_GPU_CODEC); /* not before x was read */
  card->module->upload (card->gpu, CW_GPU_CODEC, x, second, N * sizeof *second);
  card->module->order (card->gpu, CW_GPU_CODEC, CW_GPU_STEPS);
  card->module->copy (card->gpu, CW_GPU_STEPS, z, x, N * sizeof *x);
  same (fetch (&p, y, N * sizeof *y), first, N, "what the first wait was for");
  same (fetch (&p, z, N * sizeof *z), second, N, "what the second wait was for");
  leave (&p);
}

/* ---- linear layers -------------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_dtype          dtype;
  size_t            n_in, n_out, n, n_layers;
  bool              norm, bias, addend;
  cw_gpu_activation activation;
  bool              rms, gate;
} linear_case;

static void
test_linear (linear_case c)
{
  place         p = enter ();
  const size_t  n_rows = c.n_out;
  const float  *x = numbers (&p.host, c.n * c.n_in), *addend = numbers (&p.host, c.n * n_rows);
  const float  *gamma = numbers (&p.host, c.n_in), *beta = numbers (&p.host, c.n_in), *bias = numbers (&p.host, n_rows);
  float        *normed = cw_arena_new (&p.host, float, c.n * c.n_in);
  cw_linear     layers[3];
  cw_gpu_linear there = { .n_layers = (uint32_t) c.n_layers,
                          .n = (uint32_t) c.n,
                          .ld_x = (uint32_t) c.n_in,
                          .ld_y = (uint32_t) n_rows,
                          .prologue = c.rms ? CW_GPU_RMS : c.norm ? CW_GPU_NORM : CW_GPU_AS_IS,
                          .eps = 1e-5f,
                          .activation = c.activation };
  char          what[128];

  snprintf (what, sizeof what, "%s %zu x %zu of %zu columns, %zu layers%s%s%s", cw_dtype_name (c.dtype), c.n_out, c.n_in, c.n, c.n_layers,
            c.norm ? ", norm" : "", c.addend ? ", addend" : "", c.activation ? ", gelu" : "");
  if (c.gate)
    there.gate = cw_card_put (&p.there, addend, c.n * n_rows, sizeof *x);
  there.x = cw_card_put (&p.there, x, c.n * c.n_in, sizeof *x);
  there.gamma = cw_card_put (&p.there, gamma, c.n_in, sizeof *x);
  there.beta = c.rms ? NULL : cw_card_put (&p.there, beta, c.n_in, sizeof *x);
  if (c.addend)
    there.addend = cw_card_put (&p.there, addend, c.n * n_rows, sizeof *x);
  for (size_t l = 0; l < c.n_layers; l++) {
    layers[l] = random_linear (&p, c.dtype, n_rows, c.n_in);
    layers[l].bias = c.bias ? bias : NULL;
    there.layers[l] = cw_card_put_linear (&p.there, &layers[l]);
    there.y[l] = cw_card_new (&p.there, float, c.n * n_rows);
  }
  there.ahead = cw_card_ahead (card, &there.layers[c.n_layers - 1], 0, 1); /* up to a buffer's end */
  card->module->linear (card->gpu, CW_GPU_STEPS, &there);

  if (c.norm)
    plain->layer_norm (plain, normed, x, c.n, c.n_in, &(cw_norm){ gamma, beta, 1e-5f });
  else if (c.rms)
    plain->rms_norm (plain, normed, x, c.n, c.n_in, &(cw_norm){ gamma, NULL, 1e-5f });
  cw_backend_reserve_columns (plain, c.n_in, NULL);
  for (size_t l = 0; l < c.n_layers; l++) {
    float *y = cw_arena_new (&p.host, float, c.n * n_rows);
    plain->linear (plain, y, n_rows, c.norm || c.rms ? normed : x, c.n_in, c.n, &layers[l], (cw_activation) c.activation, c.addend ? addend : NULL,
                   c.gate ? addend : NULL);
    same (fetch (&p, there.y[l], c.n * n_rows * sizeof *y), y, c.n * n_rows, what);
  }
  leave (&p);
}

static void
test_linears (void)
{
  static const cw_dtype dtypes[] = { CW_F32, CW_F16, CW_BF16, CW_I8, CW_U8 };
  static const size_t   sizes[][3] = { { 1, 1, 1 }, { 5, 7, 2 }, { 16, 8, 3 }, { 17, 9, 4 }, { 64, 20, 2 }, { 130, 4, 5 }, { 300, 13, 2 } };

  for (size_t d = 0; d < N_OF (dtypes); d++) {
    for (size_t i = 0; i < N_OF (sizes); i++) {
      linear_case c = { dtypes[d], sizes[i][0], sizes[i][1], sizes[i][2], 1, false, i % 2, i % 3 == 0, .activation = CW_GPU_NONE };

      test_linear (c);
      c.norm = true;
      c.activation = i % 2 ? CW_GPU_GELU : CW_GPU_RELU;
      test_linear (c);
      c.activation = CW_GPU_NONE;
      c.n_layers = 3;
      c.addend = false;
      test_linear (c);
    }
    test_linear ((linear_case){ dtypes[d], 33, 9, 5, 1, false, false, false, CW_GPU_GELU_TANH, true, true });
    /* more than one run of integers before they become f32 */
    test_linear ((linear_case){ dtypes[d], 2200, 5, 1, 1, false, false, false, .activation = CW_GPU_NONE });
    /* a norm of columns that are too long to be staged before they are quantised */
    test_linear ((linear_case){ dtypes[d], 1900, 5, 4, 1, true, false, false, .activation = CW_GPU_NONE });
  }
  test_linear ((linear_case){ CW_I8, CW_Q8_RUN + 70, 3, 2, 1, false, false, false, .activation = CW_GPU_NONE });
}

/* Layers of many columns, which go to cuBLAS where it is: then they are near; without it they are the same. */
static void
test_many_columns (cw_dtype dtype, cw_gpu_prologue prologue)
{
  enum { N = 40, IN = 130, OUT = 150 };
  place         p = enter ();
  int           version;
  const bool    by_cublas = dtype != CW_F32 && card->module->cublas (&version);
  float        *x = numbers (&p.host, N * IN), *normed = cw_arena_new (&p.host, float, N *IN), *found[2], *expected = cw_arena_new (&p.host, float, N *OUT);
  const float  *gamma = numbers (&p.host, IN), *beta = numbers (&p.host, IN), *bias = numbers (&p.host, OUT), *addend = numbers (&p.host, N * OUT);
  cw_linear     layers[2] = { random_linear (&p, dtype, OUT, IN), random_linear (&p, dtype, OUT, IN) };
  cw_gpu_linear there = { .n_layers = 2, .n = N, .ld_x = IN, .ld_y = OUT, .prologue = prologue, .eps = 1e-5f, .activation = CW_GPU_GELU, .may_round = true };
  size_t        n_other = 0;

  for (size_t i = 0; i < N * IN; i++)
    x[i] *= i / IN == 3 ? 1e-20f : i / IN == 5 ? 3e4f : i % 7 == 0 ? 1e-4f : 1.0f;
  there.x = cw_card_put (&p.there, x, N * IN, sizeof *x);
  there.gamma = cw_card_put (&p.there, gamma, IN, sizeof *x);
  there.beta = prologue == CW_GPU_NORM ? cw_card_put (&p.there, beta, IN, sizeof *x) : NULL;
  there.gate = there.addend = cw_card_put (&p.there, addend, N * OUT, sizeof *x);
  for (size_t l = 0; l < 2; l++) {
    layers[l].bias = bias;
    there.layers[l] = cw_card_put_linear (&p.there, &layers[l]);
    there.y[l] = cw_card_new (&p.there, float, N *OUT);
  }
  card->module->linear (card->gpu, CW_GPU_STEPS, &there);
  if (prologue == CW_GPU_NORM)
    plain->layer_norm (plain, normed, x, N, IN, &(cw_norm){ gamma, beta, 1e-5f });
  else if (prologue == CW_GPU_RMS)
    plain->rms_norm (plain, normed, x, N, IN, &(cw_norm){ gamma, NULL, 1e-5f });
  else
    memcpy (normed, x, N * IN * sizeof *x);
  for (size_t l = 0; l < 2; l++) {
    found[l] = fetch (&p, there.y[l], N * OUT * sizeof *x);
    plain->linear (plain, expected, OUT, normed, IN, N, &layers[l], CW_ACTIVATION_GELU, addend, addend);
    for (size_t i = 0; i < N * OUT; i++) {
      const float size = i / OUT == 5 && prologue == CW_GPU_AS_IS ? 3e4f : 1.0f;

      n_other += memcmp (&found[l][i], &expected[i], sizeof *expected) != 0;
      if (!(fabsf (found[l][i] - expected[i]) <= 4e-5f * size)) {
        CHECK (false, "%s, many columns, prologue %d: %zu is %.9g, C gives %.9g", cw_dtype_name (dtype), (int) prologue, i, (double) found[l][i],
               (double) expected[i]);
        break;
      }
    }
  }
  CHECK ((n_other > 0) == by_cublas, "%s, many columns: %zu numbers are others than the plain definition's, %s cuBLAS", cw_dtype_name (dtype), n_other,
         by_cublas ? "with" : "without");
  leave (&p);
}

/* What cuBLAS takes of the card's memory is what a plan keeps for it (generate/card-plan.c), and nothing where it is refused. */
static void
test_memory_of_cublas (void)
{
  enum { N = 64, IN = 130, OUT = 150 };
  const size_t  expected = CW_GPU_BLAS_WORKSPACE + N * cw_gpu_blas_terms (CW_F16) * (IN * sizeof (uint16_t) + OUT * sizeof (float)) +
                          CW_GPU_BLAS_COLUMNS * sizeof (float);
  cw_error      error = { 0 };
  cw_card      *own = cw_card_open (card->name, 0, &error);
  cw_card_arena arena = { .card = own };
  int           version;
  size_t        before, after, total;

  if (!own || strcmp (card->name, "cuda-on-cpu") != 0 || !own->module->cublas (&version)) { /* a card gives memory in pieces of its own size */
    cw_card_close (own);
    return;
  }
  for (int allowed = 0; allowed < 2; allowed++) {
    const float        *x = cw_card_new (&arena, float, N *IN);
    const cw_gpu_linear linear = { .layers = { { .w = cw_card_take (&arena, OUT * IN, 2), .n_out = OUT, .n_in = IN, .dtype = CW_F16 } },
                                   .y = { cw_card_new (&arena, float, N *OUT) }, .n_layers = 1, .n = N, .ld_x = IN, .ld_y = OUT, .x = x, .may_round = true };

    own->module->zero (own->gpu, CW_GPU_STEPS, (void *) x, N * IN * sizeof *x);
    own->module->zero (own->gpu, CW_GPU_STEPS, (void *) linear.layers[0].w, OUT * IN * 2);
    own->module->allow_cublas (own->gpu, allowed);
    own->module->memory (own->gpu, &before, &total);
    own->module->linear (own->gpu, CW_GPU_STEPS, &linear);
    own->module->wait (own->gpu, CW_GPU_STEPS);
    own->module->memory (own->gpu, &after, &total);
    CHECK (before - after == (allowed ? expected : 0), "cuBLAS took %zu bytes, expected %zu", before - after, allowed ? expected : 0);
  }
  cw_card_arena_free (&arena);
  cw_card_close (own);
}

static void
test_layer_norm (size_t n, size_t c, bool with_beta)
{
  place        p = enter ();
  const float *x = numbers (&p.host, n * c), *gamma = numbers (&p.host, c), *beta = with_beta ? numbers (&p.host, c) : NULL;
  float       *y = cw_arena_new (&p.host, float, n *c), *there = cw_card_new (&p.there, float, n *c);

  card->module->layer_norm (card->gpu, CW_GPU_STEPS, there, cw_card_put (&p.there, x, n * c, sizeof *x), (uint32_t) n, (uint32_t) c,
                            cw_card_put (&p.there, gamma, c, sizeof *x), beta ? cw_card_put (&p.there, beta, c, sizeof *x) : NULL, 1e-5f);
  plain->layer_norm (plain, y, x, n, c, &(cw_norm){ gamma, beta, 1e-5f });
  same (fetch (&p, there, n * c * sizeof *y), y, n * c, "a layer norm");
  leave (&p);
}

/* ---- attention -------------------------------------------------------------------------------------------------------------- */

typedef struct {
  size_t   n, heads, d, n_keys, max_steps; /* n_keys: of the last query of a row */
  cw_dtype cache; /* of self attention */
  bool     cross;
  size_t   each;  /* queries of a row; 0: 1 */
  bool     bias;
  bool     near; /* of as many keys as queries: those at most @reach away */
  uint32_t reach;
} attention_case;

static cw_gpu_pieces
new_pieces (place *p, const attention_case *c)
{
  const size_t n = c->n * c->heads * CW_GPU_SPLITS;

  return (cw_gpu_pieces){ cw_card_new (&p->there, float, n * c->d), cw_card_new (&p->there, float, n), cw_card_new (&p->there, float, n),
                          (uint32_t) c->heads, (uint32_t) c->d };
}

/* The pieces in front of a layer with quantised weights, which has a prologue of its own. */
static void
check_quantised_merge (place *p, const attention_case *c, const cw_gpu_pieces *pieces, const float *merged)
{
  const size_t  width = c->heads * c->d, n_out = 9;
  cw_linear     layer = random_linear (p, CW_I8, n_out, width);
  cw_gpu_linear there = { .n_layers = 1, .n = (uint32_t) c->n, .ld_y = (uint32_t) n_out, .prologue = CW_GPU_MERGE, .pieces = *pieces };
  float        *y = cw_arena_new (&p->host, float, c->n * n_out);

  there.layers[0] = cw_card_put_linear (&p->there, &layer);
  there.y[0] = cw_card_new (&p->there, float, c->n * n_out);
  card->module->linear (card->gpu, CW_GPU_STEPS, &there);
  cw_backend_reserve_columns (plain, width, NULL);
  plain->linear (plain, y, n_out, merged, width, c->n, &layer, CW_ACTIVATION_NONE, NULL, NULL);
  same (fetch (p, there.y[0], c->n * n_out * sizeof *y), y, c->n * n_out, "an attention before a quantised layer");
}

/* The pieces go through a layer that is the identity: what comes out is the attention. */
static const float *
put_together (place *p, const attention_case *c, const cw_gpu_pieces *pieces)
{
  const size_t  width = c->heads * c->d;
  float        *identity = cw_arena_new (&p->host, float, width *width);
  cw_linear     layer = { .w = { CW_F32, 2, { width, width }, identity } };
  const float  *merged;
  cw_gpu_linear there = { .n_layers = 1, .n = (uint32_t) c->n, .ld_y = (uint32_t) width, .prologue = CW_GPU_MERGE, .pieces = *pieces };

  for (size_t i = 0; i < width; i++)
    identity[i * width + i] = 1.0f;
  there.layers[0] = cw_card_put_linear (&p->there, &layer);
  there.y[0] = cw_card_new (&p->there, float, c->n * width);
  card->module->linear (card->gpu, CW_GPU_STEPS, &there);
  merged = fetch (p, there.y[0], c->n * width * sizeof (float));
  check_quantised_merge (p, c, pieces, merged);
  return merged;
}

static void
test_attention (attention_case c)
{
  place            p = enter ();
  const size_t     width = c.heads * c.d, stride = c.cross ? c.n_keys : c.max_steps, row = stride * width, size = cw_dtype_size (c.cache);
  const size_t     each = c.each ? c.each : 1, n_rows = c.n / each;
  const float     *q = numbers (&p.host, c.n * width);
  float           *keys = numbers (&p.host, c.n * row), *values = numbers (&p.host, c.n * row);
  uint16_t        *narrow_keys = cw_arena_new (&p.host, uint16_t, c.n * row), *narrow_values = cw_arena_new (&p.host, uint16_t, c.n * row);
  const void      *k = c.cache == CW_F16 ? (void *) narrow_keys : keys, *v = c.cache == CW_F16 ? (void *) narrow_values : values;
  float           *expected = cw_arena_new (&p.host, float, c.n * width);
  cw_context      *contexts = cw_arena_new (&p.host, cw_context, c.n);
  const float     *bias = numbers (&p.host, c.heads * (2 * each - 1));
  const int32_t    step = (int32_t) (c.n_keys - each);
  cw_gpu_attention there = { .n = (uint32_t) c.n, .heads = (uint32_t) c.heads, .d = (uint32_t) c.d, .each = (uint32_t) each,
                             .scale = 0.3f, .pieces = new_pieces (&p, &c), .near = c.near, .reach = c.reach };
  char             what[128];

  snprintf (what, sizeof what, "%s attention of %zu keys, %zu heads of %zu, %s, %zu queries of a row%s%s", c.cross ? "cross" : "self", c.n_keys, c.heads,
            c.d, cw_dtype_name (c.cache), each, c.bias ? ", bias" : "", c.near ? ", near ones" : "");
  if (c.bias)
    there.bias = cw_card_put (&p.there, bias, c.heads * (2 * each - 1), sizeof *bias);
  plain->narrow (plain, narrow_keys, keys, c.n * row);
  plain->narrow (plain, narrow_values, values, c.n * row);
  there.q = cw_card_put (&p.there, q, c.n * width, sizeof *q);
  if (c.cross) {
    cw_gpu_text *texts = cw_arena_new (&p.host, cw_gpu_text, n_rows);

    for (size_t i = 0; i < n_rows; i++)
      texts[i] = (cw_gpu_text){ cw_card_put (&p.there, keys + i * row, row, sizeof *keys), cw_card_put (&p.there, values + i * row, row, sizeof *keys),
                                (uint32_t) c.n_keys };
    there.texts = cw_card_put (&p.there, texts, n_rows, sizeof *texts);
  } else {
    there.cache = (cw_gpu_cache){ cw_card_new (&p.there, char, c.n * row * size), cw_card_new (&p.there, char, c.n * row * size), (uint32_t) c.heads,
                                  (uint32_t) c.d, (uint32_t) c.max_steps, (int) c.cache };
    there.step = cw_card_put (&p.there, &step, 1, sizeof step);
    /* what lies behind the last key stays unwritten: to read it is a finding */
    for (size_t i = 0; i < n_rows * c.heads; i++) {
      const size_t at = i * c.max_steps * c.d * size, n_bytes = c.n_keys * c.d * size;
      card->module->upload (card->gpu, CW_GPU_STEPS, (char *) there.cache.keys + at, (const char *) k + at, n_bytes);
      card->module->upload (card->gpu, CW_GPU_STEPS, (char *) there.cache.values + at, (const char *) v + at, n_bytes);
    }
  }
  there.ahead = (cw_gpu_ahead){ there.q, (uint32_t) (c.n * width * sizeof *q) };
  card->module->attend (card->gpu, CW_GPU_STEPS, &there);

  for (size_t i = 0; i < c.n; i++) {
    const size_t first = c.near && i % each > c.reach ? i % each - c.reach : 0, at = (i / each * row + first * width) * size;
    const size_t end = !c.cross ? (size_t) step + i % each + 1 : c.near && i % each + c.reach + 1 < c.n_keys ? i % each + c.reach + 1 : c.n_keys;

    contexts[i] = (cw_context){ (const char *) k + at, (const char *) v + at, c.bias ? bias + each - 1 - i % each + first : NULL, end - first };
  }
  cw_backend_reserve (plain, c.n_keys, NULL);
  plain->attention (plain, &(cw_attention){ .q = q, .y = expected, .n_queries = c.n, .ld = width, .n_heads = c.heads, .d = c.d,
                                            .contexts = contexts, .cache = c.cache, .head_stride = c.cross ? c.d : c.max_steps * c.d,
                                            .key_stride = c.cross ? width : c.d, .bias_head_stride = 2 * each - 1, .scale = 0.3f });
  near (put_together (&p, &c, &there.pieces), expected, c.n * width, ATTENTION_ERROR, what);
  leave (&p);
}

static void
test_attentions (void)
{
  static const attention_case cases[] = {
    { 1, 1, 4, 1, 3, CW_F32, .cross = false },    { 2, 2, 16, 7, 9, CW_F16, .cross = false },  { 2, 1, 64, 64, 64, CW_F16, .cross = false },
    { 1, 3, 24, 65, 70, CW_F32, .cross = false }, { 1, 1, 64, 300, 310, CW_F16, .cross = false }, { 1, 1, 160, 20, 21, CW_F16, .cross = false },
    { 1, 1, 8, 1100, 1100, CW_F32, .cross = false },
    { 1, 1, 4, 1, 1, CW_F32, .cross = true },     { 3, 2, 16, 5, 5, CW_F32, .cross = true },   { 2, 2, 64, 130, 130, CW_F32, .cross = true },
    { 6, 2, 16, 7, 9, CW_F16, .cross = false, .each = 3 }, { 20, 2, 8, 70, 70, CW_F32, .cross = false, .each = 10 }, { 6, 2, 16, 5, 5, CW_F32, .cross = true, .each = 3 },
    { 9, 3, 8, 9, 9, CW_F32, .cross = true, .each = 9, .bias = true }, { 7, 2, 8, 7, 7, CW_F32, .cross = true, .each = 7, .near = true, .reach = 0 },
    { 75, 2, 16, 75, 75, CW_F32, .cross = true, .each = 75, .near = true, .reach = 5 }, { 20, 1, 8, 10, 10, CW_F32, .cross = true, .each = 10, .bias = true, .near = true, .reach = 3 },
    { 6, 1, 8, 6, 6, CW_F32, .cross = true, .each = 6, .near = true, .reach = 4000000000u },
    { 7, 2, 16, 4, 4, CW_F32, .cross = true, .each = 7, .bias = true }, { 140, 1, 8, 140, 140, CW_F32, .cross = true, .each = 140, .bias = true },
  };

  for (size_t i = 0; i < N_OF (cases); i++)
    test_attention (cases[i]);
}

/* This step's keys and values go to their place, and nowhere else. */
static void
test_append (cw_dtype dtype, cw_dtype weights)
{
  enum { ROWS = 2, EACH = 3, N = ROWS * EACH, HEADS = 2, D = 4, STEPS = 5, WIDTH = HEADS * D };
  place         p = enter ();
  const size_t  n_cache = ROWS * WIDTH * STEPS, size = cw_dtype_size (dtype);
  const int32_t step = 1;
  const float  *x = numbers (&p.host, N * WIDTH);
  cw_linear     layers[3];
  cw_gpu_linear there = { .n_layers = 3, .n = N, .ld_x = WIDTH, .ld_y = WIDTH, .each = EACH };
  float        *y = cw_arena_new (&p.host, float, N *WIDTH);
  uint16_t     *narrow = cw_arena_new (&p.host, uint16_t, N *WIDTH);

  there.x = cw_card_put (&p.there, x, N * WIDTH, sizeof *x);
  there.y[0] = cw_card_new (&p.there, float, N *WIDTH);
  there.step = cw_card_put (&p.there, &step, 1, sizeof step);
  there.cache = (cw_gpu_cache){ cw_card_new (&p.there, char, n_cache * size), cw_card_new (&p.there, char, n_cache * size), HEADS, D, STEPS, (int) dtype };
  card->module->zero (card->gpu, CW_GPU_STEPS, there.cache.keys, n_cache * size);
  card->module->zero (card->gpu, CW_GPU_STEPS, there.cache.values, n_cache * size);
  for (size_t l = 0; l < 3; l++) {
    layers[l] = random_linear (&p, weights, WIDTH, WIDTH);
    there.layers[l] = cw_card_put_linear (&p.there, &layers[l]);
  }
  card->module->linear (card->gpu, CW_GPU_STEPS, &there);
  cw_backend_reserve_columns (plain, WIDTH, NULL);
  for (size_t l = 0; l < 3; l++) {
    plain->linear (plain, y, WIDTH, x, WIDTH, N, &layers[l], CW_ACTIVATION_NONE, NULL, NULL);
    plain->narrow (plain, narrow, y, N * WIDTH);
    if (l == 0) {
      same (fetch (&p, there.y[0], N * WIDTH * sizeof *y), y, N * WIDTH, "the query beside a cache");
      continue;
    }
    const char *found = fetch (&p, l == 1 ? there.cache.keys : there.cache.values, n_cache * size);
    char       *expected = cw_arena_take (&p.host, n_cache, size);

    for (size_t i = 0; i < N * HEADS; i++)
      memcpy (expected + ((i / HEADS / EACH * HEADS + i % HEADS) * STEPS + (size_t) step + i / HEADS % EACH) * D * size, dtype == CW_F16 ? (void *) (narrow + i * D) : (void *) (y + i * D), D * size);
    CHECK (memcmp (found, expected, n_cache * size) == 0, "the cache of %s is not as expected", cw_dtype_name (dtype));
  }
  leave (&p);
}

/* ---- the ends of a step ------------------------------------------------------------------------------------------------------- */

enum { EMBED_ROWS = 4, EMBED_TAKES = 2, EMBED_K = 3, EMBED_V = 5, EMBED_WIDTH = 130, EMBED_POSITIONS = 2, EMBED_STEPS = 4 };

/* Three columns of each row in one go, from position 1 on; then as many vectors. */
static void
test_embed_several (place *p, cw_gpu_embedding *there, const cw_linear *tables, const int32_t *ids, const float *positions, const float *later)
{
  enum { EACH = 3, N = EMBED_ROWS * EACH };
  const int32_t first = 1;
  const float  *vectors = numbers (&p->host, N * EMBED_WIDTH);

  there->each = EACH;
  there->step = cw_card_put (&p->there, &first, 1, sizeof first);
  there->x = cw_card_new (&p->there, float, N *EMBED_WIDTH);
  for (int as_vectors = 0; as_vectors < 2; as_vectors++) {
    float *x = cw_arena_new (&p->host, float, N *EMBED_WIDTH);

    there->vectors = as_vectors ? cw_card_put (&p->there, vectors, N * EMBED_WIDTH, sizeof *vectors) : NULL;
    card->module->embed (card->gpu, CW_GPU_STEPS, there);
    for (size_t item = 0; item < N; item++) {
      const size_t at = (size_t) first + item % EACH;

      for (size_t k = 0; k < EMBED_K && !as_vectors; k++)
        plain->add_row (plain, x + item * EMBED_WIDTH, &tables[k].w, (size_t) ids[(item / EACH % EMBED_TAKES * EMBED_STEPS + at) * EMBED_K + k]);
      for (size_t c = 0; c < EMBED_WIDTH; c++)
        x[item * EMBED_WIDTH + c] = (as_vectors ? vectors[item * EMBED_WIDTH + c] : x[item * EMBED_WIDTH + c]) +
                              (at < EMBED_POSITIONS ? positions[at * EMBED_WIDTH + c] : later[(at - EMBED_POSITIONS) * EMBED_WIDTH + c]);
    }
    same (fetch (p, there->x, N * EMBED_WIDTH * sizeof *x), x, N * EMBED_WIDTH, as_vectors ? "vectors with positions" : "the embedding of several columns");
  }
}

static void
test_embed (cw_dtype dtype)
{
  place            p = enter ();
  cw_gpu_embedding there = { .n_rows = EMBED_ROWS, .width = EMBED_WIDTH, .each = 1, .n_positions = EMBED_POSITIONS, .dtype = (int) dtype, .positions_dtype = CW_F32,
                             .columns = { NULL, EMBED_TAKES, EMBED_STEPS, EMBED_K, EMBED_V } };
  cw_linear        tables[EMBED_K];
  const void      *there_tables[EMBED_K];
  const float     *positions = numbers (&p.host, EMBED_POSITIONS * EMBED_WIDTH), *later = numbers (&p.host, (EMBED_STEPS - EMBED_POSITIONS) * EMBED_WIDTH);
  int32_t         *ids = cw_arena_new (&p.host, int32_t, EMBED_TAKES *EMBED_STEPS *EMBED_K);
  int32_t          step = 0;

  for (size_t i = 0; i < EMBED_TAKES * EMBED_STEPS * EMBED_K; i++)
    ids[i] = (int32_t) (i * 7 % (EMBED_V + 1));
  for (size_t k = 0; k < EMBED_K; k++) {
    tables[k] = random_linear (&p, dtype, EMBED_V + 1, EMBED_WIDTH);
    there_tables[k] = cw_card_put (&p.there, tables[k].w.data, (EMBED_V + 1) * EMBED_WIDTH, cw_dtype_size (dtype));
  }
  there.tables = cw_card_put (&p.there, there_tables, EMBED_K, sizeof *there_tables);
  there.positions = cw_card_put (&p.there, positions, EMBED_POSITIONS * EMBED_WIDTH, sizeof *positions);
  there.later = cw_card_put (&p.there, later, (EMBED_STEPS - EMBED_POSITIONS) * EMBED_WIDTH, sizeof *later);
  there.columns.ids = cw_card_put (&p.there, ids, EMBED_TAKES * EMBED_STEPS * EMBED_K, sizeof *ids);
  there.step = cw_card_put (&p.there, &step, 1, sizeof step);
  there.x = cw_card_new (&p.there, float, EMBED_ROWS *EMBED_WIDTH);
  for (; step < EMBED_STEPS; step++) {
    float *x = cw_arena_new (&p.host, float, EMBED_ROWS *EMBED_WIDTH);

    card->module->embed (card->gpu, CW_GPU_STEPS, &there);
    for (size_t row = 0; row < EMBED_ROWS; row++) {
      for (size_t k = 0; k < EMBED_K; k++)
        plain->add_row (plain, x + row * EMBED_WIDTH, &tables[k].w, (size_t) ids[((row % EMBED_TAKES) * EMBED_STEPS + (size_t) step) * EMBED_K + k]);
      for (size_t c = 0; c < EMBED_WIDTH; c++)
        x[row * EMBED_WIDTH + c] += step < EMBED_POSITIONS ? positions[step * EMBED_WIDTH + (int) c] : later[(step - EMBED_POSITIONS) * EMBED_WIDTH + (int) c];
    }
    same (fetch (&p, there.x, EMBED_ROWS * EMBED_WIDTH * sizeof *x), x, EMBED_ROWS * EMBED_WIDTH, "the embedding");
    card->module->advance (card->gpu, CW_GPU_STEPS, (int32_t *) there.step, 1);
  }
  test_embed_several (&p, &there, tables, ids, positions, later);
  leave (&p);
}

/* Tokens are those of cw_sample; @coarse logits have many ties. */
static void
test_sample (size_t v, bool guided, float temperature, int top_k, float top_p, bool coarse)
{
  enum { TAKES = 2, K = 2, STEP = 3, COLUMNS = 5 };
  place             p = enter ();
  const size_t      n_rows = guided ? 2 * TAKES : TAKES, n = n_rows * K * v;
  const cw_sampling sampling = { temperature, top_k, top_p };
  cw_gpu_choice     choice = { 0x123456789abcu, 3.0f, temperature, top_p, top_k, 7, 1000 };
  cw_gpu_sample     there = { .n_rows = (uint32_t) n_rows, .columns = { NULL, TAKES, COLUMNS, K, (uint32_t) v } };
  float            *logits = numbers (&p.host, n);
  int32_t          *ids = cw_arena_new (&p.host, int32_t, TAKES *COLUMNS *K), *tokens, *after;
  const int32_t     step = STEP;
  void             *scratch = cw_arena_take (&p.host, cw_sampler_scratch_bytes (v), 1);

  for (size_t i = 0; i < n; i++)
    logits[i] = coarse ? floorf (3.0f * logits[i]) : 6.0f * logits[i];
  for (size_t i = 0; i < TAKES * COLUMNS * K; i++)
    ids[i] = i % 3 == 0 ? (int32_t) i : CW_GPU_TO_DRAW;
  there.logits = cw_card_put (&p.there, logits, n, sizeof *logits);
  there.choice = cw_card_put (&p.there, &choice, 1, sizeof choice);
  there.columns.ids = cw_card_put (&p.there, ids, TAKES * COLUMNS * K, sizeof *ids);
  there.step = cw_card_put (&p.there, &step, 1, sizeof step);
  there.tokens = cw_card_new (&p.there, int32_t, TAKES *K);
  card->module->sample (card->gpu, CW_GPU_STEPS, &there);
  tokens = fetch (&p, there.tokens, TAKES * K * sizeof *tokens);
  after = fetch (&p, there.columns.ids, TAKES * COLUMNS * K * sizeof *after);
  for (size_t i = 0; i < TAKES * K; i++) {
    const size_t at = ((i / K) * COLUMNS + STEP + 1) * K + i % K;
    int32_t      expected = ids[at];

    if (guided)
      cw_guide (logits + i * v, logits + (TAKES * K + i) * v, v, 3.0f);
    if (expected == CW_GPU_TO_DRAW)
      expected = cw_sample (logits + i * v, v, &sampling, cw_philox_uniform (choice.seed, 7 + (uint32_t) (i / K), 1000 + STEP, (uint32_t) (i % K)),
                            scratch);
    CHECK (tokens[i] == expected && after[at] == expected, "token %zu of %zu, temperature %g, top_k %d, top_p %g is %d, C draws %d", i, v,
           (double) temperature, top_k, (double) top_p, tokens[i], expected);
    ids[at] = expected;
  }
  CHECK (memcmp (ids, after, TAKES * COLUMNS * K * sizeof *ids) == 0, "sampling changed another column");
  leave (&p);
}

/* A MAGNeT's: tokens and how sure the model was are those of cw_sample_scored, and frames that are not drawn stay alone. */
static void
test_scored (size_t v, bool guided, bool greedy, cw_sampling sampling, bool coarse)
{
  enum { FRAMES = 5 };
  place         p = enter ();
  const size_t  n = FRAMES * v;
  float        *logits = numbers (&p.host, n), *null_branch = numbers (&p.host, n), *sure;
  double       *uniforms = cw_arena_new (&p.host, double, FRAMES);
  void         *scratch = cw_arena_take (&p.host, cw_sampler_scratch_bytes (v), 1);
  cw_gpu_scored there = { .n = FRAMES, .v = (uint32_t) v, .greedy = greedy,
                          .choice = { .guidance = 3.0f, .temperature = sampling.temperature, .top_k = sampling.top_k, .top_p = sampling.top_p } };
  int32_t      *tokens;

  for (size_t i = 0; i < n; i++)
    logits[i] = coarse ? floorf (3.0f * logits[i]) : 6.0f * logits[i];
  for (size_t i = 0; i < FRAMES; i++)
    uniforms[i] = i == 2 ? -1.0 : cw_philox_uniform (5, 0, (uint32_t) i, (uint32_t) v);
  there.logits = cw_card_put (&p.there, logits, n, sizeof *logits);
  there.null_branch = guided ? cw_card_put (&p.there, null_branch, n, sizeof *null_branch) : NULL;
  there.uniforms = cw_card_put (&p.there, uniforms, FRAMES, sizeof *uniforms);
  there.tokens = cw_card_new (&p.there, int32_t, FRAMES);
  there.sure = cw_card_new (&p.there, float, FRAMES);
  card->module->sample_scored (card->gpu, CW_GPU_STEPS, &there);
  tokens = fetch (&p, there.tokens, FRAMES * sizeof *tokens);
  sure = fetch (&p, there.sure, FRAMES * sizeof *sure);
  for (size_t i = 0; i < FRAMES; i++) {
    int32_t expected = -1;
    float   how_sure = 0.0f;

    if (guided)
      cw_guide (logits + i * v, null_branch + i * v, v, 3.0f);
    if (uniforms[i] >= 0.0)
      expected = cw_sample_scored (logits + i * v, v, &sampling, greedy, uniforms[i], scratch, &how_sure);
    CHECK (tokens[i] == expected && sure[i] == how_sure, "frame %zu of %zu tokens, greedy %d, temperature %g, top_k %d, top_p %g: %d (%.9g), C draws %d (%.9g)", i, v,
           greedy, (double) sampling.temperature, sampling.top_k, (double) sampling.top_p, tokens[i], (double) sure[i], expected, (double) how_sure);
  }
  leave (&p);
}

static void
test_samples (void)
{
  static const size_t sizes[] = { 1, 2, 30, 256, 300, 2048 };

  for (size_t i = 0; i < N_OF (sizes); i++)
    for (int coarse = 0; coarse < 2; coarse++) {
      const size_t v = sizes[i];

      test_sample (v, false, 0.0f, 0, 0.0f, coarse);
      test_sample (v, true, 1.0f, 0, 0.0f, coarse);
      test_sample (v, true, 0.7f, v > 4 ? 4 : 1, 0.0f, coarse);
      test_sample (v, false, 1.3f, 250, 0.0f, coarse);
      test_sample (v, true, 1.0f, 250, 0.9f, coarse);
      test_sample (v, false, 1.0f, 0, 0.3f, coarse);
      test_scored (v, true, true, (cw_sampling){ 0.7f, 4, 0.0f }, coarse);
      test_scored (v, true, false, (cw_sampling){ 3.0f, 0, 0.9f }, coarse);
      test_scored (v, false, false, (cw_sampling){ 0.01f, v > 4 ? 4 : 1, 0.0f }, coarse);
      test_scored (v, true, false, (cw_sampling){ 2.0f, v > 4 ? 4 : 1, 0.0f }, coarse);
      test_scored (v, false, false, (cw_sampling){ 1.0f, 0, 0.0f }, coarse);
    }
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------- */

int
main (int argc, char **argv)
{
  cw_error error = { 0 };

  card = cw_card_open (argc > 1 ? argv[1] : "cuda-on-cpu", 0, &error);
  plain = cw_backend_new ("cpu-scalar", 1, &error);
  if (!card || !plain) {
    fprintf (stderr, "%s\n", error.message);
    return error.code == CW_ERROR_DEVICE ? 77 : 1;
  }
  test_linears ();
  for (int prologue = CW_GPU_AS_IS; prologue <= CW_GPU_RMS; prologue++)
    for (int d = 0; d < 3; d++)
      test_many_columns (((const cw_dtype[]){ CW_F32, CW_F16, CW_BF16 })[d], (cw_gpu_prologue) prologue);
  test_layer_norm (1, 5, true);
  test_layer_norm (9, 66, false);
  test_attentions ();
  test_order ();
  test_memory_of_cublas ();
  test_append (CW_F32, CW_F32);
  test_append (CW_F16, CW_F16);
  test_append (CW_F32, CW_I8);
  test_append (CW_F16, CW_U8);
  test_embed (CW_F32);
  test_embed (CW_F16);
  test_embed (CW_BF16);
  test_samples ();
  CHECK (check_codec_kernels (card, plain) == 0, "the codec's kernels");
  CHECK (cw_card_check (card, &error) == CW_OK, "%s", error.message);
  CHECK (card->used == 0, "%zu bytes of the card are still taken", card->used);
  cw_card_close (card);
  cw_backend_free (plain);
  return check_done ();
}
