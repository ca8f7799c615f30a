/* SPDX-License-Identifier: MIT
 *
 * test-samples.c: the sample kernels against plain C, in forward, reverse and two random orders, launched one by one and as a graph that
 * is replayed. Right values, no finding, nothing left alive. `-q` says only what failed.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda-on-cpu.h"
#include "samples.h"

static int          n_values, n_wrong;
static const char  *order_name = "";
static cudaStream_t stream;

/* CUDA's answer is remembered, not obeyed: a kernel that failed shows in its values. */
static void
must (cudaError_t error, const char *what)
{
  if (error) {
    fprintf (stderr, "FAIL %s %s: %s\n", order_name, what, cudaGetErrorString (error));
    n_wrong++;
  }
}
#define MUST(call) must (call, #call)

static void *
upload (const void *data, size_t size)
{
  void *device = NULL;
  MUST (cudaMalloc (&device, size));
  if (data)
    MUST (cudaMemcpyAsync (device, data, size, cudaMemcpyHostToDevice, stream));
  return device;
}

static void
expect (const char *what, const float *wanted, const void *device, int n, float tolerance)
{
  float *got = malloc ((size_t) n * sizeof *got);
  memset (got, 0xff, (size_t) n * sizeof *got);
  MUST (cudaMemcpyAsync (got, device, (size_t) n * sizeof *got, cudaMemcpyDeviceToHost, stream));
  MUST (cudaStreamSynchronize (stream));
  for (int i = 0; i < n; i++, n_values++)
    if (!(fabsf (got[i] - wanted[i]) <= tolerance * (1 + fabsf (wanted[i])))) {
      fprintf (stderr, "FAIL %s %s [%d]: %g, expected %g\n", order_name, what, i, (double) got[i], (double) wanted[i]);
      n_wrong++;
      break;
    }
  free (got);
}

static unsigned random_state;

static float
draw (void)
{
  random_state = random_state * 1664525u + 1013904223u;
  return (float) (random_state >> 8) / (1 << 23) - 1;
}

static float *
draw_many (int n)
{
  float *x = malloc ((size_t) n * sizeof *x);
  for (int i = 0; i < n; i++)
    x[i] = draw ();
  return x;
}

/* Numbers that f16 and bf16 both hold: a sign and three bits, times 2^-2 */
static float
draw_short (uint16_t *f16, uint16_t *bf16)
{
  random_state = random_state * 1664525u + 1013904223u;
  const unsigned mantissa = random_state >> 20 & 7, sign = random_state >> 30 & 1;
  *f16 = (uint16_t) (sign << 15 | 13u << 10 | mantissa << 7);
  *bf16 = (uint16_t) (sign << 15 | 125u << 7 | mantissa << 4);
  return (sign ? -1 : 1) * (1 + (float) mantissa / 8) / 4;
}

static void
test_norm (int n_rows, int n)
{
  float *x = draw_many (n_rows * n), *wanted = malloc ((size_t) (n_rows * n) * sizeof *wanted), *g = malloc ((size_t) n * sizeof *g);
  uint16_t *bits = malloc ((size_t) n * sizeof *bits), f16;
  for (int i = 0; i < n; i++)
    g[i] = draw_short (&f16, &bits[i]);
  for (int r = 0; r < n_rows; r++) {
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++)
      mean += (double) x[r * n + i] / n;
    for (int i = 0; i < n; i++)
      squares += (x[r * n + i] - mean) * (x[r * n + i] - mean);
    for (int i = 0; i < n; i++)
      wanted[r * n + i] = (float) ((x[r * n + i] - mean) / sqrt (squares / n + 1e-5) * g[i]);
  }
  const size_t size = (size_t) (n_rows * n) * sizeof *x;
  void *y = upload (NULL, size), *d_x = upload (x, size), *d_g = upload (bits, (size_t) n * sizeof *bits);
  MUST (sample_norm (y, d_x, d_g, n_rows, n, 1e-5f, stream));
  expect ("norm", wanted, y, n_rows * n, 1e-5f);
  MUST (cudaFree (y));
  MUST (cudaFree (d_x));
  MUST (cudaFree (d_g));
  free (x);
  free (wanted);
  free (g);
  free (bits);
}

