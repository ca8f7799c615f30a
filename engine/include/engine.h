/* SPDX-License-Identifier: MIT
 *
 * engine.h: everything a front end needs to turn a prompt into sound. The only public header of the engine.
 *
 *     cw_error     err = { 0 };
 *     cw_engine   *engine = cw_engine_new (NULL, &err);
 *     cw_model    *model = engine ? cw_model_load (engine, "path/to/musicgen", NULL, &err) : NULL;
 *     cw_request   request;
 *     cw_request_init (&request, cw_model_get_info (model));
 *     request.prompt = "slow blues guitar, vinyl crackle";
 *     cw_sink      sink = { .block = play_block, .progress = show_progress, .user = me };
 *     if (cw_generate (model, &request, &sink, NULL, &err) != CW_OK)
 *       puts (err.message);
 *     cw_model_free (model);
 *     cw_engine_free (engine);
 *
 * Rules that hold everywhere:
 *   - Errors travel as values. A function that can fail takes a cw_error and fills it: a code for each cause that a
 *     person can act on, and one English sentence with the file, the tensor or field, what was found, what was expected.
 *   - Nothing here prints, aborts, exits, or touches another thread's data. One engine, with its models, is used by
 *     one thread at a time; several engines may live side by side.
 *   - Strings are UTF-8 and borrowed for the call unless said otherwise. What a _new, _load or _read returns is freed
 *     by the caller with the matching _free; NULL may be freed.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ------------------------------------------------------------------------------------------------- */

typedef enum {
  CW_OK = 0,
  CW_ERROR_ARGUMENT,    /* a value the caller gave: duration, prompt, temperature, … */
  CW_ERROR_IO,          /* the system refused: file missing, not readable, disk full */
  CW_ERROR_FORMAT,      /* a file is broken or is not what it says */
  CW_ERROR_UNSUPPORTED, /* a sound file of a kind that this version does not run */
  CW_ERROR_MEMORY,      /* not enough memory */
  CW_ERROR_DEVICE,      /* the graphics card, its driver or the module for it: missing, busy, lost */
  CW_ERROR_CANCELLED,   /* the sink or the cancel flag asked to stop; what was made before stays valid */
} cw_status;

typedef struct {
  cw_status code;
  char      message[480]; /* one sentence, NUL-terminated, valid UTF-8, no newline; "" while code is CW_OK */
} cw_error;

/* ---- engine ------------------------------------------------------------------------------------------------- */

typedef struct cw_engine cw_engine;

typedef struct {
  unsigned    n_threads; /* 0: as many as there are physical cores */
  const char *backend;   /* NULL or "auto": the best this machine has; "cpu", "cpu-scalar" (the plain C definition); "cuda" (the first
                          * card), "cuda:1" …, where the decoder then runs; "cuda-on-cpu": the card's code on the processor, for tests */
  size_t      vram_bytes; /* of the card's memory that may be used; 0: what the environment's CW_VRAM says ("6G"), else what is free but
                           * for a reserve */
} cw_engine_options;

/* @options may be NULL. The environment variable CW_CPU (c, avx2, avx512) caps the instruction set, for tests and
 * bug reports. Returns NULL and fills @error when the backend is unknown or memory is short. */
cw_engine  *cw_engine_new (const cw_engine_options *options, cw_error *error);
void        cw_engine_free (cw_engine *engine);
const char *cw_engine_get_backend (const cw_engine *engine);   /* "cpu" … ; owned by the engine */
const char *cw_engine_get_kernels (const cw_engine *engine);   /* "avx512", "avx2", "c"; owned by the engine */
unsigned    cw_engine_get_n_threads (const cw_engine *engine);

/* What is the matter with the graphics card. */
typedef enum {
  CW_DEVICE_READY,
  CW_DEVICE_NONE,         /* no NVIDIA card */
  CW_DEVICE_NO_DRIVER,    /* or a part of it is missing */
  CW_DEVICE_OLD_DRIVER,
  CW_DEVICE_NO_EXTENSION, /* the Flatpak lacks the driver's libraries */
  CW_DEVICE_NO_MODULE,    /* this build has no code for cards */
  CW_DEVICE_BUSY,
  CW_DEVICE_LOST,         /* in suspend, in an update, by a fault */
  CW_DEVICE_NO_MEMORY,
  CW_N_DEVICE_STATES
} cw_device_state;

