/* SPDX-License-Identifier: MIT
 *
 * card-plan.c: see card-plan.h.
 *
 *     needed   the decoder's weights, and the caches and the workspace of one take with guidance, as long as the window
 *     then     cuBLAS's memory, where weights of 16 bits give it a part
 *     then     the codec, with the state and the buffers of its stream
 *     then     the text encoder, with what makes the keys and values of texts
 *
 * The codec's encoder is there only while a sound is read. A codec alone needs its decoder and a stream.
 *
 * The widest precision in which the first fits is taken, and of the others what then fits: decoding steps are what takes the time, and the
 * processor does the rest beside them.
 */
#include "generate/card-plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "generate/model.h"
#include "models/encodec-encoder-card.h"
#include "models/magnet-card.h"
#include "models/musicgen-card.h"
#include "models/t5-card.h"

/* From the widest to the narrowest; auto passes over bf16, which is no narrower than f16. */
static const cw_precision downwards[] = { CW_PRECISION_F32, CW_PRECISION_F16, CW_PRECISION_INT8, CW_PRECISION_INT4 };
#define N_DOWNWARDS (sizeof downwards / sizeof *downwards)

/* ---- sizes -------------------------------------------------------------------------------------------------------------- */

cw_storage
cw_plan_storage (cw_precision precision, cw_storage narrowest)
{
  static const cw_storage storages[CW_N_PRECISIONS] = {
    [CW_PRECISION_BF16] = CW_STORE_BF16, [CW_PRECISION_F16] = CW_STORE_F16,
    [CW_PRECISION_INT8] = CW_STORE_INT8, [CW_PRECISION_INT4] = CW_STORE_INT4,
  };
  const cw_storage storage = storages[precision]; /* CW_STORE_AS_IS for f32 */

  return storage < narrowest ? storage : narrowest;
}

size_t
cw_plan_n_steps (const cw_plan_ask *ask)
{
  const size_t n = ask->n_frames + ask->decoder.n_codebooks / ask->decoder.n_channels - 1;

  return ask->decoder.prefixed ? n + ask->n_prefix + CW_PLAN_TEXT_TOKENS : n;
}

/* A clip of @n_takes, with guidance: what the decoder's run takes. */
static size_t
caches_of (const cw_plan_ask *ask, cw_precision precision, size_t n_takes)
{
  if (ask->whole)
    return cw_magnet_card_text_bytes (&ask->decoder, CW_PLAN_TEXT_TOKENS);
  return cw_musicgen_card_cache_bytes (&ask->decoder, cw_plan_storage (precision, CW_STORE_INT4), 2 * n_takes, cw_plan_n_steps (ask),
                                       CW_PLAN_TEXT_TOKENS);
}

/* And beside them; a MAGNeT's takes go one after the other. */
static size_t
work_of (const cw_plan_ask *ask, size_t n_takes)
{
  return ask->whole ? cw_magnet_card_work_bytes (&ask->decoder, ask->n_frames, 1)
                    : cw_musicgen_card_work_bytes (&ask->decoder, 2 * n_takes, cw_plan_n_steps (ask));
}

/* Frames that go to the codec together. */
static size_t
push_of (const cw_plan_ask *ask)
{
  if (ask->codec.net.group_norm || ask->codec_alone)
    return ask->n_frames;
  return ask->whole ? CW_MAGNET_PUSH_FRAMES : CW_PUSH_FRAMES;
}

static cw_plan_need
codec_need (const cw_plan_ask *ask, const cw_seanet *decoder, const cw_seanet *encoder)
{
  const size_t n_sides = ask->codec_alone ? 1 : ask->decoder.n_channels, n_books = ask->codec.n_books;
  const size_t n_samples = ask->codec.chunk_samples ? ask->codec.chunk_samples : CW_ENCODE_PUSH_SAMPLES;

  return (cw_plan_need){ .codec = cw_encodec_card_weight_bytes (decoder, n_books, ask->codec.codebook_size),
                         .codec_stream = cw_encodec_card_stream_bytes (decoder, n_books, push_of (ask), n_sides),
                         .encoder = cw_seanet_card_weight_bytes (encoder),
                         .encoder_stream = cw_product (n_sides, cw_encodec_encoder_card_bytes (encoder, n_books, n_samples)) };
}

static size_t
largest (size_t a, size_t b)
{
  return a > b ? a : b;
}

