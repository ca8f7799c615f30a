/* SPDX-License-Identifier: MIT
 *
 * test-counts.c: the stand-in's counts of the engine's kernels beside what the kernels' own shape says they must be: operations (2 n m columns
 *     of a product, as multiply-adds), bytes and launches. The performance model (tests/cuda-on-cpu/performance-model.py) rests on them.
 *     Sizes are multiples of what a block takes, where each number has one rule; a case with a remainder shows that it is counted, too.
 *
 *     With the argument "bytes", a module that counts no operations: the bytes alone.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "cuda/card.h"
#include "ops/kernels.h"
#include "side.h"

#define ROWS_OF_BLOCK 8  /* cuda/linear.cuh: CW_ROWS */
#define GROUPS        8  /* of 16 threads in a block of 128 */
#define SUM           64 /* additions of lanes_sum: 16 threads, 4 each */
#define EXP           9  /* multiply-adds of cw_expf */

typedef struct {
  long f32, fma, compare, divide, convert, function, f64, dp2a, dp4a;
} operations;

static cw_card      *card;
static cw_card_arena arena;
static bool          only_bytes;
static void        (*set_counting) (int on);
static int         (*write_counts) (const char *path);

static void *
zeros (size_t n, size_t size)
{
  void *memory = cw_card_take (&arena, n, size);

  card->module->zero (card->gpu, CW_GPU_STEPS, memory, n * size);
  return memory;
}

static float *
floats (size_t n)
{
  return zeros (n, sizeof (float));
}

static float *
put_floats (size_t n, float value)
{
  float *x = malloc (n * sizeof *x), *there;

  for (size_t i = 0; i < n; i++)
    x[i] = value;
  there = cw_card_put (&arena, x, n, sizeof *x);
  free (x);
  return there;
}

static void
begin (void)
{
  card->module->wait (card->gpu, CW_GPU_STEPS);
  set_counting (1);
}

static long
number (const json_t *kernel, const char *key)
{
  return (long) json_integer_value (json_object_get (kernel, key));
}

/* Of what ran since begin; decref. */
static json_t *
read_counts (void)
{
  char      path[] = "counts-XXXXXX";
  const int file = mkstemp (path);
  json_t   *counts;

  write_counts (path);
  counts = json_load_file (path, 0, NULL);
  remove (path);
  close (file);
  return counts;
}

/* What ran since begin is one launch of @kernel, and did exactly @wanted; of DRAM it read @read bytes and wrote @written; 0: not asked. */
static void
expect (const char *kernel, operations wanted, long read, long written)
{
  const char *const keys[] = { "f32", "fma", "compare", "divide", "convert", "function", "f64", "dp2a", "dp4a" };
  const long        values[] = { wanted.f32,      wanted.fma, wanted.compare, wanted.divide, wanted.convert,
                                 wanted.function, wanted.f64, wanted.dp2a,    wanted.dp4a };
  json_t           *counts, *found;

  CHECK (card->module->wait (card->gpu, CW_GPU_STEPS) == CW_GPU_OK, "%s failed", kernel);
  counts = read_counts ();
  found = json_object_get (counts, kernel);
  CHECK (json_object_size (counts) == 1 && number (found, "launches") == 1, "%s was not what ran, or not once", kernel);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    CHECK (number (found, keys[i]) == (only_bytes ? 0 : values[i]), "%s: %ld of %s, expected %ld", kernel, number (found, keys[i]), keys[i],
           only_bytes ? 0 : values[i]);
  CHECK (!read || number (found, "dram_read") == read, "%s read %ld, expected %ld", kernel, number (found, "dram_read"), read);
  CHECK (!written || number (found, "dram_written") == written, "%s wrote %ld, expected %ld", kernel, number (found, "dram_written"), written);
  json_decref (counts);
}

/* ---- products ------------------------------------------------------------------------------------------------------------ */

