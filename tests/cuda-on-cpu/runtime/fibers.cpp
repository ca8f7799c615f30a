/* SPDX-License-Identifier: MIT
 *
 * fibers.cpp: 1024 stacks and the switch between them. A fiber is one CUDA thread; it is used again for the next block without being
 * built anew. x86-64 has a switch of a dozen instructions; elsewhere ucontext does the same, slower.
 */
#include "runtime.h"

#include <cstring>
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace coc {

__thread Fiber *current;
Fiber           fibers[max_threads];
void          (*fiber_main) (void);

/* An odd number of cache lines apart, so that the tops of the stacks do not all fall into one set of the cache. */
constexpr size_t   stack_size = 32 * 1024 + 64 * 13;
constexpr uint64_t canary = 0xC0DAC0DAC0DAC0DAull;
static char       *stacks;

static char *
stack_of (const Fiber *fiber)
{
  return stacks + stack_size * (size_t) (fiber - fibers);
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

bool
stack_overflowed (const Fiber *fiber)
{
  uint64_t word;
  memcpy (&word, stack_of (fiber), sizeof word);
  return word != canary;
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
  void **top = (void **) (stack_of (fiber) + stack_size);
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
  context->uc_stack.ss_size = stack_size;
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
  for (Fiber &fiber : fibers) {
    memcpy (stack_of (&fiber), &canary, sizeof canary);
    fiber_reset (&fiber);
  }
}

void
fibers_start (void)
{
  if (stacks)
    return;
  stacks = (char *) reserve (stack_size * max_threads);
  fibers_reset ();
}

} // namespace coc
