/* SPDX-License-Identifier: MIT
 *
 * test-values.c: what the shim's intrinsics compute, against definitions that are written here anew: every shuffle of every width, votes,
 * f16 and bf16 rounded by searching for the nearest of their numbers in double, integer helpers, cuBLAS against a triple loop.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cublas_v2.h>

#include "cuda-on-cpu.h"
#include "values.h"

static int          n_values, n_wrong;
static cudaStream_t stream;

static void
check (const char *what, long i, double got, double wanted)
{
  n_values++;
  if (got == wanted || (isnan (got) && isnan (wanted)))
    return;
  if (n_wrong++ < 20)
    printf ("%s %ld: %.9g, expected %.9g\n", what, i, got, wanted);
}

static void *
device (const void *data, size_t size)
{
  void *memory = NULL;
  if (cudaMalloc (&memory, size) || (data && cudaMemcpy (memory, data, size, cudaMemcpyHostToDevice)))
    n_wrong++;
  return memory;
}

static void
fetch (void *to, const void *from, size_t size)
{
  memset (to, 0xaa, size);
  if (cudaStreamSynchronize (stream) || cudaMemcpy (to, from, size, cudaMemcpyDeviceToHost))
    n_wrong++;
}

static unsigned random_state = 1;

static unsigned
draw (void)
{
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8 ^ random_state << 19;
}

static void
test_shuffles (void)
{
  unsigned *y = device (NULL, 128), got[32];
  for (int how = 0; how < 4; how++)
    for (int width = 1; width <= 32; width *= 2)
      for (int argument = 0; argument < 33; argument += argument < 4 ? 1 : 7) {
        values_shuffle (y, how, argument, width, stream);
        fetch (got, y, sizeof got);
        for (int lane = 0; lane < 32; lane++) {
          const int group = lane / width * width, last = group + width - 1;
          int source = how == 0 ? group + argument % width : how == 1 ? lane - argument : how == 2 ? lane + argument : (lane ^ argument);
          if ((how == 1 && source < group) || (how >= 2 && source > last))
            source = lane;
          check ("shuffle", ((how * 100L + width) * 100 + argument) * 100 + lane, got[lane], 100 + source);
        }
      }
  cudaFree (y);
}

static void
test_votes (void)
{
  unsigned x[32], got[9 * 32], sum = 0, smallest = ~0u, largest = 0, odd = 0, all_xor = 0;
  for (int i = 0; i < 32; i++) {
    x[i] = draw () % 900;
    sum += x[i];
    all_xor ^= x[i];
    odd |= (x[i] & 1) << i;
    smallest = x[i] < smallest ? x[i] : smallest;
    largest = x[i] > largest ? x[i] : largest;
  }
  unsigned *d_x = device (x, sizeof x), *y = device (NULL, sizeof got);
  values_votes (y, d_x, stream);
  fetch (got, y, sizeof got);
  for (int i = 0; i < 32; i++) {
    unsigned match = 0;
    float tree;
    bool any = false;
    for (int j = 0; j < 32; j++) {
      match |= (unsigned) ((x[i] & 3) == (x[j] & 3)) << j;
      any |= x[j] == 3;
    }
    memcpy (&tree, &got[8 * 32 + i], 4);
    const double wanted[] = { odd, any, 1, sum, smallest, largest, all_xor, match };
    for (int v = 0; v < 8; v++)
      check ("vote", v * 32 + i, got[v * 32 + i], wanted[v]);
    check ("tree", i, (double) tree, sum); /* whole numbers: exact in any order */
  }
  cudaFree (d_x);
  cudaFree (y);
}

/* All non-negative numbers of a 16-bit format, in order: @n of them below infinity. */
static double f16_table[31744], bf16_table[32640];

static double
nearest (const double *table, int n, double overflow, double x, unsigned *bits)
{
  double magnitude = fabs (x), result;
  if (magnitude >= overflow) {
    *bits = (unsigned) n;
    result = INFINITY;
  } else {
    int low = 0, high = n - 1; /* table[low] <= magnitude */
    if (magnitude >= table[high])
      low = high;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (table[middle] <= magnitude)
        low = middle;
      else
        high = middle;
    }
    if (low < n - 1) {
      const double below = magnitude - table[low], above = table[low + 1] - magnitude;
      low += above < below || (above == below && low & 1);
    }
    *bits = (unsigned) low;
    result = table[low];
  }
  *bits |= signbit (x) ? 0x8000 : 0;
  return signbit (x) ? -result : result;
}

