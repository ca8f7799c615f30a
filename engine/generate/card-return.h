/* SPDX-License-Identifier: MIT
 *
 * card-return.h: a card that was lost (after a suspend, or by an error that stays) is opened again, before a clip or a load, never during one.
 */
#pragma once

#include "generate/model.h"

/* The engine's card, opened again where it was lost; NULL when there is none or it stays lost. A try that fails is not repeated for some seconds, and
 * none is made while something runs on the card. */
cw_card *cw_engine_well_card (cw_engine *engine);
/* The same, and what of @model was on the card goes there again, or would be there had the card not been lost when it was loaded. @sink, which may be NULL, hears of it. */
void     cw_model_return_to_card (cw_model *model, const cw_sink *sink);