typedef struct {
  cw_device_state state;
  char            sentence[480];             /* what was found, and what to do */
  char            name[256], driver[32];     /* "" when not known */
  int             cuda_driver;               /* 12040: the driver knows CUDA 12.4; 0: not known */
  int             major, minor;              /* compute capability */
  size_t          memory_bytes, free_bytes;
} cw_device_report;

/* "6G", "800M", "12.5G" or a number of bytes; false when it is none of them. */
bool cw_parse_bytes (const char *text, size_t *n_bytes);
/* Tries the card of @backend ("cuda", "cuda:1"; NULL: the first). Takes up to seconds. */
void cw_device_describe (const char *backend, cw_device_report *report);

/* ---- models ------------------------------------------------------------------------------------------------- */

#define CW_DECODING_STAGES_MAX 16 /* codebooks of a MAGNeT */
#define CW_DECODING_STEPS_MAX  1000

typedef struct cw_model cw_model;

/* What the weights are stored as while they are used. Fewer bits are read faster, and what is read is what takes the time. How
 * much each costs in quality: PERFORMANCE.md. */
typedef enum {
  CW_PRECISION_AUTO, /* int8, but f32 for models so small that they stay in the processor's caches; on a card f16, or the widest that fits */
  CW_PRECISION_F32,  /* as stored in the file, widened to f32: exact */
  CW_PRECISION_BF16,
  CW_PRECISION_F16,
  CW_PRECISION_INT8,
  CW_PRECISION_INT4,
  CW_N_PRECISIONS
} cw_precision;

/* "auto", "f32", … */
const char *cw_precision_name (cw_precision precision);
/* False when there is none of that name. */
bool        cw_precision_from_name (const char *name, cw_precision *precision);

typedef struct {
  cw_precision precision;
  const char  *cache_folder; /* where converted weights are kept for the next start, made when missing; NULL: nowhere */
  /* For AudioCraft's files, which name their text encoder (and perhaps their codec) and do not hold it: */
  const char  *models_folder; /* where it is looked for, too, after the model's own folder and the one around it; NULL: not */
  const char  *text_encoder;  /* the folder itself; NULL: looked for by its name */
  const char  *name;          /* what sentences call it; NULL: by its folder's name */
} cw_model_options;

typedef struct {
  const char *name;            /* last part of the folder's path; owned by the model */
  const char *folder;          /* as given to cw_model_load; owned by the model */
  const char *family;          /* "musicgen" (with or without melody), "audiogen", "magnet" or "encodec" */
  char        hash[65];        /* names the model: SHA-256 of its configuration, headers and samples of its weights, in hex */
  unsigned    rate_hz;         /* of the sound it makes */
  unsigned    n_channels;      /* 1 or 2 */
  unsigned    n_codebooks;     /* K, of all channels together */
  unsigned    codebook_size;   /* V */
  unsigned    frame_rate_hz;   /* codec frames a second, rounded up */
  unsigned    hop_samples;     /* samples of one frame */
  double      window_s;        /* what the model hears at once, and so the longest clip without extension; 0 for a codec alone */
  double      max_duration_s;  /* longest clip: CW_DURATION_MAX_S where it can extend, else window_s */
  double      extend_stride_s; /* how far the window moves on by default; 0 when it cannot extend */
  bool        can_generate;    /* false for a codec alone */
  bool        can_continue;    /* takes sound to continue */
  bool        can_follow_melody; /* takes a melody */
  bool        can_extend;      /* makes clips longer than its window, and endless ones */
  bool        can_change_prompt; /* takes prompts that begin later */
  size_t      weight_bytes;    /* of all files, as stored */
  cw_precision precision;      /* that is used: never CW_PRECISION_AUTO */
  const char  *device;         /* that the decoder runs on: "cpu", or the card's name; owned by the model */
  const char  *device_note;    /* a sentence: what is on the card, or why it is not; "" when there is none; owned by the model */
  /* the model's own defaults, from generation_config.json or the published ones */
  float       guidance, temperature, top_p;
  int         top_k;
  /* MAGNeT, which fills all of a clip codebook by codebook, and gives its sound at the end; 0 of any other family */
  unsigned    span_frames;     /* frames that are masked together */
  unsigned    decoding_steps[CW_DECODING_STAGES_MAX];
  float       guidance_last;
} cw_model_info;

