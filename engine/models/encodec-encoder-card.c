/* SPDX-License-Identifier: MIT
 *
 * encodec-encoder-card.c: see encodec-encoder-card.h.
 *
 *     sound ─ pinned ─ card: seanet-card.c ─ latents ─ nearest code vectors ─ codes ─ pinned
 *                                     └─ what the stream remembers, and latents ─ pinned
 *
 * All of it is queued on the stream CW_GPU_CODEC. What the stream remembers comes back with each push, so that the processor can go on when the
 * card cannot, and the latents, of which it can make the codes.
 */
#include "models/encodec-encoder-card.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct cw_encodec_encoder_card {
  cw_encodec_card       *codec;
  cw_card_arena          arena;
  cw_arena               host;
  cw_seanet_card_stream *net;
  size_t                 n_channels, latent, n_books, codebook_size, n_nodes, max_samples, max_frames;
  float                 *x, *x_pinned;             /* [C, max_samples] */
  float                 *latents, *latents_pinned; /* [D, n_frames] of the last push */
  int32_t               *codes, *codes_pinned;     /* [K, max_frames] */
  float                 *state_pinned, *state_here; /* behind the last push; before the one on its way */
  cw_node_place         *places_here;              /* before it */
  size_t                 n_frames;
};

size_t
cw_encodec_encoder_card_n_bytes (const cw_encodec_encoder_card *encoder)
{
  return encoder->arena.n_bytes + cw_seanet_card_stream_n_bytes (encoder->net);
}

size_t
cw_encodec_encoder_card_bytes (const cw_seanet *encoder, size_t n_books, size_t max_samples)
{
  const size_t sound = cw_product (cw_product (encoder->c_in, max_samples), sizeof (float));
  const size_t frame = n_books * sizeof (int32_t) + encoder->config.latent * sizeof (float);

  return cw_sum (cw_sum (sound, cw_product (cw_seanet_card_max_out (encoder, max_samples), frame)), cw_seanet_card_stream_bytes (encoder, max_samples, 1));
}

static void
take_memory (cw_encodec_encoder_card *e)
{
  size_t n_sound = SIZE_MAX, n_state;

  cw_seanet_card_stream_state (e->net, &n_state);
  if (!cw_mul (e->n_channels, e->max_samples, &n_sound))
    n_sound = SIZE_MAX;
  e->x = cw_card_new (&e->arena, float, n_sound);
  e->x_pinned = cw_card_take_host (&e->arena, n_sound, sizeof (float));
  e->latents = cw_card_new (&e->arena, float, e->latent *e->max_frames);
  e->latents_pinned = cw_card_take_host (&e->arena, e->latent * e->max_frames, sizeof (float));
  e->codes = cw_card_new (&e->arena, int32_t, e->n_books * e->max_frames);
  e->codes_pinned = cw_card_take_host (&e->arena, e->n_books * e->max_frames, sizeof (int32_t));
  e->state_pinned = cw_card_take_host (&e->arena, n_state, sizeof (float));
  e->state_here = cw_arena_new (&e->host, float, n_state);
  e->places_here = cw_arena_new (&e->host, cw_node_place, e->n_nodes);
}

cw_encodec_encoder_card *
cw_encodec_encoder_card_new (cw_encodec_card *codec, cw_seanet_card *weights, const cw_seanet *encoder, size_t codebook_size, size_t max_samples,
                             cw_error *error)
{
  cw_encodec_encoder_card *e = calloc (1, sizeof *e);

  if (!e) {
    cw_fail_memory (error, "the codec", sizeof *e);
    return NULL;
  }
  *e = (cw_encodec_encoder_card){ .codec = codec, .arena = { .card = cw_encodec_card_of (codec) }, .n_channels = encoder->c_in,
                                  .latent = encoder->config.latent, .codebook_size = codebook_size, .n_nodes = encoder->n_nodes,
                                  .max_samples = max_samples };
  cw_encodec_card_books (codec, &e->n_books);
  if (e->latent > CW_GPU_LATENT_MAX)
    cw_fail (error, CW_ERROR_UNSUPPORTED, "A codec with code vectors of %zu numbers is not one that the card's kernels run.", e->latent);
  else if ((e->net = cw_seanet_card_stream_new (weights, max_samples, 1, error))) {
    e->max_frames = cw_seanet_card_stream_max_out (e->net);
    take_memory (e);
    if (cw_arena_ok (&e->host, "the codec's buffers", error) && cw_card_arena_ok (&e->arena, "the codec's buffers", error)) {
      cw_encodec_encoder_card_reset (e);
      return e;
    }
  }
  cw_encodec_encoder_card_free (e);
  return NULL;
}

