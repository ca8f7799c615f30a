/* SPDX-License-Identifier: MIT
 *
 * encodec-card.c: see encodec-card.h.
 *
 *     codes ─ pinned ─ card: sum of code vectors ─ seanet-card.c ─ sound ─ pinned
 *                                                             └─ what the stream remembers ─ pinned
 *
 * All of it is queued on the stream CW_GPU_CODEC, which runs beside the decoder's steps and waits for nothing of theirs: the codes have
 * come to this side before. What the stream remembers comes back with the sound, so that the processor can go on when the card cannot.
 */
#include "models/encodec-card.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct cw_encodec_card {
  cw_card         *card;
  const cw_seanet *decoder;
  cw_card_arena    arena;
  cw_arena         host;
  cw_seanet_card  *net;
  const float    **books; /* [n_books], on the card */
  size_t           n_books, latent;
};

struct cw_encodec_card_stream {
  cw_encodec_card       *codec;
  cw_card_arena          arena;
  cw_arena               host;
  cw_seanet_card_stream *net;
  size_t                 n_signals, max_frames, max_out, n_rows; /* n_rows: sounds, channels of all signals */
  int32_t               *codes, *codes_pinned, *codes_here; /* [N, K, n] of the push; on the card, and twice on this side */
  float                 *latent;       /* [N, D, max_frames], on the card */
  float                 *sound_pinned; /* [N, C, max_out] */
  float                 *state_pinned, *state_here; /* behind the push on its way; before it */
  cw_node_place         *places_here;  /* before it */
  size_t                 n_books, n, n_out; /* of the push on its way */
  bool                   end;
};

cw_encodec_card *
cw_encodec_card_new (cw_card *card, const cw_seanet *decoder, const cw_tensor *books, size_t n_books, cw_error *error)
{
  cw_encodec_card *codec = calloc (1, sizeof *codec);
  const float    **tables;

  if (!codec) {
    cw_fail_memory (error, "the codec", sizeof *codec);
    return NULL;
  }
  *codec = (cw_encodec_card){ .card = card, .decoder = decoder, .arena = { .card = card }, .n_books = n_books, .latent = decoder->c_in };
  if ((tables = cw_arena_new (&codec->host, const float *, n_books))) {
    for (size_t i = 0; i < n_books && !codec->arena.failed; i++)
      tables[i] = cw_card_put (&codec->arena, books[i].data, cw_tensor_n_elements (&books[i]), sizeof (float));
    codec->books = cw_card_put (&codec->arena, tables, n_books, sizeof *tables);
    card->module->wait (card->gpu, CW_GPU_STEPS);
  }
  if (!cw_arena_ok (&codec->host, "the codec", error) || !cw_card_arena_ok (&codec->arena, "the codec's code vectors", error) ||
      !(codec->net = cw_seanet_card_new (card, decoder, error))) {
    cw_encodec_card_free (codec);
    return NULL;
  }
  return codec;
}

void
cw_encodec_card_free (cw_encodec_card *codec)
{
  if (!codec)
    return;
  cw_seanet_card_free (codec->net);
  cw_card_arena_free (&codec->arena);
  cw_arena_free (&codec->host);
  free (codec);
}

cw_card *
cw_encodec_card_of (const cw_encodec_card *codec)
{
  return codec->card;
}

const float **
cw_encodec_card_books (const cw_encodec_card *codec, size_t *n_books)
{
  *n_books = codec->n_books;
  return codec->books;
}

size_t
cw_encodec_card_n_bytes (const cw_encodec_card *codec)
{
  return codec->arena.n_bytes + cw_seanet_card_n_bytes (codec->net);
}

size_t
cw_encodec_card_weight_bytes (const cw_seanet *decoder, size_t n_books, size_t codebook_size)
{
  const size_t book = cw_sum (cw_product (cw_product (codebook_size, decoder->c_in), sizeof (float)), sizeof (float *));

  return cw_sum (cw_seanet_card_weight_bytes (decoder), cw_product (n_books, book));
}

size_t
cw_encodec_card_stream_bytes (const cw_seanet *decoder, size_t n_books, size_t max_frames, size_t n_signals)
{
  const size_t frame = n_books * sizeof (int32_t) + decoder->c_in * sizeof (float);

  return cw_sum (cw_seanet_card_stream_bytes (decoder, max_frames, n_signals), cw_product (cw_product (n_signals, max_frames), frame));
}

/* ---- a stream -------------------------------------------------------------------------------------------------------------- */

static void
take_memory (cw_encodec_card_stream *stream)
{
  const size_t n_codes = stream->n_signals * stream->codec->n_books * stream->max_frames;
  size_t       n_state;

  cw_seanet_card_stream_state (stream->net, &n_state);
  stream->codes = cw_card_new (&stream->arena, int32_t, n_codes);
  stream->codes_pinned = cw_card_take_host (&stream->arena, n_codes, sizeof (int32_t));
  stream->codes_here = cw_arena_new (&stream->host, int32_t, n_codes);
  stream->latent = cw_card_new (&stream->arena, float, stream->n_signals *stream->codec->latent *stream->max_frames);
  stream->sound_pinned = cw_card_take_host (&stream->arena, stream->n_rows * stream->max_out, sizeof (float));
  stream->state_pinned = cw_card_take_host (&stream->arena, n_state, sizeof (float));
  stream->state_here = cw_arena_new (&stream->host, float, n_state);
  stream->places_here = cw_arena_new (&stream->host, cw_node_place, stream->codec->decoder->n_nodes);
}

