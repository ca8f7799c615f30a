/* SPDX-License-Identifier: MIT
 *
 * model.h: what an engine and a loaded model are made of. For the files of this folder and the tests.
 */
#pragma once

#include "backend/backend.h"
#include "checkpoint/prepared.h"
#include "cuda/card.h"
#include "engine.h"
#include "generate/card-plan.h"
#include "models/encodec.h"
#include "models/magnet.h"
#include "models/melody.h"
#include "models/musicgen.h"
#include "models/t5.h"
#include "text/tokenizer.h"

#define CW_PUSH_FRAMES 24 /* that go to the codec together, at most, while a clip is made */
#define CW_MAGNET_PUSH_FRAMES 50 /* the same of a MAGNeT's clip, which is whole by then */
#define CW_DECODE_PUSH_FRAMES 48 /* and of codes that are decoded */

struct cw_engine {
  cw_backend *be;   /* the processor: always there */
  cw_card    *card; /* or NULL */
  cw_model   *models; /* that were loaded with it */
  double      tried_card_s; /* when the card was last opened again, or tried to be */
};

struct cw_model {
  cw_engine    *engine;
  cw_model     *next;      /* of the engine's */
  char         *folder, *name;
  cw_weights   *weights;
  cw_prepared  *prepared;  /* NULL when the weights are used as they are */
  cw_tokenizer *tokenizer; /* NULL for a codec alone, as the two below */
  cw_t5        *t5;
  cw_musicgen  *musicgen;
  cw_melody    *melody;    /* MusicGen Melody: what stands in front of the codes; else NULL */
  cw_encodec   *codec;
  cw_magnet_config magnet; /* span_len 0: musicgen is no MAGNeT */
  cw_model_info info;
  cw_plan_ask   ask;       /* where planned: what was asked of the card, and what goes there */
  cw_plan       plan;
  bool          planned;   /* there is a card for the decoder, or one is imagined */
  bool          settled;   /* the plan was there before the configuration was read: a narrower one, after a trial */
  bool          left_card; /* what was on the card, or would be, is gone with it */
  bool          told_plan; /* that there was no room for the best */
  char          device_note[2 * sizeof ((cw_error *) 0)->message];
  size_t        window_frames; /* longest clip of one window; 0 for a codec alone */
  bool          only_looked_at; /* cw_model_check: values are not read */
  bool          only_planned;  /* cw_model_plan: nothing is loaded */
  cw_plan_request wished;      /* what is planned for; all 0 of a model that is loaded */
  double        stride;        /* how far the window moves on by default, as a part of it; 0: it cannot extend */
};

/* Channels of sound that one run of the codec makes: 2 only for the 48 kHz codec. */
size_t cw_model_codec_channels (const cw_model *model);
/* Runs of the codec side by side: 2 for a stereo MusicGen, whose codebooks interleave left and right; else 1. */
size_t cw_model_n_sides (const cw_model *model);

/* Frames of a clip of @duration_s: to the nearest, at least 1. */
size_t cw_frames_of (const cw_model_info *info, double duration_s);
/* Frames that a window moves on by: those of @stride_s, at least 1, less than a window. */
size_t cw_stride_of (const cw_model *model, double stride_s);
/* Frames of the sound that the clip continues: those that the codec makes of it; 0 when there is none. */
size_t cw_request_n_given (const cw_request *request, const cw_model_info *info);
/* The codes of that sound, [K, @n_given], to @given; @sink (may be NULL) hears of it, CW_STAGE_SOUND, and may cancel it. */
cw_status cw_read_given (cw_model *model, const cw_request *request, const cw_sink *sink, size_t n_given, int32_t *given, cw_error *error);
/* Is there a prompt for the clip's beginning? */
bool   cw_request_has_prompt (const cw_request *request);