static void
test_narrow (void)
{
  enum { N = 60000 };
  static float x[N], got[N];
  static uint16_t bits[N];
  for (int i = 0; i < 31744; i++)
    f16_table[i] = i < 1024 ? ldexp (i, -24) : ldexp (1024 + i % 1024, i / 1024 - 25);
  for (int i = 0; i < 32640; i++)
    bf16_table[i] = i < 128 ? ldexp (i, -133) : ldexp (128 + i % 128, i / 128 - 134);
  for (int i = 0; i < N; i++) {
    const unsigned u = i < 20000 ? draw () : i < 40000 ? (draw () & 0x87ffffff) + 0x34000000u : draw () & ~(i & 1 ? 0xfffu : 0x7fffu);
    memcpy (&x[i], &u, 4); /* anything; near f16's range; on and next to ties */
  }
  float *d_x = device (x, sizeof x), *y = device (NULL, sizeof got);
  uint16_t *d_bits = device (NULL, sizeof bits);
  for (int how = 0; how < 2; how++) {
    values_narrow (y, d_bits, d_x, N, how, stream);
    fetch (got, y, sizeof got);
    fetch (bits, d_bits, sizeof bits);
    for (int i = 0; i < N; i++) {
      if (isnan (x[i])) {
        check ("NaN", i, bits[i], 0x7fff);
        continue;
      }
      unsigned stored;
      const double wanted = how ? nearest (bf16_table, 32640, ldexp (511, 119), (double) x[i], &stored)
                                : nearest (f16_table, 31744, 65520, (double) x[i], &stored);
      check (how ? "bf16" : "f16", i, (double) got[i], wanted);
      check (how ? "bf16 bits" : "f16 bits", i, bits[i], stored);
    }
  }
  cudaFree (d_x);
  cudaFree (y);
  cudaFree (d_bits);
}

static double
widen (unsigned bits, bool bf16)
{
  const unsigned magnitude = bits & 0x7fff, n = bf16 ? 32640 : 31744;
  const double value = magnitude < n ? (bf16 ? bf16_table : f16_table)[magnitude] : magnitude == n ? INFINITY : NAN;
  return bits & 0x8000 ? -value : value;
}

static void
test_arithmetic (void)
{
  enum { N = 20000 };
  static uint16_t a[3][N], got[N];
  for (int o = 0; o < 3; o++)
    for (int i = 0; i < N; i++)
      a[o][i] = (uint16_t) (i % 5 ? draw () : (draw () & 0x83ff) | 0x3c00); /* every fifth near 1 */
  uint16_t *d[3], *y = device (NULL, sizeof got);
  for (int i = 0; i < 3; i++)
    d[i] = device (a[i], sizeof a[i]);
  for (int op = 0; op < 8; op++) {
    const bool bf16 = op >= 4;
    if (op % 4 == 3)
      continue;
    values_arithmetic (y, d[0], d[1], d[2], N, op, stream);
    fetch (got, y, sizeof got);
    for (int i = 0; i < N; i++) {
      const double x = widen (a[0][i], bf16), z = widen (a[1][i], bf16), c = widen (a[2][i], bf16);
      /* 64 bits of mantissa hold every f16 sum; a bf16 sum whose terms lie further apart is left out */
      const long double exact = op % 4 == 0 ? (long double) x + z : op % 4 == 1 ? (long double) x * z : (long double) x * z + c;
      const long double big = op % 4 == 1 ? 0 : op % 4 == 0 ? z : c, other = op % 4 == 0 ? x : (long double) x * z;
      if (bf16 && op % 4 != 1 && big != 0 && other != 0 && fabs (log2 (fabs ((double) big)) - log2 (fabs ((double) other))) > 40)
        continue;
      unsigned stored = 0x7fff;
      if (!isnan (exact)) {
        /* the table search takes a double: keep a tie apart from what is only near one */
        double rounded = (double) exact;
        if ((long double) rounded != exact && !isinf (rounded)) {
          uint64_t u;
          if (fabsl (rounded) > fabsl (exact))
            rounded = nextafter (rounded, 0);
          memcpy (&u, &rounded, 8);
          u |= 1;
          memcpy (&rounded, &u, 8);
        }
        bf16 ? nearest (bf16_table, 32640, ldexp (511, 119), rounded, &stored) : nearest (f16_table, 31744, 65520, rounded, &stored);
      }
      check ("arithmetic", op * 100000L + i, got[i], stored);
    }
  }
  cudaFree (y);
  for (int i = 0; i < 3; i++)
    cudaFree (d[i]);
}

