/* SPDX-License-Identifier: MIT
 *
 * test-operations.c: the counting build counts each operation as often as it is done, and nothing else, and computes what float and double
 *     compute.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coc/operations.h"
#include "cuda-on-cpu.h"
#include "operations.h"

static const char *const names[COC_N_OPERATIONS] = { "f32", "fma", "compare", "divide", "convert", "function", "f64", "dp2a", "dp4a" };
static int               n_wrong;

/* The number at "@name": in the counts of the only kernel. */
static long
counted (const char *text, const char *name)
{
  char        key[32];
  const char *at;

  snprintf (key, sizeof key, "\"%s\": ", name);
  at = strstr (text, key);
  return at ? atol (at + strlen (key)) : -1;
}

static void
test_counts (cudaStream_t stream)
{
  enum { N = 7, BLOCKS = 3, THREADS = 32 * BLOCKS };
  char   path[] = "operations-XXXXXX", text[2000];
  float *y = NULL;

  if (cudaMalloc ((void **) &y, THREADS * sizeof *y) || mkstemp (path) < 0)
    exit (1);
  for (int done = 0; done < COC_N_OPERATIONS; done++) {
    coc_set_counting (1);
    if (operations_repeat (y, done, N, BLOCKS, stream) || cudaStreamSynchronize (stream) || coc_write_counts (path))
      n_wrong++;
    FILE *file = fopen (path, "r");
    text[file ? fread (text, 1, sizeof text - 1, file) : 0] = '\0';
    if (file)
      fclose (file);
    for (int seen = 0; seen < COC_N_OPERATIONS; seen++) {
      const long wanted = seen != done ? 0 : done == COC_F64 ? THREADS * (N + 1) : THREADS * N;

      if (counted (text, names[seen]) != wanted) {
        printf ("%s while it did %s: counted %ld, expected %ld\n", names[seen], names[done], counted (text, names[seen]), wanted);
        n_wrong++;
      }
    }
    if (counted (text, "launches") != 1 || counted (text, "bytes_written") != THREADS * (long) sizeof *y)
      n_wrong++;
  }
  coc_set_counting (0);
  remove (path);
  cudaFree (y);
}

static void
test_values (cudaStream_t stream)
{
  const float scale = 0.7f;
  float      *y = NULL, found[32], parts[32], sums[32];

  if (cudaMalloc ((void **) &y, sizeof found) || operations_values (y, scale, stream) || cudaStreamSynchronize (stream) ||
      cudaMemcpy (found, y, sizeof found, cudaMemcpyDeviceToHost))
    exit (1);
  for (int lane = 0; lane < 32; lane++)
    sums[lane] = 0.0f, parts[lane] = (float) (31 - lane) * scale + (float) lane / scale;
  for (int lane = 0; lane < 32; lane++)
    for (int half = 16; half > 0; half /= 2)
      sums[lane] += parts[lane ^ half];
  for (int lane = 0; lane < 32; lane++) {
    float    value = fmaxf (sums[lane], ldexpf (1.0f, lane)) - 0.0f;
    unsigned bits;

    memcpy (&bits, &value, sizeof bits);
    bits ^= 1;
    memcpy (&value, &bits, sizeof bits);
    value = (float) ((double) value / 3.0) + (float) (int) rintf (sqrtf (parts[lane])) - 0.0f;
    if (memcmp (&value, &found[lane], sizeof value) != 0) {
      printf ("lane %d: %.9g, expected %.9g\n", lane, (double) found[lane], (double) value);
      n_wrong++;
    }
  }
  cudaFree (y);
}

int
main (void)
{
  cudaStream_t stream;

  cudaStreamCreate (&stream);
  test_counts (stream);
  test_values (stream);
  cudaStreamDestroy (stream);
  return n_wrong || coc_print_findings () || coc_print_alive ();
}
