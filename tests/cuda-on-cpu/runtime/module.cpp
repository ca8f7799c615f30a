/* SPDX-License-Identifier: MIT
 *
 * module.cpp: the object that holds the kernels, as its symbol table describes it: which bytes of its data are a `__shared__` array
 * (a static variable of a function, "_ZZ…" in the Itanium mangling), which are `__constant__` (the section coc_constant), which are
 * `__device__` variables, and what the kernels are called.
 */
#include "runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

namespace coc {

static std::vector<Module *> &modules = *new std::vector<Module *>;

struct Search {
  uintptr_t   address, base;
  std::string path;
  Module     *found;
};

static int
look_at (dl_phdr_info *info, size_t, void *data)
{
  Search *search = (Search *) data;
  Module m {};
  m.low = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW (Phdr) &p = info->dlpi_phdr[i];
    if (p.p_type != PT_LOAD)
      continue;
    uintptr_t start = info->dlpi_addr + p.p_vaddr, end = start + p.p_memsz;
    m.low = std::min (m.low, start);
    m.high = std::max (m.high, end);
    if (p.p_flags & PF_W) {
      m.data = start;
      m.data_end = end;
    }
  }
  if (search->address < m.low || search->address >= m.high)
    return 0;
  search->base = info->dlpi_addr;
  search->path = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
  search->found = new Module (m);
  return 1;
}

static void
read_symbols (Module *module, const char *file, uintptr_t base)
{
  const Elf64_Ehdr *header = (const Elf64_Ehdr *) file;
  const Elf64_Shdr *sections = (const Elf64_Shdr *) (file + header->e_shoff);
  const char *section_names = file + sections[header->e_shstrndx].sh_offset;
  for (int s = 0; s < header->e_shnum; s++) {
    if (sections[s].sh_type != SHT_SYMTAB)
      continue;
    module->has_symbols = true;
    const char *names = file + sections[sections[s].sh_link].sh_offset;
    const Elf64_Sym *symbols = (const Elf64_Sym *) (file + sections[s].sh_offset);
    for (size_t i = 0; i < sections[s].sh_size / sizeof *symbols; i++) {
      const Elf64_Sym &symbol = symbols[i];
      const char *name = names + symbol.st_name;
      uintptr_t start = base + symbol.st_value;
      if (ELF64_ST_TYPE (symbol.st_info) == STT_FUNC && symbol.st_value)
        module->functions.push_back ({ start, name });
      if (ELF64_ST_TYPE (symbol.st_info) != STT_OBJECT || start < module->data || start >= module->data_end || !symbol.st_size)
        continue;
      const bool is_constant = symbol.st_shndx < header->e_shnum
                               && !strcmp (section_names + sections[symbol.st_shndx].sh_name, "coc_constant");
      Storage storage = is_constant                  ? Storage::constant
                        : !strncmp (name, "_ZZ", 3)  ? Storage::shared
                        : !strncmp (name, "_ZGV", 4) ? Storage::compilers /* g++ guards a static array of __half, though it does nothing */
                                                     : Storage::global;
      module->variables.push_back ({ start, start + symbol.st_size, storage, name });
    }
  }
  std::sort (module->functions.begin (), module->functions.end ());
}

static std::string
demangled (const std::string &name)
{
  int status;
  char *text = abi::__cxa_demangle (name.c_str (), nullptr, nullptr, &status);
  std::string result = text ? text : name;
  free (text);
  return result;
}

Module *
module_of (const void *kernel)
{
  const uintptr_t address = (uintptr_t) kernel;
  for (Module *m : modules)
    if (address >= m->low && address < m->high)
      return m;
  Search search { address, 0, "", nullptr };
  dl_iterate_phdr (look_at, &search);
  Module *module = search.found;
  if (!module)
    return nullptr;
  modules.push_back (module);
  module->variables.push_back ({ 0, 0, Storage::none, "" });
  int fd = open (search.path.c_str (), O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd >= 0 && !fstat (fd, &st) && st.st_size > (off_t) sizeof (Elf64_Ehdr)) {
    void *file = mmap (nullptr, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file != MAP_FAILED) {
      if (!memcmp (file, ELFMAG, SELFMAG))
        read_symbols (module, (const char *) file, search.base);
      munmap (file, (size_t) st.st_size);
    }
  }
  if (fd >= 0)
    close (fd);
  const size_t size = module->data_end - module->data;
  if (!module->has_symbols) {
    fprintf (stderr, "cuda-on-cpu: “%s” has no symbol table: all of its data counts as shared memory\n", search.path.c_str ());
    module->variables.push_back ({ module->data, module->data_end, Storage::shared, "data" });
  }
  module->owner.assign (size, 0);
  module->written.assign (size, 0);
  module->races = shadow_races (size / 4 + 1);
  for (size_t v = 1; v < module->variables.size () && v < UINT16_MAX; v++) {
    Variable &variable = module->variables[v];
    std::fill (module->owner.begin () + (variable.start - module->data),
               module->owner.begin () + (std::min (variable.end, module->data_end) - module->data), (uint16_t) v);
    std::string full = demangled (variable.name);
    size_t last = full.rfind ("::");
    variable.name = last == std::string::npos ? full : full.substr (last + 2);
  }
  return module;
}

std::string
kernel_name (const void *kernel, const char *spelled)
{
  static std::unordered_map<const void *, std::string> &known = *new std::unordered_map<const void *, std::string>;
  std::string &name = known[kernel];
  if (!name.empty ())
    return name;
  name = spelled;
  if (Module *module = module_of (kernel)) {
    auto it = std::lower_bound (module->functions.begin (), module->functions.end (), std::make_pair ((uintptr_t) kernel, std::string ()));
    if (it != module->functions.end () && it->first == (uintptr_t) kernel)
      name = demangled (it->second);
  }
  if (name.compare (0, 5, "void ") == 0)
    name.erase (0, 5);
  if (name.size () > 2 && name.front () == '(' && name.back () == ')')
    name = name.substr (1, name.size () - 2);
  int depth = 0; /* cut the parameters: the first '(' outside of template arguments */
  const char anonymous[] = "(anonymous namespace)::";
  for (size_t at; (at = name.find (anonymous)) != std::string::npos;)
    name.erase (at, sizeof anonymous - 1);
  for (size_t at; (at = name.find ("coc_float")) != std::string::npos;) /* of the counting build */
    name.erase (at, strlen ("coc_"));
  for (size_t i = 0; i < name.size (); i++) {
    depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
    if (name[i] == '(' && depth == 0) {
      name.resize (i);
      break;
    }
  }
  return name;
}

} // namespace coc