/* What of a card's memory a model takes, in bytes; SIZE_MAX: more than can be counted. */
typedef struct {
  size_t weights, caches, workspace; /* the decoder's; of one take with guidance, as long as the window */
  size_t codec, codec_stream;        /* the codec's weights; its state and buffers for such a take */
  size_t text;                       /* the text encoder, and what makes the keys and values of texts */
  size_t cublas;                     /* its workspace and its columns; 0 where it has no part: the weights are no 16-bit ones */
  size_t encoder, encoder_stream;    /* the codec's encoder and a stream of it: only as long as a sound is read, beside what is there then */
  size_t clip;                       /* what is needed: the first three; of a codec alone it and its stream */
  size_t total;                      /* without the encoder, but of a codec alone with it */
} cw_plan_need;

/* What is planned for. */
typedef struct {
  size_t   vram_bytes; /* of a card that need not be there, with cuBLAS; 0: the engine's */
  double   clip_s;     /* 0, or longer than the model's window: the window */
  unsigned n_takes;    /* 0: as many as there is room for */
} cw_plan_request;

/* How a model goes to a card: decided before a weight is read. */
typedef struct {
  bool         on_card;        /* else the processor makes the clips; of a codec alone: else it decodes and encodes */
  bool         codec_on_card, text_on_card; /* else the processor decodes the sound, reads the texts */
  bool         cublas_on_card; /* its memory is kept; else the program's own kernels do without it */
  bool         lowered;        /* there was no room for the best: see sentence */
  cw_precision precision;      /* that is used, there or there */
  size_t       budget_bytes;   /* of the card's memory */
  double       clip_s;         /* what is planned for: clips so long */
  unsigned     n_takes;        /* that there is room for at once, at most CW_TAKES_MAX, or as many as were asked for; more are made in turns */
  size_t       taken_bytes;    /* of the card's memory, with so many takes */
  cw_plan_need needs[CW_N_PRECISIONS]; /* of each precision; 0 for auto */
  char         sentence[480];  /* what was needed, what was there, what is done */
} cw_plan;

/* Loads a model from its folder, in either format:
 *   Hugging Face: MusicGen and MusicGen Melody (config.json, generation_config.json, tokenizer.json, model.safetensors or its shards),
 *     EnCodec (config.json, model.safetensors);
 *   AudioCraft: MusicGen, AudioGen, MAGNeT (state_dict.bin, compression_state_dict.bin; the text encoder's folder beside it, named as in
 *     the checkpoint: t5-base), EnCodec (compression_state_dict.bin alone).
 * Weights are mapped, and stay mapped until cw_model_free; every shape, type and value is checked against what the configuration says.
 * The model keeps @engine: free it first.
 * @options NULL: exact, nothing kept. */
cw_model            *cw_model_load (cw_engine *engine, const char *folder, const cw_model_options *options,
                                    cw_error *error);
/* Would @folder load? Its configuration and the name, type and shape of each tensor are checked as above; values are not read, but for the
 * codec's, whose matrices are computed. Takes seconds at most, and little memory. */
cw_status            cw_model_check (cw_engine *engine, const char *folder, const cw_model_options *options, cw_error *error);
void                 cw_model_free (cw_model *model);
/* What cw_model_load would do with the engine's card, or with another, for such clips. @request NULL: all 0. Reads the model's
 * configuration and headers. CW_ERROR_DEVICE when there is no card and no size of one. */
cw_status            cw_model_plan (cw_engine *engine, const char *folder, const cw_model_options *options, const cw_plan_request *request,
                                    cw_plan *plan, cw_error *error);
const cw_model_info *cw_model_get_info (const cw_model *model); /* owned by the model */

/* ---- a request and what comes back -------------------------------------------------------------------------- */

