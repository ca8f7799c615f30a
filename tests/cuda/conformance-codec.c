/* SPDX-License-Identifier: MIT
 *
 * conformance-codec.c: the codec's kernels: see test-conformance.c.
 */
#include "conformance-codec.h"

#include "conformance.h"

typedef struct {
  size_t m, c_in, kernel, n;
  int    dilation, stride;
  size_t phases, skip, cut; /* transposed; samples cut on the left and right */
  bool   addend, elu;
} conv_case;

static void
test_conv (conv_case c)
{
  enum { SIGNALS = 2 };
  place         p = enter ();
  const size_t  r = c.c_in * c.kernel, span = (c.kernel - 1) * (size_t) abs (c.dilation), first = c.dilation < 0 ? span : 0;
  const size_t  length = (c.n - 1) * (size_t) c.stride + span + 1, n_out = c.n * c.phases - c.skip - c.cut, ld_y = n_out + 1;
  const size_t  n_x = c.c_in * length, n_y = c.m / c.phases * ld_y;
  const float  *x = numbers (&p.host, SIGNALS * n_x), *addend = numbers (&p.host, SIGNALS * n_y);
  const cw_taps taps = cw_taps_pack (&p.host, c.m, r, numbers (&p.host, c.m * r), numbers (&p.host, c.m));
  const size_t  rows = (c.m + CW_PANEL - 1) / CW_PANEL * CW_PANEL;
  const float **taps_rows = cw_arena_new (&p.host, const float *, r);
  float        *product = cw_arena_new (&p.host, float, c.m *c.n);
  float        *expected = cw_arena_new (&p.host, float, SIGNALS * n_y);
  cw_gpu_conv   there = { .m = (uint32_t) c.m, .c_in = (uint32_t) c.c_in, .kernel = (uint32_t) c.kernel, .n = (uint32_t) c.n, .ld_x = (uint32_t) length,
                          .ld_y = (uint32_t) ld_y, .ld_addend = (uint32_t) ld_y, .first = (int32_t) first, .dilation = c.dilation, .stride = c.stride,
                          .phases = (uint32_t) c.phases, .skip = (int32_t) c.skip, .n_out = (uint32_t) n_out, .n_signals = SIGNALS,
                          .elu = c.elu };

  there.x = cw_card_put (&p.there, x, SIGNALS * n_x, sizeof *x);
  there.panels = cw_card_put (&p.there, taps.panels, rows * r, sizeof *x);
  there.bias = cw_card_put (&p.there, taps.bias, rows, sizeof *x);
  there.y = cw_card_put (&p.there, expected, SIGNALS * n_y, sizeof *x);
  if (c.addend)
    there.addend = cw_card_put (&p.there, addend, SIGNALS * n_y, sizeof *x);
  card->module->order (card->gpu, CW_GPU_STEPS, CW_GPU_CODEC);
  card->module->conv (card->gpu, CW_GPU_CODEC, &there);
  card->module->order (card->gpu, CW_GPU_CODEC, CW_GPU_STEPS);

  for (size_t signal = 0; signal < SIGNALS; signal++) {
    for (size_t i = 0; i < r; i++) {
      const float *at = x + signal * n_x + (long) (i / c.kernel * length + first) + (long) (i % c.kernel) * c.dilation;
      float       *row = cw_arena_new (&p.host, float, c.n);

      for (size_t t = 0; t < c.n; t++)
        row[t] = at[(long) t * c.stride];
      taps_rows[i] = row;
    }
    plain->taps (plain, product, c.n, &taps, taps_rows, c.n, &(cw_taps_finish){ .phases = 1 });
    for (size_t m = 0; m < c.m; m++)
      for (size_t t = 0; t < c.n; t++) {
        const long   at = (long) (t * c.phases + m % c.phases) - (long) c.skip;
        const size_t to = signal * n_y + m / c.phases * ld_y + (size_t) at;

        if (at < 0 || at >= (long) n_out)
          continue;
        expected[to] = product[m * c.n + t] + (c.addend ? addend[to] : 0.0f);
        if (c.elu)
          plain->elu (plain, &expected[to], 1, &expected[to], 1, 1, 1);
      }
  }
  same (fetch (&p, there.y, SIGNALS * n_y * sizeof *x), expected, SIGNALS * n_y, c.phases > 1 ? "transposed conv" : "conv");
  leave (&p);
}

