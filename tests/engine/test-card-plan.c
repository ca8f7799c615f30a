/* SPDX-License-Identifier: MIT
 *
 * test-card-plan.c: what goes to a card of which size: the published sizes of MusicGen and budgets from 0.3 to 24 GB, as a table; sizes of
 *     files that overflow; and that every plan that fails has a narrower one behind it until the processor is left. That the bytes are those
 *     that a card then gives is test-generate-card's.
 */
#include <string.h>

#include "check.h"
#include "cuda/module.h"
#include "generate/card-plan.h"

#define GB(x) ((size_t) ((x) * 1e9))

#define DECODER(c, n) \
  { .codebook_size = 2048, .n_codebooks = 4, .width = c, .heads = c / 64, .ffn = 4 * c, .n_layers = n, .text_width = 768, .n_positions = 2048, \
    .n_channels = 1 }

static const cw_musicgen_config small = DECODER (1024, 24), medium = DECODER (1536, 48), large = DECODER (2048, 48);
/* their codec of 32 kHz, and t5-base */
static const cw_encodec_config codec = { .net = { .n_channels = 1, .n_filters = 64, .latent = 128, .n_ratios = 4, .ratios = { 8, 5, 4, 4 },
                                                  .n_residual = 1, .kernel = 7, .last_kernel = 7, .residual_kernel = 3, .dilation_growth = 2,
                                                  .compress = 2, .n_lstm = 2, .trim_right_ratio = 1.0 },
                                         .codebook_size = 2048, .n_books = 4, .rate_hz = 32000, .hop_samples = 640, .frame_rate_hz = 50 };
static const cw_t5_config text = { .vocab = 32128, .width = 768, .heads = 12, .d = 64, .ffn = 3072, .n_layers = 12, .n_buckets = 32, .max_distance = 128 };

static cw_plan_ask
ask_of (const cw_musicgen_config *decoder, double budget_gb)
{
  return (cw_plan_ask){ .decoder = *decoder, .codec = codec, .text = text, .asked = CW_PRECISION_AUTO, .on_cpu = CW_PRECISION_INT8,
                        .card = "a card", .budget = GB (budget_gb), .n_frames = 1500, .clip_s = 30.0 };
}

static cw_plan
plan_of (const cw_plan_ask *ask)
{
  cw_plan  plan;
  cw_error error = { 0 };

  CHECK (cw_plan_make (&plan, ask, &error), "%s", error.message);
  return plan;
}

/* The weights of one layer by hand: 4 + 2 squares of attention, 8 of the feed-forward part; of T5 4 and 8. */
static void
test_sizes (void)
{
  const cw_plan_ask   ask = ask_of (&medium, 24.0);
  const size_t        c = 1536, layers = 48 * 14 * c * c, tables = 4 * 2049 * c * 4, positions = 2048 * c * 4, steps = 1503;
  const cw_plan       plan = plan_of (&ask);
  const cw_plan_need *f16 = &plan.needs[CW_PRECISION_F16], *f32 = &plan.needs[CW_PRECISION_F32], *int8 = &plan.needs[CW_PRECISION_INT8];
  const size_t        t5 = 12 * 12 * 768 * 768, cross = 48 * 2 * c * c;

  CHECK (f16->weights == 2 * (layers + 4 * 2048 * c) + tables + positions + (3 * 48 + 1) * 2 * c * 4 + 4 * sizeof (void *), "%zu", f16->weights);
  CHECK (f16->caches == 2 * 48 * c * (2 * steps * 2 + CW_PLAN_TEXT_TOKENS * 4), "%zu", f16->caches);
  CHECK (f16->text == 2 * (t5 + cross) + 12 * 2 * 768 * 4, "%zu", f16->text);
  /* the decoder's half of 59 million weights, and four books */
  CHECK (f32->codec > 110000000 && f32->codec < 125000000 && f32->codec > f16->codec && f16->codec > int8->codec, "%zu", f32->codec);
  /* 24 frames go to the codec at once: 15360 samples; its buffers are some hundred floats a sample */
  CHECK (f16->codec_stream > 15360 * 64 * 4 && f16->codec_stream < 15360 * 1000 * 4, "%zu", f16->codec_stream);
  CHECK (plan.needs[CW_PRECISION_BF16].total == f16->total, "bf16 and f16");
  for (cw_precision p = CW_PRECISION_F32; p < CW_N_PRECISIONS; p++) {
    const cw_plan_need *need = &plan.needs[p];

    CHECK (need->clip == need->weights + need->caches + need->workspace && need->total == need->clip + need->codec + need->codec_stream + need->text,
           "%s", cw_precision_name (p));
    printf ("%s: weights %zu, caches %zu, workspace %zu, codec %zu, its stream %zu, text %zu, total %zu\n", cw_precision_name (p), need->weights,
            need->caches, need->workspace, need->codec, need->codec_stream, need->text, need->total);
  }
}

