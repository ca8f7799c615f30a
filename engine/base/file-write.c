/* SPDX-License-Identifier: MIT
 *
 * file-write.c: see file-write.h.
 */
#define _GNU_SOURCE
#include "base/file-write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static void
forget (cw_file_write *write)
{
  free (write->path);
  free (write->beside);
  *write = (cw_file_write){ 0 };
}

cw_status
cw_file_write_begin (cw_file_write *write, const char *path, cw_error *error)
{
  int    fd;
  mode_t mask;

  *write = (cw_file_write){ .path = strdup (path) };
  if (asprintf (&write->beside, "%s.XXXXXX", path) < 0)
    write->beside = NULL;
  if (!write->path || !write->beside) {
    forget (write);
    return cw_fail_memory (error, "a file's name", strlen (path));
  }
  fd = mkostemp (write->beside, O_CLOEXEC);
  if (fd < 0) {
    const int why = errno;
    forget (write);
    return cw_fail (error, CW_ERROR_IO, "“%s” cannot be written: %s.", path, strerror (why));
  }
  mask = umask (0);
  umask (mask);
  fchmod (fd, 0666 & ~mask);
  if (!(write->file = fdopen (fd, "wb"))) {
    close (fd);
    unlink (write->beside);
    forget (write);
    return cw_fail_memory (error, "writing a file", BUFSIZ);
  }
  return CW_OK;
}

/* The folder's entry is made durable, too; that it cannot be is no failure of the file. */
static void
sync_folder (const char *path)
{
  const char *slash = strrchr (path, '/');
  char       *folder = slash ? strndup (path, (size_t) (slash - path) + 1) : strdup (".");
  int         fd = folder ? open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

  if (fd >= 0) {
    fsync (fd);
    close (fd);
  }
  free (folder);
}

cw_status
cw_file_write_end (cw_file_write *write, cw_error *error)
{
  cw_status status = CW_OK;
  bool      failed = ferror (write->file) || fflush (write->file) != 0 || fsync (fileno (write->file)) != 0;
  int       why = errno;

  if (fclose (write->file) != 0 && !failed) {
    failed = true;
    why = errno;
  }
  if (!failed && rename (write->beside, write->path) != 0) {
    failed = true;
    why = errno;
  }
  if (failed) {
    unlink (write->beside);
    status = cw_fail (error, CW_ERROR_IO, "“%s” cannot be written: %s.", write->path, strerror (why));
  } else {
    sync_folder (write->path);
  }
  forget (write);
  return status;
}

void
cw_file_write_abandon (cw_file_write *write)
{
  fclose (write->file);
  unlink (write->beside);
  forget (write);
}
