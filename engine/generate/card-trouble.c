/* SPDX-License-Identifier: MIT
 *
 * card-trouble.c: see card-trouble.h.
 */
#include "generate/card-trouble.h"

#include <stdio.h>

const char *
cw_say_trouble (char sentence[CW_TROUBLE_CHARS], const cw_error *why, const char *what)
{
  const char *advice = why->code == CW_ERROR_MEMORY   ? " Fewer takes at once, a shorter clip or weights of fewer bits need less."
                       : why->code == CW_ERROR_DEVICE ? " A later clip tries the card again."
                                                      : "";

  snprintf (sentence, CW_TROUBLE_CHARS, "%s The processor %s.%s", why->message, what, advice);
  return sentence;
}

void
cw_tell_trouble (const cw_sink *sink, const cw_error *why, const char *what)
{
  char sentence[CW_TROUBLE_CHARS];

  if (sink && sink->notice)
    sink->notice (cw_say_trouble (sentence, why, what), sink->user);
}

void
cw_tell_plan (const cw_sink *sink, cw_model *model)
{
  if (model->planned && model->plan.lowered && !model->told_plan && sink && sink->notice)
    sink->notice (model->plan.sentence, sink->user);
  model->told_plan = true;
}