/* blas.cu's rooms for the most columns that come at once: those in terms, their products, their scales; and the workspace. */
static size_t
cublas_of (const cw_plan_ask *ask, cw_precision precision)
{
  const cw_dtype layers = cw_stored_dtype (cw_plan_storage (precision, CW_STORE_INT4), ask->decoder_file);
  const cw_dtype texts = cw_stored_dtype (cw_plan_storage (precision, CW_STORE_INT8), ask->text_file);
  const size_t   n_terms = largest (cw_gpu_blas_terms (layers), cw_gpu_blas_terms (texts));
  const size_t   width = largest (largest (ask->decoder.width, ask->decoder.ffn), largest (ask->text.width, ask->text.ffn));
  const size_t   together = ask->whole ? ask->n_frames : 2 * cw_musicgen_card_batch (2);
  const size_t   n_columns = largest (together < CW_GPU_BLAS_COLUMNS ? together : CW_GPU_BLAS_COLUMNS, CW_PLAN_TEXT_TOKENS);
  const size_t   column = cw_product (cw_product (n_terms, width), sizeof (uint16_t) + sizeof (float));

  if (!ask->cublas || n_terms == 0)
    return 0;
  return cw_sum (CW_GPU_BLAS_WORKSPACE, cw_sum (cw_product (n_columns, column), CW_GPU_BLAS_COLUMNS * sizeof (float)));
}

static cw_plan_need
need_of (const cw_plan_ask *ask, const cw_seanet *decoder, const cw_seanet *encoder, cw_precision precision)
{
  const cw_storage narrow = cw_plan_storage (precision, CW_STORE_INT4), wide = cw_plan_storage (precision, CW_STORE_INT8);
  cw_plan_need     need = codec_need (ask, decoder, encoder);

  if (ask->codec_alone) {
    need.clip = cw_sum (need.codec, need.codec_stream);
    need.total = cw_sum (need.clip, cw_sum (need.encoder, need.encoder_stream));
    return need;
  }
  need.weights = cw_musicgen_card_weight_bytes (&ask->decoder, narrow, ask->decoder_file, ask->positions_file);
  need.caches = caches_of (ask, precision, 1);
  need.workspace = work_of (ask, 1);
  need.text = cw_t5_card_weight_bytes (&ask->text, cw_stored_dtype (wide, ask->text_file));
  if (!ask->whole) /* whose few texts the processor reads into keys and values */
    need.text = cw_sum (need.text, cw_musicgen_card_text_weight_bytes (&ask->decoder, narrow, ask->decoder_file));
  need.cublas = cublas_of (ask, precision);
  need.clip = cw_sum (need.weights, cw_sum (need.caches, need.workspace));
  need.total = cw_sum (cw_sum (need.clip, cw_sum (need.text, need.cublas)), cw_sum (need.codec, need.codec_stream));
  return need;
}

/* ---- in words ----------------------------------------------------------------------------------------------------------- */

/* "4.2 GB", "310 MB" */
static const char *
say_bytes (char text[32], size_t n_bytes)
{
  if (n_bytes == SIZE_MAX)
    snprintf (text, 32, "more than can be counted");
  else if (n_bytes >= 1000000000)
    snprintf (text, 32, "%.1f GB", (double) n_bytes / 1e9);
  else
    snprintf (text, 32, "%.0f MB", (double) n_bytes / 1e6);
  return text;
}

/* " “RTX 4090”" */
static const char *
say_name (char text[128], const cw_plan_ask *ask)
{
  if (ask->card)
    snprintf (text, 128, " “%.100s”", ask->card);
  else
    *text = '\0';
  return text;
}

__attribute__ ((format (printf, 2, 3))) static void
say (cw_plan *plan, const char *format, ...)
{
  const size_t n = strlen (plan->sentence);
  va_list      args;

  va_start (args, format);
  vsnprintf (plan->sentence + n, sizeof plan->sentence - n, format, args);
  va_end (args);
}

static cw_precision
widest (const cw_plan_ask *ask)
{
  return ask->asked != CW_PRECISION_AUTO ? ask->asked : ask->small ? CW_PRECISION_F32 : CW_PRECISION_F16;
}

