/* SPDX-License-Identifier: MIT
 *
 * given.c: the sound that a clip continues becomes codes, a piece at a time, or is codes already.
 */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "generate/model.h"

typedef struct {
  const cw_model *model;
  const cw_sink  *sink;
  int32_t        *given; /* [K, n] */
  size_t          n, done; /* frames */
  double          began_s;
} reading;

/* The codec makes another number of frames than its rates say. */
static cw_status
fail_count (const reading *r, size_t n_frames, unsigned n_codebooks, cw_error *error)
{
  return cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: its codec makes %zu frames of %u codebooks from the sound; %zu of %u were expected.",
                  r->model->folder, n_frames, n_codebooks, r->n, r->model->info.n_codebooks);
}

static cw_status
take (const cw_codes_block *block, void *user, cw_error *error)
{
  reading    *r = user;
  cw_progress progress = { .stage = CW_STAGE_SOUND, .n_steps = r->n, .elapsed_s = cw_now_s () - r->began_s, .remaining_s = -1.0 };

  if (r->sink && r->sink->cancel && atomic_load_explicit (r->sink->cancel, memory_order_relaxed))
    return cw_fail (error, CW_ERROR_CANCELLED, "Stopped while the sound to continue was read; there is no clip yet.");
  if (block->n_frames > r->n - r->done)
    return fail_count (r, r->done + block->n_frames, r->model->info.n_codebooks, error);
  for (size_t k = 0; k < r->model->info.n_codebooks; k++)
    memcpy (r->given + k * r->n + r->done, block->codes + k * block->ld, block->n_frames * sizeof *r->given);
  progress.step = r->done += block->n_frames;
  if (r->sink && r->sink->progress)
    r->sink->progress (&progress, r->sink->user);
  return CW_OK;
}

cw_status
cw_read_given (cw_model *model, const cw_request *request, const cw_sink *sink, size_t n_given, int32_t *given, cw_error *error)
{
  const cw_signal *sound = &request->continue_sound;
  const cw_codes  *codes = request->continue_codes;
  reading          r = { model, sink, given, n_given, 0, cw_now_s () };
  cw_encoder      *encoder;
  const char      *notice;
  cw_status        status;

  if (n_given == 0)
    return CW_OK;
  if (codes) {
    if (codes->n_frames != n_given || codes->n_codebooks != model->info.n_codebooks)
      return fail_count (&r, codes->n_frames, codes->n_codebooks, error);
    memcpy (given, codes->codes, n_given * codes->n_codebooks * sizeof *given);
    return CW_OK;
  }
  if (!(encoder = cw_encoder_new (model, 0.0, error)))
    return error->code;
  status = cw_encoder_get_info (encoder)->n_codebooks == model->info.n_codebooks
             ? cw_encoder_push (encoder, sound->samples, sound->n_samples, take, &r, error)
             : fail_count (&r, n_given, cw_encoder_get_info (encoder)->n_codebooks, error);
  if (status == CW_OK)
    status = cw_encoder_finish (encoder, take, &r, error);
  if (status == CW_OK && r.done != n_given)
    status = fail_count (&r, r.done, model->info.n_codebooks, error);
  if ((notice = cw_encoder_get_notice (encoder)) && sink && sink->notice)
    sink->notice (notice, sink->user);
  cw_encoder_free (encoder);
  return status;
}