#define CW_PROMPT_MAX_BYTES   65536 /* longer prompts are refused, not cut */
#define CW_PROMPT_CHANGES_MAX 64
#define CW_TAKES_MAX          16
#define CW_GUIDANCE_MAX       20.0
#define CW_TEMPERATURE_MAX    5.0
#define CW_DURATION_MAX_S     600.0

/* Sound that a request starts from: at the model's rate (rate_hz), every sample finite. Borrowed for the call. */
typedef struct {
  const float *samples;    /* interleaved [n_samples, n_channels] */
  size_t       n_samples;  /* per channel; 0: there is none */
  unsigned     n_channels;
} cw_signal;

/* From @from_s of the clip on, the prompt is @prompt. */
typedef struct {
  double      from_s; /* > 0, before the clip's end; to the nearest frame */
  const char *prompt; /* as cw_request's, not blank */
} cw_prompt_change;

typedef struct cw_codes cw_codes;

typedef struct {
  const char *prompt;      /* valid UTF-8, at most CW_PROMPT_MAX_BYTES; blank only beside sound to continue or a melody */
  double      duration_s;  /* of the whole clip, with what it continues: > 0, at most max_duration_s; rounded to whole frames, at
                            * least one. Not looked at when endless */
  uint64_t    seed;        /* the same request, seed and backend kind give the same samples, whatever the threads */
  unsigned    n_takes;     /* 1 … CW_TAKES_MAX clips in one pass; take i of seed s is the same in any number of takes */
  unsigned    first_take;  /* number of the first of them, usually 0 */
  float       guidance;    /* classifier-free guidance scale; 1 switches it off; 1 … 20 */
  float       temperature; /* 0: the likeliest token always (greedy); up to 5 */
  int         top_k;       /* 0: off */
  float       top_p;       /* 0 or 1: off; (0, 1): nucleus, and top_k is then off (AudioCraft's rule) */

  /* Continuation (can_continue): the clip begins with this sound as the codec hears it, and goes on from its last frame. Of as many
   * channels as the model; shorter than the clip by a frame at least. Where it is longer than the window, the model hears the last
   * window - extend_stride_s of it. Not both. */
  cw_signal        continue_sound;
  const cw_codes *continue_codes; /* the same by its codes: nothing is lost by encoding again. One chunk, the model's K and V; or NULL */
  /* Melody (can_follow_melody): of 1 or 2 channels; what lies past the window is heard by later windows, what is shorter repeats. */
  cw_signal        melody;
  /* Prompts that begin later (can_change_prompt), by rising time: [n_changes] or NULL. */
  const cw_prompt_change *changes;
  unsigned        n_changes;   /* at most CW_PROMPT_CHANGES_MAX */
  /* Longer than the window (can_extend): the window moves on by this, and what is left in it is heard as the beginning of the next
   * (AudioCraft's extend_stride): a frame at least, less than the window. 0: the model's default. */
  double          extend_stride_s;
  bool            endless;     /* until cancelled, with bounded memory; one take */

  /* MAGNeT (span_frames > 0) alone, refused by any other family. The guidance above is the first step's; in each stage it falls to
   * @guidance_last, and the temperature to 0. */
  float           guidance_last;   /* 1 … 20; 0: the model's default */
  unsigned        decoding_steps[CW_DECODING_STAGES_MAX]; /* of each codebook, at most CW_DECODING_STEPS_MAX; 0: the model's default */
  bool            overlapping_spans; /* spans may begin anywhere (audiocraft's "stride1"), else side by side, and the clip is whole spans */
} cw_request;

/* One piece of a take, final: no later code can change it. Blocks of a take come in order, without gaps. */
typedef struct {
  unsigned     take;       /* first_take … first_take + n_takes - 1 */
  size_t       start;      /* samples per channel before this block */
  size_t       n_samples;  /* per channel */
  unsigned     n_channels;
  const float *samples;    /* interleaved, [n_samples, n_channels], nominally -1 … 1, not clipped; valid during the call */
  bool         last;       /* the take is complete with this block */
} cw_block;

typedef enum {
  CW_STAGE_TEXT,
  CW_STAGE_SOUND, /* the sound to continue becomes codes: step and n_steps count its frames, and nothing else is set */
  CW_STAGE_CODES,
  CW_STAGE_AUDIO,
} cw_stage;