/* "7.2 GB in f16 and 4.1 GB in int8": what is wider than the one that is used. */
static void
say_wider (cw_plan *plan, const cw_plan_ask *ask)
{
  char text[32];

  for (size_t i = ask->small ? 0 : 1, n = 0; downwards[i] != plan->precision; i++, n++)
    say (plan, "%s%s in %s", n == 0 ? "" : downwards[i + 1] == plan->precision ? " and " : ", ", say_bytes (text, plan->needs[downwards[i]].clip),
         cw_precision_name (downwards[i]));
}

static void
say_card (cw_plan *plan, const cw_plan_ask *ask)
{
  char budget[32], clip[32], name[128];

  say_bytes (budget, plan->budget_bytes);
  say_bytes (clip, plan->needs[plan->precision].clip);
  say_name (name, ask);
  if (!plan->lowered) {
    say (plan, "The card%s makes the clips: in %s the decoder and a clip of %.0f s take %s of %s.", name, cw_precision_name (plan->precision),
         ask->clip_s, clip, budget);
    return;
  }
  say (plan, "The card%s has %s, but the decoder and a clip of %.0f s take ", name, budget, ask->clip_s);
  say_wider (plan, ask);
  say (plan, ", so it makes the clips in %s, with %s; with more of its memory they would be in %s.", cw_precision_name (plan->precision), clip,
       cw_precision_name (widest (ask)));
}

static void
say_processor (cw_plan *plan, const cw_plan_ask *ask)
{
  const bool         chosen = ask->asked != CW_PRECISION_AUTO;
  const cw_precision narrowest = chosen ? ask->asked : CW_PRECISION_INT4;
  char               clip[32], budget[32], name[128];

  say (plan, "The processor makes the clips: %sin %s the decoder and a clip of %.0f s take %s, and the card%s has %s.", chosen ? "" : "even ",
       cw_precision_name (narrowest), ask->clip_s, say_bytes (clip, plan->needs[narrowest].clip), say_name (name, ask),
       say_bytes (budget, plan->budget_bytes));
  for (size_t i = 0; i < N_DOWNWARDS && chosen; i++)
    if (downwards[i] > ask->asked && plan->needs[downwards[i]].clip <= plan->budget_bytes) {
      say (plan, " %s would fit, with %s.", cw_precision_name (downwards[i]), say_bytes (clip, plan->needs[downwards[i]].clip));
      return;
    }
  say (plan, " Close other programs that use the card, allow more of its memory, or take a smaller model.");
}

/* Of a codec alone. */
static void
say_codec (cw_plan *plan, const cw_plan_ask *ask)
{
  const cw_plan_need *need = &plan->needs[plan->precision];
  char                budget[32], clip[32], total[32], name[128];

  say_bytes (budget, plan->budget_bytes);
  say_bytes (clip, need->clip);
  say_bytes (total, need->total);
  say_name (name, ask);
  if (!plan->on_card)
    say (plan, "The processor decodes and encodes the sound: the codec takes %s, and the card%s has %s.", clip, name, budget);
  else if (need->total > plan->budget_bytes)
    say (plan, "The card%s decodes the sound, with %s of %s, and the processor encodes it: both would take %s.", name, clip, budget, total);
  else
    say (plan, "The card%s decodes and encodes the sound: that takes %s of %s.", name, total, budget);
}

/* ---- the choice ----------------------------------------------------------------------------------------------------------- */

/* What else fits beside the decoder and a clip. */
static void
choose_rest (cw_plan *plan)
{
  const cw_plan_need *need = &plan->needs[plan->precision];
  size_t              taken = plan->on_card ? need->clip : 0;

  plan->cublas_on_card = need->cublas > 0 && cw_sum (taken, need->cublas) <= plan->budget_bytes;
  if (plan->cublas_on_card)
    taken += need->cublas;
  plan->codec_on_card = cw_sum (taken, cw_sum (need->codec, need->codec_stream)) <= plan->budget_bytes;
  if (plan->codec_on_card)
    taken += need->codec + need->codec_stream;
  plan->text_on_card = cw_sum (taken, need->text) <= plan->budget_bytes;
}

