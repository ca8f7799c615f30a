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
  if (info->span_frames)
    request->duration_s = info->window_s; /* it was trained on clips of this length alone */
}

static bool
is_blank (const char *prompt)
{
  return !prompt || prompt[strspn (prompt, " \t\r\n\v\f")] == '\0';
}

bool
cw_request_has_prompt (const cw_request *request)
{
  return !is_blank (request->prompt);
}

static cw_status
check_prompt (const char *prompt, bool may_be_blank, cw_error *error)
{
  const size_t n = prompt ? strlen (prompt) : 0;
  size_t       bad;

  if (prompt && !cw_utf8_valid (prompt, n, &bad))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt is not valid UTF-8: its byte %zu starts no character.", bad + 1);
  if (n > CW_PROMPT_MAX_BYTES)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt has %zu bytes; at most %d are taken.", n, CW_PROMPT_MAX_BYTES);
  if (!may_be_blank && is_blank (prompt))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The prompt is empty; describe the sound in a few words.");
  return CW_OK;
}

/* Written so that NaN fails. */
static bool
in_range (double value, double low, double high)
{
  return value >= low && value <= high;
}

/* ---- how long ----------------------------------------------------------------------------------------------------- */

static cw_status
check_length (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  const double slack = 1e-6; /* of a duration that went through decimal digits */
  const double frame_s = (double) info->hop_samples / info->rate_hz;
  const double stride_s = request->extend_stride_s;

  if (request->endless && !info->can_extend)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” makes clips of at most %.2f s, so no endless ones.", info->name, info->window_s);
  if (request->endless && request->n_takes != 1)
    return cw_fail (error, CW_ERROR_ARGUMENT, "The number of takes is %u; an endless clip is made alone.", request->n_takes);
  if (!request->endless && (!(request->duration_s > 0.0) || !(request->duration_s <= info->max_duration_s + slack)))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The duration is %g s; “%s” makes clips of more than 0 and at most %.2f s.",
                    request->duration_s, info->name, info->max_duration_s);
  if (stride_s != 0.0 && !(info->can_extend && in_range (stride_s, frame_s - slack, info->window_s - frame_s + slack)))
    return cw_fail (error, CW_ERROR_ARGUMENT, info->can_extend ? "The extend stride is %g s; “%s” takes %.2f to %.2f s (0: its default)."
                                                               : "The extend stride is %g s, but “%s” makes no clips longer than its window.",
                    stride_s, info->name, frame_s, info->window_s - frame_s);
  return CW_OK;
}

/* ---- what it starts from ------------------------------------------------------------------------------------------ */

static cw_status
check_signal (const cw_signal *signal, const char *what, unsigned fewest, unsigned most, cw_error *error)
{
  if (!signal->samples)
    return cw_fail (error, CW_ERROR_ARGUMENT, "%s has %zu samples, but no memory that holds them.", what, signal->n_samples);
  if (signal->n_channels < fewest || signal->n_channels > most)
    return cw_fail (error, CW_ERROR_ARGUMENT, "%s has %u channels; %u to %u were expected.", what, signal->n_channels, fewest, most);
  for (size_t i = 0; i < signal->n_samples * signal->n_channels; i++)
    if (!isfinite (signal->samples[i]))
      return cw_fail (error, CW_ERROR_ARGUMENT, "%s: sample %zu is not a finite number.", what, i / signal->n_channels);
  return CW_OK;
}

static cw_status
check_codes (const cw_codes *codes, const cw_model_info *info, cw_error *error)
{
  if (codes->n_codebooks != info->n_codebooks || codes->codebook_size != info->codebook_size || codes->n_chunks != 1 || codes->n_frames == 0)
    return cw_fail (error, CW_ERROR_ARGUMENT,
                    "The codes to continue have %u codebooks of %u in %u chunks of %zu frames; “%s” takes %u codebooks of %u in one.",
                    codes->n_codebooks, codes->codebook_size, codes->n_chunks, codes->n_frames, info->name, info->n_codebooks,
                    info->codebook_size);
  for (size_t i = 0; i < codes->n_frames * codes->n_codebooks; i++)
    if (codes->codes[i] < 0 || (unsigned) codes->codes[i] >= info->codebook_size)
      return cw_fail (error, CW_ERROR_ARGUMENT, "The codes to continue hold %d; 0 to %u were expected.", codes->codes[i],
                      info->codebook_size - 1);
  return CW_OK;
}

size_t
cw_request_n_given (const cw_request *request, const cw_model_info *info)
{
  if (request->continue_codes)
    return request->continue_codes->n_frames;
  return request->continue_sound.n_samples / info->hop_samples + (request->continue_sound.n_samples % info->hop_samples != 0);
}

static cw_status
check_continuation (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  const size_t n_given = cw_request_n_given (request, info);
  cw_status    status = CW_OK;

  if (n_given == 0 && !request->continue_codes)
    return CW_OK;
  if (!info->can_continue)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” cannot continue sound.", info->name);
  if (request->continue_codes && request->continue_sound.n_samples)
    return cw_fail (error, CW_ERROR_ARGUMENT, "Both sound and codes to continue were given; one of them was expected.");
  if (request->continue_codes)
    status = check_codes (request->continue_codes, info, error);
  else
    status = check_signal (&request->continue_sound, "The sound to continue", info->n_channels, info->n_channels, error);
  if (status == CW_OK && !request->endless && n_given >= cw_frames_of (info, request->duration_s))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The sound to continue is %.2f s long and the whole clip shall have %.2f s; ask for a longer clip.",
                    (double) n_given * info->hop_samples / info->rate_hz, request->duration_s);
  return status;
}