void
cw_encodec_encoder_card_free (cw_encodec_encoder_card *encoder)
{
  if (!encoder)
    return;
  cw_seanet_card_stream_free (encoder->net); /* waits */
  cw_card_arena_free (&encoder->arena);
  cw_arena_free (&encoder->host);
  free (encoder);
}

void
cw_encodec_encoder_card_reset (cw_encodec_encoder_card *encoder)
{
  size_t n_state;

  cw_seanet_card_stream_reset (encoder->net);
  cw_seanet_card_stream_state (encoder->net, &n_state);
  memset (encoder->state_here, 0, n_state * sizeof *encoder->state_here);
  encoder->n_frames = 0;
}

bool
cw_encodec_encoder_card_push (cw_encodec_encoder_card *e, const float *x, size_t ld_x, size_t n, bool end, float *latent, size_t ld, size_t *n_frames)
{
  cw_card              *card = cw_encodec_card_of (e->codec);
  const cw_cuda_module *m = card->module;
  const float          *out, *state;
  size_t                n_state, ld_out;

  memcpy (e->places_here, cw_seanet_card_stream_places (e->net), e->n_nodes * sizeof *e->places_here);
  for (size_t c = 0; c < e->n_channels; c++)
    memcpy (e->x_pinned + c * n, x + c * ld_x, n * sizeof *x);
  m->upload (card->gpu, CW_GPU_CODEC, e->x, e->x_pinned, e->n_channels * n * sizeof *x);
  out = cw_seanet_card_stream_push (e->net, e->x, n, n, end, &ld_out, &e->n_frames);
  m->copy_rows (card->gpu, CW_GPU_CODEC, e->latents, e->n_frames * sizeof *out, out, ld_out * sizeof *out, e->n_frames * sizeof *out, e->latent);
  m->download (card->gpu, CW_GPU_CODEC, e->latents_pinned, e->latents, e->latent * e->n_frames * sizeof *out);
  state = cw_seanet_card_stream_state (e->net, &n_state);
  m->download (card->gpu, CW_GPU_CODEC, e->state_pinned, state, n_state * sizeof *state);
  if (m->wait (card->gpu, CW_GPU_CODEC) != CW_GPU_OK)
    return false;
  memcpy (e->state_here, e->state_pinned, n_state * sizeof *state);
  for (size_t i = 0; i < e->latent; i++)
    memcpy (latent + i * ld, e->latents_pinned + i * e->n_frames, e->n_frames * sizeof *latent);
  *n_frames = e->n_frames;
  return true;
}

bool
cw_encodec_encoder_card_quantise (cw_encodec_encoder_card *e, size_t n_books, int32_t *codes, size_t ld_codes)
{
  cw_card              *card = cw_encodec_card_of (e->codec);
  const cw_cuda_module *m = card->module;
  size_t                n_all;

  m->nearest (card->gpu, CW_GPU_CODEC,
              &(cw_gpu_nearest){ .codes = e->codes, .x = e->latents, .books = cw_encodec_card_books (e->codec, &n_all), .n_books = (uint32_t) n_books,
                                 .v = (uint32_t) e->codebook_size, .n = (uint32_t) e->n_frames, .c = (uint32_t) e->latent, .ld_x = (uint32_t) e->n_frames,
                                 .ld_codes = (uint32_t) e->n_frames });
  m->download (card->gpu, CW_GPU_CODEC, e->codes_pinned, e->codes, n_books * e->n_frames * sizeof *codes);
  if (m->wait (card->gpu, CW_GPU_CODEC) != CW_GPU_OK)
    return false;
  for (size_t k = 0; k < n_books; k++)
    memcpy (codes + k * ld_codes, e->codes_pinned + k * e->n_frames, e->n_frames * sizeof *codes);
  return true;
}

const cw_node_place *
cw_encodec_encoder_card_places (const cw_encodec_encoder_card *encoder)
{
  return encoder->places_here;
}

const float *
cw_encodec_encoder_card_state (const cw_encodec_encoder_card *encoder)
{
  return encoder->state_here;
}
