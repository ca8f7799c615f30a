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

static void
tell_trouble (const cw_sink *sink, const cw_error *why, const char *what)
{
  char sentence[CW_TROUBLE_CHARS];

  if (sink && sink->notice)
    sink->notice (cw_say_trouble (sentence, why, what), sink->user);
}

void
cw_tell_left (const cw_sink *sink, cw_told *told, const cw_error *run, const cw_error *codec, bool begun)
{
  if (run && run->code != CW_OK && !told->run) {
    told->run = told->codec = true;
    tell_trouble (sink, run, begun ? "goes on with the clip" : "makes this clip");
  }
  if (codec->code != CW_OK && !told->codec) {
    told->codec = true;
    tell_trouble (sink, codec, "decodes the sound");
  }
}

void
cw_tell_plan (const cw_sink *sink, cw_model *model)
{
  if (model->planned && model->plan.lowered && !model->told_plan && sink && sink->notice)
    sink->notice (model->plan.sentence, sink->user);
  model->told_plan = true;
}