static void
test_gemv (int n_columns, int n_out, int n_in)
{
  float *x = draw_many (n_columns * n_in), *wanted = malloc ((size_t) (n_columns * n_out) * sizeof *wanted);
  float *w = malloc ((size_t) (n_out * n_in) * sizeof *w);
  uint16_t *bits = malloc ((size_t) (n_out * n_in) * sizeof *bits), bf16;
  for (int i = 0; i < n_out * n_in; i++)
    w[i] = draw_short (&bits[i], &bf16);
  for (int c = 0; c < n_columns; c++)
    for (int o = 0; o < n_out; o++) {
      double sum = 0;
      for (int i = 0; i < n_in; i++)
        sum += (double) w[o * n_in + i] * x[c * n_in + i];
      wanted[c * n_out + o] = (float) sum;
    }
  const size_t size = (size_t) (n_columns * n_out) * sizeof *x;
  void *y = upload (NULL, size), *d_w = upload (bits, (size_t) (n_out * n_in) * sizeof *bits),
       *d_x = upload (x, (size_t) (n_columns * n_in) * sizeof *x);
  MUST (sample_gemv (y, d_w, d_x, n_columns, n_out, n_in, stream));
  expect ("gemv", wanted, y, n_columns * n_out, 1e-5f);
  MUST (cudaFree (y));
  MUST (cudaFree (d_w));
  MUST (cudaFree (d_x));
  free (x);
  free (w);
  free (wanted);
  free (bits);
}

static void
test_attend (int n_heads, int n_keys, int room)
{
  float *q = draw_many (n_heads * 32), *k = draw_many (n_heads * room * 32), *v = draw_many (n_heads * room * 32);
  float *wanted = calloc ((size_t) n_heads * 32, sizeof *wanted);
  for (int h = 0; h < n_heads; h++) {
    double total = 0, sums[32] = { 0 };
    for (int t = 0; t < n_keys; t++) {
      double score = 0;
      for (int d = 0; d < 32; d++)
        score += (double) q[h * 32 + d] * k[(h * room + t) * 32 + d];
      score = exp (score * 0.17677669);
      total += score;
      for (int d = 0; d < 32; d++)
        sums[d] += score * v[(h * room + t) * 32 + d];
    }
    for (int d = 0; d < 32; d++)
      wanted[h * 32 + d] = (float) (sums[d] / total);
  }
  const size_t row = (size_t) n_heads * 32 * sizeof *q;
  void *y = upload (NULL, row), *d_q = upload (q, row), *d_n = upload (&n_keys, sizeof n_keys);
  /* only the keys there are: the rest of the room was never written */
  void *d_k = upload (NULL, row * (size_t) room), *d_v = upload (NULL, row * (size_t) room);
  const size_t pitch = (size_t) room * 32 * sizeof *k, width = (size_t) n_keys * 32 * sizeof *k;
  MUST (cudaMemcpy2DAsync (d_k, pitch, k, pitch, width, (size_t) n_heads, cudaMemcpyHostToDevice, stream));
  MUST (cudaMemcpy2DAsync (d_v, pitch, v, pitch, width, (size_t) n_heads, cudaMemcpyHostToDevice, stream));
  MUST (sample_attend (y, d_q, d_k, d_v, d_n, n_heads, room, stream));
  expect ("attend", wanted, y, n_heads * 32, 1e-5f);
  void *all[] = { y, d_q, d_n, d_k, d_v };
  for (int i = 0; i < 5; i++)
    MUST (cudaFree (all[i]));
  free (q);
  free (k);
  free (v);
  free (wanted);
}

static void
test_histogram (int n)
{
  unsigned *x = malloc ((size_t) n * sizeof *x), got[256];
  float wanted[256] = { 0 }, counts[256];
  for (int i = 0; i < n; i++) {
    x[i] = random_state = random_state * 1664525u + 1013904223u;
    wanted[x[i] >> 24]++;
  }
  void *d_x = upload (x, (size_t) n * sizeof *x), *bins = upload (NULL, sizeof got), *back;
  MUST (cudaMemsetAsync (bins, 0, sizeof got, stream));
  MUST (sample_histogram (bins, d_x, n, stream));
  MUST (cudaMemcpyAsync (got, bins, sizeof got, cudaMemcpyDeviceToHost, stream));
  MUST (cudaStreamSynchronize (stream));
  for (int i = 0; i < 256; i++)
    counts[i] = (float) got[i];
  back = upload (counts, sizeof counts);
  expect ("histogram", wanted, back, 256, 0);
  MUST (cudaFree (d_x));
  MUST (cudaFree (bins));
  MUST (cudaFree (back));
  free (x);
}