cw_encodec_card_stream *
cw_encodec_card_stream_new (cw_encodec_card *codec, size_t max_frames, size_t n_signals, cw_error *error)
{
  cw_encodec_card_stream *stream = calloc (1, sizeof *stream);

  if (!stream) {
    cw_fail_memory (error, "the codec", sizeof *stream);
    return NULL;
  }
  *stream = (cw_encodec_card_stream){ .codec = codec, .arena = { .card = codec->card }, .n_signals = n_signals, .max_frames = max_frames,
                                      .n_rows = n_signals * codec->decoder->config.n_channels };
  if ((stream->net = cw_seanet_card_stream_new (codec->net, max_frames, n_signals, error))) {
    stream->max_out = cw_seanet_card_stream_max_out (stream->net);
    take_memory (stream);
    if (cw_arena_ok (&stream->host, "the codec's buffers", error) && cw_card_arena_ok (&stream->arena, "the codec's buffers", error)) {
      cw_encodec_card_stream_reset (stream);
      return stream;
    }
  }
  cw_encodec_card_stream_free (stream);
  return NULL;
}

void
cw_encodec_card_stream_free (cw_encodec_card_stream *stream)
{
  if (!stream)
    return;
  cw_seanet_card_stream_free (stream->net); /* waits */
  cw_card_arena_free (&stream->arena);
  cw_arena_free (&stream->host);
  free (stream);
}

size_t
cw_encodec_card_stream_n_bytes (const cw_encodec_card_stream *stream)
{
  return stream->arena.n_bytes + cw_seanet_card_stream_n_bytes (stream->net);
}

void
cw_encodec_card_stream_reset (cw_encodec_card_stream *stream)
{
  size_t n_state;

  cw_seanet_card_stream_reset (stream->net);
  cw_seanet_card_stream_state (stream->net, &n_state);
  memset (stream->state_here, 0, n_state * sizeof *stream->state_here);
}

void
cw_encodec_card_stream_queue (cw_encodec_card_stream *stream, const int32_t *const *codes, size_t ld_codes, size_t n_books, size_t n, bool end)
{
  cw_card              *card = stream->codec->card;
  const cw_cuda_module *m = card->module;
  const size_t          n_codes = stream->n_signals * n_books * n;
  const float          *sound, *state;
  size_t                ld, n_state;

  stream->n_books = n_books;
  stream->n = n;
  stream->end = end;
  memcpy (stream->places_here, cw_seanet_card_stream_places (stream->net), stream->codec->decoder->n_nodes * sizeof *stream->places_here);
  for (size_t i = 0; i < stream->n_signals * n_books; i++)
    memcpy (stream->codes_here + i * n, codes[i / n_books] + i % n_books * ld_codes, n * sizeof **codes);
  memcpy (stream->codes_pinned, stream->codes_here, n_codes * sizeof *stream->codes_here);
  m->upload (card->gpu, CW_GPU_CODEC, stream->codes, stream->codes_pinned, n_codes * sizeof *stream->codes);
  if (n > 0)
    m->books (card->gpu, CW_GPU_CODEC,
              &(cw_gpu_books){ .y = stream->latent, .codes = stream->codes, .books = stream->codec->books, .n_books = (uint32_t) n_books,
                               .n = (uint32_t) n, .c = (uint32_t) stream->codec->latent, .ld_y = (uint32_t) n, .ld_codes = (uint32_t) n,
                               .n_signals = (uint32_t) stream->n_signals });
  sound = cw_seanet_card_stream_push (stream->net, stream->latent, n, n, end, &ld, &stream->n_out);
  for (size_t i = 0; i < stream->n_rows; i++)
    m->download (card->gpu, CW_GPU_CODEC, stream->sound_pinned + i * stream->max_out, sound + i * ld, stream->n_out * sizeof *sound);
  state = cw_seanet_card_stream_state (stream->net, &n_state);
  m->download (card->gpu, CW_GPU_CODEC, stream->state_pinned, state, n_state * sizeof *state);
}

cw_codec_outcome
cw_encodec_card_stream_collect (cw_encodec_card_stream *stream, bool wait, const float **y, size_t *ld_y, size_t *n_out)
{
  cw_card *card = stream->codec->card;
  size_t   n_state;

  if (!wait && !card->module->done (card->gpu, CW_GPU_CODEC))
    return CW_CODEC_BUSY;
  if (card->module->wait (card->gpu, CW_GPU_CODEC) != CW_GPU_OK)
    return CW_CODEC_FAILED;
  cw_seanet_card_stream_state (stream->net, &n_state);
  memcpy (stream->state_here, stream->state_pinned, n_state * sizeof *stream->state_here);
  for (size_t i = 0; i < stream->n_signals; i++)
    y[i] = stream->sound_pinned + i * (stream->n_rows / stream->n_signals) * stream->max_out;
  *ld_y = stream->max_out;
  *n_out = stream->n_out;
  return CW_CODEC_DONE;
}

cw_codec_resume
cw_encodec_card_stream_resume (const cw_encodec_card_stream *stream, const int32_t **codes)
{
  for (size_t i = 0; i < stream->n_signals; i++)
    codes[i] = stream->codes_here + i * stream->n_books * stream->n;
  return (cw_codec_resume){ stream->places_here, stream->state_here, stream->n_books, stream->n, stream->end };
}