/* What is chosen: "cpu" or the precision on the card; where codec and text are; how many takes at once. */
static void
test_table (void)
{
  static const struct {
    const cw_musicgen_config *decoder;
    double      budget_gb;
    const char *chosen;
    bool        codec, text;
  } rows[] = {
    { &small, 0.3, "cpu", true, true },   { &small, 0.6, "int4", false, false }, { &small, 0.7, "int4", true, false }, { &small, 0.9, "int8", true, false },
    { &small, 1.13, "f16", false, false },  { &small, 1.4, "f16", true, false },   { &small, 1.7, "f16", true, true },   { &small, 24.0, "f16", true, true },
    { &medium, 1.3, "cpu", true, true },   { &medium, 2.0, "int4", true, false }, { &medium, 3.0, "int8", true, false }, { &medium, 4.5, "f16", true, false },
    { &medium, 24.0, "f16", true, true },  { &large, 2.0, "cpu", true, true },    { &large, 3.0, "int4", true, false }, { &large, 5.0, "int8", true, true },
    { &large, 6.5, "int8", true, true },   { &large, 8.0, "f16", true, false },   { &large, 24.0, "f16", true, true },
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const cw_plan_ask   ask = ask_of (rows[i].decoder, rows[i].budget_gb);
    const cw_plan       plan = plan_of (&ask);
    const cw_plan_need *need = &plan.needs[plan.precision];
    const char         *chosen = plan.on_card ? cw_precision_name (plan.precision) : "cpu";
    const size_t        there = (plan.on_card ? need->clip : 0) + (plan.codec_on_card ? need->codec + need->codec_stream : 0) + (plan.text_on_card ? need->text : 0);

    printf ("%4zu x %zu, %4.1f GB: %s, codec %d, text %d, %u takes: %s\n", ask.decoder.width, ask.decoder.n_layers, rows[i].budget_gb, chosen,
            plan.codec_on_card, plan.text_on_card, plan.n_takes, plan.sentence);
    CHECK (strcmp (chosen, rows[i].chosen) == 0, "width %zu, %.1f GB: %s, not %s", ask.decoder.width, rows[i].budget_gb, chosen, rows[i].chosen);
    CHECK (plan.codec_on_card == rows[i].codec && plan.text_on_card == rows[i].text, "width %zu, %.1f GB: codec %d, text %d", ask.decoder.width,
           rows[i].budget_gb, plan.codec_on_card, plan.text_on_card);
    CHECK (plan.on_card || plan.precision == CW_PRECISION_INT8, "the processor's precision is %s", cw_precision_name (plan.precision));
    CHECK (there <= plan.budget_bytes, "%zu bytes do not fit", there);
    CHECK (plan.on_card == (plan.n_takes > 0) && plan.lowered == (strcmp (chosen, "f16") != 0), "%u takes, lowered %d", plan.n_takes, plan.lowered);
    CHECK (strlen (plan.sentence) < sizeof plan.sentence - 1 && plan.sentence[strlen (plan.sentence) - 1] == '.', "“%s”", plan.sentence);
  }
}

/* A budget is enough to the byte. */
static void
test_edge (void)
{
  cw_plan_ask ask = ask_of (&small, 24.0);
  cw_plan     plan = plan_of (&ask);
  size_t      total;

  CHECK (plan.n_takes == CW_TAKES_MAX, "%u takes", plan.n_takes);
  total = ask.budget = plan.needs[CW_PRECISION_F16].total;
  plan = plan_of (&ask);
  CHECK (plan.text_on_card && plan.n_takes == 1, "%s", plan.sentence);
  ask.budget = total - 1;
  plan = plan_of (&ask);
  CHECK (!plan.text_on_card && plan.codec_on_card && plan.precision == CW_PRECISION_F16, "%s", plan.sentence);
  ask.budget = plan.needs[CW_PRECISION_F16].clip;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.precision == CW_PRECISION_F16 && !plan.codec_on_card, "%s", plan.sentence);
  ask.budget--;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.precision == CW_PRECISION_INT8, "%s", plan.sentence);
  ask.budget = 0;
  plan = plan_of (&ask);
  CHECK (!plan.on_card && !plan.codec_on_card && !plan.text_on_card && plan.n_takes == 0, "%s", plan.sentence);
}

