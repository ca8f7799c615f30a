/* SPDX-License-Identifier: MIT
 *
 * test-codes.c: sound pushed in pieces of any size gives the codes of one push of the whole; codes pushed in pieces give the
 * samples of the whole; both layouts of the file keep every code; files that are broken are refused with a sentence.
 *
 *     test-codes MODEL_FOLDER
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "generate/codes-file.h"
#include "generate/model.h"

static float *
make_sound (size_t n, unsigned n_channels)
{
  float   *x = malloc ((n ? n : 1) * n_channels * sizeof *x);
  unsigned state = 7;

  for (size_t i = 0; i < n * n_channels; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = 0.4f * (float) sin (0.01 * (double) i) + 0.2f * ((float) (state >> 8) / (float) (1 << 24) - 0.5f);
  }
  return x;
}

/* The codes of chunk @chunk by one push of all its samples through the codec's own functions: [K, T]. */
static int32_t *
codes_at_once (cw_model *model, const float *samples, size_t n, size_t chunk, size_t n_books, size_t *n_frames)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const size_t c = config->net.n_channels, length = config->chunk_samples ? config->chunk_samples : n;
  const size_t start = chunk * config->stride_samples;
  float       *x = calloc (length * c, sizeof *x);
  int32_t     *codes;
  cw_encodec_encoder *encoder = cw_encodec_encoder_new (model->codec, length, NULL);

  for (size_t i = 0; i < length && start + i < n; i++)
    for (size_t j = 0; j < c; j++)
      x[j * length + i] = samples[(start + i) * c + j];
  if (config->normalize) {
    const float scale = cw_encodec_scale (x, length, c, length);
    for (size_t i = 0; i < length * c; i++)
      x[i] /= scale;
  }
  *n_frames = cw_encodec_encoder_push (encoder, x, length, length, true, NULL, NULL);
  codes = malloc (n_books * *n_frames * sizeof *codes);
  cw_encodec_encoder_quantise (encoder, n_books, codes, *n_frames);
  cw_encodec_encoder_free (encoder);
  free (x);
  return codes;
}

static cw_codes *
codes_in_pieces (cw_model *model, const float *samples, size_t n, size_t piece, double kbps)
{
  cw_encoder       *encoder = cw_encoder_new (model, kbps, NULL);
  cw_codes_gathered gathered = { .n_codebooks = cw_encoder_get_info (encoder)->n_codebooks };
  cw_codes         *codes;

  for (size_t at = 0; at < n; at += piece)
    CHECK (cw_encoder_push (encoder, samples + at * model->info.n_channels, n - at < piece ? n - at : piece, cw_codes_gather, &gathered,
                            NULL) == CW_OK, "pushing");
  CHECK (cw_encoder_finish (encoder, cw_codes_gather, &gathered, NULL) == CW_OK, "the end");
  codes = cw_codes_from_gathered (&gathered, cw_encoder_get_info (encoder), NULL);
  cw_codes_gathered_clear (&gathered);
  cw_encoder_free (encoder);
  return codes;
}

static void
test_encoding (cw_model *model)
{
  const cw_encodec_config *config = cw_encodec_get_config (model->codec);
  const double kbps = config->bandwidths[config->n_bandwidths - 1];
  const size_t n_books = cw_encodec_books_for (config, kbps, NULL), rate = model->info.rate_hz;
  const size_t lengths[] = { 1, 7, config->hop_samples, 1001, 32768, rate * 99 / 100, rate, rate * 3 + 17 };
  const size_t pieces[] = { 1000000, 4097, 333 };

  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    const size_t n = lengths[i];
    float       *x = make_sound (n, model->info.n_channels);

    for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
      cw_codes *codes = codes_in_pieces (model, x, n, pieces[j], kbps);
      size_t    padded;

      CHECK (codes->n_chunks == cw_encodec_n_chunks (config, n, &padded), "%zu samples make %u chunks", n, codes->n_chunks);
      CHECK (codes->n_samples == n && codes->n_codebooks == n_books, "%zu samples, %u books", codes->n_samples, codes->n_codebooks);
      for (size_t chunk = 0; chunk < codes->n_chunks; chunk++) {
        size_t   t;
        int32_t *expected = codes_at_once (model, x, n, chunk, n_books, &t);
        CHECK (t == codes->n_frames && memcmp (expected, codes->codes + chunk * n_books * t, n_books * t * sizeof *expected) == 0,
               "%zu samples in pieces of %zu: other codes than at once (chunk %zu, %zu and %zu frames)", n, pieces[j], chunk, t, codes->n_frames);
        free (expected);
      }
      cw_codes_free (codes);
    }
    free (x);
  }
}

