/* SPDX-License-Identifier: MIT
 *
 * clip-decoder.c: see clip-decoder.h.
 */
#include "generate/clip-decoder.h"

#include <stdlib.h>

#include "base/error.h"

_Static_assert (2 * CW_TAKES_MAX <= CW_LSTM_MAX, "a stream of the codec holds both sides of all takes");

cw_status
cw_clip_decoder_init (cw_clip_decoder *decoder, cw_model *model, unsigned first_take, unsigned n_takes, size_t max_frames,
                      cw_error *error)
{
  const unsigned n_channels = model->info.n_channels;

  *decoder = (cw_clip_decoder){ .model = model, .first_take = first_take, .n_takes = n_takes, .max_frames = max_frames };
  if (!(decoder->stream = cw_encodec_stream_new (model->codec, max_frames, n_takes * cw_model_n_sides (model), error)))
    return CW_ERROR_MEMORY;
  if (n_channels > 1) {
    const size_t n_bytes = (size_t) CW_BLOCK_SAMPLES * n_channels * sizeof (float);
    if (!(decoder->block = malloc (n_bytes)))
      return cw_fail_memory (error, "a block of sound", n_bytes);
  }
  return CW_OK;
}

void
cw_clip_decoder_clear (cw_clip_decoder *decoder)
{
  cw_encodec_stream_free (decoder->stream);
  free (decoder->block);
  *decoder = (cw_clip_decoder){ 0 };
}

/* @channels: one pointer a channel, each to @n samples of take number @take. */
static void
give_out (const cw_clip_decoder *decoder, unsigned take, const float *const *channels, size_t n, bool end, const cw_sink *sink)
{
  const unsigned n_channels = decoder->model->info.n_channels;

  for (size_t done = 0; done < n || (end && done == 0); ) {
    const size_t now = n_channels == 1 || n - done < CW_BLOCK_SAMPLES ? n - done : CW_BLOCK_SAMPLES;
    cw_block     block = {
      .take = decoder->first_take + take,
      .start = decoder->n_samples + done,
      .n_samples = now,
      .n_channels = n_channels,
      .samples = n_channels == 1 ? channels[0] : decoder->block,
      .last = end && done + now == n,
    };

    if (n_channels > 1)
      for (size_t i = 0; i < now; i++)
        for (unsigned c = 0; c < n_channels; c++)
          decoder->block[i * n_channels + c] = channels[c][done + i];
    if (sink && sink->block)
      sink->block (&block, sink->user);
    done += now;
    if (now == 0)
      break;
  }
}

void
cw_clip_decoder_collect (cw_clip_decoder *decoder, bool wait, const cw_sink *sink)
{
  const size_t n_sides = cw_model_n_sides (decoder->model);
  size_t       ld_sound, n_new;

  if (!cw_encodec_stream_collect (decoder->stream, wait, decoder->sound, &ld_sound, &n_new))
    return;
  if (n_new > decoder->limit - decoder->n_samples)
    n_new = decoder->limit - decoder->n_samples;
  for (unsigned take = 0; take < decoder->n_takes && (n_new > 0 || decoder->end); take++) {
    const float *const *sides = decoder->sound + take * n_sides;
    const float        *channels[2] = { sides[0], n_sides == 2 ? sides[1] : sides[0] + ld_sound };

    give_out (decoder, take, channels, n_new, decoder->end, sink);
  }
  decoder->n_samples += n_new;
}

const cw_error *
cw_clip_decoder_trouble (const cw_clip_decoder *decoder)
{
  return cw_encodec_stream_trouble (decoder->stream);
}

void
cw_clip_decoder_push (cw_clip_decoder *decoder, const int32_t *codes, size_t ld_take, size_t ld_codes, size_t n_books, size_t n,
                      bool end, size_t limit, const cw_sink *sink)
{
  const size_t n_sides = cw_model_n_sides (decoder->model);

  cw_clip_decoder_collect (decoder, true, sink);
  for (size_t i = 0; i < decoder->n_takes * n_sides; i++)
    decoder->codes[i] = codes + i / n_sides * ld_take + i % n_sides * ld_codes;
  decoder->limit = limit;
  decoder->end = end;
  cw_encodec_stream_queue (decoder->stream, decoder->codes, n_sides * ld_codes, n_books / n_sides, n, end);
  cw_clip_decoder_collect (decoder, end, sink);
}
