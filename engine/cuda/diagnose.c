/* SPDX-License-Identifier: MIT
 *
 * diagnose.c: what is the matter with the graphics card, told apart so that a person knows what to do: no card, no driver, a driver that
 *     is too old, a sandbox without its libraries, a card that is busy or was lost, no memory; or all is well.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/card.h"

#define NVIDIA_VENDOR "0x10de"
#define DISPLAY_CLASS "0x03" /* PCI class codes 03xxxx */
#define SMALL_BYTES   ((size_t) 512 << 20) /* with less than this free there is no use in a card */

/* CUDA's own numbers, of cudaError_t. */
enum { SYSTEM_NOT_READY = 802, DRIVER_MISMATCH = 803, UNKNOWN = 999 };

/* Tests put another root before the system's files. */
static void
system_path (char path[PATH_MAX], const char *name)
{
  const char *root = getenv ("CW_SYSTEM_ROOT");

  snprintf (path, PATH_MAX, "%s%s", root ? root : "", name);
}

static bool
exists (const char *name)
{
  char path[PATH_MAX];

  system_path (path, name);
  return access (path, F_OK) == 0;
}

/* The first @n - 1 bytes of a file; "" when there is none. */
static void
read_start (const char *path, char *text, size_t n)
{
  FILE  *file = fopen (path, "re");
  size_t length = file ? fread (text, 1, n - 1, file) : 0;

  text[length] = '\0';
  if (file)
    fclose (file);
}