/* How many takes there is room for at once, beside all that is there. A stream of the codec is as large as its takes are many. */
static void
count_takes (cw_plan *plan, const cw_plan_ask *ask)
{
  const cw_plan_need *need = &plan->needs[plan->precision];
  const size_t        codec = plan->codec_on_card ? need->codec : 0, stream = plan->codec_on_card ? need->codec_stream : 0;
  const size_t        others = cw_sum (plan->text_on_card ? need->text : 0, plan->cublas_on_card ? need->cublas : 0);
  const size_t        there = cw_sum (cw_sum (plan->on_card ? need->weights : 0, codec), others);

  plan->n_takes = 0;
  plan->taken_bytes = plan->on_card ? there : cw_sum (there, stream);
  for (unsigned n = 1; plan->on_card && n <= (ask->n_takes ? ask->n_takes : CW_TAKES_MAX); n++) {
    const size_t run = cw_sum (caches_of (ask, plan->precision, n), work_of (ask, n)), taken = cw_sum (there, cw_sum (run, cw_product (n, stream)));

    if (taken > plan->budget_bytes)
      return;
    plan->n_takes = n;
    plan->taken_bytes = taken;
  }
}

/* The widest precision from downwards[@first] on that fits, or that was asked for; else the processor. */
static void
choose (cw_plan *plan, const cw_plan_ask *ask, size_t first)
{
  plan->on_card = false;
  plan->precision = ask->on_cpu;
  if (ask->asked != CW_PRECISION_AUTO)
    plan->on_card = first == 0 && plan->needs[ask->asked].clip <= plan->budget_bytes;
  for (size_t i = first; i < N_DOWNWARDS && !plan->on_card && ask->asked == CW_PRECISION_AUTO; i++)
    if ((i > 0 || ask->small) && plan->needs[downwards[i]].clip <= plan->budget_bytes) {
      plan->on_card = true;
      plan->precision = downwards[i];
    }
  plan->lowered = !plan->on_card || plan->precision != widest (ask);
  choose_rest (plan);
  count_takes (plan, ask);
}

/* A codec alone is as exact as on the processor, or stays there. */
static void
choose_codec (cw_plan *plan, const cw_plan_ask *ask)
{
  plan->precision = ask->on_cpu;
  plan->on_card = plan->codec_on_card = plan->needs[plan->precision].clip <= plan->budget_bytes;
  plan->lowered = !plan->on_card;
  plan->taken_bytes = plan->on_card ? plan->needs[plan->precision].clip : 0;
  say_codec (plan, ask);
}

bool
cw_plan_make (cw_plan *plan, const cw_plan_ask *ask, cw_error *error)
{
  *plan = (cw_plan){ .budget_bytes = ask->budget, .clip_s = ask->clip_s };
  for (cw_precision precision = CW_PRECISION_F32; precision < CW_N_PRECISIONS; precision++) {
    const cw_storage storage = cw_plan_storage (precision, CW_STORE_INT8);
    cw_seanet       *decoder = cw_seanet_sketch (&ask->codec.net, CW_SEANET_DECODER, storage, ask->codec_file, error);
    cw_seanet       *encoder = decoder ? cw_seanet_sketch (&ask->codec.net, CW_SEANET_ENCODER, storage, ask->codec_file, error) : NULL;

    if (encoder)
      plan->needs[precision] = need_of (ask, decoder, encoder, precision);
    cw_seanet_free (decoder);
    cw_seanet_free (encoder);
    if (!encoder)
      return false;
  }
  if (ask->codec_alone) {
    choose_codec (plan, ask);
    return true;
  }
  choose (plan, ask, 0);
  if (plan->on_card)
    say_card (plan, ask);
  else
    say_processor (plan, ask);
  return true;
}

/* As chosen after a trial. */
static void
say_anew (cw_plan *plan, cw_precision tried, const char *why)
{
  char clip[32];

  snprintf (plan->sentence, sizeof plan->sentence, "%.240s ", why);
  if (plan->on_card)
    say (plan, "Instead of %s it makes the clips in %s, which takes %s.", cw_precision_name (tried), cw_precision_name (plan->precision),
         say_bytes (clip, plan->needs[plan->precision].clip));
  else
    say (plan, "The processor makes the clips.");
}

void
cw_plan_lower (cw_plan *plan, const cw_plan_ask *ask, const char *why)
{
  const cw_precision tried = plan->precision;
  size_t             next = 0;

  while (next < N_DOWNWARDS && downwards[next] != tried)
    next++;
  choose (plan, ask, next + 1);
  say_anew (plan, tried, why);
}

void
cw_plan_to_cpu (cw_plan *plan, const cw_plan_ask *ask, const char *why)
{
  choose (plan, ask, N_DOWNWARDS);
  say_anew (plan, plan->precision, why);
}