static void
test_convs (void)
{
  static const conv_case cases[] = {
    { 1, 1, 1, 1, 1, 1, 1, 0, 0, false, false }, { 3, 2, 7, 70, 1, 1, 1, 0, 0, false, true },   { 9, 3, 3, 33, 2, 1, 1, 0, 0, true, true },
    { 8, 2, 8, 5, 1, 4, 1, 0, 0, false, false }, { 10, 3, 2, 9, -1, 1, 5, 0, 5, false, false }, { 16, 2, 2, 65, -1, 1, 8, 4, 4, true, false },
  };

  for (size_t i = 0; i < N_OF (cases); i++)
    test_conv (cases[i]);
}

static void
test_elu (void)
{
  place        p = enter ();
  const size_t c = 3, n = 130, ld = 131;
  float       *x = numbers (&p.host, c * ld), *expected = cw_arena_new (&p.host, float, c *ld);
  float       *there = cw_card_put (&p.there, x, c * ld, sizeof *x);

  for (size_t i = 0; i < c * ld; i++)
    x[i] *= 4.0f;
  card->module->upload (card->gpu, CW_GPU_STEPS, there, x, c * ld * sizeof *x);
  card->module->elu (card->gpu, CW_GPU_STEPS, there, (uint32_t) ld, there, (uint32_t) ld, (uint32_t) c, (uint32_t) n);
  memcpy (expected, x, c * ld * sizeof *x);
  plain->elu (plain, expected, ld, x, ld, c, n);
  same (fetch (&p, there, c * ld * sizeof *x), expected, c * ld, "ELU");
  leave (&p);
}

static void
test_pad (cw_pad_mode mode, size_t n, size_t left, size_t right)
{
  enum { ROWS = 3, ORIGIN = 5 };
  place          p = enter ();
  const size_t   longest = left > right ? left : right, extended = n <= longest ? longest + 1 : n, ld = ORIGIN + n + right;
  float         *x = numbers (&p.host, ROWS * ld);
  cw_gpu_pad     there = { .x = cw_card_put (&p.there, x, ROWS * ld, sizeof *x), .ld = (uint32_t) ld, .rows = ROWS, .column = (uint32_t) (ORIGIN - left),
                           .n = (uint32_t) left, .first = -(int64_t) left, .origin = ORIGIN, .n_signal = (int64_t) n, .extended = (int64_t) extended,
                           .mode = mode };

  card->module->pad (card->gpu, CW_GPU_STEPS, &there);
  there.column = (uint32_t) (ORIGIN + n);
  there.n = (uint32_t) right;
  there.first = (int64_t) n;
  card->module->pad (card->gpu, CW_GPU_STEPS, &there);
  for (size_t row = 0; row < ROWS; row++)
    for (long i = -(long) left; i < (long) (n + right); i++)
      if (i < 0 || i >= (long) n) {
        const int64_t from = cw_pad_source (mode, i, (int64_t) n, (int64_t) extended);
        x[row * ld + (size_t) (ORIGIN + i)] = from < 0 ? 0.0f : x[row * ld + (size_t) (ORIGIN + from)];
      }
  same (fetch (&p, there.x, ROWS * ld * sizeof *x), x, ROWS * ld, "padding");
  leave (&p);
}