static cw_gpu_matrix
matrix (size_t n_out, size_t n_in, cw_dtype dtype)
{
  const size_t  n = (n_in + CW_PAD - 1) / CW_PAD * CW_PAD, n_bytes = cw_card_matrix_bytes (n_out, n_in, dtype);
  cw_gpu_matrix m = { zeros (n_bytes, 1), NULL, NULL, NULL, (uint32_t) n_out, (uint32_t) n_in, dtype };

  if (dtype == CW_I8 || dtype == CW_U8)
    m.scales = floats (n_out);
  if (dtype == CW_U8)
    m.groups = zeros (n_out * n / CW_Q4_GROUP, 1);
  return m;
}

/* @columns of @n_in, as they are or behind a norm, through @n_out rows. */
static void
run_product (size_t n_out, size_t n_in, size_t columns, cw_dtype dtype, bool norm)
{
  const float        *x = put_floats (n_in * columns, 1.0f), *gamma = norm ? floats (n_in) : NULL;
  const cw_gpu_linear linear = { .layers = { matrix (n_out, n_in, dtype) }, .y = { floats (n_out * columns) }, .n_layers = 1, .n = (uint32_t) columns,
                                 .ld_x = (uint32_t) n_in, .ld_y = (uint32_t) n_out, .x = x, .gamma = gamma, .beta = gamma, .eps = 1e-5f,
                                 .prologue = norm ? CW_GPU_NORM : CW_GPU_AS_IS };

  begin ();
  card->module->linear (card->gpu, CW_GPU_STEPS, &linear);
}

/* 16 threads a row and column: their multiply-adds, their 64 additions, and half of the result for GELU, which is computed whatever the
 * activation. */
static void
test_rows (void)
{
  const long m = 48, n = 160;

  run_product (m, n, 1, CW_F32, false);
  expect ("dot_rows<float, 1>", (operations){ .fma = m * n, .f32 = m * (SUM + 1) }, 4 * (m * n + n), 4 * m);
  run_product (m, n, 2, CW_F32, false);
  expect ("dot_rows<float, 2>", (operations){ .fma = 2 * m * n, .f32 = 2 * m * (SUM + 1) }, 4 * (m * n + 2 * n), 4 * 2 * m);
  /* each weight is widened once, for all columns */
  run_product (m, n, 4, CW_F16, false);
  expect ("dot_rows<__half, 4>", (operations){ .fma = 4 * m * n, .f32 = 4 * m * (SUM + 1), .convert = m * n }, 2 * m * n + 4 * 4 * n, 4 * 4 * m);
  run_product (m, n, 2, CW_BF16, false);
  expect ("dot_rows<__nv_bfloat16, 2>", (operations){ .fma = 2 * m * n, .f32 = 2 * m * (SUM + 1), .convert = m * n }, 2 * m * n + 2 * 4 * n,
          4 * 2 * m);
  /* the fourth column and the rows behind the last are computed, and not stored */
  run_product (m - 3, n, 3, CW_F32, false);
  expect ("dot_rows<float, 4>", (operations){ .fma = 4 * m * n, .f32 = 4 * m * SUM + 3 * (m - 3) }, 4 * ((m - 3) * n + 3 * n), 0);
}

/* Each block of 8 rows prepares its columns anew: all 8 groups of threads compute a norm, of which as many as there are columns count. */
static void
test_prologue (void)
{
  const long m = 32, n = 160, blocks = m / ROWS_OF_BLOCK, columns = 2;

  run_product (m, n, columns, CW_F32, true);
  expect ("dot_rows<float, 2>",
          (operations){ .fma = columns * m * n + blocks * (GROUPS * n + columns * n),
                        .f32 = columns * m * (SUM + 1) + blocks * (GROUPS * (2 * n + 2 * SUM + 16) + 2 * columns * n),
                        .compare = blocks * columns * n, .divide = blocks * GROUPS * 16 * 4, .convert = blocks * GROUPS * 16 * 2 },
          4 * (m * n + columns * n + n), 4 * columns * m);
}