static void
test_integers (void)
{
  unsigned *y = device (NULL, 32), got[8];
  for (int round = 0; round < 200; round++) {
    const unsigned a = draw (), b = draw (), c = draw ();
    values_integers (y, a, b, c, stream);
    fetch (got, y, sizeof got);
    unsigned wanted[8] = { c, 0, 0, 0, 0, (unsigned) ((unsigned long long) a * b >> 32), 0, 25 };
    unsigned char bytes[8];
    memcpy (bytes, &a, 4);
    memcpy (bytes + 4, &b, 4);
    for (int i = 0; i < 4; i++) {
      wanted[0] += (unsigned) ((int) (signed char) bytes[i] * (int) (signed char) bytes[4 + i]);
      const unsigned nibble = c >> 4 * i & 15, byte = bytes[nibble % 8];
      wanted[1] |= (nibble < 8 ? byte : byte > 127 ? 255 : 0) << 8 * i;
    }
    for (int i = 0; i < 32; i++) {
      wanted[2] |= (a >> i & 1) << (31 - i);
      wanted[3] += a >> i & 1;
      wanted[4] += !((a >> 5) >> i); /* zeros from the top down to bit i */
    }
    const unsigned n = c & 31;
    wanted[6] = n ? b << n | a >> (32 - n) : b;
    for (int i = 0; i < 8; i++)
      check ("integer", i, got[i], wanted[i]);
  }
  cudaFree (y);
}

/* Small whole numbers: every product and sum is exact in all types, so that equality is due. */
static void
test_cublas (void)
{
  enum { M = 9, N = 6, K = 11, LD = 12, BATCH = 2 };
  static const cudaDataType types[] = { CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF };
  cublasHandle_t handle;
  cublasCreate (&handle);
  cublasSetStream (handle, stream);
  for (int t = 0; t < 3; t++)
    for (int ops = 0; ops < 4; ops++)
      for (int narrow_result = 0; narrow_result < (t ? 2 : 1); narrow_result++) {
        float values[2][BATCH * LD * LD], c[BATCH * N * LD], got[BATCH * N * LD];
        uint16_t shorts[2][BATCH * LD * LD], got_short[BATCH * N * LD];
        const size_t element = t ? 2 : 4, out = t && narrow_result ? 2 : 4;
        for (int i = 0; i < BATCH * LD * LD; i++)
          for (int j = 0; j < 2; j++) {
            unsigned stored;
            values[j][i] = (float) (draw () % 7) - 3;
            t == 1 ? nearest (f16_table, 31744, 65520, (double) values[j][i], &stored)
                   : nearest (bf16_table, 32640, ldexp (511, 119), (double) values[j][i], &stored);
            shorts[j][i] = (uint16_t) stored;
          }
        for (int i = 0; i < BATCH * N * LD; i++)
          c[i] = 1;
        void *a = device (t ? (void *) shorts[0] : values[0], BATCH * LD * LD * element), *b = device (t ? (void *) shorts[1] : values[1], BATCH * LD * LD * element);
        void *y = device (NULL, sizeof c);
        if (out == 4)
          cudaMemcpy (y, c, sizeof c, cudaMemcpyHostToDevice);
        else
          cudaMemset (y, 0, sizeof c);
        const float alpha = 2, beta = out == 4 ? 3 : 0;
        const cublasStatus_t status
          = cublasGemmStridedBatchedEx (handle, ops & 1 ? CUBLAS_OP_T : CUBLAS_OP_N, ops & 2 ? CUBLAS_OP_T : CUBLAS_OP_N, M, N, K, &alpha, a, types[t], LD,
                                        LD * LD, b, types[t], LD, LD * LD, &beta, y, out == 4 ? CUDA_R_32F : types[t], LD, N * LD, BATCH,
                                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
        check ("cuBLAS status", t, status, 0);
        fetch (got, y, sizeof got);
        memcpy (got_short, got, sizeof got_short);
        for (int batch = 0; batch < BATCH; batch++)
          for (int j = 0; j < N; j++)
            for (int i = 0; i < M; i++) {
              float sum = 0;
              for (int k = 0; k < K; k++)
                sum += values[0][batch * LD * LD + (ops & 1 ? i * LD + k : k * LD + i)] * values[1][batch * LD * LD + (ops & 2 ? k * LD + j : j * LD + k)];
              const int at = batch * N * LD + j * LD + i;
              unsigned stored;
              const double wanted = alpha * sum + beta, rounded = t == 2 ? nearest (bf16_table, 32640, ldexp (511, 119), wanted, &stored) : wanted;
              check ("cuBLAS", ((t * 10 + ops) * 10 + batch) * 1000 + j * 20 + i, out == 4 ? (double) got[at] : widen (got_short[at], t == 2),
                     out == 4 ? wanted : rounded);
            }
        cudaFree (a);
        cudaFree (b);
        cudaFree (y);
      }
  cublasDestroy (handle);
}

int
main (void)
{
  coc_set_order (COC_RANDOM, 5);
  cudaStreamCreate (&stream);
  test_shuffles ();
  test_votes ();
  test_narrow ();
  test_arithmetic ();
  test_integers ();
  test_cublas ();
  cudaStreamDestroy (stream);
  printf ("%d values, %d wrong\n", n_values, n_wrong);
  return n_wrong || coc_print_findings () || coc_print_alive ();
}