static void
test_group_norm (size_t c, size_t n, bool with_addend)
{
  enum { SIGNALS = 2 };
  place             p = enter ();
  const size_t      ld = n + 3;
  float            *y = numbers (&p.host, SIGNALS * c * ld);
  const float      *gamma = numbers (&p.host, c), *beta = numbers (&p.host, c), *addend = numbers (&p.host, SIGNALS * c * ld);
  cw_gpu_group_norm there = { .y = cw_card_put (&p.there, y, SIGNALS * c * ld, sizeof *y), .gamma = cw_card_put (&p.there, gamma, c, sizeof *y),
                              .beta = cw_card_put (&p.there, beta, c, sizeof *y), .eps = 1e-5f, .c = (uint32_t) c, .n = (uint32_t) n,
                              .ld_y = (uint32_t) ld, .ld_addend = (uint32_t) ld, .n_signals = SIGNALS, .elu = with_addend };

  if (with_addend)
    there.addend = cw_card_put (&p.there, addend, SIGNALS * c * ld, sizeof *y);
  card->module->group_norm (card->gpu, CW_GPU_STEPS, &there);
  for (size_t signal = 0; signal < SIGNALS; signal++) {
    float *own = y + signal * c * ld;
    double sum = 0.0, squares = 0.0, mean;

    for (size_t i = 0; i < c * n; i++)
      sum += (double) own[i / n * ld + i % n];
    mean = sum / (double) (c * n);
    for (size_t i = 0; i < c * n; i++)
      squares += ((double) own[i / n * ld + i % n] - mean) * ((double) own[i / n * ld + i % n] - mean);
    for (size_t i = 0; i < c * n; i++) {
      float *at = &own[i / n * ld + i % n];

      *at = (float) (((double) *at - mean) / sqrt (squares / (double) (c * n) + 1e-5f)) * gamma[i / n] + beta[i / n];
      if (with_addend)
        *at += addend[signal * c * ld + i / n * ld + i % n];
      if (with_addend && *at < 0.0f)
        *at = expm1f (*at);
    }
  }
  near (fetch (&p, there.y, SIGNALS * c * ld * sizeof *y), y, SIGNALS * c * ld, 2e-6f, "the group norm");
  leave (&p);
}

static void
test_lstm (cw_dtype dtype, size_t c)
{
  enum { T = 3, N = 2 };
  place           p = enter ();
  const cw_linear w = random_linear (&p, dtype, 4 * c, c);
  float          *gates = numbers (&p.host, T * N * 4 * c), *hidden = numbers (&p.host, N * c), *cell = numbers (&p.host, N * c);
  float          *y = cw_arena_new (&p.host, float, T *N *c), *there_y = cw_card_new (&p.there, float, T *N *c);
  const float    *there_gates = cw_card_put (&p.there, gates, T * N * 4 * c, sizeof *gates);
  cw_gpu_lstm     there = { .hidden_in = cw_card_put (&p.there, hidden, N * c, sizeof *hidden), .cell = cw_card_put (&p.there, cell, N * c, sizeof *cell),
                            .w_hh = cw_card_put_linear (&p.there, &w), .c = (uint32_t) c, .n = N };

  for (size_t t = 0; t < T; t++) {
    there.gates = there_gates + t * N * 4 * c;
    there.y = there_y + t * N * c;
    card->module->lstm (card->gpu, CW_GPU_STEPS, &there);
    there.hidden_in = there.y;
  }
  cw_backend_reserve_columns (plain, c, NULL);
  plain->lstm (plain, y, gates, T, N, c, &w, hidden, cell);
  same (fetch (&p, there_y, T * N * c * sizeof *y), y, T * N * c, "the LSTM");
  same (fetch (&p, there.cell, N * c * sizeof *cell), cell, N * c, "the LSTM's cells");
  leave (&p);
}

static void
test_books_and_turn (void)
{
  enum { BOOKS = 3, V = 5, C = 18, N = 35, LD = 37, SIGNALS = 2 };
  place         p = enter ();
  const float  *books[BOOKS], *there_books[BOOKS], *skip = numbers (&p.host, N * C);
  int32_t      *codes = cw_arena_new (&p.host, int32_t, SIGNALS *BOOKS *LD);
  float        *expected = cw_arena_new (&p.host, float, SIGNALS *C *LD), *turned = cw_arena_new (&p.host, float, N *C), *there_turned;
  cw_gpu_books  there = { .n_books = BOOKS, .n = N, .c = C, .ld_y = LD, .ld_codes = LD, .n_signals = SIGNALS };

  for (size_t i = 0; i < SIGNALS * BOOKS * LD; i++)
    codes[i] = (int32_t) (i * 7 % V);
  for (size_t k = 0; k < BOOKS; k++) {
    books[k] = numbers (&p.host, V * C);
    there_books[k] = cw_card_put (&p.there, books[k], V * C, sizeof (float));
    for (size_t t = 0; t < SIGNALS * N; t++)
      for (size_t c = 0; c < C; c++)
        expected[(t / N * C + c) * LD + t % N] += books[k][(size_t) codes[(t / N * BOOKS + k) * LD + t % N] * C + c];
  }
  there.books = cw_card_put (&p.there, there_books, BOOKS, sizeof *there_books);
  there.codes = cw_card_put (&p.there, codes, SIGNALS * BOOKS * LD, sizeof *codes);
  there.y = cw_card_new (&p.there, float, SIGNALS *C *LD);
  there_turned = cw_card_new (&p.there, float, N *C);
  card->module->zero (card->gpu, CW_GPU_STEPS, there.y, SIGNALS * C * LD * sizeof (float));
  card->module->books (card->gpu, CW_GPU_STEPS, &there);
  same (fetch (&p, there.y, SIGNALS * C * LD * sizeof (float)), expected, SIGNALS * C * LD, "the sum of code vectors");
  card->module->transpose (card->gpu, CW_GPU_STEPS, there_turned, C, there.y, LD, C, N, cw_card_put (&p.there, skip, N * C, sizeof *skip), C);
  for (size_t t = 0; t < N; t++)
    for (size_t c = 0; c < C; c++)
      turned[t * C + c] = expected[c * LD + t] + skip[t * C + c];
  same (fetch (&p, there_turned, N * C * sizeof (float)), turned, N * C, "the matrix turned around");
  leave (&p);
}

