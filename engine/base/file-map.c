/* SPDX-License-Identifier: MIT
 *
 * file-map.c: see file-map.h.
 */
#include "base/file-map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

bool
cw_file_map_open (cw_file_map *map, const char *path, cw_error *error)
{
  struct stat info;
  const int   fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make it wait */
  void       *bytes = NULL;

  *map = (cw_file_map){ 0 };
  if (fd < 0 || fstat (fd, &info) != 0) {
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be opened: %s.", path, strerror (errno));
    if (fd >= 0)
      close (fd);
    return false;
  }
  if (!S_ISREG (info.st_mode)) {
    cw_fail (error, CW_ERROR_IO, "“%s” is no regular file.", path);
    close (fd);
    return false;
  }
  if (info.st_size > 0)
    bytes = mmap (NULL, (size_t) info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close (fd);
  if (bytes == MAP_FAILED) {
    cw_fail (error, CW_ERROR_IO, "“%s” cannot be mapped: %s.", path, strerror (errno));
    return false;
  }
  *map = (cw_file_map){ bytes, (size_t) info.st_size };
  return true;
}

void
cw_file_map_close (cw_file_map *map)
{
  if (map->bytes)
    munmap ((void *) map->bytes, map->n);
  *map = (cw_file_map){ 0 };
}

void
cw_file_map_release (const cw_file_map *map, const void *from, size_t n_bytes)
{
  const uintptr_t page = (uintptr_t) sysconf (_SC_PAGESIZE), begin = (uintptr_t) from / page * page;
  const uintptr_t end = ((uintptr_t) from + n_bytes) / page * page;

  if (map->bytes && begin >= (uintptr_t) map->bytes && end > begin && end <= (uintptr_t) map->bytes + map->n)
    madvise ((void *) begin, end - begin, MADV_DONTNEED);
}