/* 8 and 4 bits: two multiply-adds an instruction; behind them a run's integers become f32, [rows, 16 lanes], and are added up. */
static void
test_quantised (cw_dtype dtype, const char *kernel)
{
  const long m = 48, n = 2048, columns = 2, blocks = m / ROWS_OF_BLOCK, run = dtype == CW_I8 ? CW_Q8_RUN : CW_Q4_RUN;
  const long runs = (n + run - 1) / run;
  const long numbers = blocks * columns * n, results = columns * m;
  const long weights = dtype == CW_I8 ? m * n : m * n / 2 + m * n / CW_Q4_GROUP;

  run_product (m, n, columns, dtype, false);
  expect (kernel,
          (operations){ .dp2a = columns * m * n / 2,
                        /* the largest of each thread, of 32, of 4 warps (128 threads each, a column); is it above 0? twice a thread */
                        .compare = numbers + blocks * columns * 128 * (5 + 4 + 1) + blocks * columns,
                        .divide = blocks * columns * 128 + blocks * columns,
                        .f32 = numbers + results * (runs * 16 + 15 + 2 + 1),
                        .convert = 2 * numbers + results * runs * 16 },
          weights + 4 * (m + columns * n), 4 * results);
}

/* What is asked for ahead is counted once, and only where the launch does not read it itself. */
static void
test_ahead (void)
{
  const cw_gpu_matrix own = matrix (48, 160, CW_F16), next = matrix (64, 128, CW_F16);
  cw_gpu_linear       linear = { .layers = { own }, .y = { floats (48) }, .n_layers = 1, .n = 1, .ld_x = 160, .ld_y = 48, .x = floats (160) };

  for (int i = 0; i < 2; i++) {
    const cw_gpu_matrix *asked = i ? &own : &next;
    json_t              *counts;

    linear.ahead = (cw_gpu_ahead){ asked->w, asked->n_out * asked->n_in * 2 };
    begin ();
    card->module->linear (card->gpu, CW_GPU_STEPS, &linear);
    card->module->wait (card->gpu, CW_GPU_STEPS);
    counts = read_counts ();
    CHECK (number (json_object_get (counts, "dot_rows<__half, 1>"), "ahead") == (i ? 0 : 64 * 128 * 2), "asked for ahead");
    json_decref (counts);
  }
}

/* ---- the others ---------------------------------------------------------------------------------------------------------- */

static void
test_norm (void)
{
  const long n = 16, c = 80;
  float     *x = put_floats (n * c, 1.0f), *gamma = floats (c), *y = floats (n * c);

  begin ();
  card->module->layer_norm (card->gpu, CW_GPU_STEPS, y, x, n, c, gamma, gamma, 1e-5f);
  expect ("layer_norm", (operations){ .fma = 2 * n * c, .f32 = n * (4 * c + 2 * SUM + 16), .divide = n * 16 * 4, .convert = n * 16 * 2 },
          4 * (n * c + c), 4 * n * c);
}

/* Each of the pieces that the keys are split into is one tile of 64 keys here. */
static void
test_attention (void)
{
  const uint32_t         heads = 3, d = 64, n = 2, keys = CW_GPU_SPLITS * 64;
  const long             pieces = n * heads * CW_GPU_SPLITS, tile = 64 * d;
  const size_t           n_cache = (size_t) n * heads * d * keys, n_pieces = (size_t) pieces;
  const int32_t          last = (int32_t) keys - 1;
  const cw_gpu_attention attention = { .q = put_floats (n * heads * d, 1.0f), .n = n, .heads = heads, .d = d, .each = 1, .scale = 0.125f,
                                       .pieces = { floats (n_pieces * d), floats (n_pieces), floats (n_pieces), heads, d },
                                       .cache = { zeros (n_cache, 2), zeros (n_cache, 2), heads, d, keys, CW_F16 },
                                       .step = cw_card_put (&arena, &last, 1, sizeof last) };

  begin ();
  card->module->attend (card->gpu, CW_GPU_STEPS, &attention);
  /* by thread: is a score there (2), was one (1); the largest of two and of a warp (6); two numbers are bounded (2 each) for e^x */
  expect ("attend<__half>",
          (operations){ .fma = pieces * (2 * tile + 128 * (1 + 2 * EXP)),
                        .f32 = pieces * (64 * (SUM + 2) + 128 * (1 + 5 + 2 + 1 + 2 * 2) + d),
                        .compare = pieces * 128 * (3 + 7 + 2 * 2), .convert = pieces * (2 * tile + 2 * 128 * 2) },
          0, 0);
}

