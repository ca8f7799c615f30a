/* SPDX-License-Identifier: MIT
 *
 * counts.cpp: what the kernels did, for the performance model: launches, threads, and of global memory both the bytes that threads asked
 * for (what L1 and L2 carry) and the distinct sectors of 32 bytes a launch touched (what DRAM carries at the least), and
 * what it asked the second-level cache for and did not read itself, which is for a launch behind it. The
 * counting build tells of each operation, too (coc/counted.h).
 */
#include "runtime.h"

#include <cinttypes>
#include <cstdio>
#include <map>

#include "coc/operations.h"

namespace coc {

constexpr size_t sector = 32;

bool counting;

struct Count {
  long     launches, threads;
  uint64_t bytes_read, bytes_written, dram_read, dram_written, ahead;
  double   multiply_adds; /* cuBLAS */
  uint64_t operations[COC_N_OPERATIONS];
};
static const char *const operation_names[COC_N_OPERATIONS] = {
  "f32", "fma", "compare", "divide", "convert", "function", "f64", "dp2a", "dp4a",
};
static std::map<std::string, Count> &counts = *new std::map<std::string, Count>;
static Count    *here;
static uint32_t *read_in, *written_in, *asked_in, serial; /* by sector: the launch that touched it last */

static void
start_sectors (void)
{
  if (read_in)
    return;
  read_in = (uint32_t *) reserve (arena_size / sector * sizeof *read_in);
  written_in = (uint32_t *) reserve (arena_size / sector * sizeof *written_in);
  asked_in = (uint32_t *) reserve (arena_size / sector * sizeof *asked_in);
}

void
counts_launch_begin (const Launch &l)
{
  start_sectors ();
  here = &counts[l.name];
  here->launches++;
  here->threads += (long) l.grid.x * l.grid.y * l.grid.z * l.block.x * l.block.y * l.block.z;
  serial++;
}

void
counts_launch_end (void)
{
  here = nullptr;
}

void
counts_access (size_t offset, size_t size, Access access)
{
  if (!here)
    return;
  if (access != Access::write)
    here->bytes_read += size;
  if (access != Access::read)
    here->bytes_written += size;
  for (size_t s = offset / sector; s <= (offset + size - 1) / sector; s++) {
    if (access != Access::write && read_in[s] != serial) {
      read_in[s] = serial;
      here->dram_read += sector;
      here->ahead -= asked_in[s] == serial ? sector : 0;
    }
    if (access != Access::read && written_in[s] != serial) {
      written_in[s] = serial;
      here->dram_written += sector;
    }
  }
}

void
counts_asked (size_t offset)
{
  const size_t s = offset / sector;

  if (!here || asked_in[s] == serial)
    return;
  asked_in[s] = serial;
  here->ahead += read_in[s] == serial ? 0 : sector;
}

void
counts_product (double multiply_adds, size_t bytes_read, size_t bytes_written)
{
  Count &count = counts["cublasGemm"];
  count.launches++;
  count.multiply_adds += multiply_adds;
  count.bytes_read += bytes_read;
  count.dram_read += bytes_read;
  count.bytes_written += bytes_written;
  count.dram_written += bytes_written;
}

} // namespace coc

using namespace coc;

COC_HIDDEN void
coc_count (enum coc_operation operation)
{
  if (here)
    here->operations[operation]++;
}

void
coc_set_counting (int on)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  counting = on;
  if (on)
    counts.clear ();
}

int
coc_write_counts (const char *path)
{
  std::lock_guard<std::recursive_mutex> guard (lock);
  FILE *file = fopen (path, "w");
  if (!file)
    return -1;
  fprintf (file, "{");
  const char *comma = "\n";
  for (const auto &[name, count] : counts) {
    fprintf (file,
             "%s \"%s\": {\"launches\": %ld, \"threads\": %ld, \"bytes_read\": %" PRIu64 ", \"bytes_written\": %" PRIu64
             ", \"dram_read\": %" PRIu64 ", \"dram_written\": %" PRIu64 ", \"ahead\": %" PRIu64 ", \"multiply_adds\": %.0f",
             comma, name.c_str (), count.launches, count.threads, count.bytes_read, count.bytes_written, count.dram_read, count.dram_written,
             count.ahead, count.multiply_adds);
    for (int i = 0; i < COC_N_OPERATIONS; i++)
      fprintf (file, ", \"%s\": %" PRIu64, operation_names[i], count.operations[i]);
    fprintf (file, "}");
    comma = ",\n";
  }
  fprintf (file, "\n}\n");
  return fclose (file) ? -1 : 0;
}
