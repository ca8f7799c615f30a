/* SPDX-License-Identifier: MIT
 *
 * clip-decoder.c: see clip-decoder.h.
 */
#include "generate/clip-decoder.h"

#include <stdlib.h>

#include "base/error.h"

cw_status
cw_clip_decoder_init (cw_clip_decoder *decoder, cw_model *model, unsigned take, size_t max_frames, cw_error *error)
{
  const unsigned n_channels = model->info.n_channels;

  *decoder = (cw_clip_decoder){ .model = model, .take = take, .max_frames = max_frames };
  for (size_t side = 0; side < cw_model_n_sides (model); side++)
    if (!(decoder->streams[side] = cw_encodec_stream_new (model->codec, max_frames, error)))
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
  cw_encodec_stream_free (decoder->streams[0]);
  cw_encodec_stream_free (decoder->streams[1]);
  free (decoder->block);
  *decoder = (cw_clip_decoder){ 0 };
}

/* @channels: one pointer a channel, each to @n samples. */
static void
give_out (cw_clip_decoder *decoder, const float *const *channels, size_t n, bool end, const cw_sink *sink)
{
  const unsigned n_channels = decoder->model->info.n_channels;

  for (size_t done = 0; done < n || (end && done == 0); ) {
    const size_t now = n_channels == 1 || n - done < CW_BLOCK_SAMPLES ? n - done : CW_BLOCK_SAMPLES;
    cw_block     block = {
      .take = decoder->take,
      .start = decoder->n_samples,
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
    decoder->n_samples += now;
    done += now;
    if (now == 0)
      break;
  }
}

void
cw_clip_decoder_push (cw_clip_decoder *decoder, const int32_t *codes, size_t ld_codes, size_t n_books, size_t n,
                      bool end, size_t limit, const cw_sink *sink)
{
  const size_t n_sides = cw_model_n_sides (decoder->model);
  const float *channels[2] = { NULL, NULL };
  size_t       n_new = 0;

  for (size_t side = 0; side < n_sides; side++) {
    const float *y;
    size_t       ld_y;

    n_new = cw_encodec_stream_push (decoder->streams[side], codes + side * ld_codes, n_sides * ld_codes, n_books / n_sides,
                                    n, end, &y, &ld_y);
    channels[side] = y;
    if (n_sides == 1 && decoder->model->info.n_channels == 2)
      channels[1] = y + ld_y;
  }
  if (n_new > limit - decoder->n_samples)
    n_new = limit - decoder->n_samples;
  if (n_new > 0 || end)
    give_out (decoder, channels, n_new, end, sink);
}