typedef struct {
  cw_stage stage;
  size_t   step, n_steps;          /* decoder steps done and in all, over all windows; n_steps 0: endless */
  unsigned codebook, n_codebooks;  /* MAGNeT: which is being filled, from 0, of how many; n_codebooks 0: of any other family */
  size_t   n_samples;              /* per channel, final so far, of the first take */
  size_t   n_samples_total;        /* of a whole take; 0: endless */
  double   elapsed_s, remaining_s; /* wall clock; remaining < 0 while not known */
} cw_progress;

/* Called from the thread that called cw_generate. Each may be NULL. */
typedef struct {
  void (*block) (const cw_block *block, void *user);
  void (*progress) (const cw_progress *progress, void *user);
  const atomic_bool *cancel; /* looked at before each decoder step; may be NULL */
  void *user;
  void (*notice) (const char *sentence, void *user); /* something happened to the card; the clip goes on */
} cw_sink;

/* The model's defaults: its own guidance, temperature, top-k and top-p, seed 0, one take, 8 s or the model's limit. */
void      cw_request_init (cw_request *request, const cw_model_info *info);
/* Is every value in range for this model? Says which is not, what was given and what is allowed. */
cw_status cw_request_check (const cw_request *request, const cw_model_info *info, cw_error *error);
/* Samples per channel of one take of @request: whole frames; 0 when it is endless. */
size_t    cw_request_n_samples (const cw_request *request, const cw_model_info *info);

/* Runs the request. With @codes non-NULL, *codes receives the codes of the first take (also after a cancel: those
 * made so far, perhaps NULL; always NULL for an endless one). Returns CW_ERROR_CANCELLED after a cancel; then the blocks given out before stay valid and
 * the decoded remainder of finished frames has been given out, too. */
cw_status cw_generate (cw_model *model, const cw_request *request, const cw_sink *sink, cw_codes **codes,
                       cw_error *error);

/* ---- the codec alone ---------------------------------------------------------------------------------------- */

/* Codes of one signal, [n_chunks][n_codebooks][n_frames], with what is needed to decode them again. */
struct cw_codes {
  unsigned  n_codebooks;   /* K; stereo MusicGen interleaves left and right: even rows left, odd rows right */
  unsigned  n_chunks;      /* 1, but for the 48 kHz codec, whose chunks overlap */
  size_t    n_frames;      /* T, of a chunk */
  unsigned  codebook_size; /* V */
  unsigned  rate_hz, n_channels;
  size_t    n_samples;     /* per channel, of the signal that was encoded: decoding is cut to it */
  int32_t  *codes;         /* [n_chunks, K, T], each 0 … V - 1; owned */
  float    *scales;        /* [n_chunks] or NULL; owned */
};

void      cw_codes_free (cw_codes *codes);
/* Written beside, synced, renamed: JSON when @path ends in .json, else safetensors; both layouts are in generate/codes-file.h. */
cw_status cw_codes_write (const cw_codes *codes, const char *path, cw_error *error);
/* Either layout, told by the file's first bytes. */
cw_codes *cw_codes_read (const char *path, cw_error *error);

/* @samples interleaved [n_samples, n_channels], at the model's rate and channel count. @bandwidth_kbps 0: MusicGen's, or the
 * codec's first target. Works for either family. */
cw_codes *cw_encode (cw_model *model, const float *samples, size_t n_samples, double bandwidth_kbps, cw_error *error);
/* Whole-clip decode: gives blocks to @sink like cw_generate, the samples cut to codes->n_samples. */
cw_status cw_decode (cw_model *model, const cw_codes *codes, const cw_sink *sink, cw_error *error);

/* ---- the codec as a stream: hours of sound in constant memory ------------------------------------------------------ */

/* What codes are of. */
typedef struct {
  unsigned n_codebooks, codebook_size; /* K, V; as in cw_codes */
  unsigned rate_hz, n_channels;
  size_t   chunk_frames; /* T of each chunk, where the sound is cut into overlapping chunks (48 kHz); 0: frames go on and on */
  bool     scaled;       /* chunks have scales */
  size_t   n_frames;     /* of all chunks together, so far or in all */
  size_t   n_samples;    /* per channel; decoding is cut to it */
} cw_codes_info;