static void
test_asked (void)
{
  cw_plan_ask ask = ask_of (&large, 5.0);
  cw_plan     plan;

  ask.asked = ask.on_cpu = CW_PRECISION_F16;
  plan = plan_of (&ask);
  CHECK (!plan.on_card && plan.precision == CW_PRECISION_F16, "%s", plan.sentence);
  CHECK (strstr (plan.sentence, "int8 would fit"), "%s", plan.sentence);
  ask.asked = ask.on_cpu = CW_PRECISION_INT4;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.precision == CW_PRECISION_INT4 && !plan.lowered, "%s", plan.sentence);
  cw_plan_lower (&plan, &ask, "There was less.");
  CHECK (!plan.on_card && plan.precision == CW_PRECISION_INT4 && strstr (plan.sentence, "There was less. The processor"), "%s", plan.sentence);

  /* a model that auto leaves exact on the processor is exact on the card, too */
  ask = ask_of (&small, 24.0);
  ask.small = true;
  ask.on_cpu = CW_PRECISION_F32;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.precision == CW_PRECISION_F32 && !plan.lowered, "%s", plan.sentence);
}

static void
test_lower (void)
{
  const cw_plan_ask        ask = ask_of (&medium, 24.0);
  static const char *const expected[] = { "int8", "int4", "cpu" };
  cw_plan                  plan = plan_of (&ask);

  for (size_t i = 0; i < 3; i++) {
    cw_plan_lower (&plan, &ask, "The card gave less.");
    CHECK (strcmp (plan.on_card ? cw_precision_name (plan.precision) : "cpu", expected[i]) == 0, "turn %zu: %s", i, plan.sentence);
    CHECK (strncmp (plan.sentence, "The card gave less. ", 20) == 0 && plan.lowered, "%s", plan.sentence);
  }
  plan = plan_of (&ask);
  cw_plan_to_cpu (&plan, &ask, "The card is gone.");
  CHECK (!plan.on_card && plan.precision == CW_PRECISION_INT8 && plan.n_takes == 0, "%s", plan.sentence);
}

/* Its memory is kept behind the decoder's and before the others', for weights of 16 bits; shorter clips and fewer takes leave more. */
static void
test_cublas_and_wishes (void)
{
  cw_plan_ask  ask = ask_of (&medium, 24.0);
  const size_t expected = CW_GPU_BLAS_WORKSPACE + 64 * 2 * 4 * 1536 * (2 + 4) + 2048 * 4;
  cw_plan      without = plan_of (&ask), with, one, few;

  ask.cublas = true;
  with = plan_of (&ask);
  CHECK (with.needs[CW_PRECISION_F16].cublas == expected && with.cublas_on_card, "%zu, %zu", with.needs[CW_PRECISION_F16].cublas, expected);
  CHECK (with.needs[CW_PRECISION_BF16].cublas == CW_GPU_BLAS_WORKSPACE + 64 * 3 * 4 * 1536 * (2 + 4) + 2048 * 4, "bf16 has three terms");
  CHECK (with.needs[CW_PRECISION_INT8].cublas == 0 && with.needs[CW_PRECISION_INT4].cublas == 0, "8 and 4 bits are not for it");
  CHECK (with.needs[CW_PRECISION_F16].total == without.needs[CW_PRECISION_F16].total + expected, "it is in the total");
  CHECK (with.needs[CW_PRECISION_F16].clip == without.needs[CW_PRECISION_F16].clip && !without.cublas_on_card, "it is not needed");
  ask.budget = with.needs[CW_PRECISION_F16].clip + expected - 1;
  with = plan_of (&ask);
  CHECK (with.on_card && with.precision == CW_PRECISION_F16 && !with.cublas_on_card, "%s", with.sentence);
  ask.budget = GB (24.0);
  ask.n_takes = 1;
  one = plan_of (&ask);
  CHECK (one.n_takes == 1 && one.taken_bytes == one.needs[CW_PRECISION_F16].total, "%zu of %zu", one.taken_bytes, one.needs[CW_PRECISION_F16].total);
  ask.n_takes = 3;
  few = plan_of (&ask);
  CHECK (few.n_takes == 3 && few.taken_bytes > one.taken_bytes && few.taken_bytes <= few.budget_bytes, "%u takes, %zu", few.n_takes, few.taken_bytes);
}

