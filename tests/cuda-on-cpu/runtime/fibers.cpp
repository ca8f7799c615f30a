/* SPDX-License-Identifier: MIT
 *
 * fibers.cpp: 1024 stacks and the switch between them. A fiber is one CUDA thread; it is used again for the next block without being
 * built anew. x86-64 has a switch of a dozen instructions; elsewhere ucontext does the same, slower.
 */
#include "runtime.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace coc {

__thread Fiber *current;
Fiber           fibers[max_threads];
void          (*fiber_main) (void);

constexpr size_t page = 4096, stack_size = 64 * 1024; /* the lowest page is a guard */
static char     *stacks;

static char *
stack_of (const Fiber *fiber)
{
  return stacks + stack_size * (size_t) (fiber - fibers);
}

/* Some cache lines below the end, so that the tops of the stacks do not all fall into one set of the cache. */
static size_t
stack_top (const Fiber *fiber)
{
  return stack_size - 64 * ((size_t) (fiber - fibers) * 13 % 61);
}

bool
in_stack_of (const Fiber *fiber, const void *address, size_t size)
{
  return (size_t) ((const char *) address - stack_of (fiber)) < stack_size - size + 1;
}

bool
in_any_stack (const void *address)
{
  return stacks && (size_t) ((const char *) address - stacks) < stack_size * max_threads;
}

/* The processor stopped in a kernel: say where, then let the program die of it as it would have. */
static void
on_fault (int signal, siginfo_t *info, void *)
{
  if (launch) {
    const bool is_stack = in_any_stack (info->si_addr);
    fprintf (stderr, "cuda-on-cpu: %s: kernel %s, block %u,%u,%u thread %d: %s\n", is_stack ? "STACK" : "OUT-OF-BOUNDS", launch->name.c_str (),
             block.index.x, block.index.y, block.index.z, current ? current->id : -1,
             is_stack ? "a thread needs more than 60 KiB of local memory" : "an address that is not mapped");
    if (getenv ("CW_CUDA_ON_CPU_STRICT"))
      _exit (86);
  }
  ::signal (signal, SIG_DFL);
  raise (signal);
}

static void
catch_faults (void)
{
  static char      alternate[64 * 1024];
  const stack_t    stack { alternate, 0, sizeof alternate };
  struct sigaction action {}, old;
  if (sigaction (SIGSEGV, nullptr, &old) || old.sa_handler != SIG_DFL || sigaltstack (&stack, nullptr))
    return; /* somebody else's, a sanitizer's perhaps */
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction (SIGSEGV, &action, nullptr);
}

#ifdef __x86_64__

extern "C" __attribute__ ((visibility ("hidden"))) void coc_fiber_switch (void **save, void *to);
asm (R"(
.text
.globl coc_fiber_switch
.hidden coc_fiber_switch
.type coc_fiber_switch, @function
coc_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
.size coc_fiber_switch, . - coc_fiber_switch
)");

static void *scheduler;

static void
fiber_reset (Fiber *fiber)
{
  void **top = (void **) (stack_of (fiber) + stack_top (fiber));
  *--top = nullptr; /* where a caller would be */
  *--top = (void *) fiber_main;
  for (int i = 0; i < 6; i++)
    *--top = nullptr;
  fiber->stack_pointer = top;
}

void
fiber_enter (Fiber *fiber)
{
  current = fiber;
  coc_fiber_switch (&scheduler, fiber->stack_pointer);
}

void
fiber_leave (Fiber *fiber)
{
  coc_fiber_switch (&fiber->stack_pointer, scheduler);
}

void
fiber_switch (Fiber *from, Fiber *to)
{
  current = to;
  coc_fiber_switch (&from->stack_pointer, to->stack_pointer);
}

#else

static ucontext_t scheduler, contexts[max_threads];

static void
fiber_reset (Fiber *fiber)
{
  ucontext_t *context = &contexts[fiber - fibers];
  getcontext (context);
  context->uc_stack.ss_sp = stack_of (fiber);
  context->uc_stack.ss_size = stack_top (fiber);
  context->uc_link = nullptr;
  makecontext (context, fiber_main, 0);
}

void
fiber_enter (Fiber *fiber)
{
  current = fiber;
  swapcontext (&scheduler, &contexts[fiber - fibers]);
}

void
fiber_leave (Fiber *fiber)
{
  swapcontext (&contexts[fiber - fibers], &scheduler);
}

void
fiber_switch (Fiber *from, Fiber *to)
{
  current = to;
  swapcontext (&contexts[from - fibers], &contexts[to - fibers]);
}

#endif

void
fibers_reset (void)
{
  for (Fiber &fiber : fibers)
    fiber_reset (&fiber);
}

void
fibers_start (void)
{
  if (stacks)
    return;
  stacks = (char *) reserve (stack_size * max_threads);
  for (Fiber &fiber : fibers)
    mprotect (stack_of (&fiber), page, PROT_NONE);
  catch_faults ();
  fibers_reset ();
}

} // namespace coc