/* Frames that follow those before: a whole chunk, or where there are none any number. */
typedef struct {
  const int32_t *codes;    /* codebook k at codes[k * ld]; valid during the call, or until the reader's next */
  size_t         ld, n_frames;
  float          scale;    /* of the chunk; 1 where there are none */
} cw_codes_block;

/* What becomes of a block; an error ends the encoding. */
typedef cw_status (*cw_codes_take) (const cw_codes_block *block, void *user, cw_error *error);

/* Encodes sound as it comes, to exactly the codes of the whole. Memory does not grow with the length, but for a codec that divides
 * the whole signal by its loudness (normalize without chunks): that one hears the end first. @bandwidth_kbps as above. */
typedef struct cw_encoder cw_encoder;

cw_encoder          *cw_encoder_new (cw_model *model, double bandwidth_kbps, cw_error *error);
void                 cw_encoder_free (cw_encoder *encoder);
const cw_codes_info *cw_encoder_get_info (const cw_encoder *encoder); /* counts what was pushed and given out; the encoder's */
/* NULL, or a sentence, once the processor does what the card should have done, or its part of it; the encoder's. The codes are the same. */
const char          *cw_encoder_get_notice (cw_encoder *encoder);
/* @samples interleaved [n_samples, n_channels] as for cw_encode, any number, every one finite (else CW_ERROR_ARGUMENT). */
cw_status            cw_encoder_push (cw_encoder *encoder, const float *samples, size_t n_samples, cw_codes_take take, void *user,
                                      cw_error *error);
/* The sound ends here: gives out the rest. Once; CW_ERROR_ARGUMENT when there was no sound. */
cw_status            cw_encoder_finish (cw_encoder *encoder, cw_codes_take take, void *user, cw_error *error);

/* A file of codes, as cw_codes_write writes it, block by block. */
typedef struct cw_codes_writer cw_codes_writer;

cw_codes_writer *cw_codes_writer_new (const char *path, const cw_codes_info *info, cw_error *error);
/* Suits cw_codes_take, with the writer as @user. */
cw_status        cw_codes_writer_add (const cw_codes_block *block, void *writer, cw_error *error);
/* Only now is there a file at @path. */
cw_status        cw_codes_writer_finish (cw_codes_writer *writer, size_t n_samples, cw_error *error);
/* Unless it was finished, nothing is left of it. */
void             cw_codes_writer_free (cw_codes_writer *writer);

typedef struct cw_codes_reader cw_codes_reader;

cw_codes_reader     *cw_codes_reader_new (const char *path, cw_error *error);
void                 cw_codes_reader_free (cw_codes_reader *reader);
const cw_codes_info *cw_codes_reader_get_info (const cw_codes_reader *reader); /* what the file says of the whole; the reader's */
/* Every code is checked. CW_OK with n_frames 0 after the last block. */
cw_status            cw_codes_reader_next (cw_codes_reader *reader, cw_codes_block *block, cw_error *error);

/* Decodes codes as they come, to exactly the samples of the whole, cut to info->n_samples. */
typedef struct cw_decoder cw_decoder;

cw_decoder *cw_decoder_new (cw_model *model, const cw_codes_info *info, cw_error *error);
void        cw_decoder_free (cw_decoder *decoder);
/* Gives what is final now to @sink; its cancel flag is looked at. */
cw_status   cw_decoder_push (cw_decoder *decoder, const cw_codes_block *block, const cw_sink *sink, cw_error *error);
/* The codes end here: gives out the rest, and the block that is the last. Once; after a cancel, too, for what is still to come of
 * the frames before it. */
cw_status   cw_decoder_finish (cw_decoder *decoder, const cw_sink *sink, cw_error *error);

/* ---- judging sound --------------------------------------------------------------------------------------------------- */

#define CW_JUDGE_WINDOW_S    5.0
#define CW_N_PERCENTILES     5
#define CW_MEL_DISTANCE_MIN  1024 /* samples that it needs */

/* Scores that 5, 25, 50, 75 and 95 of 100 clips stay below. */
typedef struct {
  double p[CW_N_PERCENTILES];
} cw_percentiles;

