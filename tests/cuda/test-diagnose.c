/* SPDX-License-Identifier: MIT
 *
 * test-diagnose.c: what is said about the card: on systems made of a few files below CW_SYSTEM_ROOT, and on the stand-in made to answer
 *     what a card in trouble answers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "engine.h"

static char root[64] = "/tmp/clipwright-system-XXXXXX";

static void
put (const char *path, const char *text)
{
  char  full[256];
  FILE *file;

  snprintf (full, sizeof full, "%s%s", root, path);
  for (char *slash = full + strlen (root); (slash = strchr (slash + 1, '/')); *slash = '/') {
    *slash = '\0';
    mkdir (full, 0777);
  }
  if ((file = fopen (full, "w"))) {
    fputs (text, file);
    fclose (file);
  }
}

static void
expect (const char *backend, cw_device_state state, const char *words)
{
  cw_device_report report;

  cw_device_describe (backend, &report);
  CHECK (report.state == state && strstr (report.sentence, words), "“%s”: state %d: %s", words, (int) report.state, report.sentence);
}

/* The files appear one after another, as a person would bring them there. */
static void
test_system (void)
{
  void *driver = dlopen ("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

  setenv ("CW_SYSTEM_ROOT", root, 1);
  expect ("cuda", CW_DEVICE_NONE, "no NVIDIA card");
  put ("/sys/bus/pci/devices/0000:00:1f.3/vendor", "0x10de\n");
  put ("/sys/bus/pci/devices/0000:00:1f.3/class", "0x040300\n"); /* the sound of a card is not a card */
  put ("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
  put ("/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
  expect ("cuda", CW_DEVICE_NONE, "no NVIDIA card");
  put ("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  put ("/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
  expect (NULL, CW_DEVICE_NO_DRIVER, "is not loaded");
  put ("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc\n");
  if (driver)
    return; /* a machine with NVIDIA's library goes on to its card */
  expect ("cuda", CW_DEVICE_NO_DRIVER, "535.104.05 is loaded, but its library libcuda.so.1 is missing");
  put ("/.flatpak-info", "[Application]\n");
  expect ("cuda", CW_DEVICE_NO_EXTENSION, "org.freedesktop.Platform.GL.nvidia-535-104-05");
}

static void
test_answers (void (*lose) (int error))
{
  expect ("cuda-on-cpu", CW_DEVICE_READY, "compute capability");
  lose (35);
  expect ("cuda-on-cpu", CW_DEVICE_OLD_DRIVER, "too old");
  lose (100);
  expect ("cuda-on-cpu", CW_DEVICE_NONE, "no card that can compute");
  lose (46);
  expect ("cuda-on-cpu", CW_DEVICE_BUSY, "busy");
  lose (999);
  expect ("cuda-on-cpu", CW_DEVICE_LOST, "was lost");
  lose (2);
  expect ("cuda-on-cpu", CW_DEVICE_NO_MEMORY, "memory");
  lose (0);
  expect ("cuda-on-cpu", CW_DEVICE_READY, "is ready");
}

int
main (void)
{
  const char *module = getenv ("CW_CUDA_MODULE");
  void       *library = module ? dlopen (module, RTLD_NOW) : NULL, *symbol = library ? dlsym (library, "coc_lose_device") : NULL;
  void (*lose) (int error);
  size_t n = 0;

  if (!mkdtemp (root) || !symbol)
    return 77;
  memcpy (&lose, &symbol, sizeof lose);
  test_system ();
  test_answers (lose);
  CHECK (cw_parse_bytes ("6G", &n) && n == (size_t) 6 << 30, "6G is %zu", n);
  CHECK (cw_parse_bytes ("1.5GiB", &n) && n == (size_t) 3 << 29, "1.5GiB is %zu", n);
  CHECK (cw_parse_bytes ("800M", &n) && n == (size_t) 800 << 20, "800M is %zu", n);
  CHECK (!cw_parse_bytes ("3Q", &n) && !cw_parse_bytes ("", &n) && !cw_parse_bytes ("-1G", &n) && !cw_parse_bytes ("0", &n), "nonsense is taken");
  return check_done ();
}