static void
test_sum_and_conv (int n)
{
  float *x = draw_many (n + 6), w[7], *wanted = malloc ((size_t) n * sizeof *wanted), sum;
  double total = 0;
  for (int i = 0; i < 7; i++)
    w[i] = draw ();
  for (int i = 0; i < n; i++) {
    double s = 0;
    for (int j = 0; j < 7; j++)
      s += (double) x[i + j] * w[j];
    wanted[i] = (float) s;
    total += x[i];
  }
  sum = (float) total;
  void *d_x = upload (x, (size_t) (n + 6) * sizeof *x), *d_w = upload (w, sizeof w), *y = upload (NULL, (size_t) n * sizeof *x),
       *d_sum = upload (NULL, sizeof sum), *partial = upload (NULL, (size_t) ((n + 255) / 256) * sizeof sum), *counter = upload (NULL, 4);
  MUST (cudaMemsetAsync (counter, 0, 4, stream));
  for (int twice = 0; twice < 2; twice++) {
    MUST (sample_sum (d_sum, partial, counter, d_x, n, stream));
    expect ("sum", &sum, d_sum, 1, 1e-5f);
  }
  MUST (sample_conv (y, d_x, d_w, n, stream));
  expect ("conv", wanted, y, n, 1e-5f);
  void *all[] = { d_x, d_w, y, d_sum, partial, counter };
  for (int i = 0; i < 6; i++)
    MUST (cudaFree (all[i]));
  free (x);
  free (wanted);
}

/* Captured once, launched five times: what changes from step to step must be on the device. */
static void
test_graph (void)
{
  const float table[4] = { 10, 20, 30, 40 }, x[128] = { 3 }, ones[4] = { 1, 1, 1, 1 };
  uint16_t g[128];
  for (int i = 0; i < 128; i++)
    g[i] = 0x3f80;
  int *step = upload (NULL, sizeof *step);
  float *value = upload (NULL, sizeof *value), *d_table = upload (table, sizeof table), *d_x = upload (x, sizeof x), *y = upload (NULL, sizeof x),
        *sums = upload (ones, sizeof ones);
  uint16_t *d_g = upload (g, sizeof g);
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  size_t n_nodes = 0;
  MUST (cudaMemsetAsync (step, 0, sizeof *step, stream));
  MUST (cudaStreamBeginCapture (stream, cudaStreamCaptureModeThreadLocal));
  MUST (sample_advance (step, value, d_table, stream));
  MUST (sample_norm (y, d_x, d_g, 1, 128, 1e-5f, stream));
  MUST (cudaStreamEndCapture (stream, &graph));
  if (graph)
    MUST (cudaGraphGetNodes (graph, NULL, &n_nodes));
  if (n_nodes != 2)
    must (cudaErrorUnknown, "the number of nodes");
  if (graph)
    MUST (cudaGraphInstantiate (&exec, graph, 0));
  for (int i = 1; i <= 5; i++) {
    if (exec)
      MUST (cudaGraphLaunch (exec, stream));
    expect ("a graph's step", &table[i % 4], value, 1, 0);
  }
  if (exec)
    MUST (cudaGraphExecDestroy (exec));
  if (graph)
    MUST (cudaGraphDestroy (graph));
  void *all[] = { step, value, d_table, d_x, y, sums, d_g };
  for (int i = 0; i < 7; i++)
    MUST (cudaFree (all[i]));
}

int
main (int argc, char **argv)
{
  const bool quiet = argc > 1 && !strcmp (argv[1], "-q");
  const char *names[] = { "forward", "reverse", "random 1", "random 2" };
  for (int o = 0; o < 4; o++) {
    order_name = names[o];
    coc_set_order (o < 2 ? (enum coc_order) o : COC_RANDOM, (unsigned) o);
    random_state = 7;
    MUST (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking));
    test_norm (3, 300);
    test_norm (1, 7);
    for (int n_columns = 1; n_columns <= 2; n_columns++) {
      test_gemv (n_columns, 9, 264);
      test_gemv (n_columns, 4, 512);
    }
    test_attend (3, 5, 8);
    test_attend (2, 1, 4);
    test_histogram (2000);
    test_sum_and_conv (1000);
    test_sum_and_conv (64);
    test_graph ();
    MUST (cudaStreamDestroy (stream));
    if (coc_print_alive ())
      n_wrong++;
    if (cudaDeviceReset ())
      n_wrong++;
  }
  if (!quiet)
    printf ("%d values, %ld launches, %ld threads, %ld accesses checked\n", n_values, coc_statistic (COC_LAUNCHES), coc_statistic (COC_THREADS),
            coc_statistic (COC_ACCESSES));
  return n_wrong || coc_n_findings ();
}