static cw_status
check_changes (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  double before_s = 0.0;

  if (request->n_changes == 0)
    return CW_OK;
  if (!info->can_change_prompt)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” takes one prompt for the whole clip, none that begin later.", info->name);
  if (request->n_changes > CW_PROMPT_CHANGES_MAX)
    return cw_fail (error, CW_ERROR_ARGUMENT, "There are %u later prompts; at most %d are taken.", request->n_changes, CW_PROMPT_CHANGES_MAX);
  for (unsigned i = 0; i < request->n_changes; i++) {
    const double    from_s = request->changes[i].from_s;
    const cw_status status = check_prompt (request->changes[i].prompt, false, error);

    if (status != CW_OK)
      return status;
    if (!(from_s > before_s) || !isfinite (from_s) || (!request->endless && from_s >= request->duration_s))
      return cw_fail (error, CW_ERROR_ARGUMENT,
                      "Prompt %u begins at %g s; a time after %g s%s was expected.", i + 2, from_s, before_s,
                      request->endless ? "" : " and before the clip's end");
    before_s = from_s;
  }
  return CW_OK;
}

static cw_status
check_melody (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  if (request->melody.n_samples == 0)
    return CW_OK;
  if (!info->can_follow_melody)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” cannot follow a melody; choose a MusicGen Melody model.", info->name);
  return check_signal (&request->melody, "The melody", 1, 2, error);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static cw_status
check_sampling (const cw_request *request, cw_error *error)
{
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

static cw_status
check_stages (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  bool asked = request->guidance_last != 0.0f || request->overlapping_spans;

  for (unsigned i = 0; i < CW_DECODING_STAGES_MAX; i++)
    asked = asked || request->decoding_steps[i] != 0;
  if (info->span_frames == 0 && asked)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” is no MAGNeT model; decoding steps, spans and guidance at the end are for those alone.",
                    info->name);
  if (info->span_frames == 0)
    return CW_OK;
  if (request->guidance_last != 0.0f && !in_range (request->guidance_last, 1.0, CW_GUIDANCE_MAX))
    return cw_fail (error, CW_ERROR_ARGUMENT, "The guidance at the end is %g; 1 (off) to %g are allowed.", request->guidance_last,
                    CW_GUIDANCE_MAX);
  for (unsigned i = 0; i < info->n_codebooks && i < CW_DECODING_STAGES_MAX; i++)
    if (request->decoding_steps[i] > CW_DECODING_STEPS_MAX)
      return cw_fail (error, CW_ERROR_ARGUMENT, "Codebook %u is to be filled in %u steps; at most %d are allowed.", i + 1,
                      request->decoding_steps[i], CW_DECODING_STEPS_MAX);
  return CW_OK;
}

cw_status
cw_request_check (const cw_request *request, const cw_model_info *info, cw_error *error)
{
  const bool from_sound = request->continue_codes || request->continue_sound.n_samples || request->melody.n_samples;
  cw_status  status;

  if (!info->can_generate)
    return cw_fail (error, CW_ERROR_ARGUMENT, "“%s” is a codec, which makes no clips; choose a MusicGen model.", info->name);
  if ((status = check_prompt (request->prompt, from_sound, error)) != CW_OK ||
      (status = check_length (request, info, error)) != CW_OK || (status = check_sampling (request, error)) != CW_OK ||
      (status = check_continuation (request, info, error)) != CW_OK || (status = check_melody (request, info, error)) != CW_OK ||
      (status = check_stages (request, info, error)) != CW_OK)
    return status;
  return check_changes (request, info, error);
}

size_t
cw_frames_of (const cw_model_info *info, double duration_s)
{
  const double frames = round (duration_s * info->rate_hz / info->hop_samples);
  const double most = round (info->max_duration_s * info->rate_hz / info->hop_samples);

  return frames < 1.0 ? 1 : (size_t) fmin (frames, most);
}

size_t
cw_stride_of (const cw_model *model, double stride_s)
{
  const double slack = 1e-6; /* as above */
  const double frames = floor (stride_s * model->info.rate_hz / model->info.hop_samples + slack); /* AudioCraft cuts, too */

  if (model->window_frames < 2 || frames < 1.0)
    return 1;
  return frames < (double) model->window_frames ? (size_t) frames : model->window_frames - 1;
}

size_t
cw_request_n_samples (const cw_request *request, const cw_model_info *info)
{
  size_t n_frames = request->endless ? 0 : cw_frames_of (info, request->duration_s);

  /* MAGNeT makes whole spans */
  if (info->span_frames && n_frames < info->span_frames)
    n_frames = info->span_frames;
  else if (info->span_frames && !request->overlapping_spans)
    n_frames -= n_frames % info->span_frames;
  return n_frames * info->hop_samples;
}