/* The search goes on with what a book leaves over, and takes the lower of two equal vectors. */
static void
test_nearest (size_t v, size_t c, size_t n)
{
  enum { BOOKS = 3 };
  const size_t  ld = n + 1; /* less than what a block's frames would need behind the last */
  place         p = enter ();
  const float  *x = numbers (&p.host, c * ld), *there_books[BOOKS];
  float        *rest = cw_arena_new (&p.host, float, c *ld);
  int32_t      *expected = cw_arena_new (&p.host, int32_t, BOOKS *ld), *found;
  cw_gpu_nearest there = { .x = cw_card_put (&p.there, x, c * ld, sizeof *x), .codes = cw_card_new (&p.there, int32_t, BOOKS *ld), .n_books = BOOKS,
                           .v = (uint32_t) v, .n = (uint32_t) n, .c = (uint32_t) c, .ld_x = (uint32_t) ld, .ld_codes = (uint32_t) ld };

  memcpy (rest, x, c * ld * sizeof *x);
  for (size_t k = 0; k < BOOKS; k++) {
    float *book = numbers (&p.host, v * c);

    for (size_t i = 0; i < c && v > 2; i++) /* the first and the last are the same, and near to the first frame */
      book[i] = book[(v - 1) * c + i] = rest[i * ld] + (k == 1 ? 0.001f : 0.0f);
    there_books[k] = cw_card_put (&p.there, book, v * c, sizeof *book);
    plain->nearest (plain, expected + k * ld, rest, ld, n, c, &(cw_tensor){ CW_F32, 2, { v, c }, book });
    CHECK (v < 3 || expected[k * ld] == 0, "the first frame's code is %d", expected[k * ld]);
  }
  there.books = cw_card_put (&p.there, there_books, BOOKS, sizeof *there_books);
  card->module->zero (card->gpu, CW_GPU_STEPS, there.codes, BOOKS * ld * sizeof *found);
  card->module->nearest (card->gpu, CW_GPU_STEPS, &there);
  found = fetch (&p, there.codes, BOOKS * ld * sizeof *found);
  for (size_t i = 0; i < BOOKS * ld; i++)
    CHECK (found[i] == expected[i], "%zu vectors of %zu: code %zu is %d, C gives %d", v, c, i, found[i], expected[i]);
  leave (&p);
}

int
check_codec_kernels (cw_card *the_card, cw_backend *definition)
{
  card = the_card;
  plain = definition;
  test_convs ();
  test_elu ();
  test_lstm (CW_F32, 5);
  test_lstm (CW_F16, 34);
  test_lstm (CW_BF16, 16);
  test_group_norm (1, 1, false);
  test_group_norm (3, 700, true);
  test_group_norm (17, 40, false);
  test_lstm (CW_I8, 8);
  test_lstm (CW_I8, 132);
  for (int mode = CW_PAD_REFLECT; mode <= CW_PAD_REPLICATE; mode++) {
    test_pad ((cw_pad_mode) mode, 9, 3, 2);
    test_pad ((cw_pad_mode) mode, 2, 5, 4);
    test_pad ((cw_pad_mode) mode, 1, 0, 1);
  }
  test_books_and_turn ();
  test_nearest (1, 1, 1);
  test_nearest (5, 18, 4);
  test_nearest (130, 33, 9);
  test_nearest (1024, 16, 6);
  return check_done ();
}