static void
test_codec_kernels (void)
{
  const uint32_t      m = 16, c_in = 5, kernel = 7, n = 128, c = 32;
  const cw_gpu_conv   conv = { .y = floats (m * n), .x = floats (c_in * (n + kernel)), .panels = floats (m * c_in * kernel), .bias = floats (m), .m = m,
                               .c_in = c_in, .kernel = kernel, .n = n, .ld_x = n + kernel, .ld_y = n, .dilation = 1, .stride = 1, .phases = 1,
                               .n_out = n, .n_signals = 1 };
  const cw_gpu_lstm   lstm = { .gates = floats (2 * 4 * c), .hidden_in = floats (2 * c), .cell = floats (2 * c), .y = floats (2 * c),
                               .w_hh = matrix (4 * c, c, CW_F32), .c = c, .n = 2 };
  const float         *positive = put_floats (640, 1.0f), *negative = put_floats (640, -1.0f);

  begin ();
  card->module->conv (card->gpu, CW_GPU_STEPS, &conv);
  expect ("conv", (operations){ .fma = (long) m * c_in * kernel * n, .f32 = m * n }, 0, 4 * m * n);
  begin ();
  card->module->lstm (card->gpu, CW_GPU_STEPS, &lstm);
  expect ("lstm<float>",
          (operations){ .fma = 2 * 4 * c * c + 2 * c * 5 * EXP,
                        .f32 = 2 * 4 * c * (SUM + 1) + 2 * c * (3 * (2 + 1) + 2 * (1 + 3 + 1) + 3 + 1),
                        .compare = 2 * c * 5 * 2, .convert = 2 * c * 5 * 2, .divide = 2 * c * 5 },
          0, 4 * 2 * 2 * c);
  begin ();
  card->module->elu (card->gpu, CW_GPU_STEPS, floats (640), 640, positive, 640, 1, 640);
  expect ("elu", (operations){ .compare = 640 }, 4 * 640, 4 * 640);
  begin ();
  card->module->elu (card->gpu, CW_GPU_STEPS, floats (640), 640, negative, 640, 1, 640);
  expect ("elu", (operations){ .compare = 640 * 3, .fma = 640 * EXP, .f32 = 640 * 3, .convert = 640 * 2 }, 4 * 640, 4 * 640);
}

int
main (int argc, char **argv)
{
  cw_error error = { 0 };

  only_bytes = argc > 1 && strcmp (argv[1], "bytes") == 0;
  card = cw_card_open ("cuda-on-cpu", 0, &error);
  find_in_stand_in ("coc_set_counting", &set_counting);
  find_in_stand_in ("coc_write_counts", &write_counts);
  if (!card || !set_counting || !write_counts) {
    fprintf (stderr, "%s\n", card ? "CW_CUDA_MODULE is not the stand-in" : error.message);
    return 77;
  }
  arena.card = card;
  test_ahead ();
  test_rows ();
  test_prologue ();
  test_quantised (CW_I8, "dot_quantised<q8, 2>");
  test_quantised (CW_U8, "dot_quantised<q4, 2>");
  test_norm ();
  test_attention ();
  test_codec_kernels ();
  set_counting (0);
  CHECK (cw_card_arena_ok (&arena, "the numbers", &error), "%s", error.message);
  cw_card_arena_free (&arena);
  cw_card_close (card);
  return check_done ();
}
