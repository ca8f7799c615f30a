/* SPDX-License-Identifier: MIT
 *
 * cuda-on-cpu.h: what a test may ask of the shim, beside the CUDA calls themselves. A program that cannot be changed is steered by
 * environment variables instead (README, "Switches"). One process has one device; calls may come from several threads.
 */
#ifndef CUDA_ON_CPU_H
#define CUDA_ON_CPU_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Findings: what the checks saw, one for each kind and place. Returns how many; coc_print_findings also writes them to stderr, each a
 * line "cuda-on-cpu: KIND: sentence". coc_finding gives the kind of finding @i ("RACE", "OUT-OF-BOUNDS", …), NULL past the last. */
COC_API int         coc_n_findings (void);
COC_API int         coc_print_findings (void);
COC_API const char *coc_finding (int i);
COC_API void        coc_forget_findings (void);

/* What is alive: buffers, pinned memory, streams, events, graphs, instantiated graphs, cuBLAS handles. Each one printed is a LEAK. */
COC_API int coc_n_alive (void);
COC_API int coc_print_alive (void);

/* The device. @sm is 75, 80, 86, 89, 90, 100 or 120 (anything else: 0 and no change). Memory above @bytes is refused. */
COC_API int  coc_set_arch (int sm);
COC_API void coc_set_memory (size_t bytes);
/* Registers and static shared memory of the kernels, as nvcc-report.py writes them. Returns the number of rows, -1 if unreadable. */
COC_API int coc_load_limits (const char *path);

/* The order in which threads, warps and blocks get their turn between barriers; @seed counts for random only. */
enum coc_order { COC_FORWARD, COC_REVERSE, COC_RANDOM };
COC_API void coc_set_order (enum coc_order order, unsigned seed);

/* Failures on purpose. The @nth call (0: the next) of that sort fails with @error, once; a negative @nth switches it off.
 * An error of the sticky sort (an illegal address, a launch failure, an ECC error, …) stays until cudaDeviceReset. */
enum coc_call { COC_ANY_CALL, COC_ALLOCATION, COC_LAUNCH, COC_N_CALLS };
COC_API void coc_fail (enum coc_call call, long nth, cudaError_t error);
/* Calls of that sort that still go well before that failure; negative when it has come, or was not asked for. */
COC_API long coc_left (enum coc_call call);
/* From now on every call answers @error, as after a lost device; cudaSuccess brings it back. Unlike a sticky error it survives
 * cudaDeviceReset. cudaErrorNoDevice and cudaErrorInsufficientDriver make the device look absent. */
COC_API void coc_lose_device (cudaError_t error);

/* Since the start: API calls, launches, threads run, accesses checked (checked build only). */
enum coc_statistic { COC_CALLS, COC_LAUNCHES, COC_THREADS, COC_ACCESSES, COC_N_STATISTICS };
COC_API long coc_statistic (enum coc_statistic which);
/* Writes the counts per kernel (README, "Counts") as JSON. Returns 0, or -1 when the file cannot be written. */
COC_API int  coc_write_counts (const char *path);
COC_API void coc_set_counting (int on);

#ifdef __cplusplus
}
#endif
#endif