/* An adversarial discriminator of AudioCraft: MS-STFT, multi-period or multi-scale. */
typedef struct cw_discriminator cw_discriminator;

typedef struct {
  const char    *kind;     /* "MultiScaleSTFTDiscriminator" … */
  unsigned       n_subs;   /* sub-discriminators */
  unsigned       n_channels, rate_hz; /* of the sound that it judges; rate_hz 0: its codec's */
  bool           trained;  /* false: the weights were never trained, their scores say nothing, and real and codec are empty */
  bool           has_codec;
  size_t         n_clips;
  cw_percentiles real, codec; /* scores of known-real clips, and of those through the codec */
} cw_discriminator_info;

/* A folder with config.json, model.safetensors and, if trained, calibration.json (generate/judge.c). Free it before @engine. */
cw_discriminator            *cw_discriminator_load (cw_engine *engine, const char *folder, cw_error *error);
void                         cw_discriminator_free (cw_discriminator *discriminator);
const cw_discriminator_info *cw_discriminator_get_info (const cw_discriminator *discriminator); /* owned by the discriminator */
/* The score of one window of at most CW_JUDGE_WINDOW_S: mean logits; higher is more real. @samples interleaved [n_samples, n_channels] at
 * its rate, every one finite. CW_ERROR_ARGUMENT when they are too few for the discriminator. */
cw_status                    cw_discriminator_judge (cw_discriminator *discriminator, const float *samples, size_t n_samples, double *score,
                                                     cw_error *error);
/* How many of 100 clips score lower, between the percentiles by straight lines: 0 below the first, 100 above the last,
 * NaN of NaN. */
double                       cw_percentile_of (const cw_percentiles *percentiles, double score);

/* Distance of @a and @b [n_samples], one channel: AudioCraft's multi-scale mel loss (64 to 1024 points, 64 mels from 64 Hz, normalised,
 * without alphas), and its mel loss (mean absolute difference of log10 mels, 1024 points). 0 is equal. */
cw_status cw_mel_distance (const float *a, const float *b, size_t n_samples, unsigned rate_hz, double *distance, double *log_mel,
                           cw_error *error);

/* ---- how fast --------------------------------------------------------------------------------------------------- */

/* All measured in one run, with the engine's threads; times in seconds. */
typedef struct {
  double steps_per_s;           /* of the decoder, one take with guidance, over the whole clip; MAGNeT: looks at the whole clip */
  double step_s, first_step_s, last_step_s; /* the median one, the first and the last */
  size_t weight_bytes_per_step; /* that one step reads */
  size_t launches_per_step;     /* of a card's kernels, with copies, in a captured step; 0 on the processor */
  double read_bandwidth;        /* of the memory that the decoder is in, bytes a second, before and after the steps: what this machine's threads
                                 * read together, or what a copy within the card's memory reads and writes; 0: no room to measure it */
  double bandwidth_fraction;    /* weight_bytes_per_step * steps_per_s / read_bandwidth */
  double operations_per_step;   /* MAGNeT, which is bound by them: of its matrix products; 0 of any other family */
  double operations_peak;       /* a second: of the processor multiply_add_peak; on a card what the largest product of its layers reaches there alone, for
                                 * as many frames and in the same precision; 0: no room to measure it */
  double operations_fraction;   /* operations_per_step * steps_per_s / operations_peak */
  double times_real_time;       /* a clip's length over the time that cw_generate took for it */
  double first_sound_s;         /* from cw_generate to its first block: the two below */
  double text_s, until_block_s; /* tokenizer, T5, keys and values; steps and codec up to the block */
  double codec_times_real_time; /* cw_decode of the clip */
  double codec_streaming_times_real_time; /* the same in pushes as small as cw_generate's */
  double multiply_add_peak;     /* of this machine in f32, operations a second: a multiply-add is two */
  double codec_fraction;        /* the codec's operations a second, whole clip, over that */
} cw_bench_result;

/* Measures with a clip of @seconds. @cancel may be NULL. */
cw_status cw_bench (cw_model *model, double seconds, const atomic_bool *cancel, cw_bench_result *result, cw_error *error);

#ifdef __cplusplus
}
#endif