/* Sizes that a file may name: nothing wraps around, and nothing goes to the card. */
static void
test_overflow (void)
{
  cw_musicgen_config huge = { .codebook_size = 1 << 20, .n_codebooks = 64, .width = 1 << 16, .heads = 1 << 10, .ffn = 1 << 18, .n_layers = 512,
                              .text_width = 1, .n_positions = 1 << 20, .n_channels = 1 };
  cw_plan_ask        ask = ask_of (&huge, 24.0);
  cw_plan            plan;

  ask.n_frames = 1 << 20;
  plan = plan_of (&ask);
  CHECK (!plan.on_card && plan.needs[CW_PRECISION_INT4].total > GB (1000), "%s", plan.sentence);
  ask.decoder.width = ask.decoder.ffn = ask.decoder.n_layers = (size_t) 1 << 40;
  ask.budget = SIZE_MAX - 1;
  plan = plan_of (&ask);
  CHECK (!plan.on_card && plan.needs[CW_PRECISION_INT4].total == SIZE_MAX && plan.needs[CW_PRECISION_F32].weights == SIZE_MAX, "%s", plan.sentence);
  CHECK (strstr (plan.sentence, "more than can be counted"), "%s", plan.sentence);
}

/* MAGNeT's takes go one after the other, so that more of them need no more room but the codec's. */
static void
test_whole (void)
{
  cw_plan_ask  ask = ask_of (&small, 24.0), steps = ask;
  cw_plan      plan, of_steps = plan_of (&steps);
  const size_t t = 500, c = 1024;
  /* x, q, k, v, inside, logits with and without text, 8 pieces of an attention; ids; a draw, its token, how sure it was */
  const size_t work = t * (4 * (4 * c + 4 * c + 2 * 2048 + 8 * c + 8 * 2 * 16 + 4) + 8 + 4 + 4);

  ask.whole = true;
  ask.n_frames = t;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.n_takes == CW_TAKES_MAX && plan.precision == CW_PRECISION_F16, "%u takes: %s", plan.n_takes, plan.sentence);
  CHECK (plan.needs[CW_PRECISION_F16].weights == of_steps.needs[CW_PRECISION_F16].weights, "other weights than MusicGen's");
  CHECK (plan.needs[CW_PRECISION_F16].caches == 2 * 24 * c * CW_PLAN_TEXT_TOKENS * 4, "%zu", plan.needs[CW_PRECISION_F16].caches);
  CHECK (plan.needs[CW_PRECISION_F16].workspace >= work, "%zu", plan.needs[CW_PRECISION_F16].workspace);
  CHECK (plan.needs[CW_PRECISION_F16].workspace <= work + 100, "%zu", plan.needs[CW_PRECISION_F16].workspace);
  CHECK (plan.needs[CW_PRECISION_F16].text < of_steps.needs[CW_PRECISION_F16].text, "its texts' keys and values are the processor's");
  ask.budget = plan.needs[CW_PRECISION_INT8].clip;
  plan = plan_of (&ask);
  CHECK (plan.on_card && plan.precision == CW_PRECISION_INT8 && plan.lowered && !plan.codec_on_card && plan.n_takes == CW_TAKES_MAX, "%s", plan.sentence);
}

/* A codec alone: both halves, the decoder, or nothing; in the processor's precision. */
static void
test_codec_alone (void)
{
  static const struct {
    const char *says;
    bool        on_card;
    int         less; /* than: all, the decoder and its stream */
  } rows[] = { { "decodes and encodes the sound: that takes", true, 0 }, { "the processor encodes it", true, 1 }, { "The processor decodes and encodes", false, 2 } };
  cw_plan_ask ask = { .codec = codec, .codec_alone = true, .on_cpu = CW_PRECISION_F32, .card = "a card", .budget = GB (24), .n_frames = 48, .clip_s = 0.96 };
  cw_plan     plan = plan_of (&ask);
  const cw_plan_need need = plan.needs[CW_PRECISION_F32];

  CHECK (need.weights == 0 && need.caches == 0 && need.workspace == 0 && need.text == 0 && need.clip == need.codec + need.codec_stream, "%zu", need.clip);
  CHECK (need.encoder > 100000000 && need.encoder < 125000000 && need.total == need.clip + need.encoder + need.encoder_stream, "%zu of %zu", need.encoder, need.total);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ask.budget = rows[i].less == 0 ? need.total : rows[i].less == 1 ? need.total - 1 : need.clip - 1;
    plan = plan_of (&ask);
    CHECK (plan.on_card == rows[i].on_card && plan.codec_on_card == rows[i].on_card && plan.precision == CW_PRECISION_F32 && strstr (plan.sentence, rows[i].says),
           "%s", plan.sentence);
  }
}

int
main (void)
{
  test_sizes ();
  test_table ();
  test_edge ();
  test_asked ();
  test_lower ();
  test_cublas_and_wishes ();
  test_overflow ();
  test_whole ();
  test_codec_alone ();
  return check_done ();
}