/* ---- decoding -------------------------------------------------------------------------------------------------------- */

typedef struct {
  cw_buffer samples;
  unsigned  n_last;
} heard;

static void
hear (const cw_block *block, void *user)
{
  heard *h = user;

  CHECK (block->start * block->n_channels * sizeof (float) == h->samples.n, "a gap at %zu", block->start);
  cw_buffer_append (&h->samples, block->samples, block->n_samples * block->n_channels * sizeof (float));
  h->n_last += block->last;
}

static void
test_decoding (cw_model *model)
{
  const size_t  rate = model->info.rate_hz, n = 2 * rate + 333;
  float        *x = make_sound (n, model->info.n_channels);
  cw_codes     *codes = cw_encode (model, x, n, 0.0, NULL);
  cw_codes_info info = cw_codes_get_info (codes);
  const size_t  pieces[] = { 1, 13, 64 };
  heard         whole = { 0 };
  cw_sink       sink = { .block = hear, .user = &whole };

  CHECK (cw_decode (model, codes, &sink, NULL) == CW_OK && whole.n_last == 1, "decoding at once");
  CHECK (whole.samples.n == n * model->info.n_channels * sizeof (float), "%zu bytes of sound", whole.samples.n);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    heard       parts = { 0 };
    cw_decoder *decoder = cw_decoder_new (model, &info, NULL);

    sink.user = &parts;
    for (size_t chunk = 0; chunk < codes->n_chunks; chunk++)
      for (size_t at = 0; at < codes->n_frames; at += pieces[i]) {
        const size_t         left = codes->n_frames - at;
        const cw_codes_block block = { .codes = codes->codes + chunk * codes->n_codebooks * codes->n_frames + at, .ld = codes->n_frames,
                                       .n_frames = left < pieces[i] ? left : pieces[i],
                                       .scale = codes->scales ? codes->scales[chunk] : 1.0f };
        CHECK (cw_decoder_push (decoder, &block, &sink, NULL) == CW_OK, "pushing codes");
      }
    CHECK (cw_decoder_finish (decoder, &sink, NULL) == CW_OK && parts.n_last == 1, "the end of the codes");
    CHECK (parts.samples.n == whole.samples.n && memcmp (parts.samples.bytes, whole.samples.bytes, whole.samples.n) == 0,
           "%zu frames at a time make other samples than all at once", pieces[i]);
    cw_decoder_free (decoder);
    cw_buffer_free (&parts.samples);
  }
  cw_buffer_free (&whole.samples);
  cw_codes_free (codes);
  free (x);
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

static void
test_round_trip (cw_model *model, const char *path)
{
  const size_t n = 2 * model->info.rate_hz + 99;
  float       *x = make_sound (n, model->info.n_channels);
  cw_codes    *codes = cw_encode (model, x, n, 0.0, NULL), *again;
  cw_error     error = { 0 };
  const size_t n_codes = codes->n_chunks * codes->n_codebooks * codes->n_frames;

  CHECK (cw_codes_write (codes, path, &error) == CW_OK, "%s", error.message);
  again = cw_codes_read (path, &error);
  CHECK (again, "%s", error.message);
  if (again) {
    CHECK (again->n_chunks == codes->n_chunks && again->n_frames == codes->n_frames && again->n_codebooks == codes->n_codebooks &&
             again->codebook_size == codes->codebook_size && again->rate_hz == codes->rate_hz && again->n_channels == codes->n_channels &&
             again->n_samples == codes->n_samples && memcmp (again->codes, codes->codes, n_codes * sizeof *codes->codes) == 0,
           "“%s” gives other codes back", path);
    CHECK (!codes->scales == !again->scales &&
             (!codes->scales || memcmp (codes->scales, again->scales, codes->n_chunks * sizeof *codes->scales) == 0),
           "“%s” gives other scales back", path);
  }
  cw_codes_free (again);
  cw_codes_free (codes);
  free (x);
}

#define HEAD "{\"format\":\"clipwright-codes\",\"rate_hz\":16000,\"n_channels\":1,\"n_codebooks\":2,\"codebook_size\":16,"

