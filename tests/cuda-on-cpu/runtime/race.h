/* SPDX-License-Identifier: MIT
 *
 * race.h: the memory of who touched a word. Two writers and two readers are kept for each 4 bytes, each a stamp of 64 bits:
 *
 *   generation 26 | thread 10 | epoch 11 | atomic 1 | lane clock 12 | bytes 4
 *
 * generation  which block of which launch (a new one also after every 2,000 barriers of a block)
 * epoch       how many barriers the block had passed
 * lane clock  how many __syncwarp the thread had passed since that barrier
 * bytes       which of the four were touched
 *
 * Kept are the last writers of the word's bytes, and of its readers the newest and the one that is the furthest from it (another
 * block, another warp, another lane), since whoever writes next races with at least one of these two if it races with any.
 */
#pragma once

#include "runtime.h"

namespace coc {

typedef uint64_t Stamp;

struct Race {
  Stamp writers[2], readers[2];
};

inline uint32_t stamp_generation (Stamp s) { return (uint32_t) (s >> 38); }
inline int      stamp_thread (Stamp s) { return (int) (s >> 28 & 1023); }
inline uint32_t stamp_epoch (Stamp s) { return (uint32_t) (s >> 17 & 2047); }
inline bool     stamp_atomic (Stamp s) { return s >> 16 & 1; }
inline uint32_t stamp_clock (Stamp s) { return (uint32_t) (s >> 4 & 4095); }
inline uint32_t stamp_bytes (Stamp s) { return (uint32_t) (s & 15); }

constexpr uint32_t max_generation = (1u << 26) - 1, max_epoch = 2000;

} // namespace coc
