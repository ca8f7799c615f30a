/* SPDX-License-Identifier: MIT
 *
 * conformance-codec.h: the part of the conformance test that is about the codec's kernels.
 */
#pragma once

#include "cuda/card.h"

/* 0 when all of them agree with @definition, as check_done says. */
int check_codec_kernels (cw_card *card, cw_backend *definition);