/* What the layout allows, and what it does not. */
static void
test_json (const char *path)
{
  static const struct {
    const char *text, *says; /* NULL: accepted */
  } files[] = {
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,15]]}],\"n_frames\":2,\"n_samples\":4}", NULL },
    { HEAD "\"blocks\":[\n  {\n \"codes\" : [ [1] ,\t[3] ] }\n,{\"codes\":[[2],[15]],\"x\":1}\n]\n,\"n_frames\":2,\"n_samples\":4}", NULL },
    { "{\"blocks\": [{\"codes\":[[1,2],[3,15]]}], \"n_frames\":2,\"n_samples\":4,\"format\":\"clipwright-codes\",\"rate_hz\":16000,"
      "\"n_channels\":1,\"n_codebooks\":2,\"codebook_size\":16}", NULL },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,16]]}],\"n_frames\":2,\"n_samples\":4}", "16" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,-1]]}],\"n_frames\":2,\"n_samples\":4}", "-1" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,1.5]]}],\"n_frames\":2,\"n_samples\":4}", "code" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3]]}],\"n_frames\":2,\"n_samples\":4}", "differ in length" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2]]}],\"n_frames\":2,\"n_samples\":4}", "codebooks" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,4]]}],\"n_frames\":3,\"n_samples\":4}", "2 frames" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,4]]}", "n_frames" },
    { HEAD "\"blocks\":[{\"codes\":[[1,2],[3,4]]}],\"n_frames\":2", "JSON" },
    { HEAD "\"blocks\":[[1,2]],\"n_frames\":1,\"n_samples\":4}", "block" },
    { HEAD "\"scaled\":true,\"blocks\":[{\"codes\":[[1],[3]]}],\"n_frames\":1,\"n_samples\":4}", "scale" },
    { HEAD "\"chunk_frames\":3,\"blocks\":[{\"codes\":[[1],[3]]}],\"n_frames\":1,\"n_samples\":4}", "frames" },
    { "{\"format\":\"other\",\"blocks\":[],\"n_frames\":0,\"n_samples\":4}", "other" },
    { "{\"no\":\"thing\"}", "blocks" },
    { "{", "header" }, /* too short to be told from the other layout */
    { "", "bytes" },
  };

  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    FILE     *file = fopen (path, "w");
    cw_error  error = { 0 };
    cw_codes *codes;

    fputs (files[i].text, file);
    fclose (file);
    codes = cw_codes_read (path, &error);
    if (!files[i].says) {
      CHECK (codes && codes->n_frames == 2 && codes->n_samples == 4 && codes->codes[0] == 1 && codes->codes[1] == 2 && codes->codes[2] == 3 &&
               codes->codes[3] == 15, "“%s” is refused: %s", files[i].text, error.message);
    } else {
      CHECK (!codes, "“%s” is accepted", files[i].text);
      CHECK (strstr (error.message, path) && (strlen (files[i].text) < 2 || strstr (error.message, files[i].says)), "“%s” is refused with: %s",
             files[i].text, error.message);
    }
    cw_codes_free (codes);
  }
}

int
main (int argc, char **argv)
{
  char       folder[] = "/tmp/codes.XXXXXX", path[2][64];
  cw_engine *engine = cw_engine_new (NULL, NULL);
  cw_error   error = { 0 };
  cw_model  *model = argc == 2 ? cw_model_load (engine, argv[1], NULL, &error) : NULL;
  const float nothing = NAN;

  if (!model || !mkdtemp (folder)) {
    printf ("%s\n", error.message);
    return 1;
  }
  snprintf (path[0], sizeof path[0], "%s/codes.json", folder);
  snprintf (path[1], sizeof path[1], "%s/codes.safetensors", folder);
  if (cw_model_n_sides (model) == 1) /* of two sides, each is one of these */
    test_encoding (model);
  test_decoding (model);
  for (size_t i = 0; i < 2; i++)
    test_round_trip (model, path[i]);
  test_json (path[0]);
  for (size_t i = 0; i < 2; i++) {
    cw_encoder *encoder = cw_encoder_new (model, 0.0, &error);
    cw_codes_gathered gathered = { .n_codebooks = 1 };
    CHECK (cw_encoder_push (encoder, &nothing, 0, cw_codes_gather, &gathered, &error) == CW_OK, "nothing");
    CHECK (cw_encoder_finish (encoder, cw_codes_gather, &gathered, &error) == CW_ERROR_ARGUMENT, "the end of nothing");
    cw_encoder_free (encoder);
    unlink (path[i]);
  }
  if (model->info.n_channels == 1) {
    cw_encoder *encoder = cw_encoder_new (model, 0.0, &error);
    CHECK (cw_encoder_push (encoder, &nothing, 1, NULL, NULL, &error) == CW_ERROR_ARGUMENT, "NaN");
    cw_encoder_free (encoder);
  }
  CHECK (!cw_encoder_new (model, 5.123, &error) && error.code == CW_ERROR_ARGUMENT, "a bandwidth of no codec");
  CHECK (rmdir (folder) == 0, "something is left in the folder");
  cw_model_free (model);
  cw_engine_free (engine);
  return check_done ();
}
