/* SPDX-License-Identifier: MIT
 *
 * test-checks.c: every kernel of kernels/checks.cu in every order. Where a finding is due it must be made and be of that kind; where
 * none is due there may be none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "cuda-on-cpu.h"

static int n_cases, n_wrong;

static void
try (const struct check_case *c, const char *order)
{
  float *o, *p;
  cudaStream_t stream;
  coc_forget_findings ();
  if (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking) || cudaMalloc ((void **) &o, 1024) || cudaMalloc ((void **) &p, 1024)
      || cudaMemsetAsync (o, 0, 1024, stream) || cudaMemsetAsync (p, 0, 1024, stream)) {
    printf ("%s: no device\n", c->name);
    n_wrong++;
    return;
  }
  c->launch (o, p, stream);
  cudaStreamSynchronize (stream);
  int found = 0;
  for (int i = 0; coc_finding (i); i++)
    found |= c->finding && !strcmp (coc_finding (i), c->finding);
  n_cases++;
  if (c->finding ? !found : coc_n_findings () != 0) {
    printf ("%s, %s: %s expected\n", c->name, order, c->finding ? c->finding : "no finding");
    coc_print_findings ();
    n_wrong++;
  }
  cudaDeviceReset ();
}

/* A stack that is too small is fatal: in a process of its own. */
static void
try_stack (void)
{
  int status = 0;
  const pid_t child = fork ();
  if (!child) {
    setenv ("CW_CUDA_ON_CPU_STRICT", "1", 1);
    try (&check_stack, "forward");
    _exit (0);
  }
  n_cases++;
  if (child < 0 || waitpid (child, &status, 0) != child || !WIFEXITED (status) || WEXITSTATUS (status) != 86) {
    printf ("%s: status %x, 86 << 8 expected\n", check_stack.name, (unsigned) status);
    n_wrong++;
  }
}

int
main (void)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  for (int i = 0; check_cases[i].name; i++) {
    coc_set_order (COC_FORWARD, 0);
    try (&check_cases[i], "forward");
    coc_set_order (COC_REVERSE, 0);
    try (&check_cases[i], "reverse");
    for (unsigned seed = 1; seed <= 3; seed++) {
      coc_set_order (COC_RANDOM, seed);
      try (&check_cases[i], "random");
    }
  }
  coc_forget_findings ();
  try_stack ();
  printf ("%d cases, %d wrong\n", n_cases, n_wrong);
  return n_wrong != 0;
}
