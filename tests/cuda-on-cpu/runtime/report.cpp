/* SPDX-License-Identifier: MIT
 *
 * report.cpp: findings. One for each kind, place and kernel, counted; the place becomes a source line only when it is printed, because a
 * finding is made on a fiber's small stack. What is printed begins with "cuda-on-cpu: KIND: ".
 */
#include "runtime.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

namespace coc {

struct Finding {
  std::string kind, text, kernel;
  void       *pc;
  long        count;
};
static std::vector<Finding> &findings = *new std::vector<Finding>;
static long                  n_more;
constexpr size_t             max_findings = 64;

void
report (const char *kind, void *pc, const char *format, ...)
{
  char sentence[400];
  va_list arguments;
  va_start (arguments, format);
  int length = vsnprintf (sentence, sizeof sentence, format, arguments);
  va_end (arguments);
  const std::string kernel = launch ? launch->name : "";
  for (Finding &f : findings)
    if (f.kind == kind && f.pc == pc && f.kernel == kernel && (pc || f.text.compare (0, (size_t) length, sentence) == 0)) {
      f.count++;
      return;
    }
  if (findings.size () >= max_findings) {
    n_more++;
    return;
  }
  std::string text = sentence;
  if (launch)
    text += ", kernel " + kernel;
  if (current) {
    snprintf (sentence, sizeof sentence, ", block %u,%u,%u thread %u,%u,%u", block.index.x, block.index.y, block.index.z, current->index.x,
              current->index.y, current->index.z);
    text += sentence;
  }
  findings.push_back ({ kind, text, kernel, pc, 1 });
}

std::string
source_line (void *pc)
{
  Dl_info info;
  if (!pc || !dladdr (pc, &info))
    return "";
  char command[4200], line[600] = "";
  snprintf (command, sizeof command, "addr2line -s -e '%s' %#lx 2>/dev/null", info.dli_fname,
            (unsigned long) ((char *) pc - (char *) info.dli_fbase - 1));
  if (FILE *pipe = popen (command, "r")) {
    if (!fgets (line, sizeof line, pipe))
      line[0] = 0;
    pclose (pipe);
  }
  line[strcspn (line, "\n (")] = 0;
  return line[0] == '?' ? "" : line;
}

} // namespace coc

using namespace coc;

int
coc_n_findings (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return (int) findings.size ();
}

const char *
coc_finding (int i)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  return i >= 0 && i < (int) findings.size () ? findings[i].kind.c_str () : nullptr;
}

int
coc_print_findings (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  for (const Finding &f : findings) {
    std::string where = source_line (f.pc);
    fprintf (stderr, "cuda-on-cpu: %s: %s%s%s", f.kind.c_str (), f.text.c_str (), where.empty () ? "" : ", at ", where.c_str ());
    fprintf (stderr, f.count > 1 ? " (%ld times)\n" : "\n", f.count);
  }
  if (n_more)
    fprintf (stderr, "cuda-on-cpu: and %ld more\n", n_more);
  return (int) findings.size ();
}

void
coc_forget_findings (void)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  findings.clear ();
  n_more = 0;
}

/* The program or the module ends: say what was found, write the counts, and with CW_CUDA_ON_CPU_STRICT let it end badly. */
__attribute__ ((destructor)) static void
last_words (void)
{
  const char *counts = getenv ("CW_CUDA_ON_CPU_COUNTS");
  if (counts && coc_write_counts (counts))
    fprintf (stderr, "cuda-on-cpu: “%s” could not be written\n", counts);
  int n = coc_print_findings ();
  const char *strict = getenv ("CW_CUDA_ON_CPU_STRICT");
  if (!strict || !strcmp (strict, "0"))
    return;
  n += coc_print_alive ();
  if (n) {
    fprintf (stderr, "cuda-on-cpu: %d findings and leaks\n", n);
    fflush (nullptr);
    _exit (86);
  }
}