/* Is there a display controller of NVIDIA on the PCI bus, or did its driver make a device? */
static bool
has_card (void)
{
  char           folder[PATH_MAX], path[PATH_MAX + 300], text[32];
  DIR           *bus;
  struct dirent *device;
  bool           found = exists ("/dev/nvidia0") || exists ("/dev/dxg");

  system_path (folder, "/sys/bus/pci/devices");
  bus = opendir (folder);
  while (bus && !found && (device = readdir (bus))) {
    snprintf (path, sizeof path, "%s/%.200s/vendor", folder, device->d_name);
    read_start (path, text, sizeof text);
    if (strncmp (text, NVIDIA_VENDOR, strlen (NVIDIA_VENDOR)) != 0)
      continue;
    snprintf (path, sizeof path, "%s/%.200s/class", folder, device->d_name);
    read_start (path, text, sizeof text);
    found = strncmp (text, DISPLAY_CLASS, strlen (DISPLAY_CLASS)) == 0;
  }
  if (bus)
    closedir (bus);
  return found;
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug …": the first word with digits and a point. */
static void
read_driver_version (char *version, size_t n)
{
  char path[PATH_MAX], text[512], *word, *rest = text;

  system_path (path, "/proc/driver/nvidia/version");
  read_start (path, text, sizeof text);
  version[0] = '\0';
  while (!*version && (word = strsep (&rest, " \t\n")))
    if (isdigit ((unsigned char) *word) && strchr (word, '.') && strspn (word, "0123456789.") == strlen (word))
      snprintf (version, n, "%s", word);
}

static void
say (cw_device_report *report, cw_device_state state, const char *format, ...)
{
  va_list args;

  report->state = state;
  va_start (args, format);
  vsnprintf (report->sentence, sizeof report->sentence, format, args);
  va_end (args);
}

/* What can be said without the module; true when nothing speaks against the card. */
static bool
look_at_system (cw_device_report *report)
{
  char  extension[64];
  void *driver;

  if (!has_card ()) {
    say (report, CW_DEVICE_NONE, "There is no NVIDIA card in this machine; the processor makes the clips.");
    return false;
  }
  read_driver_version (report->driver, sizeof report->driver);
  if (!exists ("/proc/driver/nvidia/version") && !exists ("/dev/dxg")) {
    say (report, CW_DEVICE_NO_DRIVER, "There is an NVIDIA card, but NVIDIA's driver is not loaded. Install it (on Debian the package nvidia-driver) and restart.");
    return false;
  }
  if ((driver = dlopen ("libcuda.so.1", RTLD_NOW | RTLD_LOCAL))) {
    dlclose (driver);
    return true;
  }
  if (exists ("/.flatpak-info")) {
    snprintf (extension, sizeof extension, "%s", report->driver);
    for (char *at = extension; *at; at++)
      *at = *at == '.' ? '-' : *at;
    say (report, CW_DEVICE_NO_EXTENSION, "The Flatpak has no libraries for the NVIDIA driver %s. Install them: flatpak install org.freedesktop.Platform.GL.nvidia-%s",
         report->driver, extension);
    return false;
  }
  say (report, CW_DEVICE_NO_DRIVER, "NVIDIA's driver %s is loaded, but its library libcuda.so.1 is missing. Install it (on Debian the package libcuda1).",
       report->driver);
  return false;
}

static void
explain (cw_device_report *report, const cw_cuda_module *module, int code, int needed)
{
  const char *text = module->error_text (code);

  switch (code) {
  case CW_GPU_OLD_DRIVER:
    say (report, CW_DEVICE_OLD_DRIVER, "The NVIDIA driver %s is too old: it knows CUDA %d.%d, and CUDA %d.%d is needed. Update the driver.",
         *report->driver ? report->driver : "that was found", report->cuda_driver / 1000, report->cuda_driver % 1000 / 10, needed / 1000,
         needed % 1000 / 10);
    break;
  case CW_GPU_NO_DEVICE:
    say (report, CW_DEVICE_NONE, "The driver shows no card that can compute. Is CUDA_VISIBLE_DEVICES set? (%s, %d)", text, code);
    break;
  case CW_GPU_NO_MEMORY:
    say (report, CW_DEVICE_NO_MEMORY, "The card has no memory left. Close what else uses it. (%s, %d)", text, code);
    break;
  case CW_GPU_UNAVAILABLE:
    say (report, CW_DEVICE_BUSY, "The card is busy: another program holds it for itself. (%s, %d)", text, code);
    break;
  case DRIVER_MISMATCH:
  case SYSTEM_NOT_READY:
  case UNKNOWN:
    say (report, CW_DEVICE_LOST, "The card was lost, perhaps in suspend or in an update of its driver. Restart the machine, or load the module nvidia_uvm anew. (%s, %d)",
         text, code);
    break;
  default:
    say (report, CW_DEVICE_LOST, "The card does not answer as it should. (%s, %d)", text, code);
  }
}

/* A try of the card itself. */
static void
try_card (cw_device_report *report, const cw_cuda_module *module, int index)
{
  cw_gpu_info info = { 0 };
  int         n = 0, version, code = module->count (&n);
  cw_gpu     *gpu = NULL;
  size_t      total = 0;
  char       *memory = NULL;

  module->describe (index, &info); /* the versions are told even when there is no card */
  report->cuda_driver = info.driver_version;
  if (code == CW_GPU_OK && index >= n) {
    say (report, CW_DEVICE_NONE, "There is no card %d; the driver shows %d, numbered from 0.", index, n);
    return;
  }
  if (code == CW_GPU_OK && (gpu = module->open (index, &code))) {
    module->memory (gpu, &report->free_bytes, &total);
    /* something that has to go there and come back */
    if ((memory = module->alloc (gpu, sizeof info)))
      module->zero (gpu, CW_GPU_STEPS, memory, sizeof info);
    code = module->wait (gpu, CW_GPU_STEPS);
    module->release (gpu, memory);
    module->close (gpu);
  }
  if (code != CW_GPU_OK) {
    explain (report, module, code, info.runtime_version);
    return;
  }
  snprintf (report->name, sizeof report->name, "%s", info.name);
  report->memory_bytes = info.memory_bytes;
  report->major = info.major;
  report->minor = info.minor;
  if (!memory || report->free_bytes < SMALL_BYTES)
    say (report, CW_DEVICE_NO_MEMORY, "The card “%s” has only %.0f MB of %.0f MB left. Close what else uses it.", info.name,
         (double) report->free_bytes / 1e6, (double) info.memory_bytes / 1e6);
  else
    say (report, CW_DEVICE_READY, "The card “%s” is ready: %.1f GB, of which %.1f GB are free, compute capability %d.%d%s%s. %s", info.name,
         (double) info.memory_bytes / 1e9, (double) report->free_bytes / 1e9, info.major, info.minor, *report->driver ? ", driver " : "",
         report->driver, module->cublas (&version) ? "cuBLAS takes the products of long prompts."
                                                   : "cuBLAS is not installed or was declined: the program's own kernels read long prompts, slower.");
}

void
cw_device_describe (const char *backend, cw_device_report *report)
{
  const char           *name = backend && cw_card_is_name (backend) ? backend : "cuda";
  const bool            on_cpu = strcmp (name, "cuda-on-cpu") == 0;
  const cw_cuda_module *module;
  cw_error              error = { 0 };

  *report = (cw_device_report){ 0 };
  if (!on_cpu && !look_at_system (report))
    return;
  if (!(module = cw_card_find_module (name, &error))) {
    say (report, CW_DEVICE_NO_MODULE, "%.470s", error.message);
    return;
  }
  try_card (report, module, cw_card_index (name));
}
