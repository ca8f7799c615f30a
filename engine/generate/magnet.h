/* SPDX-License-Identifier: MIT
 *
 * magnet.h: a request to a MAGNeT, from the prompt to the blocks.
 */
#pragma once

#include "generate/model.h"

/* As cw_generate, for a request that was checked. */
cw_status cw_magnet_generate (cw_model *model, const cw_request *request, const cw_sink *sink, cw_codes **codes, cw_error *error);
