/* SPDX-License-Identifier: MIT
 *
 * hooks.cpp: where the compiler's instrumentation arrives. Kernels of the checked build are compiled with
 * -fsanitize=thread,alignment,bounds,…; the sanitizers' runtimes are not linked, these functions are.
 */
#include "runtime.h"

#include <cstring>

using namespace coc;

#define COC_HOOK(n)                                                                                                            \
  COC_HIDDEN void __tsan_read##n (void *p) { shadow_access (p, n, Access::read, COC_CALLER); }                                 \
  COC_HIDDEN void __tsan_write##n (void *p) { shadow_access (p, n, Access::write, COC_CALLER); }                               \
  COC_HIDDEN void __tsan_unaligned_read##n (void *p) { shadow_access (p, n, Access::read, COC_CALLER); }                       \
  COC_HIDDEN void __tsan_unaligned_write##n (void *p) { shadow_access (p, n, Access::write, COC_CALLER); }                     \
  COC_HIDDEN void __tsan_volatile_read##n (void *p) { shadow_access (p, n, Access::read, COC_CALLER); }                        \
  COC_HIDDEN void __tsan_volatile_write##n (void *p) { shadow_access (p, n, Access::write, COC_CALLER); }                      \
  COC_HIDDEN void __tsan_unaligned_volatile_read##n (void *p) { shadow_access (p, n, Access::read, COC_CALLER); }              \
  COC_HIDDEN void __tsan_unaligned_volatile_write##n (void *p) { shadow_access (p, n, Access::write, COC_CALLER); }
COC_HOOK (1)
COC_HOOK (2)
COC_HOOK (4)
COC_HOOK (8)
COC_HOOK (16)

COC_HIDDEN void
__tsan_read_range (void *p, size_t size)
{
  if (size)
    shadow_access (p, size, Access::read, COC_CALLER);
}

COC_HIDDEN void
__tsan_write_range (void *p, size_t size)
{
  if (size)
    shadow_access (p, size, Access::write, COC_CALLER);
}

/* An instrumented object was loaded. */
COC_HIDDEN void __tsan_init (void) { checked = true; }
COC_HIDDEN void __tsan_func_entry (void *) {}
COC_HIDDEN void __tsan_func_exit (void) {}

/* The head of what UBSan's compiler part hands over (libsanitizer's ubsan_handlers.h). */
struct Place {
  const char *file;
  uint32_t    line, column;
};
struct TypeMismatch {
  Place         place;
  const void   *type;
  unsigned char log2_alignment, kind;
};

static const char *
base_name (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash ? slash + 1 : path;
}

COC_HIDDEN void
__ubsan_handle_type_mismatch_v1 (void *data, uintptr_t address)
{
  const TypeMismatch *mismatch = (const TypeMismatch *) data;
  if (!current)
    return;
  const unsigned alignment = 1u << mismatch->log2_alignment;
  report ("MISALIGNED", COC_CALLER, "an access that needs an address %% %u = 0 has %u, at %s:%u", alignment, (unsigned) (address % alignment),
          base_name (mismatch->place.file), mismatch->place.line);
  launch_wrong ();
}

static void
report_at (const char *kind, void *pc, const void *data, const char *sentence)
{
  const Place *place = (const Place *) data;
  report (kind, pc, "%s, at %s:%u", sentence, base_name (place->file), place->line);
}

COC_HIDDEN void
__ubsan_handle_out_of_bounds (void *data, uintptr_t)
{
  report_at ("ARRAY-INDEX", COC_CALLER, data, "an index outside of its array");
}

COC_HIDDEN void
__ubsan_handle_shift_out_of_bounds (void *data, uintptr_t, uintptr_t)
{
  report_at ("SHIFT", COC_CALLER, data, "a shift by more bits than the type has, or of a negative number");
}

/* A GPU gives some number and goes on; this processor would trap. */
COC_HIDDEN void
__ubsan_handle_divrem_overflow (void *data, uintptr_t, uintptr_t)
{
  report_at ("DIVIDE", COC_CALLER, data, "an integer division by zero");
  if (current)
    launch_wrong ();
}
