/* SPDX-License-Identifier: MIT
 *
 * given.c: the sound that a clip continues becomes codes, or is codes already.
 */
#include <string.h>

#include "base/error.h"
#include "generate/model.h"

cw_status
cw_read_given (cw_model *model, const cw_request *request, size_t n_given, int32_t *given, cw_error *error)
{
  const cw_signal *sound = &request->continue_sound;
  const cw_codes  *codes = request->continue_codes;
  cw_codes        *encoded = NULL;
  cw_status        status = CW_OK;

  if (n_given == 0)
    return CW_OK;
  if (!codes && !(codes = encoded = cw_encode (model, sound->samples, sound->n_samples, 0.0, error)))
    return error->code;
  if (codes->n_frames != n_given || codes->n_codebooks != model->info.n_codebooks)
    status = cw_fail (error, CW_ERROR_UNSUPPORTED, "“%s”: its codec makes %zu frames of %u codebooks from the sound; %zu of %u were expected.",
                      model->folder, codes->n_frames, codes->n_codebooks, n_given, model->info.n_codebooks);
  else
    memcpy (given, codes->codes, n_given * codes->n_codebooks * sizeof *given);
  cw_codes_free (encoded);
  return status;
}
