/* SPDX-License-Identifier: MIT
 *
 * request.c: a request's defaults and limits.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "generate/model.h"

#define DEFAULT_DURATION_S 8.0

void
cw_request_init (cw_request *request, const cw_model_info *info)
{
  *request = (cw_request){
    .prompt = "",
    .duration_s = fmin (DEFAULT_DURATION_S, info->max_duration_s),
    .n_takes = 1,
    .guidance = info->guidance,
    .temperature = info->temperature,
    .top_k = info->top_k,
    .top_p = info->top_p,
  };
}

static cw_status
check_prompt (const char *prompt, cw_error *error)
{
  const size_t n = prompt ? strlen (prompt) : 0;
  size_t       bad;

  if (prompt && !cw_utf8_valid (prompt, n, &bad))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt is not valid UTF-8: its byte %zu starts no character.", bad + 1);
  if (n > CW_PROMPT_MAX_BYTES)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt has %zu bytes; at most %d are taken.", n, CW_PROMPT_MAX_BYTES);
  if (!prompt || prompt[strspn (prompt, " \t\r\n\v\f")] == '\0')
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt is empty; describe the sound in a few words.");
  return CW_OK;
}

/* Written so that NaN fails. */
static bool
in_range (double value, double low, double high)
{
  return value >= low && value <= high;
}

cw_status
cw_request_check (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  const double slack = 1e-6; /* of a duration that went through decimal digits */
  cw_status    status;

  if (!info->can_generate)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” is a codec, which makes no clips; choose a MusicGen model.", info->name);
  if ((status = check_prompt (request->prompt, error)) != CW_OK)
    return status;
  if (!(request->duration_s > 0.0) || !(request->duration_s <= info->max_duration_s + slack))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The duration is %g s; “%s” makes clips of more than 0 and at most %.2f s.",
                    request->duration_s, info->name, info->max_duration_s);
  if (request->n_takes < 1 || request->n_takes > CW_TAKES_MAX)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The number of takes is %u; 1 to %d can be made in one pass.",
                    request->n_takes, CW_TAKES_MAX);
  if (!in_range (request->guidance, 1.0, CW_GUIDANCE_MAX))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The guidance is %g; 1 (off) to %g are allowed.", request->guidance,
                    CW_GUIDANCE_MAX);
  if (!in_range (request->temperature, 0.0, CW_TEMPERATURE_MAX))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The temperature is %g; 0 (always the likeliest) to %g are allowed.",
                    request->temperature, CW_TEMPERATURE_MAX);
  if (request->top_k < 0)
    return cw_fail (error, CW_ERROR_ARGUMENT, "Top-k is %d; 0 (off) or more is allowed.", request->top_k);
  if (!in_range (request->top_p, 0.0, 1.0))
    return cw_fail (error, CW_ERROR_ARGUMENT, "Top-p is %g; 0 (off) to 1 are allowed.", request->top_p);
  return CW_OK;
}

size_t
cw_frames_of (const cw_model_info *info, double duration_s)
{
  const double frames = round (duration_s * info->rate_hz / info->hop_samples);
  const double most = round (info->max_duration_s * info->rate_hz / info->hop_samples);

  return frames < 1.0 ? 1 : (size_t) fmin (frames, most);
}

size_t
cw_request_n_samples (const cw_request *request, const cw_model_info *info)
{
  return cw_frames_of (info, request->duration_s) * info->hop_samples;
}
